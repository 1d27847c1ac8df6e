//! `storage/<collection>/<id>`: one record (spec §3.2).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::server::Dialect;
use selvedge_core::time::ServerTime;
use selvedge_host::http_server::{Owner, Received};

use super::app::App;
use super::auth::Caller;
use super::body;
use super::dialect::{read_conditions, target_of_record, write_conditions};
use super::encoder;
use super::reply::{Refusal, WeaveCode, json, set};
use super::zero_iv::has_zero_iv;
use crate::model::{Field, Incoming, Row, Verdict, Write, Written};

type RecordPath = Path<(String, String, String)>;

/// `GET`: the record, or 404.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: RecordPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (collection, id) = path_names(path)?;
    let conditions = read_conditions(app.dialect, &headers)?;
    let record = app
        .storage
        .records
        .record(caller.uid, collection, id)
        .await?;
    let modified = record
        .as_ref()
        .map_or(ServerTime::ZERO, |record| record.modified);
    match conditions.judge(modified) {
        Verdict::Changed => return Err(Refusal::Changed(modified)),
        Verdict::NotModified => return Err(Refusal::NotModified(modified)),
        Verdict::Proceed => {}
    }
    let record = record.ok_or(Refusal::NotFound)?;
    let mut text = Vec::new();
    let row = Row {
        number: 0,
        id: record.id.as_bytes(),
        modified,
        sortindex: record.sortindex,
        payload: &record.payload,
    };
    encoder::record(&mut text, row);
    Ok(json(text, modified))
}

/// `PUT`: writes the record; members that the body lacks keep their values.
pub(super) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: RecordPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (collection, id) = path_names(path)?;
    let conditions = write_conditions(app.dialect, &headers)?;
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
    let record = body::record(id, format, &bytes)?;
    drop(bytes);
    check_zero_iv(&collection, std::slice::from_ref(&record))?;
    if record.payload_bytes() > app.limits.max_record_payload_bytes {
        return Err(Refusal::TooLarge);
    }
    let write = Write::Put {
        collection,
        records: vec![record],
        target: target_of_record(app.dialect),
    };
    let written = app
        .storage
        .records
        .write(caller.uid, conditions, write)
        .await?;
    drop(memory);
    let mut reply = json(written.modified.to_string(), written.modified);
    show_quota(&mut reply, &written);
    Ok(reply)
}

/// `DELETE`: deletes the record, or 404.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: RecordPath,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (collection, id) = path_names(path)?;
    let conditions = write_conditions(app.dialect, &headers)?;
    let write = Write::DeleteRecord {
        collection,
        id,
        target: target_of_record(app.dialect),
    };
    let written = app
        .storage
        .records
        .write(caller.uid, conditions, write)
        .await?;
    Ok(modified(app.dialect, &written))
}

/// The reply to a delete.
pub(super) fn modified(dialect: Dialect, written: &Written) -> Response {
    let time = written.modified;
    let body = match dialect {
        Dialect::V1_5 => format!("{{\"modified\":{time}}}"),
        Dialect::V1_1 => time.to_string(),
    };
    let mut reply = json(body, time);
    show_quota(&mut reply, written);
    reply
}

/// Sets the remaining quota in KB, rounded down.
pub(super) fn show_quota(reply: &mut Response, written: &Written) {
    if let Some(bytes) = written.quota_remaining {
        set(
            reply,
            "x-weave-quota-remaining",
            &(bytes / 1024).to_string(),
        );
    }
}

/// A collection's name from a path.
pub(super) fn collection_name(text: String) -> Result<CollectionName, Refusal> {
    CollectionName::new(text).map_err(|_| Refusal::BadRequest(WeaveCode::InvalidCollection))
}

/// Refuses keys that a broken client encrypted, as the reference server does.
pub(super) fn check_zero_iv(
    collection: &CollectionName,
    records: &[Incoming],
) -> Result<(), Refusal> {
    let is_bad =
        |record: &Incoming| matches!(&record.payload, Field::Set(payload) if has_zero_iv(payload));
    if collection.as_str() == "crypto" && records.iter().any(is_bad) {
        return Err(Refusal::BadRequest(WeaveCode::InvalidRecord));
    }
    Ok(())
}

fn path_names(
    Path((_uid, collection, id)): RecordPath,
) -> Result<(CollectionName, RecordId), Refusal> {
    let id = RecordId::new(id).map_err(|_| Refusal::BadRequest(WeaveCode::InvalidRecord))?;
    Ok((collection_name(collection)?, id))
}
