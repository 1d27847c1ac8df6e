//! What an accounts server's refusal means, and what a person can do about it (`docs/protocol/accounts-api.md` §2).

use alloc::string::String;

use serde::Deserialize;

use crate::error::Error;

/// Why an accounts server refused a request. The message says what to do; it contains no secret.
///
/// ```
/// use selvedge_core::account::mozilla::Problem;
///
/// let problem = Problem::judge(400, None, br#"{"code":400,"errno":103,"error":"Bad Request"}"#);
/// assert_eq!(problem, Problem::WrongPassword);
/// assert_eq!(problem.to_string(), "the password is wrong: check it and try again");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// 102.
    #[error(
        "there is no account with this e-mail address: check the address, or create the account in Firefox first"
    )]
    UnknownAccount,
    /// 103.
    #[error("the password is wrong: check it and try again")]
    WrongPassword,
    /// 120: the address is stored in another form, which the password's hash depends on.
    #[error(
        "the account was created with the e-mail address {email}: enter the address exactly like this, with the account's password"
    )]
    EmailForm {
        /// The stored form.
        email: String,
    },
    /// 104.
    #[error(
        "the account's e-mail address is not confirmed: open the confirmation mail, then try again"
    )]
    UnverifiedAccount,
    /// 105, 152, 153, 183.
    #[error("the code is wrong or has expired: request a new one and enter it within ten minutes")]
    WrongCode,
    /// 127.
    #[error("the unblock code is wrong or has expired: sign in again to get a new one by mail")]
    WrongUnblockCode,
    /// 156.
    #[error("the recovery code is wrong or was used already: enter another one")]
    WrongRecoveryCode,
    /// 110.
    #[error(
        "this device was signed out of the account: run `selvedge account login` again; the records here stay"
    )]
    SessionEnded,
    /// 111: with the server's time in seconds.
    #[error("the clock of this device is wrong: set it, then try again")]
    Clock {
        /// Seconds since 1970.
        server_time: u64,
    },
    /// 114.
    #[error("the server received too many attempts{}", wait(*.retry_after))]
    Throttled {
        /// Seconds to wait, if the server says so.
        retry_after: Option<u64>,
        /// Whether a code by mail allows the login nevertheless.
        can_unblock: bool,
    },
    /// 125.
    #[error(
        "the server blocked this sign-in for safety: sign in with Firefox on this network once, or try again later"
    )]
    Blocked {
        /// Whether a code by mail allows the login nevertheless.
        can_unblock: bool,
    },
    /// 126.
    #[error("the account must be reset: reset its password in Firefox, then sign in again")]
    MustReset,
    /// 138, 401/110 for keys.
    #[error(
        "this sign-in is not confirmed yet: run `selvedge account login` again and enter the code"
    )]
    SessionUnverified,
    /// 142.
    #[error("this is not the account's primary e-mail address: sign in with the primary one")]
    SecondaryEmail,
    /// 149, 210.
    #[error(
        "the account has no password because it signs in through another service: set a password in Firefox, then sign in"
    )]
    NoPassword,
    /// 155, 160.
    #[error("the account has no authenticator app: sign in again to get a code by mail")]
    NoTotp,
    /// 222.
    #[error(
        "this needs the account's second factor: run `selvedge account login` again and enter the code of the authenticator app"
    )]
    SecondFactorNeeded,
    /// 123.
    #[error("the account has no such device: `selvedge account devices` lists all")]
    UnknownDevice,
    /// 124.
    #[error("another entry of the account's devices belongs to this session")]
    DeviceConflict {
        /// The id of that entry.
        device_id: String,
    },
    /// 157.
    #[error(
        "the device cannot receive this command: choose another one, or open the page there by hand"
    )]
    NoSuchCommand,
    /// 162.
    #[error("the server does not know the client id: pass another one with --client-id")]
    UnknownClient,
    /// 163.
    #[error("the client id has no access to Sync: pass another one with --client-id")]
    ScopeRefused,
    /// 166, 169, 171, and 107 for the grant.
    #[error(
        "the client id cannot get tokens for a signed-in session: pass another one with --client-id"
    )]
    ClientRefused,
    /// 164, 170.
    #[error("the last sign-in is too old or too weak for this: run `selvedge account login` again")]
    StaleSignIn,
    /// 172–175.
    #[error("the authorization code is wrong or has expired: begin the sign-in again")]
    WrongAuthorizationCode,
    /// 182: the refresh token, not the session, has ended.
    #[error(
        "the server has revoked this device's access: run `selvedge account login` again; the records here stay"
    )]
    GrantEnded,
    /// 201, 202, 204, 503.
    #[error("the accounts server is busy{}", wait(*.retry_after))]
    Busy {
        /// Seconds to wait, if the server says so.
        retry_after: Option<u64>,
    },
    /// 203, 999, other 5xx.
    #[error("the accounts server failed (status {status}): try again later")]
    ServerFailed {
        /// The HTTP status.
        status: u16,
    },
    /// 406 without JSON: a challenge before the server that only a browser passes.
    #[error(
        "the server accepts this sign-in only from a browser (a bot challenge, status 406): sign in with Firefox on this network first and try again in some minutes, or use another network"
    )]
    BotChallenge,
    /// Not the answer of an accounts server.
    #[error(
        "there is no accounts server at this address (status {status}): check --accounts and the network"
    )]
    NotGenuine {
        /// The HTTP status.
        status: u16,
    },
    /// Any other refusal.
    #[error(
        "the accounts server refused the request (status {status}, error {errno}): update selvedge, or report this"
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's number.
        errno: u32,
    },
}

