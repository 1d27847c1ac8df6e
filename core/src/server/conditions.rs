//! Conditions of requests, and responses to conditional reads (spec §3.4).

use alloc::string::{String, ToString};

use crate::time::ServerTime;

/// The condition of a request. A request has at most one.
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
    /// No condition.
    #[default]
    None,
    /// Return data only if they are newer than this; otherwise "unmodified".
    IfModifiedSince(ServerTime),
    /// Do nothing if the target was changed since: [`Error::Conflict`](crate::error::Error::Conflict).
    IfUnmodifiedSince(ServerTime),
}

impl Condition {
    /// The header for this condition.
    #[must_use]
    pub fn header(self) -> Option<(&'static str, String)> {
        match self {
            Self::None => None,
            Self::IfModifiedSince(time) => Some(("X-If-Modified-Since", time.to_string())),
            Self::IfUnmodifiedSince(time) => Some(("X-If-Unmodified-Since", time.to_string())),
        }
    }

    /// The condition of a write, if there is a time.
    #[must_use]
    pub fn unmodified_since(time: Option<ServerTime>) -> Self {
        time.map_or(Self::None, Self::IfUnmodifiedSince)
    }

    /// The condition of a read whose older response is cached, if there is a time.
    #[must_use]
    pub fn modified_since(time: Option<ServerTime>) -> Self {
        time.map_or(Self::None, Self::IfModifiedSince)
    }
}

/// The response to a read with `X-If-Modified-Since`.
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
    /// 304: the cached response is still valid.
    Unmodified,
    /// The response is newer, or the request had no condition.
    Changed {
        /// The requested value.
        value: T,
        /// Its modification time, for the next condition.
        last_modified: ServerTime,
    },
}

impl<T> Conditional<T> {
    /// The new value, if there is one.
    pub fn changed(self) -> Option<T> {
        match self {
            Self::Unmodified => None,
            Self::Changed { value, .. } => Some(value),
        }
    }
}
