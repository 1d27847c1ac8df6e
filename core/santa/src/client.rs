//! HTTP requests to the server: headers, retries, and the token against cross-site request forgery (spec §1.2–§1.6).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::Future;

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::address::{Address, Endpoint};
use super::announcements::Announcements;
use super::encoding::Encoding;
use super::error::{Error, Result};
use super::headers::{ExtraHeaders, is_value, may_hold_token};
use super::retry::{AttemptResult, Verdict};
use super::wire::Form;
use selvedge_core::http::{Body, Fetch, FetchError, Method, Request, Response};

/// Maximum size of a response body, compressed and decompressed: 64 MiB.
pub const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// The header that requests a token and contains it, unless the server specifies another header.
const XSRF_HEADER: &str = "X-XSRF-TOKEN";

/// The header in which the server specifies the name of the other header.
const XSRF_HEADER_HEADER: &str = "X-XSRF-TOKEN-HEADER";

/// Waits on behalf of the core, which never sleeps itself.
///
/// ```
/// use selvedge_santa::Pause;
///
/// struct Impatient;
/// impl Pause for Impatient {
///     async fn pause(&self, _seconds: u64) {}
/// }
/// pollster::block_on(Impatient.pause(4));
/// ```
pub trait Pause {
    /// Returns after this number of seconds.
    fn pause(&self, seconds: u64) -> impl Future<Output = ()>;
}

/// The settings for requests.
///
/// ```
/// use selvedge_santa::{Address, Connection};
///
/// let address = Address::new("https://sync.example.net/v1/santa", "M")?;
/// let connection = Connection::new(address, "2026.5.0");
/// assert_eq!(connection.user_agent, "santactl-sync/2026.5.0");
/// # Ok::<(), selvedge_santa::BadAddress>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The server's URL and the machine's id.
    pub address: Address,
    /// JSON or protobuf.
    pub form: Form,
    /// How bodies are compressed.
    pub encoding: Encoding,
    /// The product, with the name that servers expect.
    pub user_agent: String,
    /// Headers that the operator adds.
    pub extra_headers: ExtraHeaders,
}

impl Connection {
    /// Creates one with the default form and encoding, for a version of the product.
    #[must_use]
    pub fn new(address: Address, version: &str) -> Self {
        Self {
            address,
            form: Form::default(),
            encoding: Encoding::default(),
            user_agent: format!("santactl-sync/{version}"),
            extra_headers: ExtraHeaders::default(),
        }
    }
}

/// What a process remembers about a server between requests; it is kept in memory only.
///
/// ```
/// use selvedge_santa::Link;
///
/// assert!(!Link::default().holds_token());
/// ```
#[derive(Default)]
pub struct Link {
    token: RefCell<Option<XsrfToken>>,
    /// Programs that push messages announced.
    pub announcements: RefCell<Announcements>,
    /// Number of events in one request, from the last preflight.
    pub(super) batch_size: Cell<Option<u32>>,
}

impl Link {
    /// Whether the server sent a token against request forgery.
    #[must_use]
    pub fn holds_token(&self) -> bool {
        self.token.borrow().is_some()
    }
}

/// The token is not shown.
impl core::fmt::Debug for Link {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Link")
            .field("holds_token", &self.holds_token())
            .finish()
    }
}

#[derive(Clone)]
struct XsrfToken {
    header: String,
    value: Zeroizing<String>,
}

/// Statistics of requests.
///
/// ```
/// assert_eq!(selvedge_santa::Traffic::default().requests, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Traffic {
    /// Number of requests, including those for a token.
    pub requests: u32,
    /// Seconds waited between attempts.
    pub waited_seconds: u64,
    /// Bytes of sent bodies, as transmitted.
    pub bytes_sent: u64,
    /// Bytes of received bodies, as transmitted.
    pub bytes_received: u64,
}

/// Sends requests.
pub(super) struct Client<'a, H> {
    host: &'a H,
    connection: &'a Connection,
    link: &'a Link,
    is_online: &'a dyn Fn() -> bool,
    traffic: Cell<Traffic>,
}

