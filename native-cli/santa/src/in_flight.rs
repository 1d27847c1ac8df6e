//! Which events are being sent right now, so that none is sent twice: a sync and uploads beside it take turns.
//!
//! ```text
//! a sync is sending what waits ─→ uploads beside it wait until it has, and then look at what is left
//! an upload is beside it ───────→ its events are not among those that a sync finds waiting
//! ```

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use selvedge_santa::{EventId, Stage};
use tokio::sync::watch;

/// What is being sent, by all who share it.
#[derive(Debug, Clone)]
pub struct InFlight {
    claimed: Arc<Mutex<BTreeSet<EventId>>>,
    /// Whether a sync is sending what waits.
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

    /// Whether an upload beside the sync is sending this one.
    pub(super) fn has(&self, id: EventId) -> bool {
        self.claimed().contains(&id)
    }

    /// Comes back as soon as no sync is sending.
    pub(super) async fn turn(&self) {
        // The sender is ours, so that there is always somebody to say so.
        let _ = self.is_sync_sending.subscribe().wait_for(|is| !is).await;
    }

    /// Keeps a sync from sending these as long as the value lives.
    pub(super) fn claim(&self, ids: impl Iterator<Item = EventId>) -> Claim<'_> {
        let ids: BTreeSet<EventId> = ids.collect();
        self.claimed().extend(&ids);
        Claim {
            in_flight: self,
            ids,
        }
    }

    /// Follows a sync until the value is dropped.
    pub(super) const fn follow(&self) -> Following<'_> {
        Following(self)
    }
}

/// Events that are being sent beside a sync.
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

/// A sync that is followed. However it ends, it sends nothing after that.
#[derive(Debug)]
pub(super) struct Following<'a>(&'a InFlight);

impl Following<'_> {
    /// It is so far.
    pub(super) fn stage(&self, stage: Stage) {
        let is_sending = stage == Stage::EventUpload;
        self.0.is_sync_sending.send_replace(is_sending);
    }
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.0.is_sync_sending.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    fn is_free(in_flight: &InFlight) -> bool {
        let mut turn = std::pin::pin!(in_flight.turn());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        turn.as_mut().poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn a_claim_lasts_as_long_as_its_value() {
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
    fn uploads_wait_while_a_sync_sends_and_no_longer() {
        let in_flight = InFlight::default();
        assert!(is_free(&in_flight));
        let sync = in_flight.follow();
        sync.stage(Stage::Preflight);
        assert!(is_free(&in_flight));
        sync.stage(Stage::EventUpload);
        assert!(!is_free(&in_flight));
        sync.stage(Stage::RuleDownload);
        assert!(is_free(&in_flight));
        sync.stage(Stage::EventUpload);
        drop(sync);
        assert!(is_free(&in_flight), "a sync that was cut off");
    }
}
