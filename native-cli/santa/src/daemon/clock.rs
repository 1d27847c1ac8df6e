//! The daemon's clock. It starts with the wall clock and then follows `CLOCK_BOOTTIME`, which changes of the system
//! time do not affect and which continues during suspend.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use selvedge_core::host::Clock as _;
use selvedge_core::time::LocalTime;

use selvedge_host::SystemClock;

/// Time since boot, including suspend.
fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// A monotonic clock for timers.
#[derive(Debug, Clone, Copy)]
pub(super) struct MonotonicClock {
    wall: LocalTime,
    boot: Duration,
}

impl MonotonicClock {
    /// Starts a clock with the current wall clock time.
    pub(super) fn start() -> Self {
        Self {
            wall: SystemClock.now(),
            boot: since_boot(),
        }
    }

    /// The time by this clock.
    pub(super) fn now(&self) -> LocalTime {
        plus(self.wall, since_boot().saturating_sub(self.boot))
    }

    /// The wall clock time, for people, that corresponds to `at` of this clock.
    pub(super) fn wall(&self, at: LocalTime) -> LocalTime {
        convert(at, self.now(), SystemClock.now())
    }
}

fn plus(time: LocalTime, by: Duration) -> LocalTime {
    let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    LocalTime::from_millis(time.millis().saturating_add(millis))
}

/// Converts a time to another clock.
fn convert(at: LocalTime, now: LocalTime, other_now: LocalTime) -> LocalTime {
    let ahead = at.millis().saturating_sub(now.millis());
    let behind = now.millis().saturating_sub(at.millis());
    let millis = other_now.millis().saturating_add(ahead);
    LocalTime::from_millis(millis.saturating_sub(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_converted_by_its_distance_from_now() {
        let at = LocalTime::from_millis;
        for (moment, now, other_now, expected) in [
            (1500, 1000, 1000, 1500),
            (1500, 1000, 9000, 9500),
            (400, 1000, 9000, 8400),
            (0, 1000, 500, 0),
        ] {
            assert_eq!(convert(at(moment), at(now), at(other_now)), at(expected));
        }
    }

    #[test]
    fn the_clock_starts_at_the_wall_clock_and_advances() {
        let before = SystemClock.now();
        let clock = MonotonicClock::start();
        let first = clock.now();
        assert!(before <= first && first <= clock.now());
        assert_eq!(plus(before, Duration::from_secs(3)), before.plus_seconds(3));
    }
}
