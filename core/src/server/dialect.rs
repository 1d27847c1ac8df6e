//! The dialects of the storage API: the differences of 1.1 from 1.5 (spec §3.10).
//!
//! ```text
//!                         1.5                                1.1
//! authorization           Hawk                               Basic
//! condition of a read     both                               none: it is not sent
//! condition of a write    the record's or collection's time  always the collection's time
//! a collection's time     X-Last-Modified of its pages       info/collections, requested before the first page
//! the time of a write     X-Last-Modified, else the others   the earlier of X-Weave-Timestamp and the body
//! the next page           X-Weave-Next-Offset                from the time of the last record on
//! limits                  info/configuration                 the defaults
//! an upload               in batches                         each POST is final
//! 404 of a collection     an error                           it is empty
//! ```
//!
//! Servers of 1.1 may assign the same time to two writes. The next download therefore starts one hundredth of a second
//! before the last seen time: a record may be downloaded twice, which is harmless, but none is skipped.

use super::call::body_time;
use super::conditions::Condition;
use super::observed::{last_modified, weave_timestamp};
use crate::http::{Headers, Method};
use crate::time::ServerTime;

/// The version of a server's storage API.
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
    /// The part of a request's condition that the server supports.
    pub(super) const fn condition(self, method: Method, condition: Condition) -> Condition {
        match (self, method, condition) {
            (Self::V1_5, ..) => condition,
            // 1.1 has no 304 and no conditional reads with `IfUnmodifiedSince`.
            (Self::V1_1, Method::Get, _) | (Self::V1_1, _, Condition::IfModifiedSince(_)) => {
                Condition::None
            }
            (Self::V1_1, _, condition) => condition,
        }
    }

    /// The time of a write, from its response (spec §3.2).
    pub(super) fn write_time(self, headers: &Headers, body: &[u8]) -> Option<ServerTime> {
        let (stamp, body) = (weave_timestamp(headers), body_time(body));
        match self {
            Self::V1_5 => last_modified(headers).or(stamp).or(body),
            // Both should be equal. If they differ, the earlier one skips no record.
            Self::V1_1 => match (stamp, body) {
                (Some(stamp), Some(body)) => Some(stamp.min(body)),
                (stamp, body) => stamp.or(body),
            },
        }
    }

    /// The value of `newer` for a collection that was read, or written, up to `seen`.
    pub(crate) fn newer_than(self, seen: ServerTime) -> ServerTime {
        match self {
            Self::V1_5 => seen,
            Self::V1_1 => before(seen),
        }
    }

    /// Whether the responses to a download contain the collection's modification time, so that pages can be made
    /// conditional on it.
    pub(super) const fn sends_collection_time(self) -> bool {
        matches!(self, Self::V1_5)
    }

    /// Whether the server compares the condition of a record's write with the record's own time.
    pub(super) const fn guards_records(self) -> bool {
        matches!(self, Self::V1_5)
    }

    /// Whether a server may support batches and announce its limits.
    pub(super) const fn has_batches(self) -> bool {
        matches!(self, Self::V1_5)
    }

    /// Whether a 404 for a collection, or for the storage, means that it is empty.
    pub(super) const fn treats_missing_as_empty(self) -> bool {
        matches!(self, Self::V1_1)
    }

    /// The condition for a second attempt, after the write of one record with its own time `guard` had a conflict:
    /// servers of 1.1 compare with the collection's time, which also changes with other records. `collection` was
    /// requested before `record`; a missing one has the time zero. `None` if the record itself was changed, or nothing
    /// else explains the conflict.
    pub(super) fn retry_condition(
        self,
        guard: ServerTime,
        collection: ServerTime,
        record: ServerTime,
    ) -> Option<ServerTime> {
        (!self.guards_records() && record <= guard && collection > guard).then_some(collection)
    }
}

/// One hundredth of a second earlier.
pub(super) const fn before(time: ServerTime) -> ServerTime {
    ServerTime::from_hundredths(time.hundredths().saturating_sub(1))
}

#[cfg(test)]
mod tests;