impl<'a, H: Fetch + Pause> Client<'a, H> {
    pub(super) fn new(
        host: &'a H,
        connection: &'a Connection,
        link: &'a Link,
        is_online: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            host,
            connection,
            link,
            is_online,
            traffic: Cell::default(),
        }
    }

    pub(super) fn machine(&self) -> &str {
        self.connection.address.machine()
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    /// The requests of one stage, in which a token is requested at most once.
    pub(super) fn stage(&self, endpoint: Endpoint) -> Stage<'_, 'a, H> {
        Stage {
            client: self,
            endpoint,
            has_asked_for_token: Cell::new(false),
        }
    }

    fn count(&self, add: impl FnOnce(&mut Traffic)) {
        let mut traffic = self.traffic.get();
        add(&mut traffic);
        self.traffic.set(traffic);
    }

    /// Sends one request with the common headers.
    async fn fetch(&self, mut request: Request) -> Result<Answer, FetchError> {
        request.add_header("Accept-Encoding", "gzip, deflate");
        request.add_header("User-Agent", self.connection.user_agent.as_str());
        let token = self.link.token.borrow().clone();
        if let Some(token) = token {
            request.add_header(token.header, token.value.as_str());
        }
        for (name, value) in self.connection.extra_headers.iter() {
            if request.header(name).is_none() {
                request.add_header(name.to_string(), value);
            }
        }
        self.count(|traffic| {
            traffic.requests = traffic.requests.saturating_add(1);
            traffic.bytes_sent = traffic.bytes_sent.saturating_add(request.body.len() as u64);
        });
        let response = self.host.fetch(request).await?;
        let answer = self.receive(response).await?;
        self.count(|traffic| {
            let bytes = answer.body.len() as u64;
            traffic.bytes_received = traffic.bytes_received.saturating_add(bytes);
        });
        Ok(answer)
    }

    /// Receives the response with its body. The body of a response other than 200 is not read.
    async fn receive(&self, mut response: Response<H::Body>) -> Result<Answer, FetchError> {
        let mut answer = Answer {
            status: response.status,
            body: Vec::new(),
            is_too_large: false,
            content_encoding: owned(response.headers.get("Content-Encoding")),
            retry_after: response
                .headers
                .get("Retry-After")
                .and_then(|text| text.trim().parse().ok()),
            token: owned(response.headers.get(XSRF_HEADER)).map(Zeroizing::new),
            token_header: owned(response.headers.get(XSRF_HEADER_HEADER)),
        };
        while answer.status == 200
            && !answer.is_too_large
            && let Some(chunk) = response.body.chunk().await?
        {
            if chunk.as_ref().len() <= MAX_RESPONSE_BYTES - answer.body.len() {
                answer.body.extend_from_slice(chunk.as_ref())
            } else {
                answer.is_too_large = true
            }
        }
        Ok(answer)
    }

    /// Requests a token; returns whether the server sent one.
    async fn ask_for_token(&self) -> bool {
        let url = self.connection.address.url(Endpoint::Xsrf);
        match self.fetch(Request::new(Method::Post, url)).await {
            Ok(answer) if answer.status == 200 => {
                *self.link.token.borrow_mut() = answer.xsrf_token();
                true
            }
            Ok(_) | Err(_) => false,
        }
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(|text| text.trim().to_string())
}

struct Answer {
    status: u16,
    body: Vec<u8>,
    is_too_large: bool,
    content_encoding: Option<String>,
    retry_after: Option<u64>,
    token: Option<Zeroizing<String>>,
    token_header: Option<String>,
}

impl Answer {
    /// The token in the response, and the name of its header.
    fn xsrf_token(self) -> Option<XsrfToken> {
        let value = self
            .token
            .filter(|value| !value.is_empty() && is_value(value))?;
        let named = self.token_header.filter(|name| may_hold_token(name));
        Some(XsrfToken {
            header: named.unwrap_or_else(|| XSRF_HEADER.into()),
            value,
        })
    }
}

/// A body to send, and its headers.
pub(super) struct Outgoing<'a> {
    pub(super) url: String,
    pub(super) content_type: &'a str,
    pub(super) content_encoding: Option<&'static str>,
    pub(super) body: Vec<u8>,
}

