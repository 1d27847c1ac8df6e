//! Downloads a collection page by page and record by record, as the bytes arrive (spec §3.3, §5.3).

mod arrived;
mod decoding;
mod event;
mod loop_guard;
mod pending_request;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

pub use self::arrived::Arrived;
use self::decoding::{Decoding, Length, broken, length};
pub use self::event::PageEvent;
use self::loop_guard::LoopGuard;
use self::pending_request::{Answer, PendingRequest};
use super::by_time::{FetchedPage, NextPage, Times};
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

/// Maximum length of a page token, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;

/// A download of a collection, begun by [`Client::pages`].
///
/// [`Pages::next`] waits for bytes; its result returns the complete records without waiting. Only the current piece is
/// in memory. Every page after the first requires that the collection is unmodified since the first; otherwise
/// [`Error::Conflict`] ends the download. A truncated page is an error too.
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
///                 PageEvent::Record(Err(error)) => drop(error), // report it to the user
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
    /// The position of the current page, or of the next one.
    position: Position,
    state: State<'c, H::Body>,
    reads_ahead: bool,
    decoder: Decoding,
    /// The end of a page that was not returned yet.
    end: Option<Option<Position>>,
    /// Whether all complete records were taken out of the decoder.
    is_drained: bool,
    /// The number of records of the current page, including damaged ones.
    records: u64,
    /// The last request, for errors.
    line: RequestLine,
    is_unmodified: bool,
    times: Times,
    /// Whether the current page's response specifies a next page.
    has_next: bool,
    guard: LoopGuard,
}

enum State<'c, B> {
    /// The next page has not been requested yet.
    Between,
    /// The next page was requested.
    Requested(PendingRequest<'c, B>),
    /// The body of a page is being read.
    Reading(Reading<B>),
    /// The download has ended.
    Done,
}

struct Reading<B> {
    reply: Reply<B>,
    /// Number of body bytes received.
    received: u64,
    /// Number of the query's ids that this page requested.
    requested: usize,
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
    /// Creates a download. Nothing is sent yet.
    pub fn pages(&self, collection: CollectionName, query: Query) -> Pages<'_, 'h, H> {
        let position = Position {
            offset: query.offset.clone(),
            ..Position::default()
        };
        self.resume_pages(collection, query, position)
    }

    /// Continues a download of the same query from a [`Position`] of an earlier one.
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
    /// Requests the next page as soon as one is complete, before its end is returned: the server and the network work
    /// while the caller stores the received records. Use it only if all pages are needed.
    #[must_use]
    pub fn reading_ahead(mut self) -> Self {
        self.reads_ahead = true;
        self
    }

