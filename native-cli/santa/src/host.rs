//! Implements the host traits of Santa's sync on this machine.

use std::time::Duration;

use selvedge_core::host::{Clock, StoreError};
use selvedge_core::http::{Fetch, FetchError, Request, Response};
use selvedge_core::time::LocalTime;
use selvedge_santa::{
    Commit, Committed, EventId, Pause, PendingEvent, Rule, RuleCounts, RuleKey, RuleStore,
};

use super::fetch::SantaFetch;
use super::in_flight::InFlight;
use super::store::SantaStore;
use selvedge_host::{NativeBody, SystemClock};

/// The network, the store, the system clock, and pauses by the runtime's timer.
#[derive(Debug, Clone)]
pub struct SantaHost {
    /// The network.
    pub fetch: SantaFetch,
    /// Rules, events and sync state.
    pub store: SantaStore,
    /// Events that are being uploaded outside a sync. A sync does not list them as pending.
    pub in_flight: InFlight,
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
        let mut after = after;
        loop {
            let mut page = self.store.events(after, limit).await?;
            let last = page.last().map(|event| event.id);
            page.retain(|event| !self.in_flight.has(event.id));
            // An empty page means the end of the list, so continue with the next page.
            if !page.is_empty() || last.is_none() {
                return Ok(page);
            }
            after = last;
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(commit).await
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::{Decision, Event};
    use selvedge_santa::{Address, Occurrence};

    use super::*;
    use crate::Config;

    fn host(events: usize) -> (SantaHost, Vec<EventId>) {
        let config = Config::parse(std::path::Path::new("santa.toml"), "", false).unwrap();
        let address = Address::new("http://127.0.0.1:1", "M").unwrap();
        let store = SantaStore::in_memory().unwrap();
        let event = |number: usize| {
            Occurrence::Execution(Box::new(Event {
                file_sha256: format!("{number:064}"),
                decision: Some(Decision::BlockBinary),
                ..Event::default()
            }))
        };
        let events: Vec<_> = (0..events).map(event).collect();
        let ids = store.add_events(&events).unwrap();
        let host = SantaHost {
            fetch: SantaFetch::new(&config, &address).unwrap(),
            store,
            in_flight: InFlight::default(),
        };
        (host, ids.into_iter().flatten().collect())
    }

    #[test]
    fn a_sync_skips_events_that_are_in_flight_and_no_others() {
        let (host, ids) = host(5);
        let found = |after, limit| -> Vec<EventId> {
            let page = pollster::block_on(host.events(after, limit)).unwrap();
            page.into_iter().map(|event| event.id).collect()
        };
        let claim = host.in_flight.claim(ids[..3].iter().copied());
        assert_eq!(found(None, 2), ids[3..4]);
        assert_eq!(found(None, 10), ids[3..]);
        assert_eq!(found(Some(ids[4]), 10), []);
        drop(claim);
        assert_eq!(found(None, 2), ids[..2]);
    }
}
