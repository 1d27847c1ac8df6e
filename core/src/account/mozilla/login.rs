//! Login with the password (`docs/protocol/firefox-sync.md` §1.3).

use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::auth_server::{Auth, AuthServer};
use super::onepw::{PasswordKeys, Recipe, Rounds, Status, Stretch};
use super::problem::{AccountError, Problem};
use super::tokens::AccountToken;
use crate::error::{Error, RequestLine};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};

/// What confirms a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The code of an authenticator app, or a recovery code.
    Totp,
    /// A code by mail.
    EmailCode,
    /// A link by mail: the server knows when it was opened.
    EmailLink,
}

impl Verification {
    fn parse(method: Option<&str>) -> Self {
        match method {
            Some("totp-2fa") => Self::Totp,
            Some("email") => Self::EmailLink,
            _ => Self::EmailCode,
        }
    }
}

/// A session, and what its keys are unwrapped with. `Debug` output contains no secret.
pub struct Login {
    pub(super) uid: String,
    pub(super) email: String,
    pub(super) session: AccountToken,
    pub(super) key_fetch: AccountToken,
    pub(super) unwrap_bkey: Zeroizing<[u8; 32]>,
    verification: Option<Verification>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("verification", &self.verification)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// What has to confirm the sign-in, if anything.
    #[must_use]
    pub const fn verification(&self) -> Option<Verification> {
        self.verification
    }

    /// The e-mail address with which the account was created.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }
}

#[derive(Serialize)]
struct EmailOnly<'a> {
    email: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    email: &'a str,
    #[serde(rename = "authPW")]
    auth_pw: &'a str,
    reason: &'static str,
    verification_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unblock_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_login_email: Option<&'a str>,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
struct Reply {
    uid: String,
    session_token: String,
    #[serde(default)]
    key_fetch_token: Option<String>,
    #[serde(default)]
    key_fetch_token_version2: Option<String>,
    verified: bool,
    #[serde(default)]
    verification_method: Option<String>,
}

/// Signs in. If the account was created with another form of the address, it is tried once with that one.
///
/// ```
/// use selvedge_core::account::mozilla::{AccountError, AuthServer, Login, Stretch, login};
/// use selvedge_core::{host::{Clock, Random}, http::Fetch};
///
/// async fn enter<H: Fetch + Clock + Random + Stretch>(host: &H) -> Result<Login, AccountError> {
///     let server = AuthServer::new(host, "https://api.accounts.firefox.com", None)?;
///     login(&server, "me@example.org", "password", None).await
/// }
/// ```
///
/// # Errors
/// [`Problem`] for every refusal; one with [`Problem::can_unblock`] is answered by [`send_unblock_code`] and a second
/// login with that code.
pub async fn login<H: Fetch + Clock + Random + Stretch>(
    server: &AuthServer<'_, H>,
    email: &str,
    password: &str,
    unblock_code: Option<&str>,
) -> Result<Login, AccountError> {
    match attempt(server, email, None, password, unblock_code).await {
        Err(AccountError::Problem(Problem::EmailForm { email: stored })) if stored != email => {
            attempt(server, &stored, Some(email), password, unblock_code).await
        }
        login => login,
    }
}

/// Requests a code by mail that allows a blocked login.
///
/// # Errors
/// When the server refuses.
pub async fn send_unblock_code<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    email: &str,
) -> Result<(), AccountError> {
    let sent: Result<Ignored, _> = server
        .post(
            "account/login/send_unblock_code",
            Auth::None,
            &EmailOnly { email },
        )
        .await;
    sent.map(drop)
}

/// A reply whose members do not matter.
#[derive(Deserialize)]
pub(super) struct Ignored {}

async fn attempt<H: Fetch + Clock + Random + Stretch>(
    server: &AuthServer<'_, H>,
    email: &str,
    typed: Option<&str>,
    password: &str,
    unblock_code: Option<&str>,
) -> Result<Login, AccountError> {
    let status: Result<Status, _> = server
        .post(
            "account/credentials/status",
            Auth::None,
            &EmailOnly { email },
        )
        .await;
    let recipe = match status {
        Ok(status) => Recipe::choose(&status, email),
        // Old servers do not know the request; the login says whether the account is known.
        Err(AccountError::Problem(
            Problem::UnknownAccount
            | Problem::NotGenuine { status: 404 }
            | Problem::Refused { status: 404, .. },
        )) => Recipe::v1(email),
        Err(error) => return Err(error),
    };
    let keys = PasswordKeys::derive(server.host(), password, &recipe).await?;
    let auth_pw = Zeroizing::new(const_hex::encode(*keys.auth_pw));
    let wanted = Wanted {
        email,
        auth_pw: &auth_pw,
        reason: "login",
        verification_method: "email-otp",
        unblock_code,
        original_login_email: typed,
    };
    let reply: Reply = server
        .post("account/login?keys=true", Auth::None, &wanted)
        .await?;
    let key_fetch = match recipe.rounds {
        Rounds::V1 => reply.key_fetch_token.as_deref(),
        Rounds::V2 => reply.key_fetch_token_version2.as_deref(),
    };
    let unreadable = || Error::Answer {
        request: RequestLine::new(Method::Post, "account/login"),
        detail: "it has no usable tokens".to_string(),
    };
    let token = |hex: &str| AccountToken::from_hex(hex).ok_or_else(unreadable);
    if reply.uid.len() != 32 || !reply.uid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(unreadable().into());
    }
    Ok(Login {
        uid: reply.uid.clone(),
        email: email.into(),
        session: token(&reply.session_token)?,
        key_fetch: token(key_fetch.ok_or_else(unreadable)?)?,
        unwrap_bkey: keys.unwrap_bkey,
        verification: (!reply.verified)
            .then(|| Verification::parse(reply.verification_method.as_deref())),
    })
}
