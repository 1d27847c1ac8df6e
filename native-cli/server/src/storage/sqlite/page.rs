//! Reads a collection within one snapshot: a short list at once, a long one as a stream of chunks.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, Row as SqlRow};
use selvedge_core::time::ServerTime;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::records::{find_collection, sql, time};
use super::schema::NO_SORTINDEX;
use super::select::selects;
use crate::clock;
use crate::conditions::Verdict;
use crate::encoder::{Encoder, Row};
use crate::query::{Offset, Sort};
use crate::storage::{Page, PageBody, PageRequest, StorageError};

/// A list up to this size is answered in one piece.
const WHOLE: usize = 1024 * 1024;
/// The size of a list's chunks: small enough that the memory of one serves the next, without a visit to the system.
const CHUNK: usize = 64 * 1024;
/// Chunks of a stream that may wait for the client.
const CHUNKS: usize = 8;
/// A client that takes nothing for so long is given up, because its stream holds a snapshot of the database.
const STALLED: Duration = Duration::from_secs(60);

pub(super) type PageAnswer = oneshot::Sender<Result<Page, StorageError>>;

/// What streams need.
pub(super) struct Streams<'a> {
    /// One place for each stream.
    pub(super) places: &'a Arc<Semaphore>,
    /// One place for each list in a temporary file.
    pub(super) spools: &'a Arc<Semaphore>,
    /// Where clients are waited for.
    pub(super) runtime: &'a Handle,
    /// The right to work beside others, which a stream gives up: it mostly waits for its client.
    pub(super) working: Cell<Option<OwnedSemaphorePermit>>,
}

/// Answers a request; for a stream, stays until the client has it all.
///
/// Without a `limit` the whole collection is one reply, for some clients take what one reply brings for all there is. While
/// there is no place for another stream, because clients stall, a long list goes through a temporary file, so that its
/// client's slowness holds neither a connection nor a snapshot.
pub(super) fn read(
    db: &Connection,
    request: &PageRequest,
    streams: &Streams<'_>,
    answer: PageAnswer,
) {
    let mut answer = Some(answer);
    let reading = Reading {
        db,
        request,
        now: sql(clock::now().hundredths()),
    };
    let page = reading.page(streams, &mut answer);
    // A stream has taken the answer already.
    if let Some(answer) = answer {
        let page = page.transpose().unwrap_or(Err(StorageError::Busy));
        let _ = answer.send(page);
    }
}

struct Reading<'a> {
    db: &'a Connection,
    request: &'a PageRequest,
    now: i64,
}

/// What a page holds.
#[derive(Default)]
struct Extent {
    records: u64,
    last: Option<Offset>,
    more: bool,
}

impl Extent {
    fn found(self, modified: ServerTime, body: PageBody) -> Page {
        Page::Found {
            modified,
            records: self.records,
            next: self
                .last
                .filter(|_| self.more)
                .map(|offset| offset.to_string()),
            body,
        }
    }
}

