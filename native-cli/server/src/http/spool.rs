//! A list in a temporary file without a name, on its way to a slow client.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

pub(super) struct Spool {
    file: File,
    permit: OwnedSemaphorePermit,
}

impl Spool {
    /// Opens a file. None when there is no permit for another one, or it cannot be created.
    pub(super) fn begin(permits: &Arc<Semaphore>) -> Option<Self> {
        let permit = Arc::clone(permits).try_acquire_owned().ok()?;
        let file = tempfile::tempfile().ok()?;
        Some(Self { file, permit })
    }

    /// Adds a chunk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)
    }

    /// Sends the file as fast as the client takes it, in chunks of `size` bytes, of which `count` may wait for the client.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn send(
        self,
        runtime: &Handle,
        size: usize,
        count: usize,
        stalled: Duration,
    ) -> io::Result<mpsc::Receiver<Bytes>> {
        let Self { mut file, permit } = self;
        file.rewind()?;
        let (sender, receiver) = mpsc::channel(count);
        runtime.spawn(async move {
            let _permit = permit;
            loop {
                let read = move || -> io::Result<(File, Bytes)> {
                    let mut chunk = vec![0; size];
                    let length = file.read(&mut chunk)?;
                    chunk.truncate(length);
                    Ok((file, Bytes::from(chunk)))
                };
                // After a failed read the list lacks its end, which its reader notices.
                let Ok(Ok((rest, chunk))) = tokio::task::spawn_blocking(read).await else {
                    return;
                };
                file = rest;
                // An empty chunk is the end.
                let is_last = chunk.is_empty();
                let sent = timeout(stalled, sender.send(chunk)).await;
                if is_last || !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        });
        Ok(receiver)
    }
}
