//! Reads a collection within one snapshot: a short list at once, a long one as a stream of chunks.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, Connection, Row as SqlRow};
use selvedge_core::ids::RecordId;
use selvedge_core::time::ServerTime;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::records::{find_collection, sql, time};
use super::schema::NO_SORTINDEX;
use crate::serve::clock;
use crate::serve::conditions::Verdict;
use crate::serve::encoder::{Encoder, Row};
use crate::serve::query::{Offset, Selection, Sort};
use crate::serve::storage::{Page, PageBody, PageRequest, StorageError};

/// A list up to this size is answered in one piece.
const WHOLE: usize = 1024 * 1024;
/// The size of a stream's chunks.
const CHUNK: usize = 128 * 1024;
/// Chunks that may wait for the client.
const CHUNKS: usize = 4;
/// A client that takes nothing for so long is given up, because its stream holds a snapshot of the database.
const STALLED: Duration = Duration::from_secs(60);

pub(super) type PageAnswer = oneshot::Sender<Result<Page, StorageError>>;

/// Answers a request; for a stream, stays until the client has it all.
///
/// Without a `limit` the whole collection is one reply. Only while `streams` has no room left is a long list cut after
/// [`WHOLE`] bytes, with the offset of the next page.
pub(super) fn read(
    db: &Connection,
    request: &PageRequest,
    streams: &std::sync::Arc<Semaphore>,
    runtime: &Handle,
    answer: PageAnswer,
) {
    let mut answer = Some(answer);
    let reading = Reading {
        db,
        request,
        now: sql(clock::now().hundredths()),
    };
    if let Err(error) = reading.run(streams, runtime, &mut answer)
        && let Some(answer) = answer
    {
        let _ = answer.send(Err(error.into()));
    }
}

struct Reading<'a> {
    db: &'a Connection,
    request: &'a PageRequest,
    now: i64,
}

/// What a page holds, told before all of it was read.
struct Extent {
    records: u64,
    next: Option<String>,
}

