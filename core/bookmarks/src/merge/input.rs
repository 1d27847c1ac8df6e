//! What a merge looks at.

use crate::record::Reading;

/// A record of the server, and when it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerRecord {
    /// What the record is.
    pub reading: Reading,
    /// The server's time of it, in milliseconds.
    pub modified: i64,
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
