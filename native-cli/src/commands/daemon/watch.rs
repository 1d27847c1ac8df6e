//! Changes that the daemon detects at each check: a clock that jumped, and changes that other programs made to the
//! store.

use std::time::{Duration, Instant};

use selvedge_core::time::LocalTime;

/// Maximum drift of a clock between two checks; a larger difference counts as a jump.
const DRIFT: Duration = Duration::from_secs(30);

/// Compares the wall clock with a monotonic clock: they diverge when the machine sleeps, or when a user sets the clock.
#[derive(Debug)]
pub(super) struct ClockWatch {
    wall: LocalTime,
    steady: Instant,
}

impl ClockWatch {
    pub(super) fn new(wall: LocalTime) -> Self {
        Self {
            wall,
            steady: Instant::now(),
        }
    }

    /// Whether the clock jumped since the last check.
    pub(super) fn has_jumped(&mut self, wall: LocalTime) -> bool {
        let steady = Instant::now();
        let passed = steady.duration_since(self.steady);
        let jumped = is_jump(self.wall, wall, passed);
        (self.wall, self.steady) = (wall, steady);
        jumped
    }
}

fn is_jump(before: LocalTime, after: LocalTime, passed: Duration) -> bool {
    let expected = u128::from(before.millis()) + passed.as_millis();
    u128::from(after.millis()).abs_diff(expected) > DRIFT.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_parts_from_the_steady_one_has_jumped() {
        let at = |seconds: u64| LocalTime::from_millis(1_700_000_000_000 + seconds * 1000);
        let rows = [
            ("as it should be", 60, 60, false),
            ("a little late", 60, 89, false),
            ("slept for an hour", 3660, 60, true),
            ("set back by an hour", 0, 3600, true),
            ("set forward", 5000, 5, true),
        ];
        for (name, wall, passed, expected) in rows {
            let jumped = is_jump(at(0), at(wall), Duration::from_secs(passed));
            assert_eq!(jumped, expected, "{name}");
        }
    }
}
