//! Lets clients in browsers in: the server knows nobody by cookies, so any origin may ask.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, PUT, POST, DELETE, OPTIONS");

/// What requests carry. `Authorization` is never part of `*`.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Accept, Content-Type, X-KeyID, X-Client-State, X-Confirm-Delete, X-If-Modified-Since, \
     X-If-Unmodified-Since, X-Weave-Records, X-Weave-Bytes, X-Weave-Total-Records, X-Weave-Total-Bytes",
);

/// What replies carry beside the few headers that scripts always see.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Retry-After, WWW-Authenticate, X-Last-Modified, X-Timestamp, X-Backoff, X-Weave-Alert, X-Weave-Backoff, \
     X-Weave-Next-Offset, X-Weave-Quota-Remaining, X-Weave-Records, X-Weave-Timestamp",
);

const ONE_DAY: HeaderValue = HeaderValue::from_static("86400");
const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The answer to a browser that asks before it asks.
pub(super) fn preflight(request: &HeaderMap) -> Response {
    let mut reply = StatusCode::NO_CONTENT.into_response();
    let headers = reply.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, ONE_DAY);
    if request.contains_key("access-control-request-private-network") {
        headers.insert("access-control-allow-private-network", TRUE);
    }
    reply
}

/// Lets the script that asked read the reply.
pub(super) fn expose(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}
