//! A download: page after page of a collection, record after record, as the bytes arrive (spec §3.3, §5.3).

mod arrived;
mod asked;
mod decoding;
mod event;
mod loop_guard;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

pub use self::arrived::Arrived;
use self::asked::{Answer, Asked};
use self::decoding::{Decoding, Length, broken, length};
pub use self::event::PageEvent;
use self::loop_guard::LoopGuard;
use super::by_time::{Came, Times, Turn};
use super::call::{Call, Reply};
use super::client::{Client, network};
use super::conditions::Condition;
use super::query::{Position, Query};
use crate::bso::{Format, StreamError};
use crate::error::{Error, RequestLine, Result};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};
use crate::ids::CollectionName;
use crate::time::ServerTime;

/// Longer tokens are not followed.
const OFFSET_BYTES: usize = 1024;

/// A download of a collection, begun by [`Client::pages`].
///
/// [`Pages::next`] waits for bytes, and what it answers gives the records that are whole, without waiting. Nothing but
/// the piece at hand is in memory. Every page after the first is asked for under the guard that the collection is the
/// same as at the first; if not, [`Error::Conflict`] ends the download. A page that is cut short is an error as well.
///
/// ```
/// use selvedge_core::host::{Clock, Random};
/// use selvedge_core::http::Fetch;
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::server::{Client, PageEvent, Query};
///
/// async fn count<H: Fetch + Clock + Random>(client: &Client<'_, H>) -> selvedge_core::error::Result<usize> {
///     let notes = CollectionName::new("notes").expect("a name");
///     let mut pages = client.pages(notes, Query::full());
///     let mut records = 0;
///     while let Some(mut arrived) = pages.next().await? {
///         while let Some(event) = arrived.next()? {
///             match event {
///                 PageEvent::Record(Ok(envelope)) => records += usize::from(!envelope.id.is_empty()),
///                 PageEvent::Record(Err(error)) => drop(error), // named to the user
///                 PageEvent::Id(_) | PageEvent::PageEnd { .. } => {}
///             }
///         }
///     }
///     Ok(records)
/// }
/// ```
pub struct Pages<'c, 'h, H: Fetch> {
    client: &'c Client<'h, H>,
    collection: CollectionName,
    query: Query,
    /// Of the page at hand, or of the next one.
    position: Position,
    state: State<'c, H::Body>,
    reads_ahead: bool,
    decoder: Decoding,
    /// The end of a page that was not told yet.
    end: Option<Option<Position>>,
    /// Whether what was pushed into the decoder was taken out.
    is_drained: bool,
    /// Records of the page at hand, damaged ones included.
    records: u64,
    /// Of the last request, for errors.
    line: RequestLine,
    is_unmodified: bool,
    times: Times,
    /// Whether the page at hand says that there is another.
    has_next: bool,
    guard: LoopGuard,
}

enum State<'c, B> {
    /// The next page is to be asked for.
    Between,
    /// The next page was asked for.
    Asked(Asked<'c, B>),
    /// The body of a page is being read.
    Reading(Reading<B>),
    /// There is nothing more.
    Done,
}

struct Reading<B> {
    reply: Reply<B>,
    /// Bytes of the body so far.
    received: u64,
    /// How many of the query's ids this page asked for.
    asked: usize,
}

impl<H: Fetch> fmt::Debug for Pages<'_, '_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("collection", &self.collection)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<'h, H: Fetch + Clock + Random> Client<'h, H> {
    /// Begins a download. Nothing is sent yet.
    pub fn pages(&self, collection: CollectionName, query: Query) -> Pages<'_, 'h, H> {
        let position = Position {
            offset: query.offset.clone(),
            ..Position::default()
        };
        self.resume_pages(collection, query, position)
    }

