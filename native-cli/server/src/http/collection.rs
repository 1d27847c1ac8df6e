//! `storage/<collection>` and `storage` itself: lists, uploads, batches, deletes (spec §3.2, §3.3, §3.6).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use selvedge_core::ids::RecordId;
use selvedge_core::server::Dialect;
use selvedge_host::http_server::{Owner, Received};
use serde::Serialize;

use super::app::App;
use super::auth::Caller;
use super::dialect::{check_confirmed, read_conditions, write_conditions};
use super::encoder::{Encoding, Format};
use super::page_encoder::{Page, PageEncoder};
use super::query::{BatchStep, ids_to_delete, page_token, selection};
use super::record::{check_zero_iv, collection_name, modified, show_quota};
use super::reply::{Refusal, json, set, set_last_modified};
use super::{announced_sizes, body, page_body};
use crate::model::{Incoming, Target, Write, Written};
use crate::storage::page::{PageEnd, PageRequest};

type CollectionPath = Path<(String, String)>;

/// `GET`: ids or records. A collection that is missing is an empty list.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((_uid, collection)): CollectionPath,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let collection = collection_name(collection)?;
    let dialect = app.dialect;
    let mut selection = selection(dialect, query.as_deref())?;
    // The dialect 1.1 names no next page, so that a maximum would hide records.
    let maximum = app.max_page_records.filter(|_| dialect == Dialect::V1_5);
    selection.limit = selection.limit.into_iter().chain(maximum).min();
    let limit = selection.limit.unwrap_or(u64::MAX);
    let conditions = read_conditions(dialect, &headers)?;
    let format = Format::accepted(&headers)?;
    let encoding = Encoding {
        format,
        full: selection.full,
    };
    let sort = selection.sort;
    let request = PageRequest {
        uid: caller.uid,
        collection,
        selection,
        conditions,
    };
    let (sink, page) = PageEncoder::new(encoding, &app.spools);
    app.storage.records.page(request, Box::new(sink)).await?;
    // Without a page, a temporary file could not be written.
    let page = page.await.map_err(|_| Refusal::Unavailable)?;
    let (head, body) = match page {
        Page::Ended(PageEnd::NotModified(modified), _) => {
            return Err(Refusal::NotModified(modified));
        }
        Page::Ended(PageEnd::Changed(modified), _) => return Err(Refusal::Changed(modified)),
        Page::Ended(PageEnd::Complete(head), chunks) => (head, page_body::whole(chunks)),
        Page::Streaming(head, chunks) => (head, page_body::stream(chunks)),
    };
    if dialect == Dialect::V1_1 && head.next.is_some() && head.records < limit {
        // 1.1 names no next page, so that a client would take a part for the whole.
        return Err(Refusal::Unavailable);
    }
    let mut reply = Response::new(body);
    let content_type = HeaderValue::from_static(format.content_type());
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    set_last_modified(&mut reply, head.modified);
    set(&mut reply, "x-weave-records", &head.records.to_string());
    if let Some(next) = head.next.filter(|_| dialect == Dialect::V1_5) {
        set(&mut reply, "x-weave-next-offset", &page_token(sort, next));
    }
    Ok(reply)
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

/// `POST`: writes records, adds them to a batch, or commits one.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((_uid, collection)): CollectionPath,
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
    announced_sizes::check(&app.limits, &headers, step)?;
    let format = body::format(&headers)?;
    let Received {
        bytes,
        room: memory,
    } = app
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
    check_zero_iv(&collection, &read.valid)?;
    let mut sorted = app.limits.sort(read.valid);
    sorted.failed.extend(read.failed);
    let success: Vec<RecordId> = sorted
        .accepted
        .iter()
        .map(|record| record.id.clone())
        .collect();
    let write = write(step, collection, sorted.accepted);
    let written = app
        .storage
        .records
        .write(caller.uid, conditions, write)
        .await?;
    drop(memory);
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
    Path((_uid, collection)): CollectionPath,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let collection = collection_name(collection)?;
    let conditions = write_conditions(app.dialect, &headers)?;
    let write = match ids_to_delete(app.dialect, query.as_deref())? {
        Some(ids) => Write::DeleteRecords { collection, ids },
        None => Write::DeleteCollection { collection },
    };
    let written = app
        .storage
        .records
        .write(caller.uid, conditions, write)
        .await?;
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
        .records
        .write(caller.uid, conditions, Write::DeleteStore)
        .await?;
    Ok(modified(app.dialect, &written))
}
