//! What a repository does: the trait, and what passes through it.

use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

use super::applied::Applied;
use super::record::{Failed, Record};
use crate::error::Result;
use crate::host::Revision;
use crate::ids::RecordId;
use crate::reconcile::Rule;
use crate::time::ServerTime;

/// A stretch of a [`Source`].
#[derive(Debug, Clone)]
pub(crate) struct Batch<M> {
    /// Records, oldest position first.
    pub(crate) records: Vec<Record>,
    /// Records that could not be read.
    pub(crate) failed: Vec<Failed>,
    /// Where a reader stands once these records are kept; saved in the same commit. `None` when nothing moved.
    pub(crate) mark: Option<M>,
    /// Ids that are left for later readings, the most wanted first; saved in the same commit.
    pub(crate) backlog: Vec<RecordId>,
}

/// A stream of records with back-pressure: the sink asks for the next batch when it has kept the last. Memory is bounded
/// by the batch.
pub(crate) trait Source {
    /// Where a reader stands.
    type Mark;

    /// The next batch, or `None` at the end.
    ///
    /// # Errors
    /// Whatever ends the whole stream; what hurts one record alone is in [`Batch::failed`].
    fn next(&mut self) -> impl Future<Output = Result<Option<Batch<Self::Mark>>>>;
}

/// A record that a repository now keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its id.
    pub(crate) id: RecordId,
    /// The [`Record::revision`] that was stored.
    pub(crate) revision: Revision,
    /// The server's time of it, where a server keeps it.
    pub(crate) modified: Option<ServerTime>,
}

/// What became of stored records so far.
#[derive(Debug, Clone)]
pub(crate) struct Receipt<M> {
    /// Records that are durable now; also ones that were stored by earlier calls and waited.
    pub(crate) kept: Vec<Kept>,
    /// Records that were refused.
    pub(crate) failed: Vec<Failed>,
    /// How many of the records changed what the repository has, and how.
    pub(crate) applied: Applied,
    /// The rules by which a change gave way, with the record's id.
    pub(crate) rules: Vec<(RecordId, Rule)>,
    /// How many values that were replaced went into the journal.
    pub(crate) replaced: u64,
    /// Where a reader of this repository stands after these writes, if nobody else wrote.
    pub(crate) mark: Option<M>,
    /// Whether the checkpoint that came with the records was kept with them.
    pub(crate) is_checkpoint_kept: bool,
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
            is_checkpoint_kept: false,
        }
    }
}

/// A record source and sink (spec §7.2). It cannot be emptied: a wipe is a step of its own, with a person's consent.
pub(crate) trait Repository {
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

    /// Takes records. They may wait until [`Repository::store_done`]; the receipt says which are durable.
    ///
    /// # Errors
    /// When they cannot be kept. After an error no later record of this session is taken, so that there are no holes.
    fn store(&mut self, records: Vec<Record>) -> impl Future<Output = Result<Receipt<Self::Mark>>>;

    /// Says that no more records come; all are durable or refused when it returns.
    ///
    /// # Errors
    /// As [`Repository::store`].
    fn store_done(&mut self) -> impl Future<Output = Result<Receipt<Self::Mark>>>;
}

/// The local side of a pair: a repository that keeps checkpoints, which say where both readers of the pair stand.
pub(crate) trait LocalSide: Repository {
    /// Takes records like [`Repository::store`]. Where the repository can, it keeps the checkpoint in the same commit;
    /// [`Receipt::is_checkpoint_kept`] says whether it did.
    ///
    /// # Errors
    /// As [`Repository::store`].
    fn store_at(
        &mut self,
        records: Vec<Record>,
        checkpoint: Option<String>,
    ) -> impl Future<Output = Result<Receipt<Self::Mark>>>;

    /// Says that the other side has these records of this repository now, and gives the checkpoint to keep with that.
    ///
    /// # Errors
    /// When that cannot be kept; the records are then sent again.
    fn acknowledge(
        &self,
        kept: Vec<Kept>,
        checkpoint: Option<String>,
    ) -> impl Future<Output = Result<()>>;
}