    /// Waits for the next bytes, and requests the next page after the end of one; `None` after the last page.
    ///
    /// # Errors
    /// When the server rejects a request: [`Error::Conflict`] when the collection was changed since the first page.
    /// When a response is not a list, or is truncated. Received records must not be treated as complete then.
    pub async fn next(&mut self) -> Result<Option<Arrived<'_>>> {
        while self.is_drained && self.end.is_none() {
            match &mut self.state {
                State::Done => return Ok(None),
                State::Between => {
                    self.read_collection_time().await?;
                    self.state = self
                        .prepare_request()?
                        .map_or(State::Done, State::Requested);
                }
                State::Requested(_) => {
                    // Nothing follows after an error.
                    if let State::Requested(pending) =
                        core::mem::replace(&mut self.state, State::Done)
                    {
                        match pending.answer.wait().await {
                            Err(Error::NotFound { .. }) if self.treats_missing_as_empty() => {
                                self.end = Some(None);
                            }
                            reply => self.begin(reply?, pending.ids)?,
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

    /// The collection's modification time at the first page: the value for a later `newer`, after all pages were read.
    /// `None` before the first response, and for servers that do not send it.
    #[must_use]
    pub const fn last_modified(&self) -> Option<ServerTime> {
        self.position.unmodified_since
    }

    /// Whether the server responded, because of [`Condition::IfModifiedSince`], that nothing is new.
    #[must_use]
    pub const fn is_unmodified(&self) -> bool {
        self.is_unmodified
    }

    /// If the pages do not contain the collection's time, it is requested before the first one: everything that is
    /// written from then on is newer (spec §3.9).
    async fn read_collection_time(&mut self) -> Result<()> {
        if !self.client.dialect().sends_collection_time()
            && self.query.ids.is_none()
            && self.position.unmodified_since.is_none()
        {
            let time = self.client.collection_time(&self.collection).await?;
            self.position.unmodified_since = Some(time);
        }
        Ok(())
    }

    fn treats_missing_as_empty(&self) -> bool {
        self.client.dialect().treats_missing_as_empty()
    }

    /// Prepares the request for the next page; `None` if the query is complete.
    fn prepare_request(&self) -> Result<Option<PendingRequest<'c, H::Body>>> {
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
        Ok(Some(PendingRequest { answer, ids }))
    }

    /// Processes the headers of a page.
    fn begin(&mut self, reply: Reply<H::Body>, requested: usize) -> Result<()> {
        if reply.is_unmodified() {
            self.is_unmodified = true;
            return Ok(());
        }
        let format = reply
            .response
            .headers
            .get("Content-Type")
            .and_then(Format::from_content_type)
            .ok_or_else(|| reply.unreadable("it is not a list of records"))?;
        if self.position.unmodified_since.is_none() {
            self.position.unmodified_since = reply.last_modified();
        }
        self.decoder = Decoding::new(&self.query, format);
        self.records = 0;
        self.times = Times::default();
        self.state = State::Reading(Reading {
            reply,
            received: 0,
            requested,
        });
        Ok(())
    }

    /// Advances to the next page for the current ids; returns false if the server has more records but the next page
    /// cannot be requested.
    fn advance(&mut self, next: Option<String>, requested: usize) -> bool {
        let position = &mut self.position;
        let dialect = self.client.dialect();
        if let Some(order) = self.query.by_time(dialect) {
            let page = FetchedPage {
                order,
                reached: position.reached,
                limit: self.query.limit_at(position, dialect),
                records: self.records,
                times: &self.times,
                has_more: next.is_some(),
            };
            let next_page = page.next();
            match next_page {
                NextPage::End | NextPage::Stuck => {}
                NextPage::From(time) => position.reached = Some(time),
                NextPage::Unlimited => position.is_whole = true,
                NextPage::RestartUnlimited => {
                    position.reached = None;
                    position.is_whole = true;
                }
            }
            self.has_next = next_page != NextPage::End;
            return next_page != NextPage::Stuck;
        }
        self.has_next = next.is_some();
        if next.is_none() {
            position.ids_done += requested;
        }
        let moves = next.as_ref().is_none_or(|next| {
            next.len() <= MAX_TOKEN_BYTES && position.offset.as_ref() != Some(next)
        });
        position.offset = next;
        moves
    }

    /// Ends a download that has read more records than the collection can have. A server that does not send counts is
    /// trusted.
    async fn compare_with_count(&self, reply: &Reply<H::Body>) -> Result<()> {
        let Ok(counts) = self.client.info_collection_counts().await else {
            return Ok(());
        };
        match counts.get(&self.collection) {
            Some(count) if self.guard.exceeds(*count) => Err(reply.unreadable(format!(
                "the pages do not end: the collection has {count} records according to info/collection_counts"
            ))),
            _ => Ok(()),
        }
    }

    /// Checks that the current page is complete, and determines the position of the next one.
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
                let detail = "it has more records than its header X-Weave-Records specifies";
                return Err(reading.reply.unreadable(detail));
            }
        }
        let next = headers
            .get("X-Weave-Next-Offset")
            .filter(|token| !token.trim().is_empty());
        self.guard
            .check(next, self.records)
            .map_err(|detail| reading.reply.unreadable(detail))?;
        let next = next.map(String::from);
        if !self.advance(next, reading.requested) {
            return Err(reading.reply.unreadable("its next page cannot be reached"));
        }
        if self.has_next && self.query.ids.is_none() && self.guard.should_check_count() {
            self.compare_with_count(&reading.reply).await?;
        }
        let ids = self.query.ids.as_deref().unwrap_or_default();
        let has_more = self.has_next || self.position.ids_done < ids.len();
        if has_more {
            self.state = State::Between;
            if self.reads_ahead
                && let Some(mut pending) = self.prepare_request()?
            {
                pending.answer.begin().await;
                self.state = State::Requested(pending);
            }
        }
        self.end = Some(has_more.then(|| self.position.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
