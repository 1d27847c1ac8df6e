//! One request to an accounts server: authentication, clock, errors (`docs/protocol/accounts-api.md` §1–§3).

use alloc::format;
use alloc::string::String;
use core::cell::{Cell, RefCell};
use core::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::super::exchange::{Answer, exchange};
use super::problem::{AccountError, Problem};
use super::tokens::{AccountToken, Kind};
use crate::crypto::hawk;
use crate::error::{Error, RequestLine};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method, Request};
use crate::server::{Observed, address};

/// How account tokens are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The token's id after a prefix: Mozilla's servers.
    Bearer,
    /// Signed requests, which older servers require.
    Hawk,
}

/// How one request is authenticated.
#[derive(Clone, Copy)]
pub(super) enum Auth<'a> {
    None,
    Token(Kind, &'a AccountToken),
}

/// The body of a request without members.
#[derive(Serialize)]
pub(super) struct Empty {}

/// An accounts server.
///
/// ```
/// use selvedge_core::account::mozilla::{AuthServer, Scheme};
///
/// let server = AuthServer::new(&(), "https://api.accounts.firefox.com", None)?;
/// assert_eq!((server.url(), server.scheme()), ("https://api.accounts.firefox.com/v1", Scheme::Bearer));
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
pub struct AuthServer<'h, H> {
    host: &'h H,
    url: String,
    scheme: Scheme,
    user_agent: Option<String>,
    /// The server's clock minus the local one, in seconds.
    offset: Cell<i64>,
    observed: RefCell<Observed>,
}

impl<H> fmt::Debug for AuthServer<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl<'h, H> AuthServer<'h, H> {
    /// The server at an address, with or without `/v1`.
    ///
    /// # Errors
    /// When the text is not an address of a web server.
    pub fn new(host: &'h H, url: &str, user_agent: Option<String>) -> Result<Self, Error> {
        let url = address::service(url)?;
        let base = url.strip_suffix("/v1").unwrap_or(&url);
        let scheme = if base.ends_with(".firefox.com") {
            Scheme::Bearer
        } else {
            Scheme::Hawk
        };
        Ok(Self {
            host,
            url: format!("{base}/v1"),
            scheme,
            user_agent,
            offset: Cell::new(0),
            observed: RefCell::default(),
        })
    }

    /// The normalized address, with `/v1`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How tokens are sent.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) const fn host(&self) -> &'h H {
        self.host
    }
}

impl<H: Fetch + Clock + Random> AuthServer<'_, H> {
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        auth: Auth<'_>,
    ) -> Result<T, AccountError> {
        self.call(Method::Get, path, auth, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        auth: Auth<'_>,
        body: &impl Serialize,
    ) -> Result<T, AccountError> {
        let body =
            crate::json::to_string(body).expect("strings and numbers can be serialized as JSON");
        self.call(Method::Post, path, auth, Some(Zeroizing::new(body)))
            .await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        auth: Auth<'_>,
        body: Option<Zeroizing<String>>,
    ) -> Result<T, AccountError> {
        let shown = path.split('?').next().unwrap_or_default();
        let line = RequestLine::new(method, shown);
        let mut answer = self.ask(method, path, auth, body.as_deref(), &line).await?;
        if answer.status == 401
            && let Problem::Clock { server_time } = problem(&answer)
        {
            // Correct the clock, and try once more.
            self.see_time(server_time);
            answer = self.ask(method, path, auth, body.as_deref(), &line).await?;
        }
        if answer.status != 200 {
            return Err(problem(&answer).into());
        }
        crate::json::from_slice(&answer.body).map_err(|_| {
            AccountError::Core(Error::Answer {
                request: line,
                detail: "it lacks members that the protocol requires".into(),
            })
        })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        auth: Auth<'_>,
        body: Option<&String>,
        line: &RequestLine,
    ) -> Result<Answer, AccountError> {
        let url = format!("{}/{path}", self.url);
        let mut request = Request::new(method, url.as_str());
        match auth {
            Auth::None => {}
            Auth::Token(kind, token) if self.scheme == Scheme::Bearer => {
                request.add_header("Authorization", token.bearer(kind));
            }
            Auth::Token(kind, token) => {
                let hash = body.map(|body| hawk::payload_hash("application/json", body.as_bytes()));
                let nonce = hawk::make_nonce(self.host)?;
                let value = hawk::authorization(
                    &token.hawk(kind),
                    method.as_str(),
                    &url,
                    self.now().max(0).unsigned_abs(),
                    &nonce,
                    hash.as_deref(),
                    None,
                )
                .map_err(|error| Error::Input(format!("{error}")))?;
                request.add_header("Authorization", value);
            }
        }
        request.add_header("Accept", "application/json");
        if let Some(user_agent) = &self.user_agent {
            request.add_header("User-Agent", user_agent);
        }
        if let Some(body) = body {
            request.add_header("Content-Type", "application/json");
            request.body = body.as_bytes().to_vec();
        }
        let answer = exchange(self.host, request, &self.observed, line).await?;
        let timestamp = answer
            .headers
            .get("Timestamp")
            .and_then(|text| text.trim().parse().ok());
        if let Some(seconds) = timestamp {
            self.see_time(seconds);
        }
        Ok(answer)
    }

    /// The server's time, in seconds.
    fn now(&self) -> i64 {
        self.local_seconds().saturating_add(self.offset.get())
    }

    fn local_seconds(&self) -> i64 {
        i64::try_from(self.host.now().millis() / 1000).unwrap_or_default()
    }

    fn see_time(&self, seconds: u64) {
        if let Ok(seconds) = i64::try_from(seconds) {
            self.offset
                .set(seconds.saturating_sub(self.local_seconds()));
        }
    }
}

fn problem(answer: &Answer) -> Problem {
    let retry_after = answer.headers.get("Retry-After");
    let retry_after = retry_after.and_then(|text| text.trim().parse().ok());
    Problem::judge(answer.status, retry_after, &answer.body)
}
