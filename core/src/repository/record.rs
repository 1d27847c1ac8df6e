//! A cleartext record passed between two repositories, and the reasons why a record can fail.

use alloc::string::String;

use crate::host::Revision;
use crate::ids::RecordId;
use crate::time::ServerTime;

/// A cleartext record passed between two repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The record's id.
    pub(crate) id: RecordId,
    /// The JSON object; `None` is a tombstone.
    pub(crate) cleartext: Option<String>,
    /// Its importance, if a server returns it; the local store keeps no importance.
    pub(crate) sortindex: Option<i32>,
    /// Milliseconds since its last change, by the clock of the repository that it comes from. Ages, not times, are
    /// compared, so that a constant difference of two clocks does not matter (spec §5.6).
    pub(crate) age_millis: u64,
    /// The server's time of it, if it comes from a server.
    pub(crate) modified: Option<ServerTime>,
    /// Its local revision, if it comes from a device's store.
    pub(crate) revision: Revision,
    /// Whether it has to be sent again: the server has it encrypted under former keys, or in need of a correction.
    pub(crate) is_to_be_sent_again: bool,
}

#[cfg(test)]
impl Record {
    /// A deletion.
    #[must_use]
    pub(crate) const fn tombstone(id: RecordId) -> Self {
        Self {
            id,
            cleartext: None,
            sortindex: None,
            age_millis: 0,
            modified: None,
            revision: Revision(0),
            is_to_be_sent_again: false,
        }
    }

    /// Whether this is a deletion.
    #[must_use]
    pub(crate) const fn is_tombstone(&self) -> bool {
        self.cleartext.is_none()
    }
}

/// Why one record failed; the others are still transferred.
///
/// ```
/// use selvedge_core::sync::Failure;
///
/// assert_eq!(Failure::TooLarge.to_string(), "larger than the server takes: make it smaller");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Encrypted under another key, or altered.
    #[error("encrypted with another key, or altered on the server")]
    HmacMismatch,
    /// Not a record.
    #[error("damaged: {0}")]
    Malformed(String),
    /// Exceeds the server's limit for one record.
    #[error("larger than the server takes: make it smaller")]
    TooLarge,
    /// The server refused it.
    #[error("refused by the server: {0}")]
    Refused(String),
    /// The remote side has it under a key that is not known here.
    #[error(
        "not sent: the server has a version of it that only another device can read; sync that one first"
    )]
    NotSeen,
    /// Refused twice.
    #[error("refused twice before: it is sent again when it changes here")]
    GivenUp,
    /// The engine of the collection cannot use it.
    #[error("not applied on this device: {0}")]
    NotApplied(&'static str),
    /// The change made here violates a rule of the collection.
    #[error("not sent, because Firefox would not apply it: {0}")]
    Invalid(&'static str),
}

/// A record that failed.
///
/// ```
/// use selvedge_core::sync::{Failed, Failure};
///
/// let failed = Failed { id: None, modified: None, failure: Failure::HmacMismatch };
/// assert!(failed.id.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its id, if it could be read.
    pub id: Option<RecordId>,
    /// The server's time of it, if it came from a server and the time could be read.
    pub modified: Option<ServerTime>,
    /// The reason.
    pub failure: Failure,
}
