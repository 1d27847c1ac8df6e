//! The daemon's time: the wall clock as it was at the start, and from then on one that nobody sets and that goes on
//! while the machine sleeps.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use selvedge_core::host::Clock as _;
use selvedge_core::time::LocalTime;

use selvedge_host::SystemClock;

/// Time since the machine started, its sleep counted.
fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// A clock for timers.
#[derive(Debug, Clone, Copy)]
pub(super) struct SteadyClock {
    wall: LocalTime,
    boot: Duration,
}

impl SteadyClock {
    /// It agrees with the wall clock now.
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

    /// What the wall clock will show when this one shows `at`, for people.
    pub(super) fn wall(&self, at: LocalTime) -> LocalTime {
        translated(at, self.now(), SystemClock.now())
    }
}

fn plus(time: LocalTime, by: Duration) -> LocalTime {
    let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    LocalTime::from_millis(time.millis().saturating_add(millis))
}

/// The same moment by another clock.
fn translated(at: LocalTime, now: LocalTime, other_now: LocalTime) -> LocalTime {
    let ahead = at.millis().saturating_sub(now.millis());
    let behind = now.millis().saturating_sub(at.millis());
    let millis = other_now.millis().saturating_add(ahead);
    LocalTime::from_millis(millis.saturating_sub(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_by_both_clocks() {
        let at = LocalTime::from_millis;
        for (moment, now, other_now, expected) in [
            (1500, 1000, 1000, 1500),
            (1500, 1000, 9000, 9500),
            (400, 1000, 9000, 8400),
            (0, 1000, 500, 0),
        ] {
            assert_eq!(translated(at(moment), at(now), at(other_now)), at(expected));
        }
    }

    #[test]
    fn it_begins_at_the_wall_clock_and_goes_on() {
        let before = SystemClock.now();
        let clock = SteadyClock::start();
        let first = clock.now();
        assert!(before <= first && first <= clock.now());
        assert_eq!(plus(before, Duration::from_secs(3)), before.plus_seconds(3));
    }
}
