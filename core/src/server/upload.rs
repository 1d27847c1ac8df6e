//! Uploads records: fills POSTs, sends them in batches, and reports what the server has committed (spec §3.6, §5.9).

mod held;
mod outcome;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use self::held::Held;
pub use self::outcome::{Added, Committed, Failed, Reason};
use super::address;
use super::batch::{Placement, Planner, Size};
use super::call::Call;
use super::client::Client;
use super::conditions::Condition;
use super::limits::Limits;
use super::post_answer::{Disposition, Mode, PostAnswer, PostOutcome, judge};
use crate::error::{Error, Result};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};
use crate::ids::{CollectionName, RecordId};
use crate::time::ServerTime;

/// Maximum size of a response body, in bytes: ids and reasons of one POST.
const MAX_RESPONSE_BYTES: usize = 4 << 20;
/// Records that a server did not accept because a POST was full are kept for another POST, up to this many bytes.
const MAX_RETRY_BYTES: usize = 8 << 20;

/// An upload of records to one collection, created by [`Client::upload`].
///
/// [`Upload::add`] adds one record after another and sends a POST when it is full; at the end, call [`Upload::finish`]
/// until it returns `None`. Commits are reported immediately. A batch that is dropped before its commit has no effect
/// on the server. Memory contains one POST, and an id and a tag for each record of the batch.
///
/// Each POST requires that the collection is unmodified since the time that the caller has seen, or since the last
/// commit. An error ends the upload: no record of the open batch is on the server, unless the response to its commit
/// was lost.
///
/// ```
/// use selvedge_core::host::{Clock, Random};
/// use selvedge_core::http::Fetch;
/// use selvedge_core::ids::{CollectionName, RecordId};
/// use selvedge_core::server::{Added, Client, Limits};
/// use selvedge_core::time::ServerTime;
///
/// async fn send<H: Fetch + Clock + Random>(client: &Client<'_, H>) -> selvedge_core::error::Result<usize> {
///     let notes = CollectionName::new("notes").expect("a name");
///     let mut upload = client.upload(notes, Limits::default(), ServerTime::ZERO)?;
///     let mut durable = 0;
///     let id = RecordId::new("menu").expect("an id");
///     if let Added::Committed(done) = upload.add(id, (), 2, br#"{"id":"menu","payload":"{}"}"#).await? {
///         durable += done.success.len();
///     }
///     while let Some(done) = upload.finish().await? {
///         durable += done.success.len();
///     }
///     Ok(durable)
/// }
/// ```
pub struct Upload<'c, 'h, H, T> {
    client: &'c Client<'h, H>,
    path: String,
    planner: Planner,
    guard: ServerTime,
    mode: Mode,
    post: Held<T>,
    again: Held<T>,
    /// The records in the open batch.
    success: Vec<(RecordId, T)>,
    failed: Vec<Failed<T>>,
    over: Option<Error>,
}

impl<H, T> fmt::Debug for Upload<'_, '_, H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.path)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl<'h, H: Fetch + Clock + Random> Client<'h, H> {
    /// Creates an upload to a collection that is unmodified since `unmodified_since`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the collection's name cannot be part of a URL.
    pub fn upload<T>(
        &self,
        collection: CollectionName,
        limits: Limits,
        unmodified_since: ServerTime,
    ) -> Result<Upload<'_, 'h, H, T>> {
        let mut planner = Planner::new(limits);
        planner.lower_body_bytes(self.body_bytes());
        Ok(Upload {
            client: self,
            path: address::collection(&collection)?,
            planner,
            guard: unmodified_since,
            mode: if self.dialect().has_batches() {
                Mode::Unknown
            } else {
                Mode::Plain
            },
            post: Held::new(),
            again: Held::new(),
            success: Vec::new(),
            failed: Vec::new(),
            over: None,
        })
    }
}

impl<H: Fetch + Clock + Random, T> Upload<'_, '_, H, T> {
    /// Adds a record: its id, a tag of the caller that is returned with it, the size of its unescaped payload in bytes,
    /// and its JSON. Each id must be added only once. At most one POST is sent.
    ///
    /// # Errors
    /// When the server rejects a POST: [`Error::Conflict`] when the collection was changed by another client. The open
    /// batch, including this record, is discarded then, and every later call returns the same error.
    pub async fn add(
        &mut self,
        id: RecordId,
        tag: T,
        payload_bytes: u64,
        bso_json: &[u8],
    ) -> Result<Added<T>> {
        self.check()?;
        let size = Size {
            payload_bytes,
            bso_json_bytes: bso_json.len() as u64,
        };
        let committed = match self.planner.place(size) {
            Placement::TooLarge => return Ok(Added::TooLarge),
            Placement::ThisPost => None,
            Placement::NextPost => self.send(false).await?,
            Placement::NextBatch => self.send(true).await?,
        };
        self.planner.add(size);
        self.post.push(id, tag, size, bso_json, false);
        Ok(committed.map_or(Added::Held, Added::Committed))
    }

