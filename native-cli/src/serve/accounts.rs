//! `POST /1.0/accounts`: a new account, and invitations to make one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::app::App;
use super::body_memory::{BodyError, Owner};
use super::key_id::KeyId;
use super::listen::Peer;
use super::reply::{json_body, set};
use super::storage::AccountError;
use super::token_error::TokenError;
use super::tokenserver::hash_secret;

/// The body holds two short texts.
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

/// Makes an account for a key id: on a loopback address for anybody, elsewhere for who has an invitation.
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
    let invitation = match &wanted.invitation {
        Some(text) if app.invitation_needed => {
            Some(hash_secret(text).ok_or(TokenError::Uninvited)?)
        }
        None if app.invitation_needed => return Err(TokenError::Uninvited),
        _ => None,
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
