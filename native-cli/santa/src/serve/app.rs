//! State shared by all requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use super::config_store::{ConfigStore, RuleSets};
use super::event_log::{EventLog, Logged};
use super::machines::Machines;
use super::xsrf::Xsrf;
use selvedge_host::http_server::BodyMemory;

/// Maximum number of bodies decompressed concurrently.
const MAX_CONCURRENT_DECOMPRESSIONS: usize = 64;

/// The state of the server.
#[derive(Debug)]
pub(super) struct App {
    pub config_store: Arc<ConfigStore>,
    pub machines: Machines,
    pub events: EventLog,
    pub xsrf: Option<Xsrf>,
    pub bodies: BodyMemory,
    pub decompression_slots: Semaphore,
    pub log_requests: bool,
    accepted: AtomicU64,
    repeated: AtomicU64,
    pub requests: AtomicU64,
}

impl App {
    pub(super) fn new(
        config_store: Arc<ConfigStore>,
        events: EventLog,
        xsrf: Option<Xsrf>,
        log_requests: bool,
    ) -> Self {
        Self {
            config_store,
            machines: Machines::default(),
            events,
            xsrf,
            bodies: BodyMemory::for_requests_of(1),
            decompression_slots: Semaphore::new(MAX_CONCURRENT_DECOMPRESSIONS),
            log_requests,
            accepted: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        }
    }

    /// The current rule sets. Reads changed files on a blocking thread.
    pub(super) async fn current(&self) -> Arc<RuleSets> {
        let config_store = Arc::clone(&self.config_store);
        let read = tokio::task::spawn_blocking(move || config_store.current());
        read.await.unwrap_or_else(|_| self.config_store.latest())
    }

    pub(super) fn count(&self, logged: &Logged) {
        self.accepted.fetch_add(logged.accepted, Ordering::Relaxed);
        self.repeated.fetch_add(logged.repeated, Ordering::Relaxed);
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
