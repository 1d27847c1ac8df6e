//! A store that reads and only pretends to write.

use selvedge_core::host::{
    Commit, Committed, Counts, PageLimit, Selection, Store, StoreError, Stored,
};
use selvedge_core::ids::{CollectionName, RecordId};

/// Reads another store; its commits are done in word only. For `--dry-run`.
#[derive(Debug)]
pub struct DryRunStore<S>(pub S);

impl<S: Store> Store for DryRunStore<S> {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        self.0.global().await
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        self.0.state(collection).await
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        self.0.collections().await
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        self.0.counts(collection).await
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        self.0.read(collection, ids).await
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        self.0.page(collection, selection, after, limit).await
    }

    async fn commit(&self, _: Commit) -> Result<Committed, StoreError> {
        Ok(Committed::Done)
    }
}
