//! A cleartext record on its way between two repositories, and why one could not pass.

use alloc::string::String;

use crate::host::Revision;
use crate::ids::RecordId;
use crate::time::ServerTime;

/// A cleartext record on its way between two repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The record's id.
    pub(crate) id: RecordId,
    /// The JSON object; `None` is a tombstone.
    pub(crate) cleartext: Option<String>,
    /// Its importance, where a server says it; the local store keeps none.
    pub(crate) sortindex: Option<i32>,
    /// How long ago it was last changed, in milliseconds, by the clock of the repository that it comes from. Ages, not
    /// times, are compared, so that a constant difference of two clocks does not matter (spec §5.6).
    pub(crate) age_millis: u64,
    /// The server's time of it, where it comes from a server.
    pub(crate) modified: Option<ServerTime>,
    /// The local revision of it, where it comes from a device's store.
    pub(crate) revision: Revision,
    /// Whether the server has it encrypted under keys that hold no longer, so that it is to be sent again.
    pub(crate) is_under_former_keys: bool,
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
            is_under_former_keys: false,
        }
    }

    /// Whether this tells of a deletion.
    #[must_use]
    pub(crate) const fn is_tombstone(&self) -> bool {
        self.cleartext.is_none()
    }
}

/// Why one record could not pass; the others go on.
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
    /// Above the server's limit for one record.
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
    /// The change made here breaks a rule of the collection.
    #[error("not sent, because Firefox would not apply it: {0}")]
    Invalid(&'static str),
}

/// A record that could not pass.
///
/// ```
/// use selvedge_core::sync::{Failed, Failure};
///
/// let failed = Failed { id: None, modified: None, failure: Failure::HmacMismatch };
/// assert!(failed.id.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its id, where it could be read.
    pub id: Option<RecordId>,
    /// The server's time of it, where it came from a server and that could be read.
    pub modified: Option<ServerTime>,
    /// Why.
    pub failure: Failure,
}
