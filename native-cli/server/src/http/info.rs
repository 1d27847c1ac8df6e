//! `info/*`: the state of a user's store (spec §3.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use selvedge_core::time::ServerTime;
use serde::Serialize;

use super::app::App;
use super::auth::{Caller, CallerWithExpiredToken};
use super::conditions::from_headers;
use super::dialect::read_conditions;
use super::reply::{Refusal, json, set};
use crate::model::{CollectionState, StoreState, Verdict};

/// `GET info/collections`: the time of each collection. An expired token still reads it.
pub(super) async fn collections(
    State(app): State<Arc<App>>,
    CallerWithExpiredToken(caller): CallerWithExpiredToken,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = read(&app, &caller, &headers, false).await?;
    Ok(by_collection(&state, |collection| collection.modified))
}

/// `GET info/collection_counts`: how many records each collection holds.
pub(super) async fn collection_counts(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = read(&app, &caller, &headers, true).await?;
    Ok(by_collection(&without_empty(state), |collection| {
        collection.records
    }))
}

/// `GET info/collection_usage`: the KB of each collection's payloads.
pub(super) async fn collection_usage(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = read(&app, &caller, &headers, true).await?;
    Ok(by_collection(&without_empty(state), |collection| {
        kb(collection.bytes)
    }))
}

/// `GET info/quota`: the KB in use and the KB allowed, or null.
pub(super) async fn quota(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = read(&app, &caller, &headers, true).await?;
    Ok(reply(
        &(kb(state.bytes()), app.quota_bytes.map(kb)),
        state.modified,
    ))
}

/// `GET info/configuration`: the limits.
pub(super) async fn configuration(
    State(app): State<Arc<App>>,
    _caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    from_headers(&headers)?;
    Ok(reply(&app.limits, ServerTime::ZERO))
}

async fn read(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    exact: bool,
) -> Result<StoreState, Refusal> {
    let conditions = read_conditions(app.dialect, headers)?;
    let state = app.storage.records.state(caller.uid, exact).await?;
    match conditions.judge(state.modified) {
        Verdict::Proceed => Ok(state),
        Verdict::NotModified => Err(Refusal::NotModified(state.modified)),
        Verdict::Changed => Err(Refusal::Changed(state.modified)),
    }
}

/// Omits collections without live records, as the reference server does in counts and usage.
fn without_empty(mut state: StoreState) -> StoreState {
    state
        .collections
        .retain(|collection| collection.records > 0);
    state
}

fn by_collection<T: Serialize>(
    state: &StoreState,
    value: impl Fn(&CollectionState) -> T,
) -> Response {
    let pairs = state
        .collections
        .iter()
        .map(|collection| (collection.name.as_str(), value(collection)));
    let map: BTreeMap<&str, T> = pairs.collect();
    let mut reply = reply(&map, state.modified);
    set(&mut reply, "x-weave-records", &map.len().to_string());
    reply
}

fn reply<T: Serialize>(value: &T, modified: ServerTime) -> Response {
    let text = serde_json::to_string(value).expect("maps of texts and numbers are JSON");
    json(text, modified)
}

/// Bytes as the protocol's KB. Exact, because what is divided by is a power of two.
fn kb(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
