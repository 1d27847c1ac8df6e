//! `POST /1.0/accounts`: a new account, and invitations to make one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::app::App;
use super::cors::Origins;
use super::key_id::KeyId;
use super::reply::{json_body, set};
use super::storage::{AccountError, SecretHash};
use super::token_error::TokenError;
use super::tokenserver::hash_secret;
use selvedge_host::http_server::Peer;
use selvedge_host::http_server::{BodyError, Owner};

/// The body holds two short texts; the answer to a larger one names the limit.
const MAX_BODY: u64 = 4096;

#[derive(Deserialize)]
struct Wanted {
    kid: String,
    #[serde(default)]
    invitation: Option<String>,
}

#[derive(Serialize)]
struct Made<'a> {
    access_token: &'a str,
    tokenserver_url: String,
}

/// Who may make an account.
#[derive(Debug, PartialEq, Eq)]
enum Admission {
    /// Whoever sends this.
    Admitted,
    /// Whoever has this invitation, which the storage knows.
    WithInvitation(SecretHash),
    /// Nobody.
    Refused,
}

/// Judges a request by what it gives for an invitation: none, no secret at all, or the hash of one.
fn judge(
    given: Option<Option<SecretHash>>,
    local_token: Option<SecretHash>,
    is_open: bool,
) -> Admission {
    match given {
        // Hashes of secrets that nobody can choose: comparing them tells nothing about the secret.
        Some(Some(hash)) if Some(hash) == local_token => Admission::Admitted,
        _ if is_open => Admission::Admitted,
        Some(Some(hash)) => Admission::WithInvitation(hash),
        Some(None) | None => Admission::Refused,
    }
}

/// Whether a page in a browser sends this, and not the server's own. Browsers tell the origin with every POST.
fn is_from_foreign_page(own: &Origins, headers: &HeaderMap) -> bool {
    let is_from_page =
        headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    is_from_page && own.allowed(headers).is_none()
}

/// Makes an account for a key id: for who has an invitation or the server's local token, and for programs on the same
/// machine where nothing is kept.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, TokenError> {
    let owner = Owner::of_address(address);
    let received = app.bodies.read(owner, &headers, body, MAX_BODY).await;
    let received = received.map_err(|error| match error {
        BodyError::TooLarge { .. } => TokenError::TooLarge,
        BodyError::NoRoom => TokenError::Unavailable,
        BodyError::TooSlow | BodyError::Broken => malformed("body"),
    })?;
    let wanted: Wanted = serde_json::from_slice(&received.bytes).map_err(|_| malformed("body"))?;
    let key_id = KeyId::parse(&wanted.kid).ok_or(malformed("kid"))?;
    let given = wanted.invitation.as_deref().map(hash_secret);
    let is_open = !app.invitation_needed && !is_from_foreign_page(&app.own_origins, &headers);
    let invitation = match judge(given, app.local_token, is_open) {
        Admission::Admitted => None,
        Admission::WithInvitation(invitation) => Some(invitation),
        Admission::Refused => return Err(TokenError::Uninvited),
    };
    let (access_token, hash) = make_secret().ok_or(TokenError::Unavailable)?;
    let made = app.storage.create_account(hash, key_id, invitation).await;
    made.map_err(|error| match error {
        AccountError::Uninvited => TokenError::Uninvited,
        AccountError::Storage(error) => error.into(),
    })?;
    let answer = Made {
        access_token: &access_token,
        tokenserver_url: format!("{}/1.0/sync/1.5", app.base_url),
    };
    let text = serde_json::to_string(&answer).expect("texts are JSON");
    let mut reply = (StatusCode::CREATED, json_body(text)).into_response();
    set(&mut reply, "cache-control", "no-store");
    Ok(reply)
}

/// A new secret of 32 random bytes and its hash. None if the system has no random bytes.
pub(super) fn make_secret() -> Option<(Zeroizing<String>, [u8; 32])> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).ok()?;
    let text = Zeroizing::new(Base64UrlUnpadded::encode_string(&*bytes));
    let hash = hash_secret(&text)?;
    Some((text, hash))
}

const fn malformed(name: &'static str) -> TokenError {
    TokenError::Malformed {
        location: "body",
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_made_for_who_has_an_invitation_or_the_token_or_where_it_is_open() {
        const INVITATION: SecretHash = [1; 32];
        const TOKEN: SecretHash = [2; 32];
        for (given, is_open, expected) in [
            (None, false, Admission::Refused),
            (Some(None), false, Admission::Refused),
            (
                Some(Some(INVITATION)),
                false,
                Admission::WithInvitation(INVITATION),
            ),
            (Some(Some(TOKEN)), false, Admission::Admitted),
            (None, true, Admission::Admitted),
            (Some(None), true, Admission::Admitted),
            (Some(Some(INVITATION)), true, Admission::Admitted),
        ] {
            assert_eq!(judge(given, Some(TOKEN), is_open), expected, "{given:?}");
        }
        assert_eq!(
            judge(Some(Some(TOKEN)), None, false),
            Admission::WithInvitation(TOKEN)
        );
    }

    #[test]
    fn a_page_is_told_from_a_program_and_the_own_page_from_others() {
        let own = Origins::parse(["http://127.0.0.1:8090"]).unwrap();
        for (headers, foreign) in [
            (&[][..], false),
            (&[("sec-fetch-mode", "cors")], false),
            (&[("origin", "https://evil.example")], true),
            (&[("origin", "null")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (
                &[
                    ("origin", "http://127.0.0.1:8090"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
        ] {
            let map = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            assert_eq!(is_from_foreign_page(&own, &map), foreign, "{headers:?}");
        }
    }
}