    /// Goes on with a download of the same query from a [`Position`] that an earlier one told.
    pub fn resume_pages(
        &self,
        collection: CollectionName,
        query: Query,
        position: Position,
    ) -> Pages<'_, 'h, H> {
        Pages {
            client: self,
            line: RequestLine::new(Method::Get, format!("storage/{collection}")),
            decoder: Decoding::new(&query, Format::Newlines),
            collection,
            query,
            position,
            state: State::Between,
            reads_ahead: false,
            end: None,
            is_drained: true,
            records: 0,
            is_unmodified: false,
            times: Times::default(),
            has_next: false,
            guard: LoopGuard::default(),
        }
    }
}

impl<'c, H: Fetch + Clock + Random> Pages<'c, '_, H> {
    /// Asks for the next page as soon as one is complete, before its end is told: the server and the network work while
    /// the caller keeps what came. For callers that want all pages.
    #[must_use]
    pub fn reading_ahead(mut self) -> Self {
        self.reads_ahead = true;
        self
    }

    /// Waits for the next bytes, asking for the next page where one has ended; `None` after the last one.
    ///
    /// # Errors
    /// As the server refuses: [`Error::Conflict`] when the collection was changed since the first page. When an answer
    /// is no list, or is cut short. What came before is not to be trusted as complete then.
    pub async fn next(&mut self) -> Result<Option<Arrived<'_>>> {
        while self.is_drained && self.end.is_none() {
            match &mut self.state {
                State::Done => return Ok(None),
                State::Between => {
                    self.look_first().await?;
                    self.state = self.ask()?.map_or(State::Done, State::Asked);
                }
                State::Asked(_) => {
                    // After an error there is nothing more.
                    if let State::Asked(asked) = core::mem::replace(&mut self.state, State::Done) {
                        match asked.answer.wait().await {
                            Err(Error::NotFound { .. }) if self.is_missing_empty() => {
                                self.end = Some(None);
                            }
                            reply => self.begin(reply?, asked.ids)?,
                        }
                    }
                }
                State::Reading(reading) => {
                    let chunk = self
                        .client
                        .chunk(&mut reading.reply.response.body)
                        .await
                        .map_err(|source| network(source, &reading.reply.line))?;
                    match chunk {
                        Some(chunk) => {
                            reading.received += chunk.as_ref().len() as u64;
                            self.decoder.push(chunk.as_ref());
                            self.is_drained = false;
                        }
                        None => self.close().await?,
                    }
                }
            }
        }
        Ok(Some(Arrived {
            decoder: &mut self.decoder,
            end: &mut self.end,
            is_drained: &mut self.is_drained,
            records: &mut self.records,
            times: &mut self.times,
            line: &self.line,
        }))
    }

    /// The collection's time at the first page: what a later `newer` says, once all pages are read. `None` before the
    /// first answer, and from servers that do not tell.
    #[must_use]
    pub const fn last_modified(&self) -> Option<ServerTime> {
        self.position.unmodified_since
    }

    /// Whether the server said, by [`Condition::IfModifiedSince`], that there is nothing new.
    #[must_use]
    pub const fn is_unmodified(&self) -> bool {
        self.is_unmodified
    }

    /// Where the pages do not tell the collection's time, it is asked for before the first one: whatever is written from
    /// then on is newer (spec §3.9).
    async fn look_first(&mut self) -> Result<()> {
        if !self.client.dialect().tells_collection_time()
            && self.query.ids.is_none()
            && self.position.unmodified_since.is_none()
        {
            let time = self.client.collection_time(&self.collection).await?;
            self.position.unmodified_since = Some(time);
        }
        Ok(())
    }

    fn is_missing_empty(&self) -> bool {
        self.client.dialect().is_missing_empty()
    }

    /// Prepares the request for the next page; `None` when the query asks for nothing more.
    fn ask(&self) -> Result<Option<Asked<'c, H::Body>>> {
        let Some((path, ids)) =
            self.query
                .target(&self.collection, &self.position, self.client.dialect())?
        else {
            return Ok(None);
        };
        let condition = match self.position.unmodified_since {
            Some(time) => Condition::IfUnmodifiedSince(time),
            None => self.query.condition,
        };
        let call = Call::new(Method::Get, path)
            .accept("application/newlines")
            .when(condition);
        let answer = Answer::Awaited(Box::pin(self.client.send(call)));
        Ok(Some(Asked { answer, ids }))
    }

    /// Takes the head of a page.
    fn begin(&mut self, reply: Reply<H::Body>, asked: usize) -> Result<()> {
        if reply.is_unmodified() {
            self.is_unmodified = true;
            return Ok(());
        }
        let format = reply
            .response
            .headers
            .get("Content-Type")
            .and_then(Format::from_content_type)
            .ok_or_else(|| reply.unreadable("it is no list of records"))?;
        if self.position.unmodified_since.is_none() {
            self.position.unmodified_since = reply.last_modified();
        }
        self.decoder = Decoding::new(&self.query, format);
        self.records = 0;
        self.times = Times::default();
        self.state = State::Reading(Reading {
            reply,
            received: 0,
            asked,
        });
        Ok(())
    }

    /// Turns to the next page of what was asked for at once; false when that leads nowhere.
    fn turn(&mut self, next: Option<String>, asked: usize) -> bool {
        let position = &mut self.position;
        let dialect = self.client.dialect();
        if let Some(order) = self.query.by_time(dialect) {
            let came = Came {
                order,
                reached: position.reached,
                limit: self.query.limit_at(position, dialect),
                records: self.records,
                times: &self.times,
                says_more: next.is_some(),
            };
            let turn = came.turn();
            match turn {
                Turn::End | Turn::Stuck => {}
                Turn::From(time) => position.reached = Some(time),
                Turn::Whole => position.is_whole = true,
                Turn::WholeAgain => {
                    position.reached = None;
                    position.is_whole = true;
                }
            }
            self.has_next = turn != Turn::End;
            return turn != Turn::Stuck;
        }
        self.has_next = next.is_some();
        if next.is_none() {
            position.ids_done += asked;
        }
        let moves = next.as_ref().is_none_or(|next| {
            next.len() <= OFFSET_BYTES && position.offset.as_ref() != Some(next)
        });
        position.offset = next;
        moves
    }

    /// Ends a download that has read more than the collection can have. A server that does not tell counts is believed.
    async fn compare_with_count(&self, reply: &Reply<H::Body>) -> Result<()> {
        let Ok(counts) = self.client.info_collection_counts().await else {
            return Ok(());
        };
        match counts.get(&self.collection) {
            Some(count) if self.guard.exceeds(*count) => Err(reply.unreadable(format!(
                "there is no end of pages: the collection has {count} records by info/collection_counts"
            ))),
            _ => Ok(()),
        }
    }

    /// Checks that the page at hand is whole, and finds out where the next one is.
    async fn close(&mut self) -> Result<()> {
        let State::Reading(reading) = core::mem::replace(&mut self.state, State::Done) else {
            return Ok(());
        };
        let headers = &reading.reply.response.headers;
        self.decoder
            .finish()
            .map_err(|error| broken(error, &self.line))?;
        match length(headers, self.records, reading.received) {
            Length::Whole => {}
            Length::Short => return Err(broken(StreamError::Truncated, &self.line)),
            Length::Long => {
                let detail = "it has more records than its header X-Weave-Records says";
                return Err(reading.reply.unreadable(detail));
            }
        }
        let next = headers
            .get("X-Weave-Next-Offset")
            .filter(|token| !token.trim().is_empty());
        self.guard
            .turn(next, self.records)
            .map_err(|detail| reading.reply.unreadable(detail))?;
        let next = next.map(String::from);
        if !self.turn(next, reading.asked) {
            return Err(reading
                .reply
                .unreadable("it names a next page that leads nowhere"));
        }
        if self.has_next && self.query.ids.is_none() && self.guard.is_in_doubt() {
            self.compare_with_count(&reading.reply).await?;
        }
        let ids = self.query.ids.as_deref().unwrap_or_default();
        let has_more = self.has_next || self.position.ids_done < ids.len();
        if has_more {
            self.state = State::Between;
            if self.reads_ahead
                && let Some(mut asked) = self.ask()?
            {
                asked.answer.begin().await;
                self.state = State::Asked(asked);
            }
        }
        self.end = Some(has_more.then(|| self.position.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
