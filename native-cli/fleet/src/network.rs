//! The network of a fleet: limits the number of concurrent connections and rule downloads, and measures each request.
//!
//! Other machines wait for a permit. The waiting time is not part of the measured duration. A machine with downloaded
//! pages of rules keeps its permit until they are applied, which limits the memory. A machine that pauses before a
//! retry without downloaded pages returns its permit.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use selvedge_core::host::{Clock, StoreError};
use selvedge_core::http::{Body, Fetch, FetchError, Request, Response};
use selvedge_core::time::LocalTime;
use selvedge_santa::{
    Commit, Committed, EventId, Pause, PendingEvent, Rule, RuleCounts, RuleKey, RuleStore,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::machine::VirtualMachine;
use super::stats::{Attempt, Failure, RequestKind, Shared};
use selvedge_host::SystemClock;

/// Limits of concurrent connections and rule downloads, shared by all threads.
#[derive(Debug, Clone)]
pub(super) struct ConcurrencyLimits {
    connections: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
}

impl ConcurrencyLimits {
    pub(super) fn new(connections: usize, downloads: usize) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections)),
            downloads: Arc::new(Semaphore::new(downloads)),
        }
    }
}

/// A monotonic clock that starts with the system time.
#[derive(Debug, Clone, Copy)]
pub(super) struct FleetClock {
    base: u64,
    started: Instant,
}

impl FleetClock {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            base: SystemClock.now().millis(),
            started,
        }
    }

    /// The instant of a time, which may be in the past.
    pub(super) fn instant(&self, at: u64) -> Instant {
        self.started + Duration::from_millis(at.saturating_sub(self.base))
    }
}

impl Clock for FleetClock {
    fn now(&self) -> LocalTime {
        let past = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        LocalTime::from_millis(self.base.saturating_add(past))
    }
}

/// Implements the host traits of the core for a virtual machine.
#[derive(Debug)]
pub(super) struct VirtualHost<'a, F> {
    fetch: &'a F,
    limits: &'a ConcurrencyLimits,
    clock: FleetClock,
    machine: &'a VirtualMachine,
    tally: Option<Shared>,
    /// The permit of a rule download.
    download: RefCell<Option<OwnedSemaphorePermit>>,
    has_page: Rc<Cell<bool>>,
    /// Whether the server has accepted events, which the next commit removes.
    has_sent: Rc<Cell<bool>>,
}

impl<'a, F> VirtualHost<'a, F> {
    pub(super) fn new(
        fetch: &'a F,
        limits: &'a ConcurrencyLimits,
        clock: FleetClock,
        machine: &'a VirtualMachine,
        tally: Option<Shared>,
    ) -> Self {
        Self {
            fetch,
            limits,
            clock,
            machine,
            tally,
            download: RefCell::default(),
            has_page: Rc::default(),
            has_sent: Rc::default(),
        }
    }

    /// Counts removed events: uploaded ones, or those that a clean sync deletes without upload.
    fn count_removed(&self, removed: u64) {
        let has_sent = self.has_sent.take();
        if let Some(tally) = &self.tally {
            let events = &mut tally.lock().events;
            if has_sent {
                events.uploaded += removed;
            } else {
                events.deleted_unsent += removed;
            }
        }
    }

    fn end_download(&self) {
        self.download.take();
        self.has_page.set(false);
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // This cannot fail: the semaphores are never closed.
    Arc::clone(semaphore).acquire_owned().await.ok()
}

impl<F: Fetch> Fetch for VirtualHost<'_, F> {
    type Body = Measured<F::Body>;

    async fn fetch(&self, request: Request) -> Result<Response<Self::Body>, FetchError> {
        let kind = RequestKind::of(&request.url).unwrap_or(RequestKind::Xsrf);
        match kind {
            RequestKind::RuleDownload if self.download.borrow().is_none() => {
                let permit = acquire(&self.limits.downloads).await;
                *self.download.borrow_mut() = permit;
            }
            RequestKind::Postflight => self.end_download(),
            _ => {}
        }
        let mut measure = Measure {
            kind,
            sent: request.body.len() as u64,
            received: 0,
            _connection: acquire(&self.limits.connections).await,
            started: Instant::now(),
            tally: self.tally.clone(),
        };
        let response = match self.fetch.fetch(request).await {
            Ok(response) => response,
            Err(error) => {
                measure.end(Some(Failure::of(error.kind)));
                return Err(error);
            }
        };
        if response.status != 200 {
            measure.end(Some(Failure::Status(response.status)));
        }
        Ok(Response {
            status: response.status,
            headers: response.headers,
            body: Measured {
                body: response.body,
                measure,
                has_ended: match kind {
                    RequestKind::RuleDownload => Some(Rc::clone(&self.has_page)),
                    RequestKind::EventUpload => Some(Rc::clone(&self.has_sent)),
                    _ => None,
                },
            },
        })
    }
}

/// A running request.
#[derive(Debug)]
struct Measure {
    kind: RequestKind,
    sent: u64,
    received: u64,
    started: Instant,
    tally: Option<Shared>,
    _connection: Option<OwnedSemaphorePermit>,
}

impl Measure {
    /// Records the request once.
    fn end(&mut self, failure: Option<Failure>) {
        if let Some(tally) = self.tally.take() {
            tally.lock().attempt(&Attempt {
                kind: self.kind,
                took: self.started.elapsed(),
                sent: self.sent,
                received: self.received,
                failure,
            });
        }
    }
}

/// A request that is dropped before its end was aborted.
impl Drop for Measure {
    fn drop(&mut self) {
        self.end(Some(Failure::Network("stopped")));
    }
}

/// A body whose bytes are counted. Its end is the end of the request.
#[derive(Debug)]
pub(super) struct Measured<B> {
    body: B,
    measure: Measure,
    /// Set when the body has been received completely.
    has_ended: Option<Rc<Cell<bool>>>,
}

impl<B: Body> Body for Measured<B> {
    type Chunk = B::Chunk;

    async fn chunk(&mut self) -> Result<Option<B::Chunk>, FetchError> {
        let chunk = self.body.chunk().await;
        match &chunk {
            Ok(Some(bytes)) => self.measure.received += bytes.as_ref().len() as u64,
            Ok(None) => {
                self.measure.end(None);
                if let Some(has_ended) = &self.has_ended {
                    has_ended.set(true);
                }
            }
            Err(error) => self.measure.end(Some(Failure::of(error.kind))),
        }
        chunk
    }
}

impl<F> Pause for VirtualHost<'_, F> {
    async fn pause(&self, seconds: u64) {
        if !self.has_page.get() {
            self.end_download();
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

impl<F> Clock for VirtualHost<'_, F> {
    fn now(&self) -> LocalTime {
        self.clock.now()
    }
}

impl<F> RuleStore for VirtualHost<'_, F> {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        self.machine.state().await
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        self.machine.counts().await
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        self.machine.rules(after, limit).await
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        self.machine.events(after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let has_rules = !commit.changes.is_empty();
        let removed = self.machine.apply(commit);
        if removed > 0 {
            self.count_removed(removed);
        }
        if has_rules {
            self.end_download();
        }
        Ok(Committed::default())
    }
}
