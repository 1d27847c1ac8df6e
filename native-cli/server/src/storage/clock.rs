//! The times of one user's writes: hundredths of a second that increase strictly over all collections (spec §3.9).
//!
//! | the clock | the time of the write |
//! |---|---|
//! | is past the user's last write | the clock's time |
//! | is not, and the next free hundredth is at most [`MAX_AHEAD`] ahead of it | that hundredth, at once |
//! | is not, and the next free hundredth is further ahead | the write waits for the clock |
//! | was set back by more than that | the next free hundredth; from there on the same rules, as if the clock went on from the last write |
//!
//! So a burst of a hundred writes does not wait for the clock, and after a correction of the clock writes go on: their
//! times continue from the last one until the clock has passed it.

use selvedge_core::time::ServerTime;

/// Maximum number of hundredths of a second by which the time of a write is ahead of the clock.
pub const MAX_AHEAD: u64 = 100;

/// When a write happens.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The time of the write: later than all earlier writes of the user, and possibly ahead of the clock.
    pub at: ServerTime,
    /// The clock, by which records expire.
    pub clock: ServerTime,
}

/// What decides the time of a user's next write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteTimes {
    /// The time of the last write; zero if there is none.
    pub last: ServerTime,
    /// Hundredths that are added to a clock that was set back; zero for one that was not.
    clock_offset: u64,
}

/// Whether a write is performed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTime {
    /// It is performed; its time is `last` of these.
    Now(WriteTimes),
    /// It waits for a later hundredth.
    Later,
}

impl WriteTimes {
    /// After a restart, from what is stored.
    pub const fn since(last: ServerTime) -> Self {
        Self {
            last,
            clock_offset: 0,
        }
    }

    /// The time of the next write.
    pub fn next(self, clock: ServerTime) -> NextTime {
        if clock > self.last {
            return NextTime::Now(Self::since(clock));
        }
        let (last, clock) = (self.last.hundredths(), clock.hundredths());
        let next = last.saturating_add(1);
        let ahead = next.saturating_sub(clock.saturating_add(self.clock_offset));
        let clock_offset = if ahead <= MAX_AHEAD {
            self.clock_offset
        } else if ahead <= 2 * MAX_AHEAD {
            // Ahead by more than one hundredth too much only after the clock was set back by up to a second: the write waits.
            return NextTime::Later;
        } else {
            last - clock
        };
        NextTime::Now(Self {
            last: ServerTime::from_hundredths(next),
            clock_offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: fn(u64) -> ServerTime = ServerTime::from_hundredths;

    fn after(last: u64, clock_offset: u64) -> WriteTimes {
        WriteTimes {
            last: T(last),
            clock_offset,
        }
    }

    #[test]
    fn each_row_of_the_table_gives_its_time() {
        let now = |last, clock_offset| NextTime::Now(after(last, clock_offset));
        for (times, clock, expected) in [
            // The clock is past the last write.
            (after(0, 0), 1000, now(1000, 0)),
            (after(999, 0), 1000, now(1000, 0)),
            (after(999, 50), 1000, now(1000, 0)),
            // It is not: the next free hundredth, up to one second ahead.
            (after(1000, 0), 1000, now(1001, 0)),
            (after(1050, 0), 1000, now(1051, 0)),
            (after(1099, 0), 1000, now(1100, 0)),
            // Beyond, the write waits; so it does after the clock was set back by up to a second.
            (after(1100, 0), 1000, NextTime::Later),
            (after(1199, 0), 1000, NextTime::Later),
            // The clock was set back by more: times go on from the last one.
            (after(1200, 0), 1000, now(1201, 200)),
            (after(500_000, 0), 1000, now(500_001, 499_000)),
            // With such a clock the same bound holds.
            (after(500_099, 499_000), 1000, now(500_100, 499_000)),
            (after(500_100, 499_000), 1000, NextTime::Later),
            (after(500_100, 499_000), 1001, now(500_101, 499_000)),
            // Set back once more.
            (after(500_100, 499_000), 100, now(500_101, 500_000)),
        ] {
            assert_eq!(times.next(T(clock)), expected, "{times:?} at {clock}");
        }
    }

    #[test]
    fn times_increase_strictly_whatever_the_clock_does() {
        let mut times = WriteTimes::default();
        let clocks = [5000, 5000, 4999, 4000, 4001, 9000, 1, 1, 0, 9001, 8950];
        for clock in clocks.into_iter().flat_map(|clock| [clock; 150]) {
            if let NextTime::Now(next) = times.next(T(clock)) {
                assert!(next.last > times.last, "{times:?} at {clock}");
                times = next;
            }
        }
    }

    #[test]
    fn a_burst_is_a_hundred_writes_and_one_more_each_hundredth() {
        let mut times = WriteTimes::default();
        let mut writes = |clock| {
            let mut count = 0;
            while let NextTime::Now(next) = times.next(T(clock)) {
                times = next;
                count += 1;
            }
            count
        };
        assert_eq!(writes(1000), 101);
        assert_eq!(writes(1000), 0);
        assert_eq!(writes(1001), 1);
        assert_eq!(writes(1051), 50);
    }
}
