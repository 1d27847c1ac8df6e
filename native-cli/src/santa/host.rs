//! All that Santa's sync asks of a host, from this machine.

use std::time::Duration;

use selvedge_core::host::{Clock, StoreError};
use selvedge_core::http::{Fetch, FetchError, Request, Response};
use selvedge_core::santa::{
    Commit, Committed, EventId, Pause, PendingEvent, Rule, RuleCounts, RuleKey, RuleStore,
};
use selvedge_core::time::LocalTime;

use super::fetch::SantaFetch;
use super::store::SantaStore;
use crate::host::{NativeBody, SystemClock};

/// The network, the store, the system's clock, and patience.
#[derive(Debug, Clone)]
pub struct SantaHost {
    /// The network.
    pub fetch: SantaFetch,
    /// Rules, events and sync state.
    pub store: SantaStore,
}

impl Clock for SantaHost {
    fn now(&self) -> LocalTime {
        SystemClock.now()
    }
}

impl Pause for SantaHost {
    async fn pause(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

impl Fetch for SantaHost {
    type Body = NativeBody;

    async fn fetch(&self, request: Request) -> Result<Response<NativeBody>, FetchError> {
        self.fetch.fetch(request).await
    }
}

impl RuleStore for SantaHost {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        self.store.state().await
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        self.store.counts().await
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        self.store.rules(after, limit).await
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        self.store.events(after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(commit).await
    }
}
