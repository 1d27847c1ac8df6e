//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use super::event_log::{EventLog, Logged};
use super::library::{Library, Shelf};
use super::machines::Machines;
use super::xsrf::Xsrf;
use selvedge_host::http_server::BodyMemory;

/// So many bodies are unpacked at once.
const AT_ONCE: usize = 64;

/// The server behind its sockets.
#[derive(Debug)]
pub(super) struct App {
    pub library: Arc<Library>,
    pub machines: Machines,
    pub events: EventLog,
    pub xsrf: Option<Xsrf>,
    pub bodies: BodyMemory,
    pub unpacking: Semaphore,
    pub log_requests: bool,
    accepted: AtomicU64,
    repeated: AtomicU64,
    pub requests: AtomicU64,
}

impl App {
    pub(super) fn new(
        library: Arc<Library>,
        events: EventLog,
        xsrf: Option<Xsrf>,
        log_requests: bool,
    ) -> Self {
        Self {
            library,
            machines: Machines::default(),
            events,
            xsrf,
            bodies: BodyMemory::for_requests_of(1),
            unpacking: Semaphore::new(AT_ONCE),
            log_requests,
            accepted: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        }
    }

    /// The configurations as they are on the disk now.
    pub(super) async fn current(&self) -> Arc<Shelf> {
        let library = Arc::clone(&self.library);
        let read = tokio::task::spawn_blocking(move || library.current());
        read.await.unwrap_or_else(|_| self.library.shelf())
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
