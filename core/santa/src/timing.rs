//! The time of a machine's next sync, as its server specifies it.

use serde::Serialize;

use selvedge_core::time::LocalTime;

/// Seconds between two syncs if no server has ever specified an interval.
pub const FULL_INTERVAL: u32 = 600;

/// The intervals that a response specifies. Times are in seconds.
///
/// ```
/// use selvedge_santa::Timing;
///
/// assert_eq!(Timing::default().full_interval, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Timing {
    /// Between two syncs; `None` if the server does not specify it.
    pub full_interval: Option<u32>,
    /// Between two syncs while push is in use; `None` if the server does not specify it.
    pub push_interval: Option<u32>,
    /// The time within which a rule sync that is meant for all machines begins.
    pub rule_deadline: u32,
}

/// The time of the response to preflight, and the intervals to the next sync. The schedule starts at that time,
/// regardless of later failures.
///
/// ```
/// use selvedge_santa::{Preflighted, Timing};
/// use selvedge_core::time::LocalTime;
///
/// let seen = Preflighted { at: LocalTime::from_millis(0), timing: Timing::default(), interval: 600 };
/// assert_eq!(seen.interval, 600);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Preflighted {
    /// The time of the response.
    pub at: LocalTime,
    /// The intervals in the response.
    pub timing: Timing,
    /// The seconds between two syncs without push: the value in this response, else the value in an earlier one, else
    /// ten minutes.
    pub interval: u32,
}
