//! Events that an agent posts: kept first, then sent, and deleted when the server has them (spec §5.3).
//!
//! ```text
//! an invalid event is refused before it comes here
//! events.post ─────────→ what becomes of each event ─→ those to keep are kept, in one transaction
//!   nothing to send, or the same went out lately ────→ it waits for the next sync
//!   the server takes them ───────────────────────────→ they are deleted here
//!   it does not ─────────────────────────────────────→ they wait; the next one of the same key is tried again
//! events.post_bundle ──→ likewise, for the main event ─→ send, store or drop, which is for the agent to do
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use selvedge_santa::ipc::{Fault, Posted};
use selvedge_santa::{BundleAction, Occurrence, Settings, SyncState, Uploaded};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::clock::SteadyClock;
use super::event_filter::{Disposition, Recent};
use super::event_loop::Happened;
use crate::Runner;

/// Uploads beside each other.
const UPLOADS: usize = 4;

/// What all posts share.
#[derive(Debug, Clone)]
pub(super) struct Posts {
    recent: Rc<RefCell<Recent>>,
    turns: Rc<Semaphore>,
    clock: SteadyClock,
    happened: mpsc::UnboundedSender<Happened>,
}

/// Events that were kept and are to be sent.
struct Outgoing {
    /// Their own keys, by which they are found.
    events: Vec<String>,
    /// The keys by which they are held back.
    keys: Vec<String>,
}

impl Posts {
    pub(super) fn new(clock: SteadyClock, happened: mpsc::UnboundedSender<Happened>) -> Self {
        Self {
            recent: Rc::default(),
            turns: Rc::new(Semaphore::new(UPLOADS)),
            clock,
            happened,
        }
    }

    /// `events.post`.
    pub(super) async fn post(
        self,
        runner: Rc<Runner>,
        events: Vec<Posted>,
        key: Option<String>,
    ) -> Result<Value, Fault> {
        let outgoing = self.keep(&runner, events, key).await?;
        match self.send(&runner, outgoing).await {
            Ok(uploaded) => Ok(json!({"ok": true, "uploaded": uploaded.events})),
            Err(uploaded) => Ok(json!({"ok": false, "uploaded": uploaded.events})),
        }
    }

    /// `events.post_bundle`.
    pub(super) async fn post_bundle(
        self,
        runner: Rc<Runner>,
        event: Posted,
    ) -> Result<Value, Fault> {
        let hash = match &event.occurrence {
            Occurrence::Execution(event) => event.file_bundle_hash.clone(),
            Occurrence::FileAccess(_) | Occurrence::Audit(_) => return Err(Fault::Params),
        };
        let outgoing = self.keep(&runner, vec![event], Some(hash.clone())).await?;
        // What was sent lately, and is not wanted by now, will not be.
        let action = match outgoing.events.is_empty() {
            true => BundleAction::Drop,
            false => {
                let uploaded = self.send(&runner, outgoing).await;
                // If a sync has sent it meanwhile, nobody knows what the server wants.
                let answered = uploaded.ok().filter(|uploaded| uploaded.events > 0);
                BundleAction::decide(answered.as_ref(), &hash)
            }
        };
        if action == BundleAction::Send {
            self.recent.borrow_mut().forget(&hash);
        }
        Ok(json!({"action": action}))
    }

    /// Keeps what is to be kept, and finds what of it is to be sent now.
    async fn keep(
        &self,
        runner: &Runner,
        events: Vec<Posted>,
        key: Option<String>,
    ) -> Result<Outgoing, Fault> {
        let settings = settings(runner).await.ok_or(Fault::Store)?;
        let now = self.clock.now();
        let (mut kept, mut wanted) = (Vec::new(), Vec::new());
        for Posted { occurrence, .. } in events {
            let disposition = self.recent.borrow_mut().judge(&occurrence, &settings, now);
            match disposition {
                Disposition::Drop => continue,
                Disposition::Keep => {}
                Disposition::Send => wanted.push(occurrence.key()),
            }
            kept.push(occurrence);
        }
        if runner.store().add_events(&kept).is_err() {
            let mut recent = self.recent.borrow_mut();
            for occurrence in &kept {
                recent.forget_allowed(occurrence);
            }
            return Err(Fault::Store);
        }
        let mut recent = self.recent.borrow_mut();
        let keys = match key {
            Some(key) if !wanted.is_empty() && recent.may_send(&key, now) => vec![key],
            Some(_) => Vec::new(),
            None => {
                wanted.sort_unstable();
                wanted.dedup();
                wanted.retain(|key| recent.may_send(key, now));
                wanted.clone()
            }
        };
        if keys.is_empty() {
            wanted.clear();
        }
        Ok(Outgoing {
            events: wanted,
            keys,
        })
    }

    /// Sends what was kept; an error with what the server took when it did not take all.
    async fn send(&self, runner: &Runner, outgoing: Outgoing) -> Result<Uploaded, Uploaded> {
        let Outgoing { events, keys } = outgoing;
        if events.is_empty() {
            return Ok(Uploaded::default());
        }
        // It is never closed, so that there is always a turn to wait for.
        let _turn = self.turns.acquire().await;
        let (uploaded, result) = runner.upload_waiting(&events).await;
        let error = match result {
            Ok(()) => return Ok(uploaded),
            Err(error) => error,
        };
        let mut recent = self.recent.borrow_mut();
        keys.iter().for_each(|key| recent.forget(key));
        // The loop is there as long as anybody is answered.
        let _ = self.happened.send(Happened::UploadFailed(error));
        Err(uploaded)
    }
}

/// What counts: what the server has set, else what this machine has.
async fn settings(runner: &Runner) -> Option<Settings> {
    let set = SyncState::load(runner.store()).await.ok()?.settings;
    Some(set.over(&runner.config().own))
}
