//! Exchanges an access token for a storage token (spec §1.9).

use alloc::format;
use alloc::string::{String, ToString};
use core::cell::RefCell;
use core::fmt;

use super::exchange::{Answer, exchange, timestamp};
use super::refusal::Refusal;
use super::token::Token;
use crate::error::{Error, RequestLine, Result};
use crate::host::Clock;
use crate::http::{Fetch, Method, Request};
use crate::server::{Backoff, Observed, address};

const PATH: &str = "1.0/sync/1.5";

/// The normalized form of a token server's address: with or without a trailing slash or `/1.0/sync/1.5` it is the same.
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
/// struct Host; // A token server that accepts every access token.
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
    /// The token server at an address; a trailing slash and `/1.0/sync/1.5` are optional. `user_agent` is the product
    /// name; in a browser it must be `None`.
    ///
    /// # Errors
    /// When the text is not an address of a web server.
    pub fn new(host: &'h H, url: &str, user_agent: Option<String>) -> Result<Self> {
        Ok(Self {
            host,
            url: normalised(url)?,
            user_agent,
            observed: RefCell::default(),
        })
    }

    /// The normalized address, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Server information from the headers of the responses up to now: clock, backoff, traffic.
    #[must_use]
    pub fn observed(&self) -> Observed {
        self.observed.borrow().clone()
    }

    /// Gets a storage token; `kid` is the identifier of the sync key.
    ///
    /// # Errors
    /// [`Error::SignedOut`] when the server rejects the access token, [`Error::WrongKey`] when the key was replaced,
    /// [`Error::Wait`] when the server has a temporary failure, [`Error::Input`] when the address is not a suitable
    /// token server.
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
        let unreadable = |detail| Error::Answer {
            request: line.clone(),
            detail,
        };
        let token =
            Token::from_json(&answer.body).map_err(|error| unreadable(error.to_string()))?;
        address::check_named(&self.url, &token.api_endpoint)
            .map_err(|reason| unreadable(reason.detail().into()))?;
        Ok(token)
    }

    async fn ask(&self, access_token: &str, kid: &str, line: &RequestLine) -> Result<Answer> {
        let mut request = Request::new(Method::Get, format!("{}/{PATH}", self.url));
        request.add_header("Authorization", format!("Bearer {access_token}"));
        request.add_header("X-KeyID", kid);
        request.add_header("Accept", "application/json");
        if let Some(user_agent) = &self.user_agent {
            request.add_header("User-Agent", user_agent);
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
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const URL: &str = "https://a.example/1.0/sync/1.5";
    const TOKEN: &str = r#"{"id":"id","key":"k","uid":7,"api_endpoint":"https://n.example/1.5/7/","duration":3600,"hashalg":"sha256"}"#;

    #[test]
    fn the_address_is_normalized() {
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
    fn a_token_is_requested_as_the_protocol_specifies() {
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
                .body(r#"{"status":"invalid-timestamp","errors":[]}"#)
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
    fn an_unavailable_server_specifies_when_to_retry() {
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
    fn a_response_that_is_not_a_token_is_an_error() {
        for body in [
            "",
            "<html>",
            "{}",
            &TOKEN.replace("sha256", "md5"),
            &TOKEN.replace("https://n.example", "http://n.example"),
            &TOKEN.replace("n.example", "192.168.0.1"),
            &" ".repeat(1 << 20),
        ] {
            let host = Script::new().expect(get(URL), json(body));
            let server = TokenServer::new(&host, URL, None).unwrap();
            let error = pollster::block_on(server.token("at", "k")).unwrap_err();
            assert!(matches!(error, Error::Answer { .. }), "{error:?}");
        }
    }
}
