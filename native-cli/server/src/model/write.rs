//! Writes and their results.

use std::fmt;

use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

/// One member of a record as a client writes it (spec §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// Absent: what is stored stays.
    #[default]
    Keep,
    /// `null`: back to the default.
    Clear,
    /// A new value.
    Set(T),
}

/// A record as a client writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its id.
    pub id: RecordId,
    /// The payload; a record that never had one has the empty text.
    pub payload: Field<String>,
    /// The sort index, at most nine digits.
    pub sortindex: Field<i64>,
    /// Seconds to live from the time of the write, at most nine digits.
    pub ttl: Field<u32>,
}

impl Incoming {
    /// UTF-8 bytes of the payload, which is what the limits count (spec §3.7).
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        match &self.payload {
            Field::Set(payload) => payload.len() as u64,
            Field::Keep | Field::Clear => 0,
        }
    }
}

/// A batch that is open (spec §3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchId(pub(crate) i64);

impl BatchId {
    /// No batch that was ever opened: their numbers begin at 1.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// Reads the token of a URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a write does.
#[derive(Debug)]
pub enum Write {
    /// Writes records; those of one call share one time.
    Put {
        /// The collection, made if it is missing.
        collection: CollectionName,
        /// The records.
        records: Vec<Incoming>,
        /// Whether the conditions look at the one record or at the collection.
        target: Target,
    },
    /// Puts records aside in a batch; nothing is visible yet.
    Append {
        /// The collection.
        collection: CollectionName,
        /// The open batch, or none to open one.
        batch: Option<BatchId>,
        /// The records.
        records: Vec<Incoming>,
    },
    /// Makes a batch and some last records visible at one time.
    Commit {
        /// The collection.
        collection: CollectionName,
        /// The open batch.
        batch: BatchId,
        /// The last records.
        records: Vec<Incoming>,
    },
    /// Deletes one record.
    DeleteRecord {
        /// The collection.
        collection: CollectionName,
        /// The record.
        id: RecordId,
        /// Whose time the conditions look at.
        target: Target,
    },
    /// Deletes some records; the collection stays.
    DeleteRecords {
        /// The collection.
        collection: CollectionName,
        /// The records.
        ids: Vec<RecordId>,
    },
    /// Deletes a collection.
    DeleteCollection {
        /// The collection.
        collection: CollectionName,
    },
    /// Deletes everything that the user has stored.
    DeleteStore,
}

/// Whose time a condition is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The one record that is written.
    Record,
    /// The collection.
    Collection,
}

/// The result of a write that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The time of the target after the write: `X-Last-Modified`.
    pub modified: ServerTime,
    /// The batch, if one is open now.
    pub batch: Option<BatchId>,
    /// Bytes that the user may still store, where there is a quota.
    pub quota_remaining: Option<u64>,
}
