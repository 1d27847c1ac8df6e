//! Any place that records come from or go to, and what brings two of them into agreement (spec §7).
//!
//! A [`Repository`] speaks cleartext records. The server's is the [`CryptoRepository`]: the middleware that encrypts and
//! decrypts as records pass between a [`ServerRepository`] and the rest. The device's is the [`LocalRepository`] over
//! the host's store. The [`Synchronizer`] joins any two of them.

mod apply_stats;
mod checkpoint;
mod crypto;
mod flows;
mod incoming;
mod local;
mod pair;
mod server;
mod synchronizer;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

pub use checkpoint::Checkpointed;
pub use crypto::CryptoRepository;
pub use flows::{Applied, Progress, Pulled, Pushed};
pub use incoming::Incoming;
pub use local::{LocalRepository, Outgoing, has_outgoing};
pub use pair::{Pair, Refusal, Witness};
pub use server::{ServerMark, ServerRepository};
pub use synchronizer::Synchronizer;

use crate::error::Result;
use crate::host::Revision;
use crate::ids::RecordId;
use crate::reconcile::Rule;
use crate::time::ServerTime;

/// A cleartext record on its way between two repositories.
///
/// ```
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::repository::Record;
///
/// let gone = Record::tombstone(RecordId::new("7vO3Zcdu6V4I").unwrap());
/// assert!(gone.is_tombstone());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The record's id.
    pub id: RecordId,
    /// The JSON object; `None` is a tombstone.
    pub cleartext: Option<String>,
    /// Its importance, where a server says it; the local store keeps none.
    pub sortindex: Option<i32>,
    /// How long ago it was last changed, in milliseconds, by the clock of the repository that it comes from. Ages, not
    /// times, are compared, so that a constant difference of two clocks does not matter (spec §5.6).
    pub age_millis: u64,
    /// The server's time of it, where it comes from a server.
    pub modified: Option<ServerTime>,
    /// The local revision of it, where it comes from a device's store.
    pub revision: Revision,
    /// Whether the server has it encrypted under keys that hold no longer, so that it is to be sent again.
    pub is_under_former_keys: bool,
}

impl Record {
    /// A deletion.
    #[must_use]
    pub const fn tombstone(id: RecordId) -> Self {
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
    pub const fn is_tombstone(&self) -> bool {
        self.cleartext.is_none()
    }
}

/// Why one record could not pass; the others go on.
///
/// ```
/// use selvedge_core::repository::Failure;
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
/// use selvedge_core::repository::{Failed, Failure};
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

/// A stretch of a [`Source`].
///
/// ```
/// use selvedge_core::repository::Batch;
///
/// let end: Batch<()> = Batch { records: vec![], failed: vec![], mark: Some(()), backlog: vec![] };
/// assert!(end.records.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Batch<M> {
    /// Records, oldest position first.
    pub records: Vec<Record>,
    /// Records that could not be read.
    pub failed: Vec<Failed>,
    /// Where a reader stands once these records are kept; saved in the same commit. `None` when nothing moved.
    pub mark: Option<M>,
    /// Ids that are left for later readings, the most wanted first; saved in the same commit.
    pub backlog: Vec<RecordId>,
}

/// A stream of records with back-pressure: the sink asks for the next batch when it has kept the last. Memory is bounded
/// by the batch.
pub trait Source {
    /// Where a reader stands.
    type Mark;

    /// The next batch, or `None` at the end.
    ///
    /// # Errors
    /// Whatever ends the whole stream; what hurts one record alone is in [`Batch::failed`].
    fn next(&mut self) -> impl Future<Output = Result<Option<Batch<Self::Mark>>>>;
}

/// A record that a repository now keeps.
///
/// ```
/// use selvedge_core::host::Revision;
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::repository::Kept;
///
/// let kept = Kept { id: RecordId::new("a").unwrap(), revision: Revision(3), modified: None };
/// assert_eq!(kept.revision, Revision(3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: RecordId,
    /// The [`Record::revision`] that was stored.
    pub revision: Revision,
    /// The server's time of it, where a server keeps it.
    pub modified: Option<ServerTime>,
}

/// What became of stored records so far.
///
/// ```
/// use selvedge_core::repository::Receipt;
///
/// let receipt: Receipt<()> = Receipt::default();
/// assert!(receipt.kept.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Receipt<M> {
    /// Records that are durable now; also ones that were stored by earlier calls and waited.
    pub kept: Vec<Kept>,
    /// Records that were refused.
    pub failed: Vec<Failed>,
    /// How many of the records changed what the repository has, and how.
    pub applied: Applied,
    /// The rules by which a change gave way, with the record's id.
    pub rules: Vec<(RecordId, Rule)>,
    /// How many values that were replaced went into the journal.
    pub replaced: u64,
    /// Where a reader of this repository stands after these writes, if nobody else wrote.
    pub mark: Option<M>,
    /// Whether the note that came with the records was kept with them.
    pub is_noted: bool,
}

impl<M> Default for Receipt<M> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            failed: Vec::new(),
            applied: Applied::default(),
            rules: Vec::new(),
            replaced: 0,
            mark: None,
            is_noted: false,
        }
    }
}

/// A record source and sink (spec §7.2). It cannot be emptied: a wipe is a step of its own, with a person's consent.
pub trait Repository {
    /// Where a reader of this repository stands, in the repository's own clock.
    type Mark: Clone + Default;
    /// Its streams.
    type Source<'s>: Source<Mark = Self::Mark>
    where
        Self: 's;

    /// The ids of the records changed after `since`.
    ///
    /// # Errors
    /// When they cannot be read; so with all methods.
    fn guids_since(&self, since: &Self::Mark) -> impl Future<Output = Result<Vec<RecordId>>>;

    /// The records changed after `since`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn fetch_since(&self, since: &Self::Mark) -> impl Future<Output = Result<Self::Source<'_>>>;

    /// The records under these ids, as far as there are any.
    ///
    /// # Errors
    /// When they cannot be read.
    fn fetch(&self, ids: &[RecordId]) -> impl Future<Output = Result<Self::Source<'_>>>;

    /// Takes records. They may wait until [`Repository::store_done`]; the receipt tells which are durable. A repository
    /// that can, keeps `note` in the same commit: where the pair's readers stand.
    ///
    /// # Errors
    /// When they cannot be kept. After an error no later record of this session is taken, so that there are no holes.
    fn store(
        &mut self,
        records: Vec<Record>,
        note: Option<String>,
    ) -> impl Future<Output = Result<Receipt<Self::Mark>>>;

    /// Tells that no more records come; all are durable or refused when it returns.
    ///
    /// # Errors
    /// As [`Repository::store`].
    fn store_done(&mut self) -> impl Future<Output = Result<Receipt<Self::Mark>>>;

    /// Tells that the other side keeps these records of ours now, and the note to keep with that.
    ///
    /// # Errors
    /// When that cannot be kept; the records are then sent again.
    fn acknowledge(
        &self,
        kept: Vec<Kept>,
        note: Option<String>,
    ) -> impl Future<Output = Result<()>>;
}
