//! One snapshot of the database, from which a page is read.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::{Connection, Row as SqlRow};
use selvedge_core::time::ServerTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::records::{find_collection, sql, time};
use super::schema::NO_SORTINDEX;
use super::select::selects;
use crate::model::Row;
use crate::storage::error::StorageError;
use crate::storage::page::{self, Columns, PageRequest, PageSink, PageSource};
use crate::storage::wall_clock;

pub(super) type Answer = oneshot::Sender<Result<(), StorageError>>;

/// A connection that reads one page.
pub(super) struct Snapshot<'a> {
    db: &'a Connection,
    request: &'a PageRequest,
    /// The clock, by which records expire.
    now: i64,
    streams: &'a Arc<Semaphore>,
    /// The slot of a stream, until the page ends.
    stream: Cell<Option<OwnedSemaphorePermit>>,
    /// The permit to use a processor, which a stream gives up: it mostly waits for its client.
    working: Cell<Option<OwnedSemaphorePermit>>,
    answer: RefCell<Option<Answer>>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(
        db: &'a Connection,
        request: &'a PageRequest,
        streams: &'a Arc<Semaphore>,
        working: OwnedSemaphorePermit,
        answer: Answer,
    ) -> Self {
        Self {
            db,
            request,
            now: sql(wall_clock::now().hundredths()),
            streams,
            stream: Cell::new(None),
            working: Cell::new(Some(working)),
            answer: RefCell::new(Some(answer)),
        }
    }

    /// Reads the page. Returns the result, and where to send it unless the request was answered when a stream began; a stream
    /// returns when the client has all of it.
    pub(super) fn read(
        self,
        sink: &mut dyn PageSink,
    ) -> (Option<Answer>, Result<(), StorageError>) {
        let done = self.read_in_transaction(sink);
        (self.answer.into_inner(), done)
    }

    fn read_in_transaction(&self, sink: &mut dyn PageSink) -> Result<(), StorageError> {
        let _transaction = self.db.unchecked_transaction()?;
        Ok(page::read(self, self.request, sink)?)
    }
}

impl PageSource for Snapshot<'_> {
    type Error = rusqlite::Error;
    type Collection = i64;

    fn collection(&self) -> rusqlite::Result<Option<(i64, ServerTime)>> {
        let name = self.request.collection.as_str();
        let found = find_collection(self.db, self.request.uid, name)?;
        Ok(found.map(|collection| (collection.id, collection.modified)))
    }

    fn rows(
        &self,
        collection: i64,
        columns: Columns,
        mut each: impl FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> rusqlite::Result<()> {
        let names = match columns {
            Columns::Full => "modified, number, id, sortindex, payload",
            Columns::WithoutPayload => "modified, number, id, sortindex",
        };
        for select in selects(names, collection, &self.request.selection, self.now) {
            let mut statement = self.db.prepare_cached(&select.text)?;
            let mut rows = statement.query(&*select.values())?;
            while let Some(row) = rows.next()? {
                if each(borrow(row, columns)?).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn reserve_stream(&self) -> bool {
        let Ok(slot) = Arc::clone(self.streams).try_acquire_owned() else {
            return false;
        };
        self.stream.set(Some(slot));
        drop(self.working.take());
        true
    }

    fn head_is_known(&self) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Ok(()));
        }
    }
}

fn borrow<'r>(row: &'r SqlRow<'_>, columns: Columns) -> rusqlite::Result<Row<'r>> {
    let sortindex: i64 = row.get(3)?;
    Ok(Row {
        number: row.get::<_, i64>(1)?.unsigned_abs(),
        id: row.get_ref(2)?.as_bytes()?,
        modified: time(row.get(0)?),
        sortindex: (sortindex != NO_SORTINDEX).then_some(sortindex),
        payload: match columns {
            Columns::Full => row.get_ref(4)?.as_blob()?,
            Columns::WithoutPayload => b"",
        },
    })
}
