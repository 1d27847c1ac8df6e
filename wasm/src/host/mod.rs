//! What JavaScript lends to the core: a fetch, the clock, random bytes, AES, and a store.

mod aes;
mod fetch;
mod listeners;
mod store;
mod syncing;

use std::cell::Cell;

use js_sys::{Date, Function};
use selvedge_core::host::{
    Clock, Commit, Committed, Counts, PageLimit, Random, RandomError, Selection, Store, StoreError,
    StoreErrorKind, Stored,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::LocalTime;
use wasm_bindgen::JsValue;

pub use aes::HostCbc;
pub use fetch::JsBody;
use fetch::JsFetch;
pub(crate) use listeners::Listeners;
use listeners::{Change, Origin};
use store::JsStore;
pub use store::StoreObject;
pub(crate) use syncing::Syncing;

/// What the core asks of a host, from JavaScript: for the records here.
#[derive(Debug)]
pub struct JsHost {
    fetch: JsFetch,
    store: JsStore,
    pub(crate) listeners: Listeners,
    is_closed: Cell<bool>,
}

impl JsHost {
    /// A host with this `(request) => Promise<Response>` and this store.
    #[must_use]
    pub fn new(fetch: Function, store: StoreObject) -> Self {
        Self {
            fetch: JsFetch::new(fetch),
            store: JsStore::new(store),
            listeners: Listeners::default(),
            is_closed: Cell::new(false),
        }
    }

    /// What the store threw when it failed last.
    pub(crate) fn take_thrown(&self) -> Option<JsValue> {
        self.store.take_thrown()
    }

    /// Lets nothing happen any more; says whether it was open until now.
    pub(crate) fn close(&self) -> bool {
        self.listeners.clear();
        !self.is_closed.replace(true)
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    fn opened(&self) -> Result<&JsStore, StoreError> {
        if self.is_closed() {
            return Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "this client was closed",
            ));
        }
        Ok(&self.store)
    }

    /// Commits, and tells who listens what changed.
    async fn commit_as(&self, commit: Commit, origin: Origin) -> Result<Committed, StoreError> {
        let store = self.opened()?;
        let changes = Change::of(&commit);
        let committed = store.commit(commit).await?;
        if committed == Committed::Done {
            self.listeners.tell(&changes, origin);
        }
        Ok(committed)
    }
}

/// Random bytes of the host's `crypto.getRandomValues`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|_| RandomError)
    }
}

impl Random for JsHost {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        SystemRandom.fill(bytes)
    }
}

/// The host's clock, in whole milliseconds; one before 1970 reads as zero.
pub(crate) fn now() -> LocalTime {
    LocalTime::from_millis(Date::now() as u64)
}

impl Clock for JsHost {
    fn now(&self) -> LocalTime {
        now()
    }
}

impl Store for JsHost {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        self.opened()?.global().await
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        self.opened()?.state(collection).await
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        self.opened()?.collections().await
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        self.opened()?.counts(collection).await
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        self.opened()?.read(collection, ids).await
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        self.opened()?
            .page(collection, selection, after, limit)
            .await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.commit_as(commit, Origin::Here).await
    }
}
