//! `GET /1.0/sync/1.5`: storage tokens for the accounts made on this server (spec §1.9).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use selvedge_core::time::ServerTime;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::app::App;
use super::clock;
use super::key_id::KeyId;
use super::reply::{json_body, set};
use super::storage::Account;
use super::token::Claims;
use super::token_error::TokenError;

/// Seconds that a token lives; a client may ask for less.
const DURATION: u64 = 3600;

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    key: &'a str,
    uid: u64,
    api_endpoint: String,
    duration: u64,
    hashed_fxa_uid: String,
    hashalg: &'static str,
    node_type: &'static str,
}

/// What a key id means for an account.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is the account's.
    Current,
    /// It is newer: the account moves to it.
    Newer,
    /// No token for it.
    Refused(TokenError),
}

fn judge(account: KeyId, asked: KeyId, replaced: bool) -> Verdict {
    let same = account.fingerprint == asked.fingerprint;
    if replaced && !same {
        Verdict::Refused(TokenError::InvalidClientState)
    } else if asked.changed_at < account.changed_at {
        Verdict::Refused(TokenError::InvalidKeysChangedAt)
    } else if asked.changed_at > account.changed_at {
        Verdict::Newer
    } else if same {
        Verdict::Current
    } else {
        Verdict::Refused(TokenError::InvalidClientState)
    }
}

/// Answers with a token, its key and the endpoint.
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, (TimestampHeader, TokenError)> {
    let granted = grant(&app, query.as_deref(), &headers).await;
    granted.map_err(|error| (TimestampHeader, error))
}

/// Refuses other applications and versions.
pub(super) async fn unsupported(
    Path((application, _version)): Path<(String, String)>,
) -> TokenError {
    let name = if application == "sync" {
        "version"
    } else {
        "application"
    };
    TokenError::Unsupported { name }
}

