//! Encodes the rows of a page into the reply's body: a short page at once, a long one as a stream or through a temporary
//! file.
//!
//! Without a `limit` the whole collection is one reply, because some clients do not ask for a next page. While the storage has
//! no slot for another stream, because clients are slow, a long page goes through a temporary file, so that its client holds
//! neither a connection to the database nor a snapshot.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::encoder::{Encoder, Encoding};
use super::spool::Spool;
use crate::model::Row;
use crate::storage::page::{Flow, PageEnd, PageHead, PageSink};

/// A list up to this size is sent in one piece.
const WHOLE: usize = 1024 * 1024;
/// Size of a list's chunks: small enough that the allocator reuses their memory without system calls.
const CHUNK: usize = 64 * 1024;
/// Maximum number of chunks of a stream that wait for the client.
const CHUNKS: usize = 8;
/// A stream ends when its client takes nothing for this time, because it holds a snapshot of the database.
const STALLED: Duration = Duration::from_secs(60);
/// Maximum number of pages in temporary files; further ones are refused as busy.
pub(crate) const MAX_SPOOLS: usize = 64;

/// What the reply needs besides its body.
#[derive(Debug)]
pub(super) enum Page {
    /// 304 or 412, or a head whose body was encoded whole.
    Ended(PageEnd, Vec<Bytes>),
    /// A head whose body comes in chunks. An empty chunk is the end; without it the list is incomplete, and the connection is
    /// cut, so that no client takes a part for the whole.
    Streaming(PageHead, mpsc::Receiver<Bytes>),
}

/// Takes the rows of one page.
pub(super) struct PageEncoder {
    encoder: Encoder,
    /// Bytes of all chunks so far.
    bytes: usize,
    chunks: Vec<Bytes>,
    output: Output,
    spools: Arc<Semaphore>,
    runtime: Handle,
    page: Option<oneshot::Sender<Page>>,
}

/// Where chunks go.
enum Output {
    /// They are kept until the list is complete.
    Memory,
    Stream(mpsc::Sender<Bytes>),
    Spool(Spool),
    /// The client is gone or takes nothing, or the temporary file cannot be written.
    Broken,
}

impl PageEncoder {
    /// The sink, and where the page comes out; nothing does if encoding fails. Must be called within the runtime.
    pub(super) fn new(
        encoding: Encoding,
        spools: &Arc<Semaphore>,
    ) -> (Self, oneshot::Receiver<Page>) {
        let (sender, page) = oneshot::channel();
        let sink = Self {
            encoder: Encoder::new(encoding),
            bytes: 0,
            chunks: Vec::new(),
            output: Output::Memory,
            spools: Arc::clone(spools),
            runtime: Handle::current(),
            page: Some(sender),
        };
        (sink, page)
    }

    fn send_page(&mut self, page: Page) {
        if let Some(sender) = self.page.take() {
            let _ = sender.send(page);
        }
    }

    /// Takes the content of the encoder's buffer as the next chunk.
    fn flush(&mut self) {
        // The last record of a chunk exceeds its size a little.
        let next = Vec::with_capacity(CHUNK + CHUNK / 16);
        let chunk = Bytes::from(std::mem::replace(&mut self.encoder.buffer, next));
        self.bytes += chunk.len();
        self.chunks.push(chunk);
        self.pass_on();
    }

    /// Sends all chunks, unless they are kept in memory.
    fn pass_on(&mut self) {
        if matches!(self.output, Output::Memory) {
            return;
        }
        for chunk in std::mem::take(&mut self.chunks) {
            let sent = match &mut self.output {
                Output::Stream(sender) => {
                    let sending = async { timeout(STALLED, sender.send(chunk)).await };
                    matches!(self.runtime.block_on(sending), Ok(Ok(())))
                }
                Output::Spool(spool) => spool.write(&chunk).is_ok(),
                Output::Memory | Output::Broken => false,
            };
            if !sent {
                self.output = Output::Broken;
                return;
            }
        }
    }
}

impl PageSink for PageEncoder {
    fn row(&mut self, row: Row<'_>) -> Flow {
        if !self.chunks.is_empty() {
            // The stream or the spool has just begun.
            self.pass_on();
        }
        self.encoder.push(row);
        if self.encoder.buffer.len() >= CHUNK {
            self.flush();
        }
        match self.output {
            Output::Broken => Flow::Stop,
            Output::Memory if self.bytes >= WHOLE => Flow::Long,
            Output::Memory | Output::Stream(_) | Output::Spool(_) => Flow::Continue,
        }
    }

    fn stream(&mut self, head: PageHead) {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        self.output = Output::Stream(sender);
        self.send_page(Page::Streaming(head, receiver));
    }

    fn spool(&mut self) {
        self.output = Spool::begin(&self.spools).map_or(Output::Broken, Output::Spool);
    }

    fn end(&mut self, end: PageEnd) {
        self.encoder.finish();
        let PageEnd::Complete(head) = end else {
            return self.send_page(Page::Ended(end, Vec::new()));
        };
        let last = std::mem::take(&mut self.encoder.buffer);
        self.chunks.push(last.into());
        self.pass_on();
        match std::mem::replace(&mut self.output, Output::Broken) {
            Output::Memory => {
                let chunks = std::mem::take(&mut self.chunks);
                self.send_page(Page::Ended(end, chunks));
            }
            Output::Stream(sender) => {
                self.output = Output::Stream(sender);
                self.chunks.push(Bytes::new());
                self.pass_on();
            }
            Output::Spool(spool) => {
                if let Ok(chunks) = spool.send(&self.runtime, CHUNK, CHUNKS, STALLED) {
                    self.send_page(Page::Streaming(head, chunks));
                }
            }
            Output::Broken => {}
        }
    }
}
