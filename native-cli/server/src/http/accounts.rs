//! `POST /1.0/accounts`: creates an account.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use selvedge_host::http_server::{BodyError, Owner, Peer};
use serde::{Deserialize, Serialize};

use super::app::App;
use super::cors::Origins;
use super::reply::{json_body, set};
use crate::model::KeyId;
use crate::token::{Admission, TokenError, admission, hash_secret, register};

/// Maximum size of the body, which contains two short texts; the reply to a larger one names the limit.
const MAX_BODY: u64 = 4096;

#[derive(Deserialize)]
struct Request {
    kid: String,
    #[serde(default)]
    invitation: Option<String>,
}

#[derive(Serialize)]
struct Reply<'a> {
    access_token: &'a str,
    tokenserver_url: String,
}

/// Whether a page other than the server's own sends the request. Browsers send the origin with every POST.
fn is_from_foreign_page(own: &Origins, headers: &HeaderMap) -> bool {
    let is_from_page =
        headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    is_from_page && own.allowed(headers).is_none()
}

/// Creates an account for a key id: with an invitation or the server's local token, and for programs on the same machine
/// when the data are in memory.
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
    let wanted: Request = serde_json::from_slice(&received.bytes).map_err(|_| malformed("body"))?;
    let key_id = KeyId::parse(&wanted.kid).ok_or(malformed("kid"))?;
    let given = wanted.invitation.as_deref().map(hash_secret);
    let is_open = !app.invitation_needed && !is_from_foreign_page(&app.own_origins, &headers);
    let invitation = match admission(given, app.local_token, is_open) {
        Admission::Admitted => None,
        Admission::WithInvitation(invitation) => Some(invitation),
        Admission::Refused => return Err(TokenError::Uninvited),
    };
    let access_token = register(&*app.storage.accounts, key_id, invitation).await?;
    let answer = Reply {
        access_token: &access_token,
        tokenserver_url: format!("{}/1.0/sync/1.5", app.base_url),
    };
    let text = serde_json::to_string(&answer).expect("texts are JSON");
    let mut reply = (StatusCode::CREATED, json_body(text)).into_response();
    set(&mut reply, "cache-control", "no-store");
    Ok(reply)
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
