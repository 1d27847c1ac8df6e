//! What a merge looks at.

use crate::record::{Reading, read};

/// A record of the server, and when it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerRecord {
    /// What the record is.
    pub reading: Reading,
    /// The server's time of it, in milliseconds.
    pub modified: i64,
}

impl ServerRecord {
    /// Reads a record's cleartext.
    ///
    /// ```
    /// use selvedge_bookmarks::merge::ServerRecord;
    /// use selvedge_bookmarks::record::Reading;
    ///
    /// let record = ServerRecord::new("k3Zb0dPqL1xA", br#"{"id":"k3Zb0dPqL1xA","deleted":true}"#, 5);
    /// assert!(matches!(record.reading, Reading::Tombstone(_)));
    /// ```
    #[must_use]
    pub fn new(id: &str, cleartext: &[u8], modified: i64) -> Self {
        Self {
            reading: parse(id, cleartext, modified),
            modified,
        }
    }
}

/// What is not JSON is refused like JSON that is not an object.
fn parse(id: &str, cleartext: &[u8], modified: i64) -> Reading {
    read(
        id,
        serde_json::from_slice(cleartext).unwrap_or_default(),
        modified,
    )
}

/// A record of this device.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalRecord {
    /// What the record is; a tombstone for what was deleted here and not yet uploaded.
    pub reading: Reading,
    /// This device's time of the last change, in milliseconds.
    pub modified: i64,
    /// Whether it changed since it was last equal to the server's.
    pub changed: bool,
}

impl LocalRecord {
    /// Reads a stored record; `changed` unless it is equal to the server's.
    #[must_use]
    pub fn new(id: &str, cleartext: &[u8], modified: i64, changed: bool) -> Self {
        Self {
            reading: parse(id, cleartext, modified),
            modified,
            changed,
        }
    }
}

/// Everything that a merge looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// All records as the server had them after the last sync; none after the collection started anew. Those that were not
    /// readable count as missing.
    pub base: Vec<ServerRecord>,
    /// The records that arrived since.
    pub incoming: Vec<ServerRecord>,
    /// All records of this device.
    pub local: Vec<LocalRecord>,
    /// Now on the server, in milliseconds: the time that its last answer gave.
    pub server_now: i64,
    /// Now on this device, in milliseconds.
    pub local_now: i64,
}
