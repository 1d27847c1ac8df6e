//! The host during a sync: a signal can stop it, and its commits are changes of other devices.

use selvedge_core::host::{Aes, Clock, Commit, Committed, Random, RandomError, Store, StoreError};
use selvedge_core::http::{Fetch, FetchError, FetchErrorKind, Request, Response};
use selvedge_core::time::LocalTime;
use wasm_bindgen::JsValue;

use super::listeners::Origin;
use super::{HostCbc, JsBody, JsHost};
use crate::types::member;

/// A host for one sync.
#[derive(Debug)]
pub(crate) struct Syncing<'a> {
    host: &'a JsHost,
    /// The program's `AbortSignal`, or `undefined`.
    signal: JsValue,
}

impl<'a> Syncing<'a> {
    /// With the program's `AbortSignal`, or `undefined`. Closing the client also stops the sync.
    pub(crate) const fn new(host: &'a JsHost, signal: JsValue) -> Self {
        Self { host, signal }
    }
}

impl Fetch for Syncing<'_> {
    type Body = JsBody;

    /// A stopped sync sends no more requests: committed changes stay, and the next sync continues from there.
    async fn fetch(&self, request: Request) -> Result<Response<JsBody>, FetchError> {
        let is_stopped = member(&self.signal, "aborted").is_truthy();
        if is_stopped || self.host.opened().is_err() {
            return Err(FetchError::new(
                FetchErrorKind::Aborted,
                "the program stopped the sync",
            ));
        }
        self.host.fetch.fetch(request, &self.signal).await
    }
}

impl Clock for Syncing<'_> {
    fn now(&self) -> LocalTime {
        self.host.now()
    }
}

impl Random for Syncing<'_> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.host.fill(bytes)
    }
}

impl Aes for Syncing<'_> {
    type Cbc = HostCbc;

    fn cbc(&self, key: &[u8; 32]) -> HostCbc {
        HostCbc::new(key)
    }
}

impl Store for Syncing<'_> {
    selvedge_core::delegate_reads!(host);

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.host.commit_as(commit, Origin::Sync).await
    }
}
