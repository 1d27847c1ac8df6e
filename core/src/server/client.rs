//! Client for one user's storage on a server: signs and sends requests, and classifies responses.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::address;
use super::call::{Call, Reply};
use super::conditions::Condition;
use super::dialect::Dialect;
use super::observed::{Observed, is_genuine, weave_timestamp};
use super::redirect;
use super::status;
use crate::crypto::hawk;
use crate::error::{Error, RequestLine, Result};
use crate::host::{Clock, Random};
use crate::http::{Body, Fetch, FetchError, FetchErrorKind, Headers, Method, Request};
use crate::time::{LocalTime, ServerTime};

/// A 401 is attributed to the clock if the clock is wrong by more than this number of seconds (spec §2.6).
const SKEW_SECONDS: u64 = 30;
/// Maximum number of bytes read from the body of an error response.
const MAX_ERROR_BODY_BYTES: usize = 4096;
/// Maximum number of retries of a GET when the server closes the connection before its response starts.
const MAX_DROPPED: u32 = 2;

/// The address of a user's storage, and how requests are authorized.
///
/// ```
/// use selvedge_core::crypto::hawk;
/// use selvedge_core::server::Access;
///
/// let credentials = hawk::Credentials { id: "id".into(), key: hawk::Key::from_text("key") };
/// let access = Access::hawk("https://sync.example.org/1.5/1/", credentials)?;
/// assert_eq!(access.endpoint(), "https://sync.example.org/1.5/1");
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Clone)]
pub struct Access {
    endpoint: String,
    authorization: Authorization,
}

/// How requests are authorized.
///
/// ```
/// use selvedge_core::crypto::hawk;
/// use selvedge_core::server::Authorization;
///
/// let credentials = hawk::Credentials { id: "id".into(), key: hawk::Key::from_text("key") };
/// assert_eq!(format!("{:?}", Authorization::Hawk(credentials)), "Hawk(..)");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Authorization {
    /// Each request is signed (storage API 1.5).
    Hawk(hawk::Credentials),
    /// Each request contains the user's name and password (storage API 1.1).
    Basic(Basic),
}

/// A name and a password in the form of the `Authorization` header. Its `Debug` output contains no secret, and it is
/// zeroized when dropped.
///
/// ```
/// use selvedge_core::server::Basic;
///
/// assert_eq!(format!("{:?}", Basic::new("johndoe", "password")), "Basic(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Basic(Zeroizing<String>);

impl Basic {
    /// Creates one from a name without a colon, and a password, in UTF-8.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Self {
        let mut pair = Zeroizing::new(String::with_capacity(username.len() + 1 + password.len()));
        pair.push_str(username);
        pair.push(':');
        pair.push_str(password);
        let encoded = Zeroizing::new(Base64::encode_string(pair.as_bytes()));
        let mut value = Zeroizing::new(String::with_capacity(6 + encoded.len()));
        value.push_str("Basic ");
        value.push_str(&encoded);
        Self(value)
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Basic(..)")
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hawk(_) => f.write_str("Hawk(..)"),
            Self::Basic(basic) => basic.fmt(f),
        }
    }
}

/// The endpoint identifies the user, so only its presence is shown.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(..)")
    }
}

impl Access {
    /// Access to the storage at `endpoint`, the `api_endpoint` of a token, with signed requests.
    ///
    /// # Errors
    /// When the endpoint is not an address of a web server.
    pub fn hawk(endpoint: &str, credentials: hawk::Credentials) -> Result<Self> {
        Ok(Self {
            endpoint: address::service(endpoint)?,
            authorization: Authorization::Hawk(credentials),
        })
    }

    /// Access to the storage on `node` of a user with a name and a password, in dialect 1.1. The name is the
    /// [`username`](crate::account::legacy::username) of an account.
    ///
    /// # Errors
    /// When the node is not an address of a web server.
    pub fn basic(node: &str, username: &str, password: &str) -> Result<Self> {
        Ok(Self {
            endpoint: address::service(&format!("{}/1.1/{username}", address::service(node)?))?,
            authorization: Authorization::Basic(Basic::new(username, password)),
        })
    }

    /// The dialect of the storage.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.authorization {
            Authorization::Hawk(_) => Dialect::V1_5,
            Authorization::Basic(_) => Dialect::V1_1,
        }
    }

    /// The address of the user's storage, without a trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// One user's storage on a server.
