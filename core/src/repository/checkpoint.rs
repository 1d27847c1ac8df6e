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
/// A server does not store the positions of a pair of repositories; with this middleware, a copy from one server to
/// another continues after an interruption.
#[derive(Debug)]
pub(crate) struct Checkpointed<'a, R, S> {
    inner: R,
    store: &'a S,
    collection: CollectionName,
}

impl<'a, R: Repository, S: Store> Checkpointed<'a, R, S> {
    /// Keeps the checkpoints of `inner` as the state of `collection` in `store`.
    pub(crate) const fn new(inner: R, store: &'a S, collection: CollectionName) -> Self {
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
        // The checkpoint refers to records that may not be durable yet: the acknowledgement passes it again.
        let receipt = self.inner.store(records).await?;
        Ok(Receipt {
            is_checkpoint_kept: false,
            ..receipt
        })
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
