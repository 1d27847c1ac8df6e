//! What a request depends on, and what an answer may say about it (spec §3.4).

use alloc::string::{String, ToString};

use crate::time::ServerTime;

/// On what a read depends. A request has at most one condition.
///
/// ```
/// use selvedge_core::server::Condition;
/// use selvedge_core::time::ServerTime;
///
/// let seen = ServerTime::from_hundredths(170_000_000_042);
/// assert_eq!(Condition::IfModifiedSince(seen).header(), Some(("X-If-Modified-Since", "1700000000.42".into())));
/// assert_eq!(Condition::None.header(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// On nothing.
    #[default]
    None,
    /// Answer only what is newer; the same again is "unmodified".
    IfModifiedSince(ServerTime),
    /// Do nothing when it was changed since: [`Error::Conflict`](crate::error::Error::Conflict).
    IfUnmodifiedSince(ServerTime),
}

impl Condition {
    /// The header that says so.
    #[must_use]
    pub fn header(self) -> Option<(&'static str, String)> {
        match self {
            Self::None => None,
            Self::IfModifiedSince(time) => Some(("X-If-Modified-Since", time.to_string())),
            Self::IfUnmodifiedSince(time) => Some(("X-If-Unmodified-Since", time.to_string())),
        }
    }

    /// The guard of a write, if there is one.
    #[must_use]
    pub fn unmodified_since(time: Option<ServerTime>) -> Self {
        time.map_or(Self::None, Self::IfUnmodifiedSince)
    }

    /// The condition of a read for which an older answer is at hand, if there is one.
    #[must_use]
    pub fn modified_since(time: Option<ServerTime>) -> Self {
        time.map_or(Self::None, Self::IfModifiedSince)
    }
}

/// The answer to a read that depends on `X-If-Modified-Since`.
///
/// ```
/// use selvedge_core::server::Conditional;
/// use selvedge_core::time::ServerTime;
///
/// let answer = Conditional::Changed { value: 7, last_modified: ServerTime::from_hundredths(1) };
/// assert_eq!(answer.changed(), Some(7));
/// assert_eq!(Conditional::<u8>::Unmodified.changed(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conditional<T> {
    /// 304: what is at hand is still true.
    Unmodified,
    /// There is something newer, or nothing was asked.
    Changed {
        /// What was asked for.
        value: T,
        /// Its time, for the next condition.
        last_modified: ServerTime,
    },
}

impl<T> Conditional<T> {
    /// The value, if there is a new one.
    pub fn changed(self) -> Option<T> {
        match self {
            Self::Unmodified => None,
            Self::Changed { value, .. } => Some(value),
        }
    }
}
