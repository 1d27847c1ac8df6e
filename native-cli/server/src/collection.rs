//! `storage/<collection>` and `storage` itself: lists, uploads, batches, deletes (spec §3.2, §3.3, §3.6).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Frame;
use selvedge_core::ids::RecordId;
use selvedge_core::server::Dialect;
use serde::Serialize;
use tokio::sync::mpsc;

use super::app::App;
use super::auth::Caller;
use super::body;
use super::dialect::{check_confirmed, read_conditions, write_conditions};
use super::encoder::{Encoding, Format};
use super::parts;
use super::query::{BatchStep, Selection, ids_to_delete};
use super::record::{check_known_bad, collection_name, modified, show_quota};
use super::reply::{Refusal, json, set, set_last_modified};
use super::storage::{Incoming, Page, PageBody, PageRequest, StorageError, Target, Write, Written};
use selvedge_host::http_server::{Owner, Received};

type Target2 = Path<(String, String)>;

/// `GET`: ids or records. A collection that is missing is an empty list.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((_uid, collection)): Target2,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let collection = collection_name(collection)?;
    let dialect = app.dialect;
    let mut selection = Selection::parse(dialect, query.as_deref())?;
    // The dialect 1.1 names no next page, so that there a bound would hide records.
    let most = app.max_page_records.filter(|_| dialect == Dialect::V1_5);
    selection.limit = selection.limit.into_iter().chain(most).min();
    let limit = selection.limit.unwrap_or(u64::MAX);
    let conditions = read_conditions(dialect, &headers)?;
    let format = Format::accepted(&headers)?;
    let request = PageRequest {
        uid: caller.uid,
        collection,
        conditions,
        encoding: Encoding {
            format,
            full: selection.full,
        },
        selection,
    };
    match app.storage.page(request).await? {
        Page::NotModified { modified } => Err(Refusal::NotModified(modified)),
        Page::Changed { modified } => Err(Refusal::Changed(modified)),
        Page::Found {
            modified,
            records,
            next,
            body,
        } => {
            if dialect == Dialect::V1_1 && next.is_some() && records < limit {
                // A list that was cut where it names no next page would be taken for the whole.
                return Err(Refusal::Unavailable);
            }
            let next = next.filter(|_| dialect == Dialect::V1_5);
            let mut reply = Response::new(match body {
                PageBody::Whole(chunks) => parts::body(chunks),
                PageBody::Stream(receiver) => Body::new(Chunks {
                    receiver,
                    is_whole: false,
                }),
            });
            let content_type = HeaderValue::from_static(format.content_type());
            reply
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type);
            set_last_modified(&mut reply, modified);
            set(&mut reply, "x-weave-records", &records.to_string());
            if let Some(next) = next {
                set(&mut reply, "x-weave-next-offset", &next);
            }
            Ok(reply)
        }
    }
}

/// A body that comes from the storage as it is read. If the storage breaks off, so does the connection.
struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    is_whole: bool,
}

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = StorageError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StorageError>>> {
        self.receiver.poll_recv(context).map(|chunk| match chunk {
            Some(chunk) if chunk.is_empty() => {
                self.is_whole = true;
                None
            }
            Some(chunk) => Some(Ok(Frame::data(chunk))),
            None if self.is_whole => None,
            None => Some(Err(StorageError::Busy)),
        })
    }
}

#[derive(Serialize)]
struct Uploaded<'a, F> {
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<selvedge_core::time::ServerTime>,
    success: &'a [RecordId],
    failed: &'a F,
}

/// `POST`: writes records at once, or puts them into a batch, or commits one.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((_uid, collection)): Target2,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let collection = collection_name(collection)?;
    let step = match app.dialect {
        Dialect::V1_5 => BatchStep::parse(query.as_deref())?,
        Dialect::V1_1 => BatchStep::None,
    };
    let conditions = write_conditions(app.dialect, &headers)?;
    app.limits.check_announced(&headers, step)?;
    let format = body::format(&headers)?;
    let Received { bytes, room } = app
        .bodies
        .read(
            Owner::User(caller.uid.number()),
            &headers,
            body,
            app.limits.max_request_bytes,
        )
        .await?;
    caller.check_body(&headers, &bytes)?;
    let read = body::records(format, &bytes)?;
    drop(bytes);
    check_known_bad(&collection, &read.valid)?;
    let mut sorted = app.limits.sort(read.valid);
    sorted.failed.extend(read.failed);
    let success: Vec<RecordId> = sorted
        .accepted
        .iter()
        .map(|record| record.id.clone())
        .collect();
    let write = write(step, collection, sorted.accepted);
    let written = app.storage.write(caller.uid, conditions, write).await?;
    drop(room);
    Ok(match app.dialect {
        Dialect::V1_5 => uploaded(&written, &success, &sorted.failed),
        Dialect::V1_1 => {
            let reasons = sorted.failed.iter().map(|(id, reason)| (id, [reason]));
            uploaded(&written, &success, &reasons.collect::<BTreeMap<_, _>>())
        }
    })
}

fn write(
    step: BatchStep,
    collection: selvedge_core::ids::CollectionName,
    records: Vec<Incoming>,
) -> Write {
    match step {
        BatchStep::None | BatchStep::Whole => Write::Put {
            collection,
            records,
            target: Target::Collection,
        },
        BatchStep::Open => Write::Append {
            collection,
            batch: None,
            records,
        },
        BatchStep::Add(batch) => Write::Append {
            collection,
            batch: Some(batch),
            records,
        },
        BatchStep::Commit(batch) => Write::Commit {
            collection,
            batch,
            records,
        },
    }
}

fn uploaded(written: &Written, success: &[RecordId], failed: &impl Serialize) -> Response {
    let answer = Uploaded {
        batch: written.batch.map(|batch| batch.to_string()),
        modified: written.batch.is_none().then_some(written.modified),
        success,
        failed,
    };
    let text = serde_json::to_string(&answer).expect("maps of texts and numbers are JSON");
    let mut reply = json(text, written.modified);
    if written.batch.is_some() {
        *reply.status_mut() = StatusCode::ACCEPTED;
    }
    show_quota(&mut reply, written);
    reply
}

/// `DELETE`: some records, or the collection.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((_uid, collection)): Target2,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let collection = collection_name(collection)?;
    let conditions = write_conditions(app.dialect, &headers)?;
    let write = match ids_to_delete(app.dialect, query.as_deref())? {
        Some(ids) => Write::DeleteRecords { collection, ids },
        None => Write::DeleteCollection { collection },
    };
    let written = app.storage.write(caller.uid, conditions, write).await?;
    Ok(modified(app.dialect, &written))
}

/// `DELETE storage` and `DELETE` of the endpoint itself: everything.
pub(super) async fn delete_store(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_confirmed(app.dialect, &headers)?;
    let conditions = write_conditions(app.dialect, &headers)?;
    let written = app
        .storage
        .write(caller.uid, conditions, Write::DeleteStore)
        .await?;
    Ok(modified(app.dialect, &written))
}
