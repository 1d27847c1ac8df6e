//! Stage 3: uploads events to the server (spec §2.3).
//!
//! ```text
//! a clean sync, and configured so ───────→ events are deleted without being sent
//! no pending events ────────────────────→ no request
//! the batch is full, or the last event ──→ send
//!   200 ────────────────────────────────→ its events are deleted from the store, then the next batch
//!   else ───────────────────────────────→ the rest waits for the next sync; this one continues
//! an event without a wire form ─────────→ not counted; deleted with its batch, or at the end
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::address::Endpoint;
use super::client::{Client, Pause, Stage};
use super::error::Result;
use super::occurrence::Occurrence;
use super::session::{Host, Session};
use super::store::{Commit, EventId, RuleStore};
use super::wire::{EventUploadRequest, EventUploadResponse};
use selvedge_core::http::Fetch;

/// Number of events that are read at once.
const PAGE: usize = 200;

/// Maximum number of events in one request, regardless of the server's batch size.
const MAX_EVENTS: u32 = 10_000;

/// The result of the event upload.
///
/// ```
/// use selvedge_santa::Uploaded;
///
/// assert_eq!(Uploaded::default().events, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uploaded {
    /// Number of events that the server accepted.
    pub events: u32,
    /// Number of events that were deleted locally without being sent.
    pub deleted_unsent: u32,
    /// Hashes of bundles whose members the server requests.
    pub bundles: Vec<String>,
}

/// What to do with the stored events in this sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventAction {
    /// Send them.
    Send,
    /// Delete them without sending, as Santa does on clean syncs.
    Drop,
}

impl EventAction {
    pub(super) const fn decide(is_clean: bool, uploads_on_clean: bool) -> Self {
        match (is_clean, uploads_on_clean) {
            (false, _) | (true, true) => Self::Send,
            (true, false) => Self::Drop,
        }
    }
}

/// The events of one request.
pub(super) struct Batch {
    size: u32,
    count: u32,
    ids: Vec<EventId>,
    request: EventUploadRequest,
}

impl Batch {
    pub(super) fn new(machine: &str, size: u32) -> Self {
        Self {
            size: size.clamp(1, MAX_EVENTS),
            count: 0,
            ids: Vec::new(),
            request: EventUploadRequest {
                machine_id: machine.into(),
                ..EventUploadRequest::default()
            },
        }
    }

    fn add(&mut self, id: Option<EventId>, occurrence: Occurrence) {
        self.ids.extend(id);
        self.count += u32::from(occurrence.add_to(&mut self.request));
    }

    const fn is_full(&self) -> bool {
        self.count >= self.size
    }

    /// Takes the batch and leaves an empty one.
    fn take(&mut self) -> Self {
        let empty = Self::new(&self.request.machine_id, self.size);
        mem::replace(self, empty)
    }
}

/// Sends a batch unless it is empty, then deletes its events from the store.
async fn send<H: Fetch + Pause + RuleStore>(
    host: &H,
    stage: &Stage<'_, '_, H>,
    batch: Batch,
    uploaded: &mut Uploaded,
) -> Result<()> {
    if batch.count > 0 {
        let response: EventUploadResponse = stage.send(&batch.request).await?;
        uploaded.events = uploaded.events.saturating_add(batch.count);
        uploaded
            .bundles
            .extend(response.event_upload_bundle_binaries);
    }
    let unsent = (batch.ids.len() as u32).saturating_sub(batch.count);
    uploaded.deleted_unsent = uploaded.deleted_unsent.saturating_add(unsent);
    remove(host, batch.ids).await
}

async fn remove<H: RuleStore>(host: &H, ids: Vec<EventId>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let commit = Commit {
        remove_events: ids,
        ..Commit::default()
    };
    host.commit(commit).await?;
    Ok(())
}

/// Sends the stored events. Events that were sent before a failure are counted in `uploaded`.
pub(super) async fn step<H: Host>(
    session: &Session<'_, H>,
    is_clean: bool,
    batch_size: u32,
    uploaded: &mut Uploaded,
) -> Result<()> {
    let action = EventAction::decide(is_clean, session.options.uploads_on_clean);
    let stage = session.client.stage(Endpoint::EventUpload);
    let mut batch = Batch::new(session.client.machine(), batch_size);
    let mut after = None;
    loop {
        let page = session.host.events(after, PAGE).await?;
        let Some(last) = page.last() else {
            return send(session.host, &stage, batch, uploaded).await;
        };
        after = Some(last.id);
        if action == EventAction::Drop {
            let ids: Vec<EventId> = page.iter().map(|event| event.id).collect();
            let count = ids.len() as u32;
            remove(session.host, ids).await?;
            uploaded.deleted_unsent = uploaded.deleted_unsent.saturating_add(count);
            continue;
        }
        for event in page {
            batch.add(Some(event.id), event.occurrence);
            if batch.is_full() {
                send(session.host, &stage, batch.take(), uploaded).await?;
            }
        }
    }
}

/// Sends events immediately instead of with the next sync; stored ones are deleted after the server has accepted them.
pub(super) async fn send_now<H: Fetch + Pause + RuleStore>(
    host: &H,
    client: &Client<'_, H>,
    events: Vec<(Option<EventId>, Occurrence)>,
    batch_size: u32,
    uploaded: &mut Uploaded,
) -> Result<()> {
    let stage = client.stage(Endpoint::EventUpload);
    let mut batch = Batch::new(client.machine(), batch_size);
    for (id, occurrence) in events {
        batch.add(id, occurrence);
        if batch.is_full() {
            send(host, &stage, batch.take(), uploaded).await?;
        }
    }
    send(host, &stage, batch, uploaded).await
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn events_are_dropped_only_on_a_clean_sync_and_only_if_configured() {
        for (is_clean, uploads_on_clean, expected) in [
            (false, false, EventAction::Send),
            (false, true, EventAction::Send),
            (true, true, EventAction::Send),
            (true, false, EventAction::Drop),
        ] {
            assert_eq!(EventAction::decide(is_clean, uploads_on_clean), expected);
        }
    }
}
