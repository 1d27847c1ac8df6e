//! Refusals of the token server: JSON with a status word and the location of the error (spec §1.9).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::reply::{LogReason, json_body, set};
use crate::token::TokenError;

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
        let (code, status, location, name) = match self {
            Self::InvalidCredentials => (
                UNAUTHORIZED,
                "invalid-credentials",
                "header",
                "Authorization",
            ),
            Self::NoAccessToken => (UNAUTHORIZED, "error", "header", "Authorization"),
            Self::NoKeyId => (UNAUTHORIZED, "invalid-key-id", "header", "X-KeyID"),
            Self::MalformedKeyId => (UNAUTHORIZED, "invalid-credentials", "header", "X-KeyID"),
            Self::InvalidClientState => (
                UNAUTHORIZED,
                "invalid-client-state",
                "header",
                "X-Client-State",
            ),
            Self::InvalidKeysChangedAt => {
                (UNAUTHORIZED, "invalid-keysChangedAt", "header", "X-KeyID")
            }
            Self::InvalidGeneration => (
                UNAUTHORIZED,
                "invalid-generation",
                "header",
                "Authorization",
            ),
            Self::Unsupported { name } => (StatusCode::NOT_FOUND, "error", "url", name),
            Self::Malformed { location, name } => {
                (StatusCode::BAD_REQUEST, "error", location, name)
            }
            Self::Uninvited => (
                StatusCode::FORBIDDEN,
                "new-users-disabled",
                "body",
                "invitation",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "error", "body", ""),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "error", "internal", ""),
        };
        let answer = Answer {
            status,
            errors: [Fault {
                location,
                name,
                description: self.description(),
            }],
        };
        let text = serde_json::to_string(&answer).expect("texts are JSON");
        let mut reply = json_body(text);
        *reply.status_mut() = code;
        if code == StatusCode::SERVICE_UNAVAILABLE {
            set(&mut reply, "retry-after", "5");
        }
        if code == UNAUTHORIZED {
            set(&mut reply, "www-authenticate", "Bearer");
            reply.extensions_mut().insert(LogReason(self.to_string()));
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_401_has_its_reason_for_the_log() {
        for (error, status, reason) in [
            (TokenError::NoAccessToken, 401, Some("Bearer <token>")),
            (TokenError::InvalidCredentials, 401, Some("not known")),
            (TokenError::NoKeyId, 401, Some("X-KeyID is missing")),
            (TokenError::MalformedKeyId, 401, Some("X-KeyID must be")),
            (TokenError::InvalidClientState, 401, Some("replaced")),
            (TokenError::InvalidKeysChangedAt, 401, Some("older")),
            (TokenError::InvalidGeneration, 401, Some("password")),
            (TokenError::Uninvited, 403, None),
            (TokenError::Unavailable, 503, None),
        ] {
            let reply = error.into_response();
            assert_eq!(reply.status(), status, "{error:?}");
            let found = reply.extensions().get::<LogReason>();
            let is_right = match (found, reason) {
                (Some(LogReason(found)), Some(reason)) => found.contains(reason),
                (found, reason) => found.is_none() && reason.is_none(),
            };
            assert!(is_right, "{error:?}: {found:?}");
        }
    }
}
