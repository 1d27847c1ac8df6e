//! Stored records and what `info/*` reports about them.

use selvedge_core::time::ServerTime;

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// When it was last written.
    pub modified: ServerTime,
    /// Its sort index, if it has one.
    pub sortindex: Option<i64>,
    /// The payload's UTF-8 bytes.
    pub payload: Vec<u8>,
}

/// A record as a backend reads it: borrowed from the row, so that it is copied once, into the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The backend's number of the record. Numbers increase with the insertion of records of one collection.
    pub number: u64,
    /// The id, printable ASCII.
    pub id: &'a [u8],
    /// When it was last written.
    pub modified: ServerTime,
    /// Its sort index, if it has one.
    pub sortindex: Option<i64>,
    /// The payload's UTF-8 bytes; empty in a list of ids.
    pub payload: &'a [u8],
}

/// A collection as `info/*` reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionState {
    /// Its name.
    pub name: String,
    /// When it last changed.
    pub modified: ServerTime,
    /// Number of records.
    pub records: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// One user's store as `info/*` reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreState {
    /// When anything in it last changed; zero if nothing was ever written.
    pub modified: ServerTime,
    /// Its collections.
    pub collections: Vec<CollectionState>,
}

impl StoreState {
    /// Bytes of all payloads.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.collections.iter().map(|c| c.bytes).sum()
    }
}
