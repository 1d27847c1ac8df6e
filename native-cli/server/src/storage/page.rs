//! The course of reading a collection, the same for every backend: conditions, limit, position of the next page, and whether
//! a long page is streamed.
//!
//! Rows are passed on borrowed, on the thread that reads them, so that a payload is copied once: from the database's buffer
//! into the reply.

use std::ops::ControlFlow;

use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;

use crate::model::{Conditions, Position, Row, Selection, Uid, Verdict};

/// A read of a collection.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// The user.
    pub uid: Uid,
    /// The collection.
    pub collection: CollectionName,
    /// Which records, in which order.
    pub selection: Selection,
    /// `X-If-Modified-Since` or `X-If-Unmodified-Since`.
    pub conditions: Conditions,
}

/// What is known of a page as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageHead {
    /// The collection's time; zero if there is no such collection.
    pub modified: ServerTime,
    /// Number of records of the page.
    pub records: u64,
    /// The position of the last record, if more remain behind it.
    pub next: Option<Position>,
}

/// How a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageEnd {
    /// All rows were passed on.
    Complete(PageHead),
    /// `X-If-Modified-Since`: the collection did not change. There are no rows.
    NotModified(ServerTime),
    /// `X-If-Unmodified-Since`: the collection changed. There are no rows.
    Changed(ServerTime),
}

/// What happens after a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next row is wanted.
    Continue,
    /// The page is long: if there is another row, the sink wants to stream or to spool.
    Long,
    /// No more rows are wanted.
    Stop,
}

/// Takes the rows of a page.
pub trait PageSink: Send {
    /// Takes one row. Blocks only after [`Self::stream`].
    fn row(&mut self, row: Row<'_>) -> Flow;

    /// Begins to stream: the head is known before all rows are, and from now on [`Self::row`] may wait for the client.
    fn stream(&mut self, head: PageHead);

    /// Begins to spool, because the backend has no free slot for a stream: [`Self::row`] must not wait for the client.
    fn spool(&mut self);

    /// Ends the page. Not called when reading failed or the sink stopped it.
    fn end(&mut self, end: PageEnd);
}

/// What a row contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Everything.
    Full,
    /// Everything except the payload.
    WithoutPayload,
}

/// A backend's snapshot of the database, from which one page is read.
pub trait PageSource {
    /// Why reading failed.
    type Error;
    /// A collection that was found.
    type Collection: Copy;

    /// The collection and its time.
    ///
    /// # Errors
    /// When it cannot be read.
    fn collection(&self) -> Result<Option<(Self::Collection, ServerTime)>, Self::Error>;

    /// Passes on the selected rows in their order, at least one more than the limit if there are so many, until `each` breaks.
    ///
    /// # Errors
    /// When they cannot be read.
    fn rows(
        &self,
        collection: Self::Collection,
        columns: Columns,
        each: impl FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Self::Error>;

    /// Reserves a slot for a page whose sink waits for its client. False if none is free.
    fn reserve_stream(&self) -> bool;

    /// The sink has the head of the page: the request is answered.
    fn head_is_known(&self);
}

/// Reads a page.
///
/// # Errors
/// When the source fails.
pub fn read<S: PageSource>(
    source: &S,
    request: &PageRequest,
    sink: &mut dyn PageSink,
) -> Result<(), S::Error> {
    let found = source.collection()?;
    let modified = found.map_or(ServerTime::ZERO, |(_, modified)| modified);
    match request.conditions.judge(modified) {
        Verdict::NotModified => sink.end(PageEnd::NotModified(modified)),
        Verdict::Changed => sink.end(PageEnd::Changed(modified)),
        Verdict::Proceed => {
            let extent = match found {
                Some((collection, _)) => pass_on(source, request, collection, modified, sink)?,
                None => Some(Extent::new(request)),
            };
            if let Some(extent) = extent {
                sink.end(PageEnd::Complete(extent.head(modified)));
            }
        }
    }
    Ok(())
}

/// Passes the rows on. None if the sink stopped.
fn pass_on<'r, S: PageSource>(
    source: &S,
    request: &'r PageRequest,
    collection: S::Collection,
    modified: ServerTime,
    sink: &mut dyn PageSink,
) -> Result<Option<Extent<'r>>, S::Error> {
    let columns = if request.selection.full {
        Columns::Full
    } else {
        Columns::WithoutPayload
    };
    let mut extent = Extent::new(request);
    let mut flow = Flow::Continue;
    let mut failed = None;
    source.rows(collection, columns, |row| {
        if extent.is_full() {
            extent.has_more = true;
            return ControlFlow::Break(());
        }
        if flow == Flow::Long {
            if source.reserve_stream() {
                match measure(source, request, collection) {
                    Ok(whole) => sink.stream(whole.head(modified)),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                source.head_is_known();
            } else {
                sink.spool();
            }
        }
        flow = sink.row(row);
        if flow == Flow::Stop {
            return ControlFlow::Break(());
        }
        extent.add(&row);
        ControlFlow::Continue(())
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok((flow != Flow::Stop).then_some(extent)),
    }
}

/// The extent of a page before all of it is read.
fn measure<'r, S: PageSource>(
    source: &S,
    request: &'r PageRequest,
    collection: S::Collection,
) -> Result<Extent<'r>, S::Error> {
    let mut extent = Extent::new(request);
    source.rows(collection, Columns::WithoutPayload, |row| {
        if extent.is_full() {
            extent.has_more = true;
            return ControlFlow::Break(());
        }
        extent.add(&row);
        ControlFlow::Continue(())
    })?;
    Ok(extent)
}

