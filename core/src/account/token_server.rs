//! From an access token to a storage token (spec §1.9).

use alloc::format;
use alloc::string::{String, ToString};
use core::cell::RefCell;
use core::fmt;

use serde::Deserialize;

use super::exchange::{Answer, exchange, timestamp};
use super::token::Token;
use crate::error::{Error, RequestLine, Result};
use crate::host::Clock;
use crate::http::{Fetch, Method, Request};
use crate::server::{Backoff, Observed, address};
use crate::time::LocalTime;

const PATH: &str = "1.0/sync/1.5";

/// Why a token server gives no token, by what is to be done.
///
/// ```
/// use selvedge_core::account::Refusal;
///
/// let body = br#"{"status":"invalid-generation","errors":[]}"#;
/// assert_eq!(Refusal::judge(401, body), Refusal::InvalidGeneration);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It does not take the access token: fetch another and ask once more; after that the account needs attention.
    InvalidCredentials,
    /// It finds the clock wrong: ask once more by its own.
    InvalidTimestamp,
    /// The password was changed elsewhere: sign in again.
    InvalidGeneration,
    /// The key was replaced: fetch the keys again, and sign in again.
    InvalidClientState,
    /// The key is older than the account's, or its id is malformed: fetch the keys again.
    InvalidKeysChangedAt,
    /// It takes no new users: for good, as far as this server goes.
    NewUsersDisabled,
    /// This is no token server, or not for this application: a wrong address.
    Unsupported {
        /// The HTTP status.
        status: u16,
    },
    /// It is in trouble: try again later.
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// Something between here and the server answered.
    Infrastructure {
        /// The HTTP status.
        status: u16,
    },
}

impl Refusal {
    /// What an answer that is no success means.
    #[must_use]
    pub fn judge(status: u16, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Said {
            status: String,
        }
        let said = serde_json::from_slice::<Said>(body).ok();
        let word = said.as_ref().map(|said| said.status.as_str());
        match (status, word) {
            (401 | 403, Some("new-users-disabled")) => Self::NewUsersDisabled,
            (401, Some("invalid-timestamp")) => Self::InvalidTimestamp,
            (401, Some("invalid-generation")) => Self::InvalidGeneration,
            (401, Some("invalid-client-state")) => Self::InvalidClientState,
            (401, Some("invalid-keysChangedAt" | "invalid-key-id")) => Self::InvalidKeysChangedAt,
            (401, Some(_)) => Self::InvalidCredentials,
            (401 | 403, None) => Self::Infrastructure { status },
            (408 | 429 | 500..=599, _) => Self::Unavailable { status },
            _ => Self::Unsupported { status },
        }
    }

    /// The error that says so; `until` is when the server wants to be asked again.
    #[must_use]
    pub fn into_error(self, until: Option<LocalTime>, request: RequestLine) -> Error {
        match self {
            Self::InvalidCredentials | Self::InvalidGeneration => Error::SignedOut { request },
            Self::InvalidClientState | Self::InvalidKeysChangedAt => Error::WrongKey,
            Self::InvalidTimestamp => Error::Input(
                "the token server finds this device's clock wrong: set the clock".into(),
            ),
            Self::NewUsersDisabled => {
                Error::Input("this server takes no new users: choose another one".into())
            }
            Self::Unsupported { status } => Error::Input(format!(
                "this address does not answer as a token server does (status {status}): check it"
            )),
            Self::Unavailable { status } => Error::Wait {
                until,
                status,
                request,
            },
            Self::Infrastructure { status } => Error::Answer {
                request,
                detail: format!(
                    "something in front of the token server answered, with status {status}"
                ),
            },
        }
    }
}

/// A token server's address in its one form: with or without a trailing slash or `/1.0/sync/1.5` it is the same.
pub(super) fn normalised(url: &str) -> Result<String> {
    let url = address::service(url)?;
    let base = url
        .strip_suffix(PATH)
        .map(|base| base.trim_end_matches('/'));
    address::service(base.unwrap_or(&url))
}

/// A token server.
///
/// ```
/// use selvedge_core::account::TokenServer;
/// use selvedge_core::host::Clock;
/// use selvedge_core::http::{Bytes, Fetch, FetchError, Headers, Request, Response};
/// use selvedge_core::time::LocalTime;
///
/// struct Host; // A token server that knows everybody.
/// impl Fetch for Host {
///     type Body = Bytes;
///     async fn fetch(&self, request: Request) -> Result<Response<Bytes>, FetchError> {
///         assert_eq!(request.url, "https://sync.example.org/1.0/sync/1.5");
///         let body = r#"{"id":"id","key":"key","uid":7,"api_endpoint":"https://a.example/1.5/7","duration":3600}"#;
///         Ok(Response { status: 200, headers: Headers::default(), body: Bytes::from(body) })
///     }
/// }
/// impl Clock for Host {
///     fn now(&self) -> LocalTime { LocalTime::from_millis(1_700_000_000_000) }
/// }
///
/// let server = TokenServer::new(&Host, "https://sync.example.org/1.0/sync/1.5/", None)?;
/// let token = pollster::block_on(server.token("access token", "1700000000000-AAAAAAAAAAAAAAAAAAAAAA"))?;
/// assert_eq!(token.uid, 7);
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
pub struct TokenServer<'h, H> {
    host: &'h H,
    url: String,
    user_agent: Option<String>,
    observed: RefCell<Observed>,
}