///
/// All methods take `&self`. Information in the headers of responses is recorded: the server's clock is used for the
/// next signature, the rest is available from [`Client::observed`]. The client never waits, and it retries only a
/// request that a server rejected because the clock was wrong, and a GET that got no response.
///
/// ```
/// use selvedge_core::crypto::hawk;
/// use selvedge_core::host::{Clock, Random, RandomError};
/// use selvedge_core::http::{Bytes, Fetch, FetchError, Headers, Request, Response};
/// use selvedge_core::server::{Access, Client};
/// use selvedge_core::time::LocalTime;
///
/// struct Host; // A server with one collection.
/// impl Fetch for Host {
///     type Body = Bytes;
///     async fn fetch(&self, _: Request) -> Result<Response<Bytes>, FetchError> {
///         let headers = [("X-Last-Modified", "1700000000.42")].into_iter().collect();
///         Ok(Response { status: 200, headers, body: Bytes::from(r#"{"notes":1700000000.42}"#) })
///     }
/// }
/// impl Clock for Host {
///     fn now(&self) -> LocalTime { LocalTime::from_millis(1_700_000_000_000) }
/// }
/// impl Random for Host {
///     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> { bytes.fill(7); Ok(()) }
/// }
///
/// let credentials = hawk::Credentials { id: "id".into(), key: hawk::Key::from_text("key") };
/// let client = Client::new(&Host, Access::hawk("https://sync.example.org/1.5/1", credentials)?, None);
/// let info = pollster::block_on(client.info_collections(None))?.changed().expect("no condition was sent");
/// assert_eq!(info.iter().next().map(|(name, _)| name.as_str()), Some("notes"));
/// assert_eq!(client.observed().traffic.requests, 1);
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
pub struct Client<'h, H> {
    host: &'h H,
    access: Access,
    user_agent: Option<String>,
    observed: RefCell<Observed>,
    /// Maximum body size, in bytes, of a POST with more than one record.
    body_bytes: Cell<u64>,
}

impl<H> fmt::Debug for Client<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("observed", &self.observed)
            .finish_non_exhaustive()
    }
}

impl<'h, H: Fetch + Clock + Random> Client<'h, H> {
    /// Creates a client; nothing is sent yet. `user_agent` is the product name; in a browser it must be `None`.
    #[must_use]
    pub fn new(host: &'h H, access: Access, user_agent: Option<String>) -> Self {
        Self {
            host,
            access,
            user_agent,
            observed: RefCell::default(),
            body_bytes: Cell::new(u64::MAX),
        }
    }

