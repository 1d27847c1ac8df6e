//! What JavaScript lends to the core: a fetch, the clock, random bytes, AES, and for now a store in memory.

mod aes;
mod fetch;

use js_sys::{Date, Function};
use selvedge_core::host::{
    Aes, Clock, Commit, Committed, Counts, MemoryStore, PageLimit, Random, RandomError, Selection,
    Store, StoreError, Stored,
};
use selvedge_core::http::{Fetch, FetchError, Request, Response};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::LocalTime;

pub use aes::HostCbc;
pub use fetch::JsBody;
use fetch::JsFetch;

/// All four things that the core asks of a host, from JavaScript.
#[derive(Debug)]
pub struct JsHost {
    fetch: JsFetch,
    store: MemoryStore,
}

impl JsHost {
    /// A host with an empty store and this `(request) => Promise<Response>`.
    #[must_use]
    pub fn new(fetch: Function) -> Self {
        Self {
            fetch: JsFetch::new(fetch),
            store: MemoryStore::default(),
        }
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

impl Clock for JsHost {
    fn now(&self) -> LocalTime {
        // Whole milliseconds; a clock before 1970 reads as zero.
        LocalTime::from_millis(Date::now() as u64)
    }
}

impl Fetch for JsHost {
    type Body = JsBody;

    async fn fetch(&self, request: Request) -> Result<Response<JsBody>, FetchError> {
        self.fetch.fetch(request).await
    }
}

impl Aes for JsHost {
    type Cbc = HostCbc;

    fn cbc(&self, key: &[u8; 32]) -> HostCbc {
        HostCbc::new(key)
    }
}

impl Store for JsHost {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        self.store.global().await
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        self.store.state(collection).await
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        self.store.collections().await
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        self.store.counts(collection).await
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        self.store.read(collection, ids).await
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        self.store.page(collection, selection, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(commit).await
    }
}
