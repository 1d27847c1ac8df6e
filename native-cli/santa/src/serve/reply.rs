//! Responses of the server: messages in the format of the request, and errors as JSON.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use selvedge_santa::BadEncoding;
use selvedge_santa::wire::{Form, Malformed};

use selvedge_host::http_server::BodyError;

/// A refused request.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the machine id is invalid: it must have 1 to 256 bytes and no control characters")]
    MachineId,
    #[error(
        "an XSRF token is required: request one at xsrf/ followed by the machine id, and send it in the header that the response names"
    )]
    Token,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Encoding(#[from] BadEncoding),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("the Content-Type is not supported: use application/json or application/x-protobuf")]
    ContentType,
    #[error("the rules of this cursor are no longer available: sync again")]
    Cursor,
    #[error("the events cannot be stored now: upload them again later")]
    Events,
    #[error(
        "this path does not exist: the stages are preflight, eventupload, ruledownload, postflight and xsrf, each followed by / and a machine id"
    )]
    NotFound,
    #[error("the method is not allowed: use POST")]
    Method,
    #[error("the server is busy: try again later")]
    Busy,
}

impl Refusal {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::MachineId | Self::Malformed(_) | Self::Encoding(BadEncoding::Damaged) => {
                StatusCode::BAD_REQUEST
            }
            Self::Token => StatusCode::FORBIDDEN,
            Self::Body(error) => error.status(),
            Self::Encoding(BadEncoding::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoding(_) | Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Cursor => StatusCode::GONE,
            Self::Events => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = serde_json::json!({ "error": self.to_string() }).to_string();
        let mut reply = body(Form::Json, text);
        *reply.status_mut() = self.status();
        reply
    }
}

/// A response 200 with the bytes of a message.
pub(super) fn body(form: Form, bytes: impl Into<Body>) -> Response {
    let mut reply = Response::new(bytes.into());
    let content_type = HeaderValue::from_static(form.content_type());
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    reply
}