    /// The address of the user's storage, without a trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.access.endpoint()
    }

    /// Information in the headers of the responses up to now.
    #[must_use]
    pub fn observed(&self) -> Observed {
        self.observed.borrow().clone()
    }

    /// The dialect of the server.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.access.dialect()
    }

    /// The latest plausible server time: one day ahead of both clocks. A later time was written while the server's
    /// clock was wrong (spec §5.3).
    pub(crate) fn latest_believable(&self) -> ServerTime {
        const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
        let here = self.host.now();
        let there = self.server_now_millis();
        let latest = here.millis().max(there).saturating_add(DAY_MILLIS);
        ServerTime::from_hundredths(latest / 10)
    }

    /// Now by the server's clock, in milliseconds.
    pub(crate) fn server_now_millis(&self) -> u64 {
        self.observed
            .borrow()
            .offset()
            .server_millis(self.host.now())
    }

    /// Sends a call. Returns only successful responses, and a 304 if the call's condition allows it.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply<H::Body>> {
        let line = call.line();
        // The first response reveals a wrong clock; afterwards a large body is not kept for a retry.
        let is_clock_known = {
            let observed = self.observed.borrow();
            if observed.is_closed() {
                return Err(Error::ServiceClosed);
            }
            observed.clock_offset.is_some()
        };
        let mut spare = (!is_clock_known || call.body.is_empty()).then(|| call.body.clone());
        let Call {
            method,
            path,
            mut headers,
            condition,
            mut body,
        } = call;
        let condition = self.dialect().condition(method, condition);
        headers.extend(condition.header());
        let url = format!("{}/{path}", self.access.endpoint);
        let mut dropped = 0;
        loop {
            let mut request = Request::new(method, url.as_str());
            for (name, value) in &headers {
                request.add_header(*name, value);
            }
            request.body = body;
            let is_get = method == Method::Get;
            let ts = self.authorize(&mut request)?;
            self.count(|traffic| {
                traffic.requests += 1;
                traffic.bytes_sent += request.body.len() as u64;
            });
            let mut response = match self.host.fetch(request).await {
                Ok(response) => response,
                // No part of a response arrived: the server had closed a keep-alive connection. The retry is signed
                // again, because the server may have seen the nonce.
                Err(source)
                    if is_get
                        && source.kind == FetchErrorKind::Dropped
                        && dropped < MAX_DROPPED =>
                {
                    dropped += 1;
                    body = Vec::new();
                    continue;
                }
                Err(source) => return Err(network(source, &line)),
            };
            let until = self.observe(&response.headers);
            if self.observed.borrow().is_closed() {
                return Err(Error::ServiceClosed);
            }
            if response.status == 401
                && ts.is_some_and(|ts| is_skewed(ts, weave_timestamp(&response.headers)))
                && let Some(again) = spare.take()
            {
                body = again;
                continue;
            }
            let may_be_unmodified = matches!(condition, Condition::IfModifiedSince(_));
            return match response.status {
                200..=299 => Ok(Reply { response, line }),
                304 if may_be_unmodified => Ok(Reply { response, line }),
                status => {
                    if let Some(to) = redirect::target(status, &response.headers) {
                        return Err(Error::Moved { to, request: line });
                    }
                    let body = self.read_start(&mut response.body).await;
                    let is_genuine = is_genuine(&response.headers);
                    Err(status::refusal(status, is_genuine, &body, until, line))
                }
            };
        }
    }

    /// Signs a request with a new nonce, or adds the password; returns the `ts` of the signature.
    fn authorize(&self, request: &mut Request) -> Result<Option<u64>> {
        if let Some(user_agent) = &self.user_agent {
            request.add_header("User-Agent", user_agent);
        }
        let (value, ts) = match &self.access.authorization {
            Authorization::Hawk(credentials) => {
                let offset = self.observed.borrow().offset();
                let ts = offset.server_seconds(self.host.now());
                let nonce = hawk::make_nonce(self.host)?;
                let method = request.method.as_str();
                // So that nothing between this device and the server can change a body undetected (spec §2.3).
                let hash = (!request.body.is_empty()).then(|| {
                    let content_type = request.header("Content-Type").unwrap_or_default();
                    hawk::payload_hash(content_type, &request.body)
                });
                let url = &request.url;
                let value = hawk::authorization(
                    credentials,
                    method,
                    url,
                    ts,
                    &nonce,
                    hash.as_deref(),
                    None,
                )
                .map_err(|error| Error::Input(error.to_string()))?;
                (value, Some(ts))
            }
            Authorization::Basic(Basic(value)) => (value.to_string(), None),
        };
        request.add_header("Authorization", value);
        Ok(ts)
    }

    /// Records the headers of a response; returns the time until which this response asks clients to wait.
    fn observe(&self, headers: &Headers) -> Option<LocalTime> {
        let now = self.host.now();
        let mut observed = self.observed.borrow_mut();
        observed.reply(headers, now, weave_timestamp(headers));
        let mut here = super::Backoff::default();
        here.observe(headers, now, observed.offset());
        here.until()
    }

    /// The maximum POST size, in bytes, after larger POSTs were rejected.
    pub(super) const fn body_bytes(&self) -> u64 {
        self.body_bytes.get()
    }

    /// Records, for later uploads too, that POSTs larger than this are rejected.
    pub(super) fn lower_body_bytes(&self, body_bytes: u64) {
        self.body_bytes.set(self.body_bytes.get().min(body_bytes));
    }

    pub(crate) fn count(&self, add: impl FnOnce(&mut super::Traffic)) {
        add(&mut self.observed.borrow_mut().traffic);
    }

    /// The next chunk of a body; counts its bytes.
    pub(crate) async fn chunk(
        &self,
        body: &mut H::Body,
    ) -> Result<Option<<H::Body as Body>::Chunk>, FetchError> {
        let chunk = body.chunk().await?;
        if let Some(chunk) = &chunk {
            self.count(|traffic| traffic.bytes_received += chunk.as_ref().len() as u64);
        }
        Ok(chunk)
    }

    /// The whole body of a response, with at most `max` bytes.
    pub(crate) async fn read(&self, reply: &mut Reply<H::Body>, max: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self
            .chunk(&mut reply.response.body)
            .await
            .map_err(|source| network(source, &reply.line))?
        {
            let chunk = chunk.as_ref();
            if chunk.len() > max.saturating_sub(bytes.len()) {
                return Err(reply.unreadable(format!("it is larger than {max} bytes")));
            }
            bytes.extend_from_slice(chunk);
        }
        Ok(bytes)
    }

    /// The beginning of an error response's body. An unreadable body does not change the error.
    async fn read_start(&self, body: &mut H::Body) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < MAX_ERROR_BODY_BYTES {
            let Ok(Some(chunk)) = self.chunk(body).await else {
                break;
            };
            let chunk = chunk.as_ref();
            let room = MAX_ERROR_BODY_BYTES - bytes.len();
            bytes.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        }
        bytes
    }
}

fn is_skewed(ts: u64, server: Option<ServerTime>) -> bool {
    server.is_some_and(|server| (server.hundredths() / 100).abs_diff(ts) > SKEW_SECONDS)
}

pub(crate) fn network(source: FetchError, line: &RequestLine) -> Error {
    Error::Network {
        source,
        request: line.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