    /// Sends the remaining records and commits. Call it until it returns `None`: then every added record was reported.
    /// More records may be added afterwards, conditional on the last commit.
    ///
    /// # Errors
    /// As [`Upload::add`].
    pub async fn finish(&mut self) -> Result<Option<Committed<T>>> {
        self.check()?;
        loop {
            self.refill();
            let is_open = matches!(self.mode, Mode::Batches(Some(_)));
            if self.planner.is_post_empty() && !is_open {
                return Ok(None);
            }
            let next = self.again.records.first();
            let commit =
                next.is_none_or(|next| self.planner.place(next.size) == Placement::NextBatch);
            if let Some(committed) = self.send(commit).await? {
                return Ok(Some(committed));
            }
        }
    }

    /// The known modification time of the collection: the initial one, or the time of the last commit.
    #[must_use]
    pub const fn unmodified_since(&self) -> ServerTime {
        self.guard
    }

    fn check(&self) -> Result<()> {
        self.over.clone().map_or(Ok(()), Err)
    }

    /// Moves the records that did not fit into a full POST to the current POST, as far as they fit.
    fn refill(&mut self) {
        let again = core::mem::replace(&mut self.again, Held::new());
        let mut is_full = false;
        for record in again.records {
            let json = again.json.get(record.range).unwrap_or_default();
            is_full = is_full || self.planner.place(record.size) != Placement::ThisPost;
            let to = if is_full {
                &mut self.again
            } else {
                self.planner.add(record.size);
                &mut self.post
            };
            to.push(record.id, record.tag, record.size, json, true);
        }
    }

    async fn send(&mut self, commit: bool) -> Result<Option<Committed<T>>> {
        let mut reported = None;
        let mut posts = alloc::vec![core::mem::replace(&mut self.post, Held::new())];
        while let Some(post) = posts.pop() {
            let is_last = posts.is_empty();
            match self.post(post, commit && is_last).await {
                Ok(Sent::Done(committed)) => reported = joined(reported, committed),
                // The server announces a higher limit; a proxy in front of it has a lower one (spec §3.8).
                Ok(Sent::TooLarge(post)) => {
                    let (first, second) = post.halves();
                    posts.push(second);
                    posts.push(first);
                }
                Err(error) => {
                    self.over = Some(error.clone());
                    // Report committed records before the error.
                    return match reported {
                        None => Err(error),
                        reported => Ok(reported),
                    };
                }
            }
        }
        Ok(reported)
    }

    async fn post(&mut self, post: Held<T>, commit: bool) -> Result<Sent<T>> {
        let body = post.body();
        let body_bytes = body.len() as u64;
        let call = Call::new(Method::Post, self.target(commit))
            .accept("application/json")
            .when(Condition::IfUnmodifiedSince(self.guard))
            .header("X-Weave-Records", post.len().to_string())
            .header("X-Weave-Bytes", post.payload_bytes().to_string())
            .json(body);
        let mut reply = match self.client.send(call).await {
            // An earlier part of such a request was not rejected for another reason.
            Err(Error::Refused {
                status: 400,
                request,
                ..
            }) if matches!(self.mode, Mode::Batches(Some(_))) => {
                return Err(Error::BatchLost { request });
            }
            Err(Error::TooLarge { status, .. }) if self.may_cut(status) && post.len() > 1 => {
                let body_bytes = body_bytes.div_ceil(2);
                self.planner.lower_body_bytes(body_bytes);
                self.client.lower_body_bytes(body_bytes);
                return Ok(Sent::TooLarge(post));
            }
            Err(error) => match error {
                Error::TooLarge { status, .. } if self.may_cut(status) && post.len() == 1 => {
                    return self.skip_too_large(post, body_bytes, commit, error).await;
                }
                error => return Err(error),
            },
            Ok(reply) => reply,
        };
        let body = self.client.read(&mut reply, MAX_RESPONSE_BYTES).await?;
        let answer = PostAnswer::parse(&body).map_err(|_| reply.not_json())?;
        let (mode, outcome) = judge(&self.mode, commit, reply.response.status, &answer)
            .map_err(|detail| reply.unreadable(detail))?;
        // The time of the write is required before anything is reported.
        let modified = match outcome {
            PostOutcome::Held => None,
            PostOutcome::Committed => Some(self.client.write_time(&reply, &body)?),
        };
        self.mode = mode;
        self.planner.close_post();
        self.sort(post, &answer);
        let Some(modified) = modified else {
            return Ok(Sent::Done(None));
        };
        self.planner.commit();
        self.guard = modified;
        Ok(Sent::Done(Some(self.committed(modified))))
    }