/// The rows of a page so far.
struct Extent<'r> {
    selection: &'r Selection,
    records: u64,
    last: Option<Position>,
    has_more: bool,
}

impl<'r> Extent<'r> {
    const fn new(request: &'r PageRequest) -> Self {
        Self {
            selection: &request.selection,
            records: 0,
            last: None,
            has_more: false,
        }
    }

    fn is_full(&self) -> bool {
        self.selection
            .limit
            .is_some_and(|limit| self.records >= limit)
    }

    fn add(&mut self, row: &Row<'_>) {
        self.records += 1;
        self.last = Some(Position::of(row, self.selection.sort));
    }

    fn head(&self, modified: ServerTime) -> PageHead {
        PageHead {
            modified,
            records: self.records,
            next: self.last.filter(|_| self.has_more),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A collection of so many rows.
    struct Rows {
        count: u64,
        has_slot: bool,
        heads: Cell<u32>,
    }

    impl PageSource for Rows {
        type Error = ();
        type Collection = ();

        fn collection(&self) -> Result<Option<((), ServerTime)>, ()> {
            Ok((self.count > 0).then_some(((), ServerTime::from_hundredths(900))))
        }

        fn rows(
            &self,
            (): (),
            _columns: Columns,
            mut each: impl FnMut(Row<'_>) -> ControlFlow<()>,
        ) -> Result<(), ()> {
            for number in 1..=self.count {
                let row = Row {
                    number,
                    id: b"a",
                    modified: ServerTime::from_hundredths(number),
                    sortindex: None,
                    payload: b"p",
                };
                if each(row).is_break() {
                    break;
                }
            }
            Ok(())
        }

        fn reserve_stream(&self) -> bool {
            self.has_slot
        }

        fn head_is_known(&self) {
            self.heads.set(self.heads.get() + 1);
        }
    }

    /// Writes down its calls; a page is long from `long_at` rows on, and is stopped after `stop_at`.
    struct Log {
        calls: Vec<String>,
        long_at: usize,
        stop_at: usize,
        rows: usize,
    }

    impl PageSink for Log {
        fn row(&mut self, _row: Row<'_>) -> Flow {
            self.rows += 1;
            if self.rows == self.stop_at {
                Flow::Stop
            } else if self.rows == self.long_at {
                Flow::Long
            } else {
                Flow::Continue
            }
        }

        fn stream(&mut self, head: PageHead) {
            let next = head.next.map(|next| next.number);
            self.calls.push(format!("stream {} {next:?}", head.records));
        }

        fn spool(&mut self) {
            self.calls.push("spool".into());
        }

        fn end(&mut self, end: PageEnd) {
            self.calls.push(match end {
                PageEnd::Complete(head) => {
                    let next = head.next.map(|next| next.number);
                    format!("end {} {next:?}", head.records)
                }
                PageEnd::NotModified(_) => "not modified".into(),
                PageEnd::Changed(_) => "changed".into(),
            });
        }
    }

    #[test]
    fn each_page_takes_its_course() {
        let since = |modified: Option<u64>, unmodified: Option<u64>| Conditions {
            if_modified_since: modified.map(ServerTime::from_hundredths),
            if_unmodified_since: unmodified.map(ServerTime::from_hundredths),
        };
        let none = Conditions::default();
        for (count, limit, long_at, stop_at, has_slot, conditions, rows, calls) in [
            (0, None, 9, 9, true, none, 0, &["end 0 None"][..]),
            (3, None, 9, 9, true, none, 3, &["end 3 None"]),
            (3, Some(3), 9, 9, true, none, 3, &["end 3 None"]),
            (4, Some(3), 9, 9, true, none, 3, &["end 3 Some(3)"]),
            // A page that ends with the row that makes it long is whole.
            (3, None, 3, 9, true, none, 3, &["end 3 None"]),
            (4, Some(3), 3, 9, true, none, 3, &["end 3 Some(3)"]),
            (
                5,
                None,
                3,
                9,
                true,
                none,
                5,
                &["stream 5 None", "end 5 None"],
            ),
            (
                6,
                Some(5),
                3,
                9,
                true,
                none,
                5,
                &["stream 5 Some(5)", "end 5 Some(5)"],
            ),
            (5, None, 3, 9, false, none, 5, &["spool", "end 5 None"]),
            (5, None, 9, 2, true, none, 2, &[]),
            (5, None, 3, 4, true, none, 4, &["stream 5 None"]),
            (
                5,
                None,
                9,
                9,
                true,
                since(Some(900), None),
                0,
                &["not modified"],
            ),
            (5, None, 9, 9, true, since(None, Some(899)), 0, &["changed"]),
        ] {
            let source = Rows {
                count,
                has_slot,
                heads: Cell::new(0),
            };
            let request = PageRequest {
                uid: Uid::new(1).unwrap(),
                collection: CollectionName::new("notes").unwrap(),
                selection: Selection {
                    limit,
                    ..Selection::default()
                },
                conditions,
            };
            let mut sink = Log {
                calls: Vec::new(),
                long_at,
                stop_at,
                rows: 0,
            };
            read(&source, &request, &mut sink).unwrap();
            let row = format!("{count} {limit:?} {long_at} {stop_at} {has_slot}");
            assert_eq!(
                (sink.rows, &*sink.calls),
                (
                    rows,
                    &calls.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
                ),
                "{row}"
            );
            let streams = calls
                .iter()
                .filter(|call| call.starts_with("stream"))
                .count();
            assert_eq!(source.heads.get() as usize, streams, "{row}");
        }
    }
}
