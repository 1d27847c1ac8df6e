//! What an upload reports to its caller: committed records and rejected records.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::RecordId;
use crate::time::ServerTime;

/// The state of a record that was passed to [`Upload::add`](super::Upload::add).
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
    /// It waits for its commit; the records before it are committed.
    Committed(Committed<T>),
    /// The server can never accept it, so it is not sent. Other records are not affected.
    TooLarge,
}

/// Records that a commit stored permanently on the server. The caller acknowledges them before it continues.
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
    /// The time of the write: the new modification time of these records and of the collection.
    pub modified: ServerTime,
    /// The committed records, with the tags with which they were added.
    pub success: Vec<(RecordId, T)>,
    /// The rejected records.
    pub failed: Vec<Failed<T>>,
}

/// A record that the server rejected.
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
    /// The tag with which it was added.
    pub tag: T,
    /// The reason.
    pub reason: Reason,
}

/// Why a server rejected a record.
///
/// ```
/// use selvedge_core::server::Reason;
///
/// assert_eq!(Reason::Refused("invalid ttl".into()).to_string(), "the server rejected the record: invalid ttl");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The reason in the server's response.
    #[error("the server rejected the record: {0}")]
    Refused(String),
    /// A request with this record alone is too large, although it respects the limits that the server announces: a
    /// component in front of the server, for example a reverse proxy, has a lower limit.
    #[error(
        "a request of {0} bytes is too large for the server or for a proxy before it: raise that limit \
         (in nginx client_max_body_size), or make the record smaller"
    )]
    TooLargeAlone(u64),
    /// The response does not mention the record.
    #[error("the server gave no reason")]
    Unlisted,
}
