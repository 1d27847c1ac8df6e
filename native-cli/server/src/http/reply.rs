//! Replies of the storage service: status codes, integer error bodies and the headers that go with them (spec §3.5, §3.8).

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use selvedge_core::time::ServerTime;

use super::auth_error::AuthError;
use crate::storage::error::{StorageError, WriteError};
use selvedge_host::http_server::BodyError;

/// The integer in the body of a refusal (spec §3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum WeaveCode {
    /// No more specific code.
    Unknown = 0,
    /// The method or the use of a header is illegal.
    IllegalMethod = 1,
    /// The user's name is missing or unknown.
    InvalidUser = 3,
    /// The body is not JSON.
    MalformedJson = 6,
    /// The JSON is not a record or a list of records.
    InvalidRecord = 8,
    /// The name of the collection is invalid.
    InvalidCollection = 13,
    /// The quota is used up.
    OverQuota = 14,
    /// A limit of `info/configuration` is exceeded.
    LimitExceeded = 17,
}

/// A request that was not performed, by its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 304 with the target's time.
    NotModified(ServerTime),
    /// 400 with a code.
    BadRequest(WeaveCode),
    /// 401.
    Unauthorized(AuthError),
    /// 403 with code 14.
    OverQuota,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 406.
    NotAcceptable,
    /// 408: the body arrived too slowly.
    Timeout,
    /// 409 with `Retry-After`.
    Conflict,
    /// 412 with the target's time.
    Changed(ServerTime),
    /// 413.
    TooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 503 with `Retry-After`.
    Unavailable,
}

/// The reason of a 401, for the log. It contains no secret.
#[derive(Debug, Clone)]
pub(super) struct LogReason(pub String);

/// The time of a reply's `X-Last-Modified`; `X-Weave-Timestamp` is never earlier.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastModified(pub ServerTime);

/// Seconds after which a client may retry when the server is busy.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::NotModified(_) => (StatusCode::NOT_MODIFIED, None),
            Self::BadRequest(code) => (StatusCode::BAD_REQUEST, Some(*code)),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, Some(WeaveCode::Unknown)),
            Self::OverQuota => (StatusCode::FORBIDDEN, Some(WeaveCode::OverQuota)),
            Self::NotFound => (StatusCode::NOT_FOUND, Some(WeaveCode::Unknown)),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                Some(WeaveCode::IllegalMethod),
            ),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, Some(WeaveCode::Unknown)),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, Some(WeaveCode::Unknown)),
            Self::Conflict => (StatusCode::CONFLICT, Some(WeaveCode::Unknown)),
            Self::Changed(_) => (StatusCode::PRECONDITION_FAILED, Some(WeaveCode::Unknown)),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Some(WeaveCode::LimitExceeded),
            ),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(WeaveCode::Unknown))
            }
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(WeaveCode::Unknown)),
        };
        let mut reply = match code {
            None => Response::new(Body::empty()),
            Some(code) => json_body((code as u8).to_string()),
        };
        *reply.status_mut() = status;
        match self {
            Self::NotModified(modified) | Self::Changed(modified) => {
                set_last_modified(&mut reply, modified)
            }
            Self::Timeout => set(&mut reply, "x-weave-alert", &BodyError::TooSlow.to_string()),
            Self::Conflict | Self::Unavailable => {
                reply.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Self::Unauthorized(error) => {
                set(&mut reply, "www-authenticate", &error.challenge());
                reply.extensions_mut().insert(LogReason(error.to_string()));
            }
            _ => {}
        }
        reply
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Changed { modified } => Self::Changed(modified),
            WriteError::NotFound => Self::NotFound,
            WriteError::UnknownBatch => Self::BadRequest(WeaveCode::Unknown),
            WriteError::BatchTooLarge | WriteError::TooManyBatches => {
                Self::BadRequest(WeaveCode::LimitExceeded)
            }
            WriteError::OverQuota => Self::OverQuota,
            WriteError::TooManyWrites => Self::Conflict,
            WriteError::Storage(error) => error.into(),
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { .. } => Self::TooLarge,
            BodyError::TooSlow => Self::Timeout,
            BodyError::Broken => Self::BadRequest(WeaveCode::Unknown),
            BodyError::NoRoom => Self::Unavailable,
        }
    }
}

impl From<StorageError> for Refusal {
    fn from(_: StorageError) -> Self {
        Self::Unavailable
    }
}

/// A 200 with a JSON text and the target's time.
pub(super) fn json(body: impl Into<Body>, modified: ServerTime) -> Response {
    let mut reply = json_body(body);
    set_last_modified(&mut reply, modified);
    reply
}

/// A 200 with a JSON text.
pub(super) fn json_body(body: impl Into<Body>) -> Response {
    let mut reply = Response::new(body.into());
    let json = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(header::CONTENT_TYPE, json);
    reply
}

/// Sets the time of the target.
pub(super) fn set_last_modified(reply: &mut Response, modified: ServerTime) {
    reply.extensions_mut().insert(LastModified(modified));
    set(reply, "x-last-modified", &modified.to_string());
}

/// Sets a header.
pub(super) fn set(reply: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_status_and_its_headers() {
        let time = ServerTime::from_hundredths(12345);
        for (refusal, status, header) in [
            (
                Refusal::NotModified(time),
                304,
                Some(("x-last-modified", "123.45")),
            ),
            (Refusal::BadRequest(WeaveCode::InvalidRecord), 400, None),
            (
                Refusal::Unauthorized(AuthError::NoHeader),
                401,
                Some(("www-authenticate", "Hawk")),
            ),
            (Refusal::OverQuota, 403, None),
            (Refusal::NotFound, 404, None),
            (Refusal::MethodNotAllowed, 405, None),
            (Refusal::NotAcceptable, 406, None),
            (
                Refusal::Timeout,
                408,
                Some((
                    "x-weave-alert",
                    "the body came too slowly: at least 40960 bytes must come every 20 seconds, and all of them within \
                     300 seconds. Send it again, in smaller parts on a slow connection",
                )),
            ),
            (Refusal::Conflict, 409, Some(("retry-after", "5"))),
            (
                Refusal::Changed(time),
                412,
                Some(("x-last-modified", "123.45")),
            ),
            (Refusal::TooLarge, 413, None),
            (Refusal::UnsupportedMediaType, 415, None),
            (Refusal::Unavailable, 503, Some(("retry-after", "5"))),
        ] {
            let reply = refusal.clone().into_response();
            assert_eq!(reply.status(), status, "{refusal:?}");
            if let Some((name, value)) = header {
                assert_eq!(reply.headers().get(name).unwrap(), value, "{refusal:?}");
            }
        }
    }
}