    /// Whether smaller POSTs can avoid a rejection. The server's own one (400 with code 17) may refer to the whole
    /// batch.
    const fn may_cut(&self, status: u16) -> bool {
        status == 413 || !matches!(self.mode, Mode::Batches(Some(_)))
    }

    /// Omits a record that is too large by itself. An open batch that was to be committed with it is committed without
    /// it.
    async fn skip_too_large(
        &mut self,
        post: Held<T>,
        body_bytes: u64,
        commit: bool,
        error: Error,
    ) -> Result<Sent<T>> {
        self.planner.close_post();
        for record in post.records {
            self.planner.refused(record.size.payload_bytes);
            self.failed.push(Failed {
                id: record.id,
                tag: record.tag,
                reason: Reason::TooLargeAlone(body_bytes),
            });
        }
        if commit && matches!(self.mode, Mode::Batches(Some(_))) {
            return Box::pin(self.post(Held::new(), true)).await;
        }
        if !commit && self.mode != Mode::Plain {
            // It is reported with the commit.
            return Ok(Sent::Done(None));
        }
        // Nothing was written and nothing else is pending: the time does not change.
        if self.success.is_empty() {
            self.planner.commit();
            return Ok(Sent::Done(Some(self.committed(self.guard))));
        }
        Err(error)
    }

    fn committed(&mut self, modified: ServerTime) -> Committed<T> {
        Committed {
            modified,
            success: core::mem::take(&mut self.success),
            failed: core::mem::take(&mut self.failed),
        }
    }

    /// The path and query of the POST.
    fn target(&self, commit: bool) -> String {
        let mut path = self.path.clone();
        match &self.mode {
            Mode::Plain => return path,
            Mode::Unknown | Mode::Batches(None) => {
                address::push_parameter(&mut path, "batch", "true");
            }
            Mode::Batches(Some(token)) => {
                address::push_encoded_parameter(&mut path, "batch", token);
            }
        }
        if commit {
            address::push_parameter(&mut path, "commit", "true");
        }
        path
    }

    /// Sorts the records of a POST by the response for each.
    fn sort(&mut self, post: Held<T>, answer: &PostAnswer) {
        for record in post.records {
            let reason = match answer.disposition(record.id.as_str()) {
                Disposition::Success => {
                    self.success.push((record.id, record.tag));
                    continue;
                }
                Disposition::Retry(reason) => {
                    let json = post.json.get(record.range).unwrap_or_default();
                    if !record.is_resent && self.again.json.len() + json.len() < MAX_RETRY_BYTES {
                        self.planner.refused(record.size.payload_bytes);
                        self.again
                            .push(record.id, record.tag, record.size, json, true);
                        continue;
                    }
                    Reason::Refused(reason)
                }
                Disposition::Failed(reason) => Reason::Refused(reason),
                Disposition::Unlisted => Reason::Unlisted,
            };
            self.planner.refused(record.size.payload_bytes);
            self.failed.push(Failed {
                id: record.id,
                tag: record.tag,
                reason,
            });
        }
    }
}

/// The result of a POST.
enum Sent<T> {
    /// Accepted; with the records that it committed.
    Done(Option<Committed<T>>),
    /// Larger than the server accepts, and can be split.
    TooLarge(Held<T>),
}

/// Combines the commits of two POSTs that were split from one, on a server without batches.
fn joined<T>(first: Option<Committed<T>>, second: Option<Committed<T>>) -> Option<Committed<T>> {
    match (first, second) {
        (Some(mut first), Some(second)) => {
            first.modified = first.modified.max(second.modified);
            first.success.extend(second.success);
            first.failed.extend(second.failed);
            Some(first)
        }
        (first, second) => first.or(second),
    }
}

#[cfg(test)]
mod tests;
