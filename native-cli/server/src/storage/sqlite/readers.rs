//! The connections that read. Each read is one snapshot; writers do not wait for it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::durable::Progress;
use super::page::{self, Streams};
use super::schema::open_reader;
use crate::storage::{Page, PageRequest, StorageError};

/// Maximum number of reads under way, streams included.
const READERS: usize = 16;
/// Maximum number of streams among these, so that the slowness of their clients holds up nobody else.
const STREAMS: usize = 10;
/// Maximum number of reads that work at the same time, for each processor. More would only take turns on it, each with a
/// thread, a cache and a list in memory.
const READS_PER_PROCESSOR: usize = 2;
/// Maximum number of long lists that wait for their clients in temporary files; further ones are asked to come again.
const SPOOLS: usize = 64;
/// Whoever waits longer for a connection is asked to come again.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    working: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    spools: Arc<Semaphore>,
    progress: Progress,
}

/// A connection on loan; it goes back when it is dropped.
struct Loan {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let (Some(connection), Ok(mut idle)) = (self.connection.take(), self.idle.lock()) {
            idle.push(connection);
        }
    }
}

impl Readers {
    /// With `eager`, opens all connections now: the files may be without a name later.
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
            spools: Arc::new(Semaphore::new(SPOOLS)),
            progress,
        })
    }

    /// Reads something short.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let place = permit(&self.free).await?;
        let working = permit(&self.working).await?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _working = working;
            let loan = this.lend(place)?;
            loan.connection
                .as_ref()
                .map_or(Err(StorageError::Busy), work)
        });
        let done = done.await.unwrap_or(Err(StorageError::Busy));
        self.progress.catch_up().await;
        done
    }

    /// Reads a page; the connection stays on loan as long as the page streams.
    pub(super) async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        let place = permit(&self.free).await?;
        let working = permit(&self.working).await?;
        let this = self.clone();
        let runtime = Handle::current();
        let (sender, answer) = oneshot::channel();
        tokio::task::spawn_blocking(move || match this.lend(place) {
            Err(error) => drop(sender.send(Err(error))),
            Ok(loan) => {
                if let Some(connection) = &loan.connection {
                    let streams = Streams {
                        places: &this.streams,
                        spools: &this.spools,
                        runtime: &runtime,
                        working: Cell::new(Some(working)),
                    };
                    page::read(connection, &request, &streams, sender);
                }
            }
        });
        let answer = answer.await.unwrap_or(Err(StorageError::Busy));
        self.progress.catch_up().await;
        answer
    }

    fn lend(&self, permit: OwnedSemaphorePermit) -> Result<Loan, StorageError> {
        let idle = self.idle.lock().map_err(|_| StorageError::Busy)?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        Ok(Loan {
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