/// The members of an error that a client reads.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Body {
    errno: Option<u32>,
    email: Option<String>,
    device_id: Option<String>,
    server_time: Option<u64>,
    retry_after: Option<u64>,
    verification_method: Option<String>,
}

fn wait(seconds: Option<u64>) -> String {
    match seconds {
        Some(seconds) => alloc::format!(": try again in {} min", seconds.div_ceil(60).max(1)),
        None => ": try again later".into(),
    }
}

impl Problem {
    /// The meaning of a response that is not a success; `retry_after` is its header, in seconds.
    #[must_use]
    pub fn judge(status: u16, retry_after: Option<u64>, body: &[u8]) -> Self {
        let parsed = crate::json::from_slice::<Body>(body).ok();
        let Some((errno, body)) = parsed.and_then(|body| Some((body.errno?, body))) else {
            return match status {
                406 => Self::BotChallenge,
                429 => Self::Throttled {
                    retry_after,
                    can_unblock: false,
                },
                503 => Self::Busy { retry_after },
                500.. => Self::ServerFailed { status },
                _ => Self::NotGenuine { status },
            };
        };
        // The header is in seconds in every version; the body's number is not.
        let retry_after = retry_after.or(body.retry_after);
        let can_unblock = body.verification_method.as_deref() == Some("email-captcha");
        match errno {
            102 => Self::UnknownAccount,
            103 => Self::WrongPassword,
            104 => Self::UnverifiedAccount,
            105 | 152 | 153 | 183 => Self::WrongCode,
            110 => Self::SessionEnded,
            111 => Self::Clock {
                server_time: body.server_time.unwrap_or_default(),
            },
            114 => Self::Throttled {
                retry_after,
                can_unblock,
            },
            120 => body
                .email
                .map_or(Self::WrongPassword, |email| Self::EmailForm { email }),
            123 => Self::UnknownDevice,
            124 => body
                .device_id
                .map_or(Self::UnknownDevice, |device_id| Self::DeviceConflict {
                    device_id,
                }),
            125 => Self::Blocked { can_unblock },
            126 => Self::MustReset,
            127 => Self::WrongUnblockCode,
            138 => Self::SessionUnverified,
            142 => Self::SecondaryEmail,
            149 | 210 => Self::NoPassword,
            155 | 160 => Self::NoTotp,
            156 => Self::WrongRecoveryCode,
            157 => Self::NoSuchCommand,
            162 => Self::UnknownClient,
            163 => Self::ScopeRefused,
            164 | 170 => Self::StaleSignIn,
            166 | 169 | 171 => Self::ClientRefused,
            172..=175 => Self::WrongAuthorizationCode,
            182 => Self::GrantEnded,
            201 | 202 | 204 => Self::Busy { retry_after },
            222 => Self::SecondFactorNeeded,
            203 | 998 | 999 => Self::ServerFailed { status },
            errno if status >= 500 && errno != 100 => Self::ServerFailed { status },
            errno => Self::Refused { status, errno },
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown-account",
            Self::WrongPassword => "wrong-password",
            Self::EmailForm { .. } => "email-form",
            Self::UnverifiedAccount => "unverified-account",
            Self::WrongCode => "wrong-code",
            Self::WrongUnblockCode => "wrong-unblock-code",
            Self::WrongRecoveryCode => "wrong-recovery-code",
            Self::SessionEnded => "session-ended",
            Self::Clock { .. } => "clock",
            Self::Throttled { .. } => "throttled",
            Self::Blocked { .. } => "blocked",
            Self::MustReset => "must-reset",
            Self::SessionUnverified => "session-unverified",
            Self::SecondaryEmail => "secondary-email",
            Self::NoPassword => "no-password",
            Self::NoTotp => "no-totp",
            Self::SecondFactorNeeded => "second-factor-needed",
            Self::UnknownDevice => "unknown-device",
            Self::DeviceConflict { .. } => "device-conflict",
            Self::NoSuchCommand => "no-such-command",
            Self::UnknownClient => "unknown-client",
            Self::ScopeRefused => "scope-refused",
            Self::ClientRefused => "client-refused",
            Self::StaleSignIn => "stale-sign-in",
            Self::WrongAuthorizationCode => "wrong-authorization-code",
            Self::GrantEnded => "grant-ended",
            Self::Busy { .. } => "busy",
            Self::ServerFailed { .. } => "server-failed",
            Self::BotChallenge => "bot-challenge",
            Self::NotGenuine { .. } => "not-genuine",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether a code that is sent by mail allows the login.
    #[must_use]
    pub const fn can_unblock(&self) -> bool {
        matches!(
            self,
            Self::Throttled {
                can_unblock: true,
                ..
            } | Self::Blocked { can_unblock: true }
        )
    }
}

/// An error of a request to an accounts server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The server refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The network, the answer or the input.
    #[error(transparent)]
    Core(#[from] Error),
}

impl From<crate::host::RandomError> for AccountError {
    fn from(error: crate::host::RandomError) -> Self {
        Self::Core(error.into())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn every_error_of_a_login_is_told_apart() {
        let rows = [
            (400, 102, "unknown-account"),
            (400, 103, "wrong-password"),
            (400, 104, "unverified-account"),
            (400, 105, "wrong-code"),
            (401, 110, "session-ended"),
            (401, 111, "clock"),
            (429, 114, "throttled"),
            (400, 125, "blocked"),
            (400, 126, "must-reset"),
            (400, 127, "wrong-unblock-code"),
            (400, 138, "session-unverified"),
            (400, 142, "secondary-email"),
            (400, 149, "no-password"),
            (400, 210, "no-password"),
            (400, 152, "wrong-code"),
            (400, 153, "wrong-code"),
            (400, 183, "wrong-code"),
            (400, 155, "no-totp"),
            (400, 156, "wrong-recovery-code"),
            (400, 157, "no-such-command"),
            (400, 160, "no-totp"),
            (400, 162, "unknown-client"),
            (400, 163, "scope-refused"),
            (400, 164, "stale-sign-in"),
            (400, 166, "client-refused"),
            (400, 170, "stale-sign-in"),
            (400, 173, "wrong-authorization-code"),
            (400, 182, "grant-ended"),
            (400, 222, "second-factor-needed"),
            (503, 201, "busy"),
            (403, 202, "busy"),
            (500, 203, "server-failed"),
            (400, 123, "unknown-device"),
            (400, 106, "refused"),
        ];
        for (status, errno, code) in rows {
            let body = format!(r#"{{"code":{status},"errno":{errno},"error":"x"}}"#);
            let problem = Problem::judge(status, None, body.as_bytes());
            assert_eq!(problem.code(), code, "{errno}");
            assert!(
                problem.to_string().contains(':') || code == "device-conflict",
                "{problem}"
            );
        }
    }

    #[test]
    fn what_does_not_come_from_an_accounts_server_is_recognised() {
        for (status, body, code) in [
            (406, "", "bot-challenge"),
            (406, "<html>", "bot-challenge"),
            (429, "", "throttled"),
            (503, "", "busy"),
            (502, "x", "server-failed"),
            (404, "{}", "not-genuine"),
        ] {
            assert_eq!(
                Problem::judge(status, None, body.as_bytes()).code(),
                code,
                "{status}"
            );
        }
    }

    #[test]
    fn members_of_an_error_are_read() {
        let judge = |body: &str| Problem::judge(400, Some(90), body.as_bytes());
        assert_eq!(
            judge(r#"{"errno":120,"email":"Me@example.org"}"#),
            Problem::EmailForm {
                email: "Me@example.org".into()
            }
        );
        let throttled =
            judge(r#"{"errno":114,"retryAfter":90000,"verificationMethod":"email-captcha"}"#);
        assert!(throttled.can_unblock());
        assert_eq!(
            throttled.to_string(),
            "the server received too many attempts: try again in 2 min"
        );
        assert!(!judge(r#"{"errno":125}"#).can_unblock());
    }
}