impl<H> fmt::Debug for TokenServer<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl<'h, H: Fetch + Clock> TokenServer<'h, H> {
    /// The token server at an address, which is taken with or without a trailing slash or `/1.0/sync/1.5`.
    /// `user_agent` names the product; in a browser it must be `None`.
    ///
    /// # Errors
    /// When it is no address of a web server.
    pub fn new(host: &'h H, url: &str, user_agent: Option<String>) -> Result<Self> {
        Ok(Self {
            host,
            url: normalised(url)?,
            user_agent,
            observed: RefCell::default(),
        })
    }

    /// The address in its one form, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the answers so far said beside their bodies: clock, backoff, traffic.
    #[must_use]
    pub fn observed(&self) -> Observed {
        self.observed.borrow().clone()
    }

    /// Gets a storage token; `kid` names the sync key.
    ///
    /// # Errors
    /// [`Error::SignedOut`] when the access token is not taken, [`Error::WrongKey`] when the key was replaced,
    /// [`Error::Wait`] when the server is in trouble, [`Error::Input`] when it is the wrong server.
    pub async fn token(&self, access_token: &str, kid: &str) -> Result<Token> {
        let line = RequestLine::new(Method::Get, PATH);
        let mut answer = self.ask(access_token, kid, &line).await?;
        if refused(&answer) == Some(Refusal::InvalidTimestamp)
            && timestamp(&answer.headers).is_some()
        {
            answer = self.ask(access_token, kid, &line).await?;
        }
        if let Some(refusal) = refused(&answer) {
            let mut backoff = Backoff::default();
            let offset = self.observed.borrow().offset();
            backoff.observe(&answer.headers, self.host.now(), offset);
            return Err(refusal.into_error(backoff.until(), line));
        }
        Token::from_json(&answer.body).map_err(|error| Error::Answer {
            request: line,
            detail: error.to_string(),
        })
    }

    async fn ask(&self, access_token: &str, kid: &str, line: &RequestLine) -> Result<Answer> {
        let mut request = Request::new(Method::Get, format!("{}/{PATH}", self.url));
        request.headers = [
            ("Authorization", format!("Bearer {access_token}")),
            ("X-KeyID", kid.to_string()),
            ("Accept", "application/json".to_string()),
        ]
        .into();
        if let Some(user_agent) = &self.user_agent {
            request.headers.push(("User-Agent", user_agent.clone()));
        }
        exchange(self.host, request, &self.observed, line).await
    }
}