impl Reading<'_> {
    fn run(
        &self,
        streams: &std::sync::Arc<Semaphore>,
        runtime: &Handle,
        answer: &mut Option<PageAnswer>,
    ) -> rusqlite::Result<()> {
        let _snapshot = self.db.unchecked_transaction()?;
        let collection =
            find_collection(self.db, self.request.uid, self.request.collection.as_str())?;
        let modified = collection.map_or(ServerTime::ZERO, |collection| collection.modified);
        let page = match (self.request.conditions.judge(modified), collection) {
            (Verdict::NotModified, _) => Page::NotModified { modified },
            (Verdict::Changed, _) => Page::Changed { modified },
            (Verdict::Proceed, None) => self.whole(
                modified,
                self.encoder(),
                Extent {
                    records: 0,
                    next: None,
                },
            ),
            (Verdict::Proceed, Some(collection)) => {
                match self.list(collection.id, modified, streams, runtime, answer)? {
                    Some(page) => page,
                    None => return Ok(()),
                }
            }
        };
        send(answer, page);
        Ok(())
    }

    fn encoder(&self) -> Encoder {
        Encoder::new(self.request.encoding)
    }

    fn whole(&self, modified: ServerTime, mut encoder: Encoder, extent: Extent) -> Page {
        encoder.finish();
        Page::Found {
            modified,
            records: extent.records,
            next: extent.next,
            body: PageBody::Whole(encoder.buffer),
        }
    }

    /// The page, or none when it was sent as a stream.
    fn list(
        &self,
        collection: i64,
        modified: ServerTime,
        streams: &std::sync::Arc<Semaphore>,
        runtime: &Handle,
        answer: &mut Option<PageAnswer>,
    ) -> rusqlite::Result<Option<Page>> {
        let columns = if self.request.encoding.full {
            "modified, number, id, sortindex, payload"
        } else {
            "modified, number, id, sortindex"
        };
        let (mut statement, bound) = self.select(columns, collection)?;
        let mut rows = statement.query(&*bound.borrowed())?;
        let limit = self.request.selection.limit.unwrap_or(u64::MAX);
        let mut encoder = self.encoder();
        let mut extent = Extent {
            records: 0,
            next: None,
        };
        let mut last = None;
        let mut stream: Option<Stream> = None;
        while let Some(row) = rows.next()? {
            if extent.records == limit {
                extent.next = last.map(|last: Offset| last.to_string());
                break;
            }
            if encoder.buffer.len() >= WHOLE && stream.is_none() {
                let Ok(permit) = std::sync::Arc::clone(streams).try_acquire_owned() else {
                    extent.next = last.map(|last| last.to_string());
                    break;
                };
                stream = Some(self.begin_stream(collection, modified, permit, answer)?);
            }
            self.push(&mut encoder, row)?;
            extent.records += 1;
            last = Some(self.offset(row)?);
            if let Some(stream) = &stream
                && encoder.buffer.len() >= CHUNK
                && !stream.send(&mut encoder, runtime)
            {
                return Ok(None);
            }
        }
        match stream {
            None => Ok(Some(self.whole(modified, encoder, extent))),
            Some(stream) => {
                encoder.finish();
                stream.send(&mut encoder, runtime);
                Ok(None)
            }
        }
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

    /// Counts what the whole page will hold, and tells the client.
    fn begin_stream(
        &self,
        collection: i64,
        modified: ServerTime,
        permit: OwnedSemaphorePermit,
        answer: &mut Option<PageAnswer>,
    ) -> rusqlite::Result<Stream> {
        let limit = self.request.selection.limit.unwrap_or(u64::MAX);
        let (mut statement, bound) = self.select("modified, number, id, sortindex", collection)?;
        let mut rows = statement.query(&*bound.borrowed())?;
        let mut extent = Extent {
            records: 0,
            next: None,
        };
        let mut last = None;
        while let Some(row) = rows.next()? {
            if extent.records == limit {
                extent.next = last.map(|last: Offset| last.to_string());
                break;
            }
            extent.records += 1;
            if extent.records == limit {
                last = Some(self.offset(row)?);
            }
        }
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let page = Page::Found {
            modified,
            records: extent.records,
            next: extent.next,
            body: PageBody::Stream(receiver),
        };
        send(answer, page);
        Ok(Stream {
            sender,
            _permit: permit,
        })
    }

    fn offset(&self, row: &SqlRow<'_>) -> rusqlite::Result<Offset> {
        let number = row.get::<_, i64>(1)?.unsigned_abs();
        let value = match self.request.selection.sort {
            Sort::Oldest | Sort::Newest => row.get::<_, i64>(0)?,
            Sort::Index => row.get::<_, i64>(3)? - NO_SORTINDEX,
        };
        Ok(Offset {
            value: value.unsigned_abs(),
            row: number,
        })
    }

    fn select(
        &self,
        columns: &str,
        collection: i64,
    ) -> rusqlite::Result<(CachedStatement<'_>, Bound)> {
        let (text, bound) = query(columns, collection, &self.request.selection, self.now);
        Ok((self.db.prepare_cached(&text)?, bound))
    }
}

/// A page on its way to the client, which holds one of the places for streams.
struct Stream {
    sender: mpsc::Sender<Result<Bytes, StorageError>>,
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    /// False when the client is gone or takes nothing.
    fn send(&self, encoder: &mut Encoder, runtime: &Handle) -> bool {
        let next = Vec::with_capacity(encoder.buffer.len());
        let chunk = Bytes::from(std::mem::replace(&mut encoder.buffer, next));
        let sent = runtime.block_on(async { timeout(STALLED, self.sender.send(Ok(chunk))).await });
        matches!(sent, Ok(Ok(())))
    }
}

fn send(answer: &mut Option<PageAnswer>, page: Page) {
    if let Some(answer) = answer.take() {
        let _ = answer.send(Ok(page));
    }
}

/// The values of a query, in their order.
#[derive(Debug, PartialEq, Default)]
struct Bound {
    numbers: Vec<i64>,
    ids: Option<String>,
}

impl Bound {
    fn borrowed(&self) -> Vec<&dyn ToSql> {
        let numbers = self.numbers.iter().map(|number| number as &dyn ToSql);
        numbers
            .chain(self.ids.iter().map(|ids| ids as &dyn ToSql))
            .collect()
    }

