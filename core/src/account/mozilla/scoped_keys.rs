//! The key of Sync's storage, from the account's key (`docs/protocol/firefox-sync.md` §1.8).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::auth_server::{Auth, AuthServer};
use super::login::Login;
use super::oauth_client::SYNC_SCOPE;
use super::onepw::PasswordKeys;
use super::problem::{AccountError, Problem};
use super::tokens::Kind;
use crate::crypto::{KeyBundle, KeyId};
use crate::error::{Error, RequestLine};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};

#[derive(Deserialize)]
struct Bundle {
    bundle: String,
}

#[derive(Serialize)]
struct Wanted<'a> {
    client_id: &'a str,
    scope: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopedKey {
    key_rotation_timestamp: u64,
}

/// Fetches the account's key, which works once for a login, and unwraps it.
async fn fetch_kb<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    login: &Login,
) -> Result<Zeroizing<[u8; 32]>, AccountError> {
    let auth = Auth::Token(Kind::KeyFetch, &login.key_fetch);
    let reply: Bundle = server.get("account/keys", auth).await?;
    let wrapped = login.key_fetch.open_bundle(&reply.bundle).ok_or_else(|| {
        AccountError::Core(Error::Answer {
            request: RequestLine::new(Method::Get, "account/keys"),
            detail: "its MAC is wrong: it was changed on its way".to_string(),
        })
    })?;
    Ok(PasswordKeys::unwrap(&login.unwrap_bkey, &wrapped))
}

/// The sync key of a verified login and its id.
pub(super) async fn sync_key<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    login: &Login,
    client_id: &str,
) -> Result<(KeyBundle, KeyId), AccountError> {
    let wanted = Wanted {
        client_id,
        scope: SYNC_SCOPE,
    };
    // First what can be asked again, then the key fetch token, which works once.
    let keys: BTreeMap<String, ScopedKey> = server
        .post(
            "account/scoped-key-data",
            Auth::Token(Kind::Session, &login.session),
            &wanted,
        )
        .await?;
    let key = keys.get(SYNC_SCOPE).ok_or(Problem::ScopeRefused)?;
    let kb = fetch_kb(server, login).await?;
    Ok((
        KeyBundle::from_kb(&*kb),
        KeyId::of_kb(&*kb, key.key_rotation_timestamp),
    ))
}
