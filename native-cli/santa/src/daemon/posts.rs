//! Events that an agent posts: stored first, then uploaded, and deleted when the server has accepted them (spec §5.3).
//!
//! ```text
//! invalid events are refused earlier, when the call is parsed
//! events.post ─→ event_filter decides for each event ─→ the events to store are stored in one transaction
//!   nothing to upload, or the key was uploaded recently ─→ the events wait for the next sync
//!   the server accepts them ─────────────────────────────→ they are deleted
//!   the upload fails ────────────────────────────────────→ they wait; the next event with the same key is uploaded
//! events.post_bundle ─→ the same for the main event; the result tells the agent: send, store or drop
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use selvedge_santa::ipc::{Fault, Posted};
use selvedge_santa::{BundleAction, Occurrence, Settings, SyncState, Uploaded};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::clock::MonotonicClock;
use super::event_filter::{Disposition, RecentEvents};
use super::job_event::JobEvent;
use crate::Runner;

/// Maximum number of concurrent uploads.
const MAX_CONCURRENT_UPLOADS: usize = 4;

/// State that all posts share.
#[derive(Debug, Clone)]
pub(super) struct Posts {
    recent: Rc<RefCell<RecentEvents>>,
    upload_slots: Rc<Semaphore>,
    clock: MonotonicClock,
    job_events: mpsc::UnboundedSender<JobEvent>,
}

/// Stored events to upload.
struct Outgoing {
    /// The keys of the events.
    events: Vec<String>,
    /// The keys that limit repeated uploads.
    keys: Vec<String>,
}

impl Posts {
    pub(super) fn new(clock: MonotonicClock, job_events: mpsc::UnboundedSender<JobEvent>) -> Self {
        Self {
            recent: Rc::default(),
            upload_slots: Rc::new(Semaphore::new(MAX_CONCURRENT_UPLOADS)),
            clock,
            job_events,
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
        // An event that was uploaded recently, or that the settings exclude, is not uploaded.
        let action = if outgoing.events.is_empty() {
            BundleAction::Drop
        } else {
            let uploaded = self.send(&runner, outgoing).await;
            // If a sync has uploaded it in the meantime, the server's answer is unknown.
            let answered = uploaded.ok().filter(|uploaded| uploaded.events > 0);
            BundleAction::decide(answered.as_ref(), &hash)
        };
        if action == BundleAction::Send {
            self.recent.borrow_mut().forget(&hash);
        }
        Ok(json!({"action": action}))
    }

    /// Stores the events that `event_filter` accepts, and selects those to upload now.
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
            let disposition = self.recent.borrow_mut().decide(&occurrence, &settings, now);
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

    /// Uploads stored events. The error holds the counts of what the server accepted before the failure.
    async fn send(&self, runner: &Runner, outgoing: Outgoing) -> Result<Uploaded, Uploaded> {
        let Outgoing { events, keys } = outgoing;
        if events.is_empty() {
            return Ok(Uploaded::default());
        }
        // This cannot fail: the semaphore is never closed.
        let _slot = self.upload_slots.acquire().await;
        let (uploaded, result) = runner.upload_waiting(&events).await;
        let error = match result {
            Ok(()) => return Ok(uploaded),
            Err(error) => error,
        };
        let mut recent = self.recent.borrow_mut();
        keys.iter().for_each(|key| recent.forget(key));
        // The event loop outlives this task, except during shutdown.
        let _ = self.job_events.send(JobEvent::UploadFailed(error));
        Err(uploaded)
    }
}

/// The effective settings: those of the server, else those of the configuration.
async fn settings(runner: &Runner) -> Option<Settings> {
    let set = SyncState::load(runner.store()).await.ok()?.settings;
    Some(set.over(&runner.config().own))
}
