//! OAuth tokens with the session (`docs/protocol/firefox-sync.md` §1.7).

use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::auth_server::{Auth, AuthServer};
use super::login::Ignored;
use super::oauth_client::SYNC_SCOPE;
use super::problem::{AccountError, Problem};
use super::tokens::{AccountToken, Kind};
use crate::error::{Error, RequestLine};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};

/// Requested lifetime of an access token in seconds, as Firefox does.
const TTL: u64 = 21_600;

/// The tokens of a grant.
pub(super) struct Granted {
    pub(super) access_token: Zeroizing<String>,
    pub(super) expires_in: u64,
    pub(super) refresh_token: Option<Zeroizing<String>>,
}

#[derive(Serialize)]
struct Wanted<'a> {
    grant_type: &'static str,
    client_id: &'a str,
    scope: &'static str,
    ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Reply {
    access_token: String,
    token_type: String,
    expires_in: u64,
    #[serde(default)]
    refresh_token: Option<String>,
}

fn granted(reply: &Reply) -> Result<Granted, AccountError> {
    let is_sound = |token: &str| super::super::header::check_header(token, "access_token").is_ok();
    if !reply.token_type.eq_ignore_ascii_case("bearer") || !is_sound(&reply.access_token) {
        return Err(AccountError::Core(Error::Answer {
            request: RequestLine::new(Method::Post, "oauth/token"),
            detail: "it has no usable token".to_string(),
        }));
    }
    Ok(Granted {
        access_token: Zeroizing::new(reply.access_token.clone()),
        expires_in: reply.expires_in,
        refresh_token: reply.refresh_token.clone().map(Zeroizing::new),
    })
}

/// Tokens for the session, which must be verified.
pub(super) async fn with_session<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    client_id: &str,
    session: &AccountToken,
) -> Result<Granted, AccountError> {
    let wanted = Wanted {
        grant_type: "fxa-credentials",
        client_id,
        scope: SYNC_SCOPE,
        ttl: TTL,
        access_type: Some("offline"),
        refresh_token: None,
    };
    let reply: Result<Reply, _> = server
        .post("oauth/token", Auth::Token(Kind::Session, session), &wanted)
        .await;
    match reply {
        Err(AccountError::Problem(Problem::Refused { errno: 107, .. })) => {
            Err(Problem::ClientRefused.into())
        }
        reply => granted(&reply?),
    }
}

/// A new access token for a refresh token; [`Problem::GrantEnded`] when it was revoked.
pub(super) async fn refresh<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    client_id: &str,
    refresh_token: &str,
) -> Result<Granted, AccountError> {
    let wanted = Wanted {
        grant_type: "refresh_token",
        client_id,
        scope: SYNC_SCOPE,
        ttl: TTL,
        access_type: None,
        refresh_token: Some(refresh_token),
    };
    let reply: Result<Reply, _> = server.post("oauth/token", Auth::None, &wanted).await;
    match reply {
        // Here 110 and 108 are about the refresh token.
        Err(AccountError::Problem(Problem::SessionEnded | Problem::Refused { errno: 108, .. })) => {
            Err(Problem::GrantEnded.into())
        }
        reply => granted(&reply?),
    }
}

#[derive(Serialize)]
struct Doomed<'a> {
    client_id: &'a str,
    token: &'a str,
}

/// Revokes a token.
pub(super) async fn destroy<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    client_id: &str,
    token: &str,
) -> Result<(), AccountError> {
    let reply: Result<Ignored, _> = server
        .post("oauth/destroy", Auth::None, &Doomed { client_id, token })
        .await;
    reply.map(drop)
}
