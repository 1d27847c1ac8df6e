//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use selvedge_core::host::Clock;
use selvedge_core::time::LocalTime;

/// The system's clock; a time before 1970 reads as 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> LocalTime {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        LocalTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_says_milliseconds_of_this_century() {
        let (year_2020, year_2100) = (1_577_836_800_000, 4_102_444_800_000);
        assert!((year_2020..year_2100).contains(&SystemClock.now().millis()));
    }
}
