//! The host that JavaScript provides to the core: fetch, clock, random bytes, AES, and a store.

mod aes;
mod calls;
mod change_channel;
mod fetch;
mod listeners;
mod store;
mod syncing;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Date, Function};
use selvedge_core::host::{
    Clock, Commit, Committed, Counts, Key, PageLimit, Random, RandomError, Selection, Store,
    StoreError, Stored,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::LocalTime;
use wasm_bindgen::JsValue;
use web_sys::AbortController;

use crate::Error;
pub use aes::HostCbc;
pub(crate) use calls::Call;
use calls::Calls;
use change_channel::ChangeChannel;
pub use fetch::JsBody;
use fetch::JsFetch;
pub(crate) use listeners::Listeners;
use listeners::{Change, Origin};
use store::JsStore;
pub use store::StoreObject;
pub(crate) use syncing::Syncing;

/// The core's host traits for local reads and writes, implemented with JavaScript's functions.
#[derive(Debug)]
pub struct JsHost {
    fetch: JsFetch,
    store: JsStore,
    /// The encrypted storage token from the store, where it is a second line after the state of the account's sync.
    token: RefCell<Option<String>>,
    pub(crate) listeners: Listeners,
    channel: ChangeChannel,
    calls: Calls,
    is_closed: Cell<bool>,
    /// Aborts running requests when the client is closed, if the host has AbortController.
    stopping: Option<AbortController>,
}

impl JsHost {
    /// A host with the script's function that sends requests, this store, and the script's channel to other windows and
    /// workers that share the store, or `undefined`.
    #[must_use]
    pub fn new(send: Function, store: StoreObject, channel: JsValue) -> Rc<Self> {
        let stopping = AbortController::new().ok();
        let host = Rc::new(Self {
            fetch: JsFetch::new(send, stopping.as_ref().map(AbortController::signal)),
            store: JsStore::new(store),
            token: RefCell::default(),
            listeners: Listeners::default(),
            channel: ChangeChannel::new(channel),
            calls: Calls::default(),
            is_closed: Cell::new(false),
            stopping,
        });
        ChangeChannel::listen(&host);
        host
    }

    /// Refuses new calls, and stops a sync at its next safe point.
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
        self.listeners.clear();
        if let Some(stopping) = &self.stopping {
            stopping.abort();
        }
    }

    /// Waits until all running calls have ended.
    pub(crate) async fn closed(&self) {
        self.calls.ended().await;
        self.channel.close();
    }

    /// Fails if the client is closed.
    pub(crate) const fn opened(&self) -> Result<(), Error> {
        if self.is_closed.get() {
            Err(Error::Closed)
        } else {
            Ok(())
        }
    }

    /// The encrypted storage token, if the store has one.
    pub(crate) async fn sealed_token(&self) -> Result<Option<String>, StoreError> {
        self.global().await?;
        Ok(self.token.borrow().clone())
    }

    /// Stores an encrypted storage token, or removes it.
    pub(crate) async fn keep_token(&self, sealed: Option<String>) -> Result<(), StoreError> {
        let global = self.global().await?;
        if global.is_none() || *self.token.borrow() == sealed {
            return Ok(());
        }
        self.token.replace(sealed);
        let parts = Vec::new();
        self.commit(Commit { parts, global }).await.map(drop)
    }

    /// Commits, and notifies listeners and other windows of the changes.
    async fn commit_as(&self, mut commit: Commit, origin: Origin) -> Result<Committed, StoreError> {
        if let (Some(global), Some(token)) = (&mut commit.global, &*self.token.borrow()) {
            global.push('\n');
            global.push_str(token);
        }
        let changes = Change::of(&commit);
        let committed = self.store.commit(commit).await?;
        if committed == Committed::Done {
            self.listeners.notify(&changes, origin);
            self.channel.publish(&changes);
        }
        Ok(committed)
    }
}

/// Random bytes from the host's `crypto.getRandomValues`.
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

/// The host's clock, in whole milliseconds; times before 1970 become 0.
pub(crate) fn now() -> LocalTime {
    LocalTime::from_millis(Date::now() as u64)
}

impl Clock for JsHost {
    fn now(&self) -> LocalTime {
        now()
    }
}

impl Store for JsHost {
    /// The state without the token; the state is one line of JSON.
    async fn global(&self) -> Result<Option<String>, StoreError> {
        let mut global = self.store.global().await?;
        let end = global.as_deref().and_then(|text| text.find('\n'));
        let line = end.zip(global.as_mut()).map(|(end, text)| {
            let line = text.split_off(end);
            line.trim_start().to_owned()
        });
        self.token.replace(line);
        Ok(global)
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

    async fn duplicates(
        &self,
        collection: &CollectionName,
        keys: &[Key],
    ) -> Result<Vec<Stored>, StoreError> {
        self.store.duplicates(collection, keys).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.commit_as(commit, Origin::Here).await
    }
}
