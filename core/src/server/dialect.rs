//! The dialects of the storage API: what 1.1 says otherwise than 1.5 (spec §3.10).
//!
//! ```text
//!                         1.5                                1.1
//! authorisation           Hawk                               Basic
//! guard of a read         both conditions                    none: it is not sent
//! guard of a write        the record's or collection's time  the collection's time, whatever is written
//! a collection's time     X-Last-Modified of its pages       info/collections, asked before the first page
//! the time of a write     X-Last-Modified, else the others   the earlier of X-Weave-Timestamp and the body
//! the next page           X-Weave-Next-Offset                from the time of the last record on
//! limits                  info/configuration                 the defaults
//! an upload               in batches                         each POST is final
//! 404 of a collection     an error                           it is empty
//! ```
//!
//! Servers of 1.1 may give two writes the same time. So what is read again there begins one hundredth before the time
//! that was seen: a record may come twice, which is harmless, but none is passed over.

use super::call::body_time;
use super::conditions::Condition;
use super::observed::{last_modified, weave_timestamp};
use crate::http::{Headers, Method};
use crate::time::ServerTime;

/// Which storage API a server speaks.
///
/// ```
/// use selvedge_core::server::{Access, Dialect};
///
/// let access = Access::basic("https://node.example.org", "johndoe", "password")?;
/// assert_eq!(access.dialect(), Dialect::V1_1);
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, reason = "these are the names of the versions")]
pub enum Dialect {
    /// The Storage API 1.5, with Hawk and token servers.
    V1_5,
    /// The Storage API 1.1, with passwords and nodes.
    V1_1,
}

impl Dialect {
    /// What is left of a condition that a request is to be sent under.
    pub(super) const fn condition(self, method: Method, condition: Condition) -> Condition {
        match (self, method, condition) {
            (Self::V1_5, ..) => condition,
            // There is no 304, and no guard of a read.
            (Self::V1_1, Method::Get, _) | (Self::V1_1, _, Condition::IfModifiedSince(_)) => {
                Condition::None
            }
            (Self::V1_1, _, condition) => condition,
        }
    }

    /// The time of a write, by its reply (spec §3.2).
    pub(super) fn write_time(self, headers: &Headers, body: &[u8]) -> Option<ServerTime> {
        let (stamp, body) = (weave_timestamp(headers), body_time(body));
        match self {
            Self::V1_5 => last_modified(headers).or(stamp).or(body),
            // Both should say the same. Where they do not, the earlier one passes nothing over.
            Self::V1_1 => match (stamp, body) {
                (Some(stamp), Some(body)) => Some(stamp.min(body)),
                (stamp, body) => stamp.or(body),
            },
        }
    }

    /// What `newer` says to a server whose collection was read, or written, up to `seen`.
    pub(crate) fn newer_than(self, seen: ServerTime) -> ServerTime {
        match self {
            Self::V1_5 => seen,
            Self::V1_1 => before(seen),
        }
    }

    /// Whether the replies to a download tell the collection's time, and guard one page against the other.
    pub(super) const fn tells_collection_time(self) -> bool {
        matches!(self, Self::V1_5)
    }

    /// Whether the guard of a record's write is compared with the record's own time.
    pub(super) const fn guards_records(self) -> bool {
        matches!(self, Self::V1_5)
    }

    /// Whether a server may have batches, and tells its limits.
    pub(super) const fn has_batches(self) -> bool {
        matches!(self, Self::V1_5)
    }

    /// Whether a 404 of a collection, or of the storage, says that it is empty.
    pub(super) const fn is_missing_empty(self) -> bool {
        matches!(self, Self::V1_1)
    }

    /// The guard to try again with, after the write of one record under its own time `guard` met a conflict: servers of 1.1
    /// compare with the time of the collection, which other records move. `collection` was asked for before `record`; what
    /// does not exist is at zero. `None` when the record itself was changed, or nothing else explains the conflict.
    pub(super) fn second_guard(
        self,
        guard: ServerTime,
        collection: ServerTime,
        record: ServerTime,
    ) -> Option<ServerTime> {
        (!self.guards_records() && record <= guard && collection > guard).then_some(collection)
    }
}

/// One hundredth earlier.
pub(super) const fn before(time: ServerTime) -> ServerTime {
    ServerTime::from_hundredths(time.hundredths().saturating_sub(1))
}

#[cfg(test)]
mod tests;