async fn grant(
    app: &App,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, TokenError> {
    let access_token = bearer(headers).ok_or(TokenError::NoAccessToken)?;
    let key_id = headers.get("x-keyid");
    let asked = key_id.and_then(|value| KeyId::parse(value.to_str().ok()?));
    let hash = hash_secret(access_token).ok_or(TokenError::InvalidCredentials)?;
    // A key id that cannot be read matters only to who is known.
    let unknown = KeyId {
        changed_at: 0,
        fingerprint: [0; 16],
    };
    let found = app.storage.account(hash, asked.unwrap_or(unknown)).await?;
    let (account, replaced) = found.ok_or(TokenError::InvalidCredentials)?;
    let asked = match (key_id, asked) {
        (_, Some(asked)) => asked,
        (Some(_), None) => return Err(TokenError::MalformedKeyId),
        (None, None) => return Err(TokenError::NoKeyId),
    };
    if let Some(state) = headers.get("x-client-state") {
        check_client_state(state.as_bytes(), asked)?;
    }
    let duration = duration(query);
    let account = match judge(account.key_id, asked, replaced) {
        Verdict::Current => account,
        Verdict::Refused(error) => return Err(error),
        Verdict::Newer => {
            let account = app.storage.rekey(account, asked).await?;
            match judge(account.key_id, asked, false) {
                Verdict::Current => account,
                _ => return Err(TokenError::InvalidClientState),
            }
        }
    };
    mint(app, &account, duration)
}

fn mint(app: &App, account: &Account, duration: u64) -> Result<Response, TokenError> {
    let mut salt = [0; 12];
    getrandom::fill(&mut salt).map_err(|_| TokenError::Unavailable)?;
    let hashed = app.secret.hashed(&account.id.to_string());
    let minted = app.secret.mint(&Claims {
        node: app.base_url.clone(),
        uid: account.uid.number(),
        expires: ServerTime::from_hundredths((clock::seconds() + duration) * 100),
        salt: Base64UrlUnpadded::encode_string(&salt),
        fxa_uid: None,
        fxa_kid: Some(account.key_id.to_string()),
        hashed_fxa_uid: Some(hashed.clone()),
        hashed_device_id: None,
    });
    let answer = Answer {
        id: &minted.id,
        key: &minted.key,
        uid: account.uid.number(),
        api_endpoint: format!("{}/1.5/{}", app.base_url, account.uid),
        duration,
        hashed_fxa_uid: hashed,
        hashalg: "sha256",
        node_type: "sqlite",
    };
    let text = serde_json::to_string(&answer).expect("texts and numbers are JSON");
    let mut reply = json_body(text);
    set(&mut reply, "x-timestamp", &clock::seconds().to_string());
    set(&mut reply, "cache-control", "no-store");
    set(&mut reply, "x-content-type-options", "nosniff");
    Ok(reply)
}

/// Every answer tells the server's time, refusals too.
#[derive(Debug)]
pub(super) struct TimestampHeader;

impl axum::response::IntoResponseParts for TimestampHeader {
    type Error = std::convert::Infallible;

    fn into_response_parts(
        self,
        mut parts: axum::response::ResponseParts,
    ) -> Result<axum::response::ResponseParts, Self::Error> {
        parts
            .headers_mut()
            .insert("x-timestamp", clock::seconds().into());
        Ok(parts)
    }
}

/// What the server keeps of an access token or an invitation: a hash. Such secrets are 32 random bytes, so that a plain
/// hash is enough.
pub(super) fn hash_secret(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let secret = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
    (secret.len() == 32).then(|| Sha256::digest(secret).into())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Checks the older header that names the key beside the key id.
fn check_client_state(state: &[u8], asked: KeyId) -> Result<(), TokenError> {
    let is_state = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !state.iter().all(is_state) {
        return Err(TokenError::Malformed {
            location: "header",
            name: "X-Client-State",
        });
    }
    if state.to_ascii_lowercase() != asked.client_state().as_bytes() {
        return Err(TokenError::InvalidClientState);
    }
    Ok(())
}

/// The `duration` that was asked for, at most [`DURATION`]. What is none is ignored, as the reference server does.
fn duration(query: Option<&str>) -> u64 {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let asked = pairs.filter_map(|(name, value)| {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = value.parse().ok().filter(|&seconds: &u64| seconds > 0);
        seconds.filter(|_| name == "duration" && is_number)
    });
    asked.last().map_or(DURATION, |asked| asked.min(DURATION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_judged_by_its_time_and_its_fingerprint() {
        let key = |changed_at, fill| KeyId {
            changed_at,
            fingerprint: [fill; 16],
        };
        let account = key(100, 1);
        for (asked, replaced, verdict) in [
            (key(100, 1), false, Verdict::Current),
            (key(101, 1), false, Verdict::Newer),
            (key(101, 2), false, Verdict::Newer),
            (
                key(99, 1),
                false,
                Verdict::Refused(TokenError::InvalidKeysChangedAt),
            ),
            (
                key(99, 2),
                false,
                Verdict::Refused(TokenError::InvalidKeysChangedAt),
            ),
            (
                key(100, 2),
                false,
                Verdict::Refused(TokenError::InvalidClientState),
            ),
            (
                key(101, 2),
                true,
                Verdict::Refused(TokenError::InvalidClientState),
            ),
        ] {
            assert_eq!(
                judge(account, asked, replaced),
                verdict,
                "{asked:?} {replaced}"
            );
        }
    }

    #[test]
    fn a_duration_can_only_shorten() {
        for (query, expected) in [
            (None, 3600),
            (Some("duration=60"), 60),
            (Some("duration=9999"), 3600),
            (Some("duration=99999999999999999999"), 3600),
            (Some("duration=0"), 3600),
            (Some("duration=-1"), 3600),
            (Some("duration=+1"), 3600),
            (Some("duration=1.5"), 3600),
            (Some("duration="), 3600),
            (Some("duration=60&duration=x"), 60),
            (Some("other=60"), 3600),
        ] {
            assert_eq!(duration(query), expected, "{query:?}");
        }
    }

    #[test]
    fn an_older_key_header_agrees_with_the_key_id_or_is_refused() {
        let asked = KeyId {
            changed_at: 1,
            fingerprint: [0xab; 16],
        };
        let malformed = TokenError::Malformed {
            location: "header",
            name: "X-Client-State",
        };
        for (state, expected) in [
            (&b"abababababababababababababababab"[..], Ok(())),
            (b"ABABABABABABABABABABABABABABABAB", Ok(())),
            (b"abab", Err(TokenError::InvalidClientState)),
            (b"", Err(TokenError::InvalidClientState)),
            (b"a b", Err(malformed)),
            (b"\xff", Err(malformed)),
        ] {
            assert_eq!(check_client_state(state, asked), expected);
        }
    }
}