    fn add(&mut self, number: i64) -> usize {
        self.numbers.push(number);
        self.numbers.len()
    }
}

/// The SQL of a selection. Each of the few shapes names its index, so that none ever scans or sorts a collection.
fn query(columns: &str, collection: i64, selection: &Selection, now: i64) -> (String, Bound) {
    let mut bound = Bound::default();
    let (key, descending) = match selection.sort {
        Sort::Oldest => ("modified", false),
        Sort::Newest => ("modified", true),
        Sort::Index => ("sortindex", true),
    };
    let index = match (&selection.ids, selection.sort) {
        (Some(_), _) => "records_by_id",
        (None, Sort::Index) => "records_by_sortindex",
        (None, _) => "records_by_time",
    };
    let collection = bound.add(collection);
    let now = bound.add(now);
    let mut text = format!(
        "SELECT {columns} FROM records INDEXED BY {index} WHERE collection = ?{collection} AND (expiry IS NULL OR expiry > ?{now})"
    );
    if let Some(newer) = selection.newer {
        text += &format!(" AND modified > ?{}", bound.add(sql(newer.hundredths())));
    }
    if let Some(older) = selection.older {
        text += &format!(" AND modified < ?{}", bound.add(sql(older.hundredths())));
    }
    if let Some(Offset { value, row }) = selection.offset {
        let value = sql(value);
        let value = if selection.sort == Sort::Index {
            value + NO_SORTINDEX
        } else {
            value
        };
        let value = bound.add(value);
        let row = bound.add(sql(row));
        let beyond = if descending { '<' } else { '>' };
        text += &format!(" AND ({key}, number) {beyond} (?{value}, ?{row})");
    }
    // One more than asked for tells whether more remain.
    let limit = selection
        .limit
        .map_or(-1, |limit| sql(limit.saturating_add(1)));
    let limit = bound.add(limit);
    if let Some(ids) = &selection.ids {
        let texts: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        bound.ids = Some(serde_json::Value::from(texts).to_string());
        text += &format!(
            " AND id IN (SELECT value FROM json_each(?{}))",
            bound.numbers.len() + 1
        );
    }
    let order = if descending { "DESC" } else { "ASC" };
    text += &format!(" ORDER BY {key} {order}, number {order} LIMIT ?{limit}");
    (text, bound)
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Durability, open_writer};
    use super::*;

    #[test]
    fn no_selection_scans_or_sorts_a_collection() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("db"), Durability::None).unwrap();
        let plan = |selection: &Selection| {
            let (text, bound) = query("id, payload", 1, selection, 0);
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let lines = statement
                .query_map(&*bound.borrowed(), |row| row.get::<_, String>(3))
                .unwrap();
            lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
        };
        let time = Some(ServerTime::from_hundredths(5));
        let offset = Some(Offset { value: 5, row: 5 });
        for sort in [Sort::Oldest, Sort::Newest, Sort::Index] {
            for (newer, older, offset) in [
                (None, None, None),
                (time, None, None),
                (time, time, offset),
                (None, None, offset),
            ] {
                let selection = Selection {
                    newer,
                    older,
                    offset,
                    sort,
                    ..Selection::default()
                };
                let plan = plan(&selection);
                assert!(
                    plan.contains("SEARCH records USING INDEX"),
                    "{selection:?}: {plan}"
                );
                assert!(
                    !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
                    "{selection:?}: {plan}"
                );
                if offset.is_some() && (newer.is_none() || sort == Sort::Index) {
                    let key = if sort == Sort::Index {
                        "sortindex"
                    } else {
                        "modified"
                    };
                    assert!(
                        plan.contains(&format!("({key},rowid)"))
                            || plan.contains(&format!("({key},number)")),
                        "{plan}"
                    );
                }
            }
        }
        let ids = Selection {
            ids: Some(vec![RecordId::new("a").unwrap()]),
            ..Selection::default()
        };
        assert!(
            plan(&ids).contains("records_by_id (collection=? AND id=?)"),
            "{}",
            plan(&ids)
        );
    }
}
