//! Records as the cases write them, and pages as they read them.

use std::sync::mpsc;

use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

use crate::model::{Conditions, Field, Incoming, Position, Row, Selection, Target, Uid, Write};
use crate::storage::open::Storage;
use crate::storage::page::{Flow, PageEnd, PageHead, PageRequest, PageSink};

/// A record to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rec {
    pub(super) id: &'static str,
    pub(super) payload: Field<&'static str>,
    pub(super) sortindex: Field<i64>,
    pub(super) ttl: Field<u32>,
}

/// A record with a payload.
pub(super) const fn rec(id: &'static str, payload: &'static str) -> Rec {
    Rec {
        payload: Field::Set(payload),
        ..bare(id)
    }
}

/// A record without members.
pub(super) const fn bare(id: &'static str) -> Rec {
    Rec {
        id,
        payload: Field::Keep,
        sortindex: Field::Keep,
        ttl: Field::Keep,
    }
}

pub(super) fn name(text: &str) -> CollectionName {
    CollectionName::new(text).expect("the cases have valid names")
}

pub(super) fn id(text: &str) -> RecordId {
    RecordId::new(text).expect("the cases have valid ids")
}

pub(super) fn uid(number: u64) -> Uid {
    Uid::new(number).expect("the cases have small uids")
}

pub(super) fn incoming(records: &[Rec]) -> Vec<Incoming> {
    let read = |record: &Rec| Incoming {
        id: id(record.id),
        payload: match record.payload {
            Field::Keep => Field::Keep,
            Field::Clear => Field::Clear,
            Field::Set(payload) => Field::Set(payload.to_owned()),
        },
        sortindex: record.sortindex,
        ttl: record.ttl,
    };
    records.iter().map(read).collect()
}

/// A write of records with this prefix, numbered from 0.
pub(super) fn numbered(collection: &str, prefix: &str, count: usize, payload: &str) -> Write {
    let record = |number| Incoming {
        id: id(&format!("{prefix}-{number}")),
        payload: Field::Set(payload.to_owned()),
        sortindex: Field::Keep,
        ttl: Field::Keep,
    };
    Write::Put {
        collection: name(collection),
        records: (0..count).map(record).collect(),
        target: Target::Collection,
    }
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadRow {
    pub(super) id: String,
    pub(super) modified: ServerTime,
    pub(super) sortindex: Option<i64>,
    pub(super) payload: String,
}

/// A page that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ReadPage {
    pub(super) rows: Vec<ReadRow>,
    pub(super) end: Option<PageEnd>,
    pub(super) streamed: Option<PageHead>,
}

impl ReadPage {
    pub(super) fn ids(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.id.as_str()).collect()
    }

    pub(super) fn next(&self) -> Option<Position> {
        match self.end {
            Some(PageEnd::Complete(head)) => head.next,
            _ => None,
        }
    }
}

/// Takes a page. Calls it long from `long_at` rows on; a stream waits for `proceed` before its first row.
pub(super) struct Collector {
    page: ReadPage,
    long_at: usize,
    proceed: Option<mpsc::Receiver<()>>,
    out: Option<tokio::sync::oneshot::Sender<ReadPage>>,
}

impl PageSink for Collector {
    fn row(&mut self, row: Row<'_>) -> Flow {
        if self.page.streamed.is_some()
            && let Some(proceed) = self.proceed.take()
        {
            let _ = proceed.recv();
        }
        self.page.rows.push(ReadRow {
            id: String::from_utf8_lossy(row.id).into_owned(),
            modified: row.modified,
            sortindex: row.sortindex,
            payload: String::from_utf8_lossy(row.payload).into_owned(),
        });
        if self.page.rows.len() == self.long_at {
            Flow::Long
        } else {
            Flow::Continue
        }
    }

    fn stream(&mut self, head: PageHead) {
        self.page.streamed = Some(head);
    }

    fn spool(&mut self) {}

    fn end(&mut self, end: PageEnd) {
        self.page.end = Some(end);
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            let _ = out.send(std::mem::take(&mut self.page));
        }
    }
}

/// A read of a collection.
pub(super) fn request(uid: Uid, collection: &str, selection: Selection) -> PageRequest {
    PageRequest {
        uid,
        collection: name(collection),
        selection,
        conditions: Conditions::default(),
    }
}

/// Reads a page whole.
pub(super) async fn read(storage: &Storage, request: PageRequest) -> Result<ReadPage, String> {
    let page = begin(storage, request, usize::MAX, None).await?;
    page.await
        .map_err(|_| "the page did not end".to_owned())
        .and_then(|page| match page.end {
            Some(_) => Ok(page),
            None => Err("the page ended without its end".to_owned()),
        })
}

/// Begins to read a page; returns when its head is known.
pub(super) async fn begin(
    storage: &Storage,
    request: PageRequest,
    long_at: usize,
    proceed: Option<mpsc::Receiver<()>>,
) -> Result<tokio::sync::oneshot::Receiver<ReadPage>, String> {
    let (out, page) = tokio::sync::oneshot::channel();
    let sink = Collector {
        page: ReadPage::default(),
        long_at,
        proceed,
        out: Some(out),
    };
    let begun = storage.records.page(request, Box::new(sink)).await;
    begun.map_err(|error| super::case::fails("page", &error))?;
    Ok(page)
}
