//! The events that are being uploaded, so that a sync and a concurrent upload do not send an event twice.
//!
//! ```text
//! a sync uploads pending events ─→ other uploads wait until it has finished, then send what is left
//! another upload runs ───────────→ a sync skips the events of that upload
//! ```

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use selvedge_santa::{EventId, Stage};
use tokio::sync::watch;

/// The events in flight, shared by all uploads to one store.
#[derive(Debug, Clone)]
pub struct InFlight {
    claimed: Arc<Mutex<BTreeSet<EventId>>>,
    /// Whether a sync is uploading the pending events.
    is_sync_sending: watch::Sender<bool>,
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            claimed: Arc::default(),
            is_sync_sending: watch::Sender::new(false),
        }
    }
}

impl InFlight {
    fn claimed(&self) -> MutexGuard<'_, BTreeSet<EventId>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an upload outside the sync is sending this event.
    pub(super) fn has(&self, id: EventId) -> bool {
        self.claimed().contains(&id)
    }

    /// Returns as soon as no sync is uploading events.
    pub(super) async fn wait_for_sync_upload(&self) {
        // This cannot fail: `self` owns the sender.
        let _ = self.is_sync_sending.subscribe().wait_for(|is| !is).await;
    }

    /// Prevents a sync from sending these events until the value is dropped.
    pub(super) fn claim(&self, ids: impl Iterator<Item = EventId>) -> Claim<'_> {
        let ids: BTreeSet<EventId> = ids.collect();
        self.claimed().extend(&ids);
        Claim {
            in_flight: self,
            ids,
        }
    }

    /// Tracks the stages of a sync until the value is dropped.
    pub(super) const fn track_sync(&self) -> SyncTracker<'_> {
        SyncTracker(self)
    }
}

/// Events that are being uploaded outside a sync.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    in_flight: &'a InFlight,
    ids: BTreeSet<EventId>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claimed = self.in_flight.claimed();
        claimed.retain(|id| !self.ids.contains(id));
    }
}

/// Tracks a sync. When it is dropped, the sync uploads nothing any more.
#[derive(Debug)]
pub(super) struct SyncTracker<'a>(&'a InFlight);

impl SyncTracker<'_> {
    /// The sync has reached this stage.
    pub(super) fn stage(&self, stage: Stage) {
        let is_sending = stage == Stage::EventUpload;
        self.0.is_sync_sending.send_replace(is_sending);
    }
}

impl Drop for SyncTracker<'_> {
    fn drop(&mut self) {
        self.0.is_sync_sending.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    fn is_free(in_flight: &InFlight) -> bool {
        let mut wait_for_sync_upload = std::pin::pin!(in_flight.wait_for_sync_upload());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        wait_for_sync_upload.as_mut().poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn a_claim_ends_when_it_is_dropped() {
        let in_flight = InFlight::default();
        let claim = in_flight.claim([EventId(1), EventId(2)].into_iter());
        let other = in_flight.claim([EventId(3)].into_iter());
        assert!(in_flight.has(EventId(1)) && in_flight.has(EventId(3)));
        drop(claim);
        assert!(!in_flight.has(EventId(1)) && in_flight.has(EventId(3)));
        drop(other);
        assert!(!in_flight.has(EventId(3)));
    }

    #[test]
    fn uploads_wait_only_while_a_sync_uploads_events() {
        let in_flight = InFlight::default();
        assert!(is_free(&in_flight));
        let sync = in_flight.track_sync();
        sync.stage(Stage::Preflight);
        assert!(is_free(&in_flight));
        sync.stage(Stage::EventUpload);
        assert!(!is_free(&in_flight));
        sync.stage(Stage::RuleDownload);
        assert!(is_free(&in_flight));
        sync.stage(Stage::EventUpload);
        drop(sync);
        assert!(is_free(&in_flight), "a sync that was aborted");
    }
}
