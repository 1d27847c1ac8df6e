//! Replies of the small server: messages in the form in which they were asked for, and refusals as JSON sentences.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use selvedge_santa::BadEncoding;
use selvedge_santa::wire::{Form, Malformed};

use selvedge_host::http_server::BodyError;

/// A request that was not done.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this machine's id is none: use 1 to 256 characters, without control characters")]
    MachineId,
    #[error(
        "a token is needed: ask for one at xsrf/ and this id, and send it in the header that is named there"
    )]
    Token,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Encoding(#[from] BadEncoding),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("the body's type is neither application/json nor application/x-protobuf")]
    ContentType,
    #[error("the rules that this cursor walks over are gone: sync again")]
    Cursor,
    #[error("the events cannot be kept now: send them again later")]
    Events,
    #[error(
        "no such paths: Santa's stages are preflight, eventupload, ruledownload, postflight and xsrf, each followed by / and a machine's id"
    )]
    NotFound,
    #[error("only POST is taken here")]
    Method,
    #[error("too much is going on: try again later")]
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

/// A 200 with the bytes of a message.
pub(super) fn body(form: Form, bytes: impl Into<Body>) -> Response {
    let mut reply = Response::new(bytes.into());
    let content_type = HeaderValue::from_static(form.content_type());
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    reply
}