fn refused(answer: &Answer) -> Option<Refusal> {
    (answer.status != 200).then(|| Refusal::judge(answer.status, &answer.body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{START, Script, get, json, status};
    use crate::time::ClockOffset;

    const URL: &str = "https://a.example/1.0/sync/1.5";
    const TOKEN: &str = r#"{"id":"id","key":"k","uid":7,"api_endpoint":"https://n.example/1.5/7/","duration":3600,"hashalg":"sha256"}"#;

    fn word(status: &str) -> String {
        serde_json::json!({"status": status, "errors": [{"location": "body", "name": "", "description": "x"}]}).to_string()
    }

    #[test]
    fn each_row_of_the_table_is_one_refusal() {
        let rows = [
            (
                401,
                word("invalid-credentials"),
                Refusal::InvalidCredentials,
            ),
            (401, word("something-new"), Refusal::InvalidCredentials),
            (401, word("invalid-timestamp"), Refusal::InvalidTimestamp),
            (401, word("invalid-generation"), Refusal::InvalidGeneration),
            (
                401,
                word("invalid-client-state"),
                Refusal::InvalidClientState,
            ),
            (
                401,
                word("invalid-keysChangedAt"),
                Refusal::InvalidKeysChangedAt,
            ),
            (401, word("invalid-key-id"), Refusal::InvalidKeysChangedAt),
            (401, word("new-users-disabled"), Refusal::NewUsersDisabled),
            (403, word("new-users-disabled"), Refusal::NewUsersDisabled),
            (403, word("error"), Refusal::Unsupported { status: 403 }),
            (400, word("error"), Refusal::Unsupported { status: 400 }),
            (404, word("error"), Refusal::Unsupported { status: 404 }),
            (405, word("error"), Refusal::Unsupported { status: 405 }),
            (406, word("error"), Refusal::Unsupported { status: 406 }),
            (301, String::new(), Refusal::Unsupported { status: 301 }),
            (404, "<html>".into(), Refusal::Unsupported { status: 404 }),
            (
                500,
                word("internal-error"),
                Refusal::Unavailable { status: 500 },
            ),
            (503, word("elapsed"), Refusal::Unavailable { status: 503 }),
            (504, word("error"), Refusal::Unavailable { status: 504 }),
            (502, "<html>".into(), Refusal::Unavailable { status: 502 }),
            (429, String::new(), Refusal::Unavailable { status: 429 }),
            (
                401,
                "<html>".into(),
                Refusal::Infrastructure { status: 401 },
            ),
            (
                403,
                "<html>".into(),
                Refusal::Infrastructure { status: 403 },
            ),
        ];
        for (status, body, refusal) in rows {
            assert_eq!(
                Refusal::judge(status, body.as_bytes()),
                refusal,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let error =
            |refusal: Refusal| refusal.into_error(None, RequestLine::new(Method::Get, PATH));
        assert!(matches!(
            error(Refusal::InvalidCredentials),
            Error::SignedOut { .. }
        ));
        assert!(matches!(
            error(Refusal::InvalidGeneration),
            Error::SignedOut { .. }
        ));
        assert_eq!(error(Refusal::InvalidClientState), Error::WrongKey);
        assert_eq!(error(Refusal::InvalidKeysChangedAt), Error::WrongKey);
        assert!(matches!(
            error(Refusal::Unavailable { status: 503 }),
            Error::Wait { status: 503, .. }
        ));
        assert!(matches!(
            error(Refusal::Infrastructure { status: 401 }),
            Error::Answer { .. }
        ));
        for refusal in [
            Refusal::InvalidTimestamp,
            Refusal::NewUsersDisabled,
            Refusal::Unsupported { status: 404 },
        ] {
            assert!(matches!(error(refusal), Error::Input(_)), "{refusal:?}");
        }
    }

    #[test]
    fn the_address_has_one_form() {
        for url in [
            "https://a.example",
            "https://a.example/",
            "https://a.example/1.0/sync/1.5",
            " https://a.example/1.0/sync/1.5/ ",
        ] {
            assert_eq!(normalised(url).unwrap(), "https://a.example", "{url}");
        }
        assert_eq!(
            normalised("https://a.example/token/").unwrap(),
            "https://a.example/token"
        );
        for url in ["", "a.example", "https://", "https:///1.0/sync/1.5"] {
            assert!(normalised(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_token_is_asked_for_as_the_protocol_says() {
        let host = Script::new().expect(
            get(URL)
                .with("Authorization", "Bearer at")
                .with("X-KeyID", "17-AAAA")
                .with("Accept", "application/json"),
            json(TOKEN)
                .header("X-Timestamp", "1700000042")
                .header("X-Backoff", "60"),
        );
        let server = TokenServer::new(&host, "https://a.example/", None).unwrap();
        let token = pollster::block_on(server.token("at", "17-AAAA")).unwrap();
        assert_eq!(token.api_endpoint, "https://n.example/1.5/7");
        let observed = server.observed();
        assert_eq!(observed.backoff.soft, Some(START.plus_seconds(60)));
        assert_eq!(observed.clock_offset.map(ClockOffset::millis), Some(42_000));
        assert_eq!(observed.traffic.requests, 1);
        host.done();
    }

    #[test]
    fn a_wrong_clock_is_corrected_once() {
        let skewed = || {
            status(401)
                .body(word("invalid-timestamp"))
                .header("X-Timestamp", "1700009999")
        };
        let host = Script::new()
            .expect(get(URL), skewed())
            .expect(get(URL), json(TOKEN))
            .expect(get(URL), skewed())
            .expect(get(URL), skewed());
        let server = TokenServer::new(&host, URL, None).unwrap();
        assert!(pollster::block_on(server.token("at", "k")).is_ok());
        assert!(matches!(
            pollster::block_on(server.token("at", "k")),
            Err(Error::Input(_))
        ));
        host.done();
    }

    #[test]
    fn a_server_in_trouble_tells_when_to_come_back() {
        let host = Script::new().expect(get(URL), status(503).header("Retry-After", "90"));
        let server = TokenServer::new(&host, URL, None).unwrap();
        let error = pollster::block_on(server.token("at", "k")).unwrap_err();
        let expected = Some(START.plus_seconds(90));
        assert!(
            matches!(error, Error::Wait { until, status: 503, .. } if until == expected),
            "{error:?}"
        );
    }

    #[test]
    fn an_answer_that_is_no_token_is_an_error() {
        for body in [
            "",
            "<html>",
            "{}",
            &TOKEN.replace("sha256", "md5"),
            &" ".repeat(1 << 20),
        ] {
            let host = Script::new().expect(get(URL), json(body));
            let server = TokenServer::new(&host, URL, None).unwrap();
            let error = pollster::block_on(server.token("at", "k")).unwrap_err();
            assert!(matches!(error, Error::Answer { .. }), "{error:?}");
        }
    }
}
