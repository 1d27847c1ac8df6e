//! Refusals of the token server: JSON with a status word and where the fault is (spec §1.9).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::reply::json_body;
use super::storage::StorageError;

/// Why no token and no account was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenError {
    /// No `Authorization` header, or one of another scheme.
    NoAccessToken,
    /// An access token that nobody has.
    InvalidCredentials,
    /// `X-KeyID` is missing.
    NoKeyId,
    /// `X-KeyID` is malformed.
    MalformedKeyId,
    /// The key was replaced, or is another one without being newer.
    InvalidClientState,
    /// The key is older than the account's.
    InvalidKeysChangedAt,
    /// The path names another application or version than `sync/1.5`.
    Unsupported {
        /// `application` or `version`.
        name: &'static str,
    },
    /// A malformed request; the text says what.
    Malformed {
        /// `body`, `querystring` or `header`.
        location: &'static str,
        /// What is malformed.
        name: &'static str,
    },
    /// An account needs an invitation here, and this is none (any more).
    Uninvited,
    /// The body is too large.
    TooLarge,
    /// The storage did not answer.
    Unavailable,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    errors: [Fault; 1],
}

#[derive(Serialize)]
struct Fault {
    location: &'static str,
    name: &'static str,
    description: &'static str,
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
        let (code, status, location, name, description) = match self {
            Self::InvalidCredentials => (
                UNAUTHORIZED,
                "invalid-credentials",
                "header",
                "Authorization",
                "the access token is not known here",
            ),
            Self::NoAccessToken => (
                UNAUTHORIZED,
                "error",
                "header",
                "Authorization",
                "an access token is needed, as Authorization: Bearer <token>",
            ),
            Self::NoKeyId => (
                UNAUTHORIZED,
                "invalid-key-id",
                "header",
                "X-KeyID",
                "X-KeyID is missing: it is <milliseconds>-<16 bytes in URL-safe base64>",
            ),
            Self::MalformedKeyId => (
                UNAUTHORIZED,
                "invalid-credentials",
                "header",
                "X-KeyID",
                "X-KeyID must be <milliseconds>-<16 bytes in URL-safe base64>",
            ),
            Self::InvalidClientState => (
                UNAUTHORIZED,
                "invalid-client-state",
                "header",
                "X-Client-State",
                "the key was replaced or changed without being newer",
            ),
            Self::InvalidKeysChangedAt => (
                UNAUTHORIZED,
                "invalid-keysChangedAt",
                "header",
                "X-KeyID",
                "the key is older than the account's",
            ),
            Self::Unsupported { name } => (
                StatusCode::NOT_FOUND,
                "error",
                "url",
                name,
                "this token server has sync/1.5 only",
            ),
            Self::Malformed { location, name } => (
                StatusCode::BAD_REQUEST,
                "error",
                location,
                name,
                "malformed",
            ),
            Self::Uninvited => (
                StatusCode::FORBIDDEN,
                "new-users-disabled",
                "body",
                "invitation",
                "a new account needs an invitation that is neither used nor expired",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "error",
                "body",
                "",
                "the body has more than 4096 bytes",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "error",
                "internal",
                "",
                "the storage does not answer, try again later",
            ),
        };
        let answer = Answer {
            status,
            errors: [Fault {
                location,
                name,
                description,
            }],
        };
        let text = serde_json::to_string(&answer).expect("texts are JSON");
        let mut reply = json_body(text);
        *reply.status_mut() = code;
        if code == StatusCode::SERVICE_UNAVAILABLE {
            super::reply::set(&mut reply, "retry-after", "5");
        }
        if code == UNAUTHORIZED {
            super::reply::set(&mut reply, "www-authenticate", "Bearer");
        }
        reply
    }
}

impl From<StorageError> for TokenError {
    fn from(_: StorageError) -> Self {
        Self::Unavailable
    }
}
