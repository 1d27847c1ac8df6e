//! The session: its second factor, its state, its end (`docs/protocol/accounts-api.md` §5).

use serde::{Deserialize, Serialize};

use super::auth_server::{Auth, AuthServer, Empty};
use super::kept::Kept;
use super::login::{Ignored, Login, Verification};
use super::oauth;
use super::problem::{AccountError, Problem};
use super::tokens::{AccountToken, Kind};
use crate::host::{Clock, Random};
use crate::http::Fetch;

/// Whether the server knows a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Signed in and confirmed.
    Verified,
    /// Signed in, but the second factor is missing.
    Unverified,
    /// Signed out: by another device, a new password, or because the account was deleted.
    Ended,
}

#[derive(Serialize)]
struct Code<'a> {
    code: &'a str,
}

#[derive(Deserialize)]
struct Success {
    success: bool,
}

#[derive(Deserialize)]
struct Status {
    state: alloc::string::String,
}

#[derive(Serialize)]
struct EmailOnly<'a> {
    email: &'a str,
}

#[derive(Deserialize)]
struct Exists {
    exists: bool,
}

/// Answers the second factor: six digits from an app or by mail, or, instead of an app's code, a recovery code.
///
/// # Errors
/// [`Problem::WrongCode`] or [`Problem::WrongRecoveryCode`]: ask again.
pub async fn verify<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    login: &Login,
    code: &str,
) -> Result<(), AccountError> {
    let auth = Auth::Token(Kind::Session, &login.session);
    let typed: alloc::string::String = code.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let body = Code { code: &typed };
    let is_digits = typed.bytes().all(|byte| byte.is_ascii_digit());
    match login.verification() {
        Some(Verification::Totp) if is_digits && typed.len() == 6 => {
            let reply: Success = server.post("session/verify/totp", auth, &body).await?;
            if reply.success {
                Ok(())
            } else {
                Err(Problem::WrongCode.into())
            }
        }
        Some(Verification::Totp) => {
            let reply: Result<Ignored, _> = server
                .post("session/verify/recoveryCode", auth, &body)
                .await;
            reply.map(drop)
        }
        _ => {
            let reply: Result<Ignored, _> = server.post("session/verify_code", auth, &body).await;
            reply.map(drop)
        }
    }
}

/// Requests the code by mail once more.
///
/// # Errors
/// When the server refuses.
pub async fn resend_code<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    login: &Login,
) -> Result<(), AccountError> {
    let auth = Auth::Token(Kind::Session, &login.session);
    let reply: Result<Ignored, _> = server.post("session/resend_code", auth, &Empty {}).await;
    reply.map(drop)
}

/// Whether a login's session is confirmed, for links that are opened elsewhere.
///
/// # Errors
/// When the server cannot be asked.
pub(super) async fn state_of<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    session: &AccountToken,
) -> Result<SessionState, AccountError> {
    let status: Result<Status, _> = server
        .get("session/status", Auth::Token(Kind::Session, session))
        .await;
    match status {
        Ok(status) if status.state == "verified" => Ok(SessionState::Verified),
        Ok(_) => Ok(SessionState::Unverified),
        Err(AccountError::Problem(Problem::SessionEnded)) => Ok(SessionState::Ended),
        Err(error) => Err(error),
    }
}

/// Whether the server still knows this device's session.
///
/// # Errors
/// When the server cannot be asked.
pub async fn session_state<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &Kept,
) -> Result<SessionState, AccountError> {
    state_of(server, &kept.session()).await
}

/// Whether there is an account with this address: tells a deleted account from an ended session.
///
/// # Errors
/// When the server cannot be asked.
pub async fn account_exists<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    email: &str,
) -> Result<bool, AccountError> {
    let reply: Exists = server
        .post("account/status", Auth::None, &EmailOnly { email })
        .await?;
    Ok(reply.exists)
}

/// Ends the session with its device record and tokens. The local copy is no longer useful, whatever the answer.
///
/// # Errors
/// The first refusal, after everything was tried; a session that had ended already is none.
pub async fn sign_out<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &Kept,
) -> Result<(), AccountError> {
    let grant = match kept.refresh_token() {
        Some(token) => oauth::destroy(server, kept.client_id(), token).await,
        None => Ok(()),
    };
    let session = kept.session();
    let auth = Auth::Token(Kind::Session, &session);
    let ended: Result<Ignored, _> = server.post("session/destroy", auth, &Empty {}).await;
    match ended {
        Ok(_) | Err(AccountError::Problem(Problem::SessionEnded)) => grant,
        Err(error) => Err(error),
    }
}
