//! Writes and their results.

use std::fmt;

use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

/// A member of a record that a client writes (spec §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// Absent: the stored value stays.
    #[default]
    Keep,
    /// `null`: the default.
    Clear,
    /// A new value.
    Set(T),
}

/// A record that a client writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its id.
    pub id: RecordId,
    /// The payload; empty for a record that never had one.
    pub payload: Field<String>,
    /// The sort index, at most nine digits.
    pub sortindex: Field<i64>,
    /// Seconds to live from the time of the write, at most nine digits.
    pub ttl: Field<u32>,
}

impl Incoming {
    /// UTF-8 bytes of the payload, which the limits count (spec §3.7).
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        match &self.payload {
            Field::Set(payload) => payload.len() as u64,
            Field::Keep | Field::Clear => 0,
        }
    }
}

/// An open batch (spec §3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchId(pub(crate) i64);

impl BatchId {
    /// Never the id of a batch: ids begin at 1.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// Parses the token of a URL.
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

/// A write.
#[derive(Debug)]
pub enum Write {
    /// Writes records; those of one call share one time.
    Put {
        /// The collection, created if it is missing.
        collection: CollectionName,
        /// The records.
        records: Vec<Incoming>,
        /// Whether the conditions apply to the one record or to the collection.
        target: Target,
    },
    /// Adds records to a batch; they are not visible yet.
    Append {
        /// The collection.
        collection: CollectionName,
        /// The open batch; None opens one.
        batch: Option<BatchId>,
        /// The records.
        records: Vec<Incoming>,
    },
    /// Makes the records of a batch and some last ones visible, with one time.
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
        /// The target of the conditions.
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
    /// Deletes all of the user's collections.
    DeleteStore,
}

/// The target whose time is compared with a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The written record.
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
