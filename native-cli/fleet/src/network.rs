//! The network of a fleet: so many connections at once, so many rule downloads at once, and every request measured.
//!
//! Machines beyond that wait for their turn; what they wait is not counted as the server's. A machine that holds pages
//! of rules keeps its turn until they are applied, so that memory stays within bounds; one that pauses before its next
//! attempt, and holds none, gives its turn away.

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
use super::stats::{Asked, Attempt, Failure, Shared};
use selvedge_host::SystemClock;

/// How much may happen at once, over all threads.
#[derive(Debug, Clone)]
pub(super) struct Gates {
    connections: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
}

impl Gates {
    pub(super) fn new(connections: usize, downloads: usize) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections)),
            downloads: Arc::new(Semaphore::new(downloads)),
        }
    }
}

/// A clock that never goes back, whatever happens to the system's.
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

    /// The moment of a time, which may be past.
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

/// What the core asks of a machine's host.
#[derive(Debug)]
pub(super) struct VirtualHost<'a, F> {
    fetch: &'a F,
    gates: &'a Gates,
    clock: FleetClock,
    machine: &'a VirtualMachine,
    tally: Option<Shared>,
    /// The turn of a rule download.
    download: RefCell<Option<OwnedSemaphorePermit>>,
    has_page: Rc<Cell<bool>>,
    /// Whether the server has just taken events, which go with the next commit.
    has_sent: Rc<Cell<bool>>,
}

impl<'a, F> VirtualHost<'a, F> {
    pub(super) fn new(
        fetch: &'a F,
        gates: &'a Gates,
        clock: FleetClock,
        machine: &'a VirtualMachine,
        tally: Option<Shared>,
    ) -> Self {
        Self {
            fetch,
            gates,
            clock,
            machine,
            tally,
            download: RefCell::default(),
            has_page: Rc::default(),
            has_sent: Rc::default(),
        }
    }

    /// Events go when the server has taken them, or unsent where the plan says so.
    fn count_gone(&self, gone: u64) {
        let has_sent = self.has_sent.take();
        if let Some(tally) = &self.tally {
            let events = &mut tally.lock().events;
            match has_sent {
                true => events.uploaded += gone,
                false => events.deleted_unsent += gone,
            }
        }
    }

    fn end_download(&self) {
        self.download.take();
        self.has_page.set(false);
    }
}

async fn turn(gate: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // A gate is never closed.
    Arc::clone(gate).acquire_owned().await.ok()
}

impl<F: Fetch> Fetch for VirtualHost<'_, F> {
    type Body = Measured<F::Body>;

    async fn fetch(&self, request: Request) -> Result<Response<Self::Body>, FetchError> {
        let asked = Asked::of(&request.url).unwrap_or(Asked::Xsrf);
        match asked {
            Asked::RuleDownload if self.download.borrow().is_none() => {
                let turn = turn(&self.gates.downloads).await;
                *self.download.borrow_mut() = turn;
            }
            Asked::Postflight => self.end_download(),
            _ => {}
        }
        let mut measure = Measure {
            asked,
            sent: request.body.len() as u64,
            received: 0,
            _connection: turn(&self.gates.connections).await,
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
                has_ended: match asked {
                    Asked::RuleDownload => Some(Rc::clone(&self.has_page)),
                    Asked::EventUpload => Some(Rc::clone(&self.has_sent)),
                    _ => None,
                },
            },
        })
    }
}

/// A request that is not over yet.
#[derive(Debug)]
struct Measure {
    asked: Asked,
    sent: u64,
    received: u64,
    started: Instant,
    tally: Option<Shared>,
    _connection: Option<OwnedSemaphorePermit>,
}

impl Measure {
    /// Counts it, once.
    fn end(&mut self, failure: Option<Failure>) {
        if let Some(tally) = self.tally.take() {
            tally.lock().attempt(&Attempt {
                asked: self.asked,
                took: self.started.elapsed(),
                sent: self.sent,
                received: self.received,
                failure,
            });
        }
    }
}

/// What nobody waited for until its end was stopped here.
impl Drop for Measure {
    fn drop(&mut self) {
        self.end(Some(Failure::Network("stopped")));
    }
}

/// A body whose bytes are counted, and whose end is the end of the request.
#[derive(Debug)]
pub(super) struct Measured<B> {
    body: B,
    measure: Measure,
    /// Is set when the body has come whole.
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
        let gone = self.machine.apply(commit);
        if gone > 0 {
            self.count_gone(gone);
        }
        if has_rules {
            self.end_download();
        }
        Ok(Committed::default())
    }
}
