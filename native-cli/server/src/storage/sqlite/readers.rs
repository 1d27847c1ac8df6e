//! The connections for reads. Each read is one snapshot; the writer does not wait for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::durable::Progress;
use super::schema::open_reader;
use super::snapshot::Snapshot;
use crate::storage::error::StorageError;
use crate::storage::page::{PageRequest, PageSink};

/// Maximum number of concurrent reads, streams included.
const READERS: usize = 16;
/// Maximum number of streams among these, so that slow clients do not block all reads.
const STREAMS: usize = 10;
/// Maximum number of reads that use a processor at the same time, for each processor. More would only compete for it, each
/// with a thread, a cache and a list in memory.
const READS_PER_PROCESSOR: usize = 2;
/// Timeout of waiting for a connection; then the request is refused as busy.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    working: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    progress: Progress,
}

/// A connection in use; it is idle again when this is dropped.
struct Borrowed {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let (Some(connection), Ok(mut idle)) = (self.connection.take(), self.idle.lock()) {
            idle.push(connection);
        }
    }
}

impl Readers {
    /// With `eager`, opens all connections now: the files may have no name later.
    pub(super) fn open(path: &Path, eager: bool, progress: Progress) -> rusqlite::Result<Self> {
        let count = if eager { READERS } else { 1 };
        let idle = (0..count)
            .map(|_| open_reader(path))
            .collect::<rusqlite::Result<_>>()?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            path: path.to_owned(),
            idle: Arc::new(Mutex::new(idle)),
            free: Arc::new(Semaphore::new(READERS)),
            working: Arc::new(Semaphore::new(processors * READS_PER_PROCESSOR)),
            streams: Arc::new(Semaphore::new(STREAMS)),
            progress,
        })
    }

    /// Reads something short.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let slot = permit(&self.free).await?;
        let working = permit(&self.working).await?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _working = working;
            let borrowed = this.borrow(slot)?;
            borrowed
                .connection
                .as_ref()
                .map_or(Err(StorageError::Busy), work)
        });
        let done = done.await.unwrap_or(Err(StorageError::Busy));
        self.progress.catch_up().await;
        done
    }

    /// Reads a page into a sink; the connection is in use as long as the page streams.
    pub(super) async fn page(
        &self,
        request: PageRequest,
        mut sink: Box<dyn PageSink>,
    ) -> Result<(), StorageError> {
        let slot = permit(&self.free).await?;
        let working = permit(&self.working).await?;
        let this = self.clone();
        let (sender, answer) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let (answer, done) = match this.borrow(slot) {
                Err(error) => (Some(sender), Err(error)),
                Ok(borrowed) => match &borrowed.connection {
                    None => (Some(sender), Err(StorageError::Busy)),
                    Some(db) => {
                        let snapshot = Snapshot::new(db, &request, &this.streams, working, sender);
                        snapshot.read(&mut *sink)
                    }
                },
            };
            // The connection is idle again, so that a server that stops now closes it.
            if let Some(answer) = answer {
                let _ = answer.send(done);
            }
        });
        let answer = answer.await.unwrap_or(Err(StorageError::Busy));
        self.progress.catch_up().await;
        answer
    }

    /// Closes the idle connections; one that a stream uses is closed when the stream ends.
    pub(super) fn close(&self) {
        self.free.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn borrow(&self, permit: OwnedSemaphorePermit) -> Result<Borrowed, StorageError> {
        let idle = self.idle.lock().map_err(|_| StorageError::Busy)?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        Ok(Borrowed {
            connection: Some(connection),
            idle: Arc::clone(&self.idle),
            _permit: permit,
        })
    }
}

async fn permit(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, StorageError> {
    match timeout(TIMEOUT, Arc::clone(of).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(StorageError::Busy),
    }
}
