//! A middleware for repositories that keep no notes: they go to the host's store (spec §7.3).

use alloc::string::String;
use alloc::vec::Vec;

use super::contract::{Kept, Receipt, Repository};
use super::record::Record;
use crate::error::Result;
use crate::host::{Commit, Part, Store};
use crate::ids::{CollectionName, RecordId};

/// A repository whose notes are kept as the state of a collection in the host's store.
///
/// A server keeps no notes of where a pair of repositories stands; with this middleware, records that go from one server
/// to another go on where they were cut off.
///
/// ```
/// use selvedge_core::engine::Generic;
/// use selvedge_core::host::{Clock, MemoryStore, Store};
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::repository::{LocalRepository, Checkpointed, Repository};
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
/// let noted = Checkpointed::new(LocalRepository::new(&there, &Stopped, &engine), &here, notes.clone());
/// pollster::block_on(noted.acknowledge(vec![], Some("42".into())))?;
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
    /// Keeps the notes of `inner` as the state of `collection` in `store`.
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

    async fn store(
        &mut self,
        records: Vec<Record>,
        _note: Option<String>,
    ) -> Result<Receipt<R::Mark>> {
        // The note tells of records that may not be durable yet: it comes again with the acknowledgement.
        let receipt = self.inner.store(records, None).await?;
        Ok(Receipt {
            is_noted: false,
            ..receipt
        })
    }

    async fn store_done(&mut self) -> Result<Receipt<R::Mark>> {
        self.inner.store_done().await
    }

    async fn acknowledge(&self, kept: Vec<Kept>, note: Option<String>) -> Result<()> {
        self.inner.acknowledge(kept, None).await?;
        if note.is_some() {
            let part = Part {
                state: note,
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
