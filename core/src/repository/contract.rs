//! The operations of a repository: the trait, and the data that pass through it.

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

/// A batch of a [`Source`].
#[derive(Debug, Clone)]
pub(crate) struct Batch<M> {
    /// Records, oldest position first.
    pub(crate) records: Vec<Record>,
    /// Records that could not be read.
    pub(crate) failed: Vec<Failed>,
    /// The position of a reader once these records are kept; saved in the same commit. `None` if it has not moved.
    pub(crate) mark: Option<M>,
    /// Ids that are deferred to later reads, the most important first; saved in the same commit.
    pub(crate) backlog: Vec<RecordId>,
}

/// A stream of records with back-pressure: the sink requests the next batch after it has stored the last one. Memory is
/// bounded by the batch.
pub(crate) trait Source {
    /// The position of a reader.
    type Mark;

    /// The next batch, or `None` at the end.
    ///
    /// # Errors
    /// Errors that end the whole stream; errors of single records are in [`Batch::failed`].
    fn next(&mut self) -> impl Future<Output = Result<Option<Batch<Self::Mark>>>>;
}

/// A record that a repository now keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its id.
    pub(crate) id: RecordId,
    /// The [`Record::revision`] that was stored.
    pub(crate) revision: Revision,
    /// The server's time of it, if a server keeps it.
    pub(crate) modified: Option<ServerTime>,
}

/// The result for the records stored so far.
#[derive(Debug, Clone)]
pub(crate) struct Receipt<M> {
    /// Records that are durable now, including records that were stored by earlier calls and were waiting.
    pub(crate) kept: Vec<Kept>,
    /// Records that were refused.
    pub(crate) failed: Vec<Failed>,
    /// The number of changes that the records made in the repository, by kind.
    pub(crate) applied: Applied,
    /// The rules by which a change was overridden, with the record's id.
    pub(crate) rules: Vec<(RecordId, Rule)>,
    /// The number of replaced values that were written to the journal.
    pub(crate) replaced: u64,
    /// The position of a reader of this repository after these writes, if no other client wrote.
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
    /// The position of a reader of this repository, in the repository's own clock.
    type Mark: Clone + Default;
    /// Its streams.
    type Source<'s>: Source<Mark = Self::Mark>
    where
        Self: 's;

    /// The ids of the records changed after `since`.
    ///
    /// # Errors
    /// When they cannot be read; the same applies to all methods.
    fn guids_since(&self, since: &Self::Mark) -> impl Future<Output = Result<Vec<RecordId>>>;

    /// The records changed after `since`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn fetch_since(&self, since: &Self::Mark) -> impl Future<Output = Result<Self::Source<'_>>>;

    /// The records with these ids, if they exist.
    ///
    /// # Errors
    /// When they cannot be read.
    fn fetch(&self, ids: &[RecordId]) -> impl Future<Output = Result<Self::Source<'_>>>;

    /// Stores records. They may wait until [`Repository::store_done`]; the receipt lists the durable ones.
    ///
    /// # Errors
    /// When they cannot be stored. After an error no later record of this sync is stored, so that there are no gaps.
    fn store(&mut self, records: Vec<Record>) -> impl Future<Output = Result<Receipt<Self::Mark>>>;

    /// Ends the sequence of records; all are durable or refused when it returns.
    ///
    /// # Errors
    /// As [`Repository::store`].
    fn store_done(&mut self) -> impl Future<Output = Result<Receipt<Self::Mark>>>;
}

/// The local side of a pair: a repository that keeps checkpoints, which contain the positions of both readers of the
/// pair.
pub(crate) trait LocalSide: Repository {
    /// Stores records like [`Repository::store`]. If possible, the repository keeps the checkpoint in the same commit;
    /// [`Receipt::is_checkpoint_kept`] reports whether it did.
    ///
    /// # Errors
    /// As [`Repository::store`].
    fn store_at(
        &mut self,
        records: Vec<Record>,
        checkpoint: Option<String>,
    ) -> impl Future<Output = Result<Receipt<Self::Mark>>>;

    /// Marks these records of this repository as stored on the other side, and keeps the checkpoint with that.
    ///
    /// # Errors
    /// When that cannot be kept; the records are then sent again.
    fn acknowledge(
        &self,
        kept: Vec<Kept>,
        checkpoint: Option<String>,
    ) -> impl Future<Output = Result<()>>;
}
