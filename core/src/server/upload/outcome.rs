//! What an upload tells its caller: what the server has for good, and what it did not take.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::RecordId;
use crate::time::ServerTime;

/// What became of a record that was handed to [`Upload::add`](super::Upload::add).
///
/// ```
/// use selvedge_core::server::Added;
///
/// assert_ne!(Added::<()>::Held, Added::TooLarge);
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Added<T> {
    /// It waits for its commit.
    Held,
    /// It waits for its commit; what was before it is on the server for good.
    Committed(Committed<T>),
    /// The server can never take it, so it is not sent. Others may go on.
    TooLarge,
}

/// What the server has for good since a commit. The caller acknowledges it before it goes on.
///
/// ```
/// use selvedge_core::server::Committed;
/// use selvedge_core::time::ServerTime;
///
/// let nothing = Committed::<()> { modified: ServerTime::ZERO, success: vec![], failed: vec![] };
/// assert!(nothing.success.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed<T> {
    /// The time of the write: of these records, and now of the collection.
    pub modified: ServerTime,
    /// The records that are on the server, with the tags under which they were added.
    pub success: Vec<(RecordId, T)>,
    /// The records that are not.
    pub failed: Vec<Failed<T>>,
}

/// A record that the server did not take.
///
/// ```
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::server::{Failed, Reason};
///
/// let failed = Failed { id: RecordId::new("menu").unwrap(), tag: (), reason: Reason::Unlisted };
/// assert_eq!(failed.reason.to_string(), "the server gave no reason");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed<T> {
    /// Its id.
    pub id: RecordId,
    /// The tag under which it was added.
    pub tag: T,
    /// Why.
    pub reason: Reason,
}

/// Why a server did not take a record.
///
/// ```
/// use selvedge_core::server::Reason;
///
/// assert_eq!(Reason::Refused("invalid ttl".into()).to_string(), "the server says: invalid ttl");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The server's words.
    #[error("the server says: {0}")]
    Refused(String),
    /// A request with this record alone is too large, though not by the limits that the server announces: something
    /// before the server takes less, a reverse proxy for example.
    #[error(
        "a request of {0} bytes is too large for the server or for a proxy before it: raise that limit \
         (in nginx client_max_body_size), or make the record smaller"
    )]
    TooLargeAlone(u64),
    /// The answer mentions the record nowhere.
    #[error("the server gave no reason")]
    Unlisted,
}
