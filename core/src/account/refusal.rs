//! Why a token server rejects a token request (spec §1.9).

use alloc::format;
use alloc::string::String;

use serde::Deserialize;

use crate::error::{Error, RequestLine};
use crate::time::LocalTime;

/// Why a token server rejects a token request, by what the client must do.
///
/// ```
/// use selvedge_core::account::Refusal;
///
/// let body = br#"{"status":"invalid-generation","errors":[]}"#;
/// assert_eq!(Refusal::judge(401, body), Refusal::InvalidGeneration);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It rejects the access token: fetch another one and retry once; if that is rejected too, the user must act.
    InvalidCredentials,
    /// It reports that the client's clock is wrong: retry once with the server's time.
    InvalidTimestamp,
    /// The password was changed elsewhere: sign in again.
    InvalidGeneration,
    /// The key was replaced: fetch the keys again and sign in again.
    InvalidClientState,
    /// The key is older than the account's, or its id is malformed: fetch the keys again.
    InvalidKeysChangedAt,
    /// It accepts no new users. Retrying this server is useless.
    NewUsersDisabled,
    /// The address is not a token server, or not one for this application.
    Unsupported {
        /// The HTTP status.
        status: u16,
    },
    /// It has a temporary failure: try again later.
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// A proxy or load balancer between this client and the server responded.
    Infrastructure {
        /// The HTTP status.
        status: u16,
    },
}

impl Refusal {
    /// Interprets an error response.
    #[must_use]
    pub fn judge(status: u16, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            status: String,
        }
        let parsed = crate::json::from_slice::<Body>(body).ok();
        let word = parsed.as_ref().map(|parsed| parsed.status.as_str());
        match (status, word) {
            (401 | 403, Some("new-users-disabled")) => Self::NewUsersDisabled,
            (401, Some("invalid-timestamp")) => Self::InvalidTimestamp,
            (401, Some("invalid-generation")) => Self::InvalidGeneration,
            (401, Some("invalid-client-state")) => Self::InvalidClientState,
            (401, Some("invalid-keysChangedAt" | "invalid-key-id")) => Self::InvalidKeysChangedAt,
            (401, Some(_)) => Self::InvalidCredentials,
            (401 | 403, None) => Self::Infrastructure { status },
            (408 | 429 | 500..=599, _) => Self::Unavailable { status },
            _ => Self::Unsupported { status },
        }
    }

    /// The corresponding error; `until` is when the server accepts the next request.
    #[must_use]
    pub fn into_error(self, until: Option<LocalTime>, request: RequestLine) -> Error {
        match self {
            Self::InvalidCredentials | Self::InvalidGeneration => Error::SignedOut { request },
            Self::InvalidClientState | Self::InvalidKeysChangedAt => Error::WrongKey,
            Self::InvalidTimestamp => Error::Input(
                "the token server reports that this device's clock is wrong: set the clock".into(),
            ),
            Self::NewUsersDisabled => {
                Error::Input("this server accepts no new users: choose another one".into())
            }
            Self::Unsupported { status } => Error::Input(format!(
                "there is no token server at this address (it answers with status {status}): check the address"
            )),
            Self::Unavailable { status } => Error::Wait {
                until,
                status,
                request,
            },
            Self::Infrastructure { status } => Error::Answer {
                request,
                detail: format!(
                    "a proxy in front of the token server answered instead of it, with status {status}"
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::http::Method;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn word(status: &str) -> String {
        serde_json::json!({"status": status, "errors": [{"location": "body", "name": "", "description": "x"}]}).to_string()
    }

    #[test]
    fn each_error_response_maps_to_one_refusal() {
        let rows = [
            (
                401,
                word("invalid-credentials"),
                Refusal::InvalidCredentials,
            ),
            (401, word("something-new"), Refusal::InvalidCredentials),
            (401, word("invalid-timestamp"), Refusal::InvalidTimestamp),
            (401, word("invalid-generation"), Refusal::InvalidGeneration),
            (
                401,
                word("invalid-client-state"),
                Refusal::InvalidClientState,
            ),
            (
                401,
                word("invalid-keysChangedAt"),
                Refusal::InvalidKeysChangedAt,
            ),
            (401, word("invalid-key-id"), Refusal::InvalidKeysChangedAt),
            (401, word("new-users-disabled"), Refusal::NewUsersDisabled),
            (403, word("new-users-disabled"), Refusal::NewUsersDisabled),
            (403, word("error"), Refusal::Unsupported { status: 403 }),
            (400, word("error"), Refusal::Unsupported { status: 400 }),
            (404, word("error"), Refusal::Unsupported { status: 404 }),
            (405, word("error"), Refusal::Unsupported { status: 405 }),
            (406, word("error"), Refusal::Unsupported { status: 406 }),
            (301, String::new(), Refusal::Unsupported { status: 301 }),
            (404, "<html>".into(), Refusal::Unsupported { status: 404 }),
            (
                500,
                word("internal-error"),
                Refusal::Unavailable { status: 500 },
            ),
            (503, word("elapsed"), Refusal::Unavailable { status: 503 }),
            (504, word("error"), Refusal::Unavailable { status: 504 }),
            (502, "<html>".into(), Refusal::Unavailable { status: 502 }),
            (429, String::new(), Refusal::Unavailable { status: 429 }),
            (
                401,
                "<html>".into(),
                Refusal::Infrastructure { status: 401 },
            ),
            (
                403,
                "<html>".into(),
                Refusal::Infrastructure { status: 403 },
            ),
        ];
        for (status, body, refusal) in rows {
            assert_eq!(
                Refusal::judge(status, body.as_bytes()),
                refusal,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn each_refusal_message_specifies_what_to_do() {
        let error = |refusal: Refusal| {
            refusal.into_error(None, RequestLine::new(Method::Get, "1.0/sync/1.5"))
        };
        assert!(matches!(
            error(Refusal::InvalidCredentials),
            Error::SignedOut { .. }
        ));
        assert!(matches!(
            error(Refusal::InvalidGeneration),
            Error::SignedOut { .. }
        ));
        assert_eq!(error(Refusal::InvalidClientState), Error::WrongKey);
        assert_eq!(error(Refusal::InvalidKeysChangedAt), Error::WrongKey);
        assert!(matches!(
            error(Refusal::Unavailable { status: 503 }),
            Error::Wait { status: 503, .. }
        ));
        assert!(matches!(
            error(Refusal::Infrastructure { status: 401 }),
            Error::Answer { .. }
        ));
        for refusal in [
            Refusal::InvalidTimestamp,
            Refusal::NewUsersDisabled,
            Refusal::Unsupported { status: 404 },
        ] {
            assert!(matches!(error(refusal), Error::Input(_)), "{refusal:?}");
        }
    }
}