/// The requests of one stage.
pub(super) struct Stage<'s, 'a, H> {
    client: &'s Client<'a, H>,
    endpoint: Endpoint,
    has_asked_for_token: Cell<bool>,
}

impl<H: Fetch + Pause> Stage<'_, '_, H> {
    /// Sends a message and reads the response message.
    pub(super) async fn send<Q, R>(&self, message: &Q) -> Result<R>
    where
        Q: Message + Serialize,
        R: Message + Default + DeserializeOwned,
    {
        let connection = self.client.connection;
        let body = connection.encoding.pack(connection.form.write(message));
        let outgoing = Outgoing {
            url: connection.address.url(self.endpoint),
            content_type: connection.form.content_type(),
            content_encoding: connection.encoding.header().filter(|_| !body.is_empty()),
            body,
        };
        let body = self.exchange(outgoing).await?;
        connection
            .form
            .read(&body)
            .map_err(|source| Error::Malformed {
                endpoint: self.endpoint,
                source,
            })
    }

    /// Sends a body, with retries, until a response is final, and decompresses the response body.
    pub(super) async fn exchange(&self, outgoing: Outgoing<'_>) -> Result<Vec<u8>> {
        let endpoint = self.endpoint;
        let mut attempt = 1;
        loop {
            let result = self.client.fetch(request(&outgoing)).await;
            let outcome = match &result {
                Ok(answer) => AttemptResult::Answer {
                    status: answer.status,
                    retry_after: answer.retry_after,
                },
                Err(_) if !(self.client.is_online)() => AttemptResult::NoNetwork,
                Err(_) => AttemptResult::Nothing,
            };
            let seconds = match Verdict::judge(outcome, attempt, !self.has_asked_for_token.get()) {
                Verdict::Done => return self.unpack(result),
                Verdict::Final => return Err(self.refusal(outcome, result)),
                Verdict::Retry { seconds } => seconds,
                Verdict::TokenFirst { seconds } => {
                    self.has_asked_for_token.set(true);
                    // A token that the server no longer accepts would prevent it from sending another one.
                    self.client.link.token.borrow_mut().take();
                    if !self.client.ask_for_token().await {
                        return Err(Error::Refused {
                            endpoint,
                            status: 403,
                        });
                    }
                    seconds
                }
            };
            self.client.count(|traffic| {
                traffic.waited_seconds = traffic.waited_seconds.saturating_add(seconds);
            });
            self.client.host.pause(seconds).await;
            attempt += 1;
        }
    }

    fn unpack(&self, result: Result<Answer, FetchError>) -> Result<Vec<u8>> {
        let endpoint = self.endpoint;
        let answer = result.map_err(|source| Error::Network { endpoint, source })?;
        let unpacked = if answer.is_too_large {
            Err(super::encoding::BadEncoding::TooLarge)
        } else {
            let header = answer.content_encoding.as_deref();
            Encoding::unpack(header, answer.body, MAX_RESPONSE_BYTES)
        };
        unpacked.map_err(|source| Error::Encoding { endpoint, source })
    }

    fn refusal(&self, outcome: AttemptResult, result: Result<Answer, FetchError>) -> Error {
        let endpoint = self.endpoint;
        match result {
            Ok(answer) => Error::Refused {
                endpoint,
                status: answer.status,
            },
            Err(_) if outcome == AttemptResult::NoNetwork => Error::NoNetwork { endpoint },
            Err(source) => Error::Network { endpoint, source },
        }
    }
}

fn request(outgoing: &Outgoing<'_>) -> Request {
    let mut request = Request::new(Method::Post, outgoing.url.as_str());
    request.add_header("Content-Type", outgoing.content_type);
    if let Some(encoding) = outgoing.content_encoding {
        request.add_header("Content-Encoding", encoding);
    }
    request.body.clone_from(&outgoing.body);
    request
}
