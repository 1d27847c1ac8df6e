//! Before a sync: credentials with an access token that is valid (`docs/protocol/firefox-sync.md` §1.7).

use alloc::string::String;

use zeroize::Zeroizing;

use super::super::credentials::{Credentials, Source};
use super::auth_server::AuthServer;
use super::kept::{AccessToken, Kept};
use super::oauth;
use super::problem::{AccountError, Problem};
use crate::host::{Clock, Random};
use crate::http::Fetch;

/// The credentials with the current access token. If it is due, a new one is requested with the refresh token or, when
/// that was revoked, with the session; store `kept` when it changed.
///
/// A sync only adopts the result: an endpoint or key that is new resets what it knows of the server.
///
/// ```
/// use selvedge_core::account::Credentials;
/// use selvedge_core::account::mozilla::{AccountError, Kept, access};
/// use selvedge_core::{host::{Clock, Random}, http::Fetch};
///
/// async fn before_a_sync<H: Fetch + Clock + Random>(host: &H, stored: &Credentials, kept: &mut Kept)
///     -> Result<Credentials, AccountError> {
///     access(host, stored, kept, None).await
/// }
/// ```
///
/// # Errors
/// [`Problem::SessionEnded`] when the person has to sign in again; then nothing is changed.
pub async fn access<H: Fetch + Clock + Random>(
    host: &H,
    credentials: &Credentials,
    kept: &mut Kept,
    user_agent: Option<String>,
) -> Result<Credentials, AccountError> {
    let Source::TokenServer { url, .. } = &credentials.source else {
        return Ok(credentials.clone());
    };
    if kept.fresh_access_token(host.now()).is_none() {
        renew(host, kept, user_agent).await?;
    }
    let access_token = kept.fresh_access_token(host.now()).map(Into::into);
    Ok(Credentials {
        device_id: kept
            .device_id()
            .map(Into::into)
            .or_else(|| credentials.device_id.clone()),
        source: Source::TokenServer {
            url: url.clone(),
            access_token: Zeroizing::new(access_token.unwrap_or_default()),
        },
        ..credentials.clone()
    })
}

async fn renew<H: Fetch + Clock + Random>(
    host: &H,
    kept: &mut Kept,
    user_agent: Option<String>,
) -> Result<(), AccountError> {
    let server = AuthServer::new(host, kept.auth_url(), user_agent)?;
    let refreshed = match kept.refresh_token() {
        Some(token) => oauth::refresh(&server, kept.client_id(), token).await,
        None => Err(Problem::GrantEnded.into()),
    };
    let granted = match refreshed {
        Err(AccountError::Problem(Problem::GrantEnded)) => {
            let granted = oauth::with_session(&server, kept.client_id(), &kept.session()).await?;
            kept.set_refresh_token(granted.refresh_token.as_deref().map(|token| token.as_str()));
            granted
        }
        granted => granted?,
    };
    // A token that is shorter-lived than the margin is used for this sync all the same.
    let expires_in = granted.expires_in.max(600);
    kept.set_access_token(AccessToken::new(
        &granted.access_token,
        expires_in,
        host.now(),
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::kept::example;
    use super::*;
    use crate::script::{Script, json, post, status};

    const TOKEN: &str = "https://a.example/v1/oauth/token";

    fn stored() -> Credentials {
        let key = "A".repeat(86);
        let json = format!(
            r#"{{"tokenserver_url":"https://t.example","access_token":"first","kid":"1-AAAAAAAAAAAAAAAAAAAAAA","ksync_b64url":"{key}"}}"#
        );
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    fn granted(token: &str, more: &str) -> String {
        format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":21600{more}}}"#)
    }

    fn token_of(credentials: &Credentials) -> &str {
        match &credentials.source {
            Source::TokenServer { access_token, .. } => access_token,
            _ => panic!(),
        }
    }

    #[test]
    fn a_valid_token_is_used_and_one_that_is_due_is_renewed() {
        let mut kept = example();
        kept.set_refresh_token(Some("r"));
        let host = Script::new().expect(post(TOKEN), json(granted("second", "")));
        for _ in 0..2 {
            let current = pollster::block_on(access(&host, &stored(), &mut kept, None)).unwrap();
            assert_eq!(token_of(&current), "second");
        }
        host.done();
    }

    #[test]
    fn a_revoked_grant_is_replaced_with_the_session() {
        let refused = || status(401).body(r#"{"code":401,"errno":110,"error":"Unauthorized"}"#);
        let mut kept = example();
        kept.set_refresh_token(Some("r"));
        let host = Script::new().expect(post(TOKEN), refused()).expect(
            post(TOKEN),
            json(granted("third", r#","refresh_token":"r2""#)),
        );
        let current = pollster::block_on(access(&host, &stored(), &mut kept, None)).unwrap();
        assert_eq!(
            (token_of(&current), kept.refresh_token()),
            ("third", Some("r2"))
        );
        host.done();

        let mut kept = example();
        let before = kept.clone();
        let host = Script::new().expect(post(TOKEN), refused());
        let error = pollster::block_on(access(&host, &stored(), &mut kept, None)).unwrap_err();
        assert_eq!(error, AccountError::Problem(Problem::SessionEnded));
        assert!(kept == before, "nothing is lost");
        host.done();
    }
}
