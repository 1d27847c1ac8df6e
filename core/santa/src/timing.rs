//! When a machine comes again, as its server says.

use serde::Serialize;

use selvedge_core::time::LocalTime;

/// Seconds between two syncs when no server ever said anything.
pub const FULL_INTERVAL: u32 = 600;

/// When to come again, as an answer says. Times are in seconds.
///
/// ```
/// use selvedge_santa::Timing;
///
/// assert_eq!(Timing::default().full_interval, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Timing {
    /// Between two syncs; `None` when the server does not say.
    pub full_interval: Option<u32>,
    /// Between two syncs while push is in use; `None` when the server does not say.
    pub push_interval: Option<u32>,
    /// Within this a rule sync that is meant for everybody begins.
    pub rule_deadline: u32,
}

/// When preflight was answered, and when to come again. The schedule counts from then, whatever happened later.
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
    /// When.
    pub at: LocalTime,
    /// What the server said of it.
    pub timing: Timing,
    /// The seconds between two syncs without push: what the server said, else what it said before, else ten minutes.
    pub interval: u32,
}