impl Reading<'_> {
    /// The page, or none when it was sent as a stream.
    fn page(
        &self,
        streams: &Streams<'_>,
        answer: &mut Option<PageAnswer>,
    ) -> Result<Option<Page>, StorageError> {
        let _snapshot = self.db.unchecked_transaction()?;
        let name = self.request.collection.as_str();
        let collection = find_collection(self.db, self.request.uid, name)?;
        let modified = collection.map_or(ServerTime::ZERO, |collection| collection.modified);
        match (self.request.conditions.judge(modified), collection) {
            (Verdict::NotModified, _) => Ok(Some(Page::NotModified { modified })),
            (Verdict::Changed, _) => Ok(Some(Page::Changed { modified })),
            (Verdict::Proceed, None) => {
                let mut encoder = Encoder::new(self.request.encoding);
                encoder.finish();
                let body = PageBody::Whole(vec![encoder.buffer.into()]);
                Ok(Some(Extent::default().found(modified, body)))
            }
            (Verdict::Proceed, Some(collection)) => {
                self.list(collection.id, modified, streams, answer)
            }
        }
    }

    fn list(
        &self,
        collection: i64,
        modified: ServerTime,
        streams: &Streams<'_>,
        answer: &mut Option<PageAnswer>,
    ) -> Result<Option<Page>, StorageError> {
        let mut encoder = Encoder::new(self.request.encoding);
        let mut extent = Extent::default();
        let mut list = List::default();
        let columns = if self.request.encoding.full {
            "modified, number, id, sortindex, payload"
        } else {
            "modified, number, id, sortindex"
        };
        self.visit(columns, collection, &mut extent, |row| {
            if list.bytes >= WHOLE && list.stream.is_none() && list.spool.is_none() {
                let Ok(place) = Arc::clone(streams.places).try_acquire_owned() else {
                    let spool = Spool::begin(streams, std::mem::take(&mut list.chunks));
                    list.is_broken = spool.is_none();
                    list.spool = spool;
                    if list.is_broken {
                        return Ok(ControlFlow::Break(()));
                    }
                    self.push(&mut encoder, row)?;
                    return Ok(ControlFlow::Continue(()));
                };
                drop(streams.working.take());
                let (sender, receiver) = mpsc::channel(CHUNKS);
                let body = PageBody::Stream(receiver);
                let page = self.measure(collection)?.found(modified, body);
                if let Some(answer) = answer.take() {
                    let _ = answer.send(Ok(page));
                }
                let stream = Stream {
                    sender,
                    runtime: streams.runtime,
                    _place: place,
                };
                if list.begin(stream).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.push(&mut encoder, row)?;
            if encoder.buffer.len() >= CHUNK {
                return Ok(list.take(&mut encoder));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        encoder.finish();
        if list.stream.is_none() && list.is_broken {
            return Err(StorageError::Busy);
        }
        if list.spool.is_some() {
            let _ = list.take(&mut encoder);
        }
        if let Some(spool) = list.spool {
            if list.is_broken {
                return Err(StorageError::Busy);
            }
            let body = spool.send(streams.runtime)?;
            return Ok(Some(extent.found(modified, PageBody::Stream(body))));
        }
        if list.stream.is_none() {
            list.chunks.push(encoder.buffer.into());
            return Ok(Some(extent.found(modified, PageBody::Whole(list.chunks))));
        }
        // A stream that was broken off lacks its end, and its reader knows.
        if !list.is_broken && list.take(&mut encoder).is_continue() {
            let _ = list.take(&mut encoder);
        }
        Ok(None)
    }

    /// What the whole page holds, before all of it is read.
    fn measure(&self, collection: i64) -> rusqlite::Result<Extent> {
        let mut extent = Extent::default();
        let columns = "modified, number, id, sortindex";
        self.visit(columns, collection, &mut extent, |_| {
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(extent)
    }

    /// Reads the selected rows, up to the limit, and counts those that `each` goes on after.
    fn visit(
        &self,
        columns: &str,
        collection: i64,
        extent: &mut Extent,
        mut each: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<ControlFlow<()>>,
    ) -> rusqlite::Result<()> {
        let selection = &self.request.selection;
        let limit = selection.limit.unwrap_or(u64::MAX);
        for select in selects(columns, collection, selection, self.now) {
            let mut statement = self.db.prepare_cached(&select.text)?;
            let mut rows = statement.query(&*select.values())?;
            while let Some(row) = rows.next()? {
                if extent.records == limit {
                    extent.more = true;
                    return Ok(());
                }
                if each(row)?.is_break() {
                    return Ok(());
                }
                extent.records += 1;
                extent.last = Some(self.offset(row)?);
            }
        }
        Ok(())
    }

    fn push(&self, encoder: &mut Encoder, row: &SqlRow<'_>) -> rusqlite::Result<()> {
        let sortindex: i64 = row.get(3)?;
        encoder.push(Row {
            id: row.get_ref(2)?.as_bytes()?,
            modified: time(row.get(0)?),
            sortindex: (sortindex != NO_SORTINDEX).then_some(sortindex),
            payload: if self.request.encoding.full {
                row.get_ref(4)?.as_blob()?
            } else {
                b""
            },
        });
        Ok(())
    }

    fn offset(&self, row: &SqlRow<'_>) -> rusqlite::Result<Offset> {
        let value = match self.request.selection.sort {
            Sort::Oldest | Sort::Newest => row.get::<_, i64>(0)?,
            Sort::Index => row.get::<_, i64>(3)? - NO_SORTINDEX,
        };
        Ok(Offset {
            value: value.unsigned_abs(),
            row: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    }
}

/// A page on its way to the client.
struct Stream<'a> {
    sender: mpsc::Sender<Bytes>,
    runtime: &'a Handle,
    _place: OwnedSemaphorePermit,
}

/// The chunks of a list: kept until it is whole, or sent as they come.
#[derive(Default)]
struct List<'a> {
    bytes: usize,
    chunks: Vec<Bytes>,
    stream: Option<Stream<'a>>,
    spool: Option<Spool>,
    /// Whether the client is gone or takes nothing, or the temporary file cannot be had or written.
    is_broken: bool,
}

impl<'a> List<'a> {
    /// Turns a list that is too long to be kept into a stream.
    fn begin(&mut self, stream: Stream<'a>) -> ControlFlow<()> {
        let chunks = std::mem::take(&mut self.chunks);
        self.is_broken = chunks
            .into_iter()
            .any(|chunk| stream.send(chunk).is_break());
        self.stream = Some(stream);
        if self.is_broken {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Takes what is in the buffer as the next chunk; an empty one says that a stream is at its end.
    fn take(&mut self, encoder: &mut Encoder) -> ControlFlow<()> {
        // A last record goes a little beyond.
        let next = Vec::with_capacity(CHUNK + CHUNK / 16);
        let chunk = Bytes::from(std::mem::replace(&mut encoder.buffer, next));
        self.bytes += chunk.len();
        if let Some(spool) = &mut self.spool {
            self.is_broken = spool.file.write_all(&chunk).is_err();
            return if self.is_broken {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            };
        }
        match &self.stream {
            Some(stream) => {
                let sent = stream.send(chunk);
                self.is_broken = sent.is_break();
                sent
            }
            None => {
                self.chunks.push(chunk);
                ControlFlow::Continue(())
            }
        }
    }
}

impl Stream<'_> {
    /// Sends a chunk. Breaks off when the client is gone or takes nothing.
    fn send(&self, chunk: Bytes) -> ControlFlow<()> {
        let sending = async { timeout(STALLED, self.sender.send(chunk)).await };
        match self.runtime.block_on(sending) {
            Ok(Ok(())) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

/// A list in a temporary file without a name.
struct Spool {
    file: File,
    place: OwnedSemaphorePermit,
}

impl Spool {
    /// Begins with some chunks. None when there are too many such files already, or it cannot be written.
    fn begin(streams: &Streams<'_>, chunks: Vec<Bytes>) -> Option<Self> {
        let place = Arc::clone(streams.spools).try_acquire_owned().ok()?;
        let mut file = tempfile::tempfile().ok()?;
        for chunk in chunks {
            file.write_all(&chunk).ok()?;
        }
        Some(Self { file, place })
    }

    /// Sends the file as fast as the client takes it.
    fn send(self, runtime: &Handle) -> Result<mpsc::Receiver<Bytes>, StorageError> {
        let Self { mut file, place } = self;
        file.rewind().map_err(|_| StorageError::Busy)?;
        let (sender, receiver) = mpsc::channel(CHUNKS);
        runtime.spawn(async move {
            let _place = place;
            loop {
                let read = move || -> std::io::Result<(File, Bytes)> {
                    let mut chunk = vec![0; CHUNK];
                    let length = file.read(&mut chunk)?;
                    chunk.truncate(length);
                    Ok((file, Bytes::from(chunk)))
                };
                // A list that cannot be read on lacks its end, and its reader knows.
                let Ok(Ok((rest, chunk))) = tokio::task::spawn_blocking(read).await else {
                    return;
                };
                file = rest;
                // An empty chunk is the end.
                let is_last = chunk.is_empty();
                let sent = timeout(STALLED, sender.send(chunk)).await;
                if is_last || !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        });
        Ok(receiver)
    }
}
