//! A middleware that keeps the checkpoints of a repository in the host's store (spec §7.3).

use alloc::string::String;
use alloc::vec::Vec;

use super::contract::{Kept, LocalSide, Receipt, Repository};
use super::record::Record;
use crate::error::Result;
use crate::host::{Commit, Part, Store};
use crate::ids::{CollectionName, RecordId};

/// A repository whose checkpoints are kept as the state of a collection in the host's store.
///
/// A server does not keep where a pair of repositories stands; with this middleware, a copy from one server to another
/// continues after an interruption.
///
/// ```
/// use selvedge_core::engine::Generic;
/// use selvedge_core::host::{Clock, MemoryStore, Store};
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::repository::{Checkpointed, LocalRepository, LocalSide};
/// use selvedge_core::time::LocalTime;
///
/// struct Stopped;
/// impl Clock for Stopped {
///     fn now(&self) -> LocalTime { LocalTime::from_millis(0) }
/// }
///
/// let (there, here) = (MemoryStore::default(), MemoryStore::default());
/// let notes = CollectionName::new("notes").unwrap();
/// let engine = Generic::new(notes.clone())?;
/// let kept = Checkpointed::new(LocalRepository::new(&there, &Stopped, &engine), &here, notes.clone());
/// pollster::block_on(kept.acknowledge(vec![], Some("42".into())))?;
/// assert_eq!(pollster::block_on(here.state(&notes)).unwrap().as_deref(), Some("42"));
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpointed<'a, R, S> {
    inner: R,
    store: &'a S,
    collection: CollectionName,
}

impl<'a, R: Repository, S: Store> Checkpointed<'a, R, S> {
    /// Keeps the checkpoints of `inner` as the state of `collection` in `store`.
    pub const fn new(inner: R, store: &'a S, collection: CollectionName) -> Self {
        Self {
            inner,
            store,
            collection,
        }
    }
}

impl<R: Repository, S: Store> Repository for Checkpointed<'_, R, S> {
    type Mark = R::Mark;
    type Source<'s>
        = R::Source<'s>
    where
        Self: 's;

    async fn guids_since(&self, since: &R::Mark) -> Result<Vec<RecordId>> {
        self.inner.guids_since(since).await
    }

    async fn fetch_since(&self, since: &R::Mark) -> Result<R::Source<'_>> {
        self.inner.fetch_since(since).await
    }

    async fn fetch(&self, ids: &[RecordId]) -> Result<R::Source<'_>> {
        self.inner.fetch(ids).await
    }

    async fn store(&mut self, records: Vec<Record>) -> Result<Receipt<R::Mark>> {
        self.inner.store(records).await
    }

    async fn store_done(&mut self) -> Result<Receipt<R::Mark>> {
        self.inner.store_done().await
    }
}

impl<R: Repository, S: Store> LocalSide for Checkpointed<'_, R, S> {
    async fn store_at(
        &mut self,
        records: Vec<Record>,
        _checkpoint: Option<String>,
    ) -> Result<Receipt<R::Mark>> {
        // The checkpoint is about records that may not be durable yet: it comes again with the acknowledgement.
        self.inner.store(records).await
    }

    async fn acknowledge(&self, _kept: Vec<Kept>, checkpoint: Option<String>) -> Result<()> {
        if checkpoint.is_some() {
            let part = Part {
                state: checkpoint,
                ..Part::new(self.collection.clone())
            };
            // A part without writes is never stale.
            let _done = self
                .store
                .commit(Commit {
                    parts: alloc::vec![part],
                    global: None,
                })
                .await?;
        }
        Ok(())
    }
}
