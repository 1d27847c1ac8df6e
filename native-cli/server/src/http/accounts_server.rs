//! The accounts server over HTTP: `/v1/…`, and where clients find it (`docs/protocol/accounts-server.md` §2).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use selvedge_host::http_server::{BodyError, Owner, Peer};
use serde_json::{Value, json};

use super::app::App;
use super::reply::{json_body, set};
use super::signed_target::signed_target;
use crate::accounts::{ApiError, Call, SignedUrl};
use crate::storage::wall_clock;

/// Maximum size of a body (`docs/protocol/accounts-api.md` §1).
const MAX_BODY: u64 = 16_384;

/// Answers a request below `/v1/`.
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Extension(Peer(address)): Extension<Peer>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(server) = &app.accounts_server else {
        return refusal(ApiError::NotFound);
    };
    let owner = Owner::of_address(address);
    let received = match app.bodies.read(owner, &headers, body, MAX_BODY).await {
        Ok(received) => received,
        Err(BodyError::TooLarge { .. }) => return refusal(ApiError::TooLarge),
        Err(BodyError::NoRoom) => return refusal(ApiError::Unavailable),
        Err(BodyError::TooSlow | BodyError::Broken) => return refusal(ApiError::NotJson),
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let path = uri.path().split_once("/v1/").map_or("", |(_, path)| path);
    let url = signed_target(app.public_url.as_ref(), &uri, &headers, app.tls);
    let call = Call {
        method: method.as_str(),
        path,
        query: uri.query().unwrap_or_default(),
        body: &received.bytes,
        content_type: text(header::CONTENT_TYPE).unwrap_or_default(),
        authorization: text(header::AUTHORIZATION),
        url: url.map(|url| SignedUrl {
            host: url.host,
            port: url.port,
            target: url.path_and_query,
        }),
        address,
        now: wall_clock::seconds(),
    };
    match server.answer(&call).await {
        Ok(value) => with_common_headers(json_body(value.to_string())),
        Err(error) => refusal(error),
    }
}

/// Where clients find the services: all of them are this server.
pub(super) async fn client_configuration(State(app): State<Arc<App>>) -> Response {
    if app.accounts_server.is_none() {
        return refusal(ApiError::NotFound);
    }
    let base = &app.base_url;
    let value = json!({
        "auth_server_base_url": base, "oauth_server_base_url": base, "profile_server_base_url": base,
        "sync_tokenserver_base_url": base,
    });
    with_common_headers(json_body(value.to_string()))
}

fn with_common_headers(mut reply: Response) -> Response {
    set(&mut reply, "cache-control", "no-store");
    set(&mut reply, "x-content-type-options", "nosniff");
    let now = HeaderValue::from(wall_clock::seconds());
    reply.headers_mut().insert("timestamp", now);
    reply
}

fn refusal(error: ApiError) -> Response {
    let (status, errno, short, message) = error.parts();
    let mut value = json!({
        "code": status, "errno": errno, "error": short, "message": message, "info": "",
    });
    if let Some(name) = error.parameter() {
        value["param"] = name.into();
    }
    if let Some(seconds) = error.retry_after() {
        value["retryAfter"] = Value::from(seconds);
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = (status, json_body(value.to_string())).into_response();
    if let Some(seconds) = error.retry_after() {
        set(&mut reply, "retry-after", &seconds.to_string());
    }
    with_common_headers(reply)
}
