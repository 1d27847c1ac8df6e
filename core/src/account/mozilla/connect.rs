//! From a verified sign-in to what a sync needs.

use alloc::string::ToString;

use super::super::credentials::{Credentials, Source};
use super::super::token_server::normalised;
use super::auth_server::AuthServer;
use super::kept::{AccessToken, Kept, SignIn};
use super::login::Login;
use super::problem::{AccountError, Problem};
use super::session::{SessionState, state_of};
use super::{oauth, scoped_keys};
use crate::host::{Clock, Random};
use crate::http::Fetch;

/// Fetches the keys and the first tokens of a verified session.
///
/// # Errors
/// [`Problem::SessionUnverified`] before the second factor was answered; [`Problem::ScopeRefused`] or
/// [`Problem::ClientRefused`] when the client id is unsuitable.
pub async fn connect<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    login: &Login,
    client_id: &str,
    token_server: &str,
) -> Result<(Credentials, Kept), AccountError> {
    match state_of(server, &login.session).await? {
        SessionState::Verified => {}
        SessionState::Unverified => return Err(Problem::SessionUnverified.into()),
        SessionState::Ended => return Err(Problem::SessionEnded.into()),
    }
    let url = normalised(token_server)?;
    let granted = oauth::with_session(server, client_id, &login.session).await?;
    let (sync_key, kid) = scoped_keys::sync_key(server, login, client_id).await?;
    let mut kept = Kept::new(&SignIn {
        auth_url: server.url(),
        client_id,
        uid: &login.uid,
        email: &login.email,
        session: &login.session,
    });
    kept.set_refresh_token(granted.refresh_token.as_deref().map(|token| token.as_str()));
    let now = server.host().now();
    kept.set_access_token(AccessToken::new(
        &granted.access_token,
        granted.expires_in,
        now,
    ));
    let credentials = Credentials {
        sync_key,
        kid: Some(kid.to_string()),
        device_id: None,
        source: Source::TokenServer {
            url,
            access_token: granted.access_token,
        },
    };
    Ok((credentials, kept))
}
