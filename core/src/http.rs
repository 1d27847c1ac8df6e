//! One request, one response and a streamed body: the core's complete view of the network.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;

/// The HTTP methods that the protocols use.
///
/// ```
/// use selvedge_core::http::Method;
///
/// assert_eq!(Method::Delete.as_str(), "DELETE");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Write one record.
    Put,
    /// Write many records.
    Post,
    /// Delete.
    Delete,
}

impl Method {
    /// The method in upper case, as sent and signed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// A request that the host sends unchanged: the URL is signed, so it must not be re-encoded (spec §2.8).
///
/// ```
/// use selvedge_core::http::{Method, Request};
///
/// let request = Request::new(Method::Get, "https://sync.example.org/1.5/1/info/collections");
/// assert!(request.body.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// Header names (case-insensitive) and their values.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body; empty if there is no body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn add_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// The value of a header; the name is case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Headers may contain credentials and the URL identifies the user, so only method and size are shown.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The headers of a response.
///
/// ```
/// use selvedge_core::http::Headers;
///
/// let headers: Headers = [("X-Weave-Records", "3")].into_iter().collect();
/// assert_eq!(headers.get("x-weave-records"), Some("3"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a header; the name is case-insensitive.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Adds a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// A response whose body has not been read yet.
///
/// ```
/// use selvedge_core::http::{Bytes, Headers, Response};
///
/// let response = Response { status: 200, headers: Headers::default(), body: Bytes::from("{}") };
/// assert_eq!(response.status, 200);
/// ```
#[derive(Debug)]
pub struct Response<B> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body, still to be read.
    pub body: B,
}

/// A body that arrives in chunks of any size.
///
/// A connection that ends before the announced length must return an error instead of the end of the body (spec §3.3).
pub trait Body {
    /// One chunk of bytes.
    type Chunk: AsRef<[u8]>;

    /// The next chunk, or `None` at the regular end of the body.
    ///
    /// # Errors
    /// When the connection is lost or closed before the end.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Self::Chunk>, FetchError>>;
}

/// A body that is already in memory: for hosts without streams, and for tests.
///
/// ```
/// use selvedge_core::http::{Body, Bytes};
///
/// let mut body = Bytes::from("hello");
/// let chunk = pollster::block_on(body.chunk()).unwrap();
/// assert_eq!(chunk.as_deref(), Some(&b"hello"[..]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Bytes(Option<Vec<u8>>);

impl<T: Into<Vec<u8>>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(Some(bytes.into()))
    }
}

impl Body for Bytes {
    type Chunk = Vec<u8>;

    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        Ok(self.0.take().filter(|bytes| !bytes.is_empty()))
    }
}

/// Sends one request. This is the core's only access to the network.
pub trait Fetch {
    /// The body of a response.
    type Body: Body;

    /// Sends the request unchanged and returns when the response headers have arrived. Every status is an `Ok`.
    /// Redirects are not followed, because the signature would not match the new address.
    ///
    /// # Errors
    /// When no response arrives.
    fn fetch(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response<Self::Body>, FetchError>>;
}

/// Why no response, or no complete body, arrived.
///
/// ```
/// use selvedge_core::http::{FetchError, FetchErrorKind};
///
/// let error = FetchError::new(FetchErrorKind::Offline, "connection refused");
/// assert_eq!(error.to_string(), "the server cannot be reached: connection refused");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct FetchError {
    /// The kind of failure, for decisions.
    pub kind: FetchErrorKind,
    /// The host's description, for people; it never contains a secret.
    pub detail: String,
}

impl FetchError {
    /// An error with the host's description.
    #[must_use]
    pub fn new(kind: FetchErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

/// The kinds of a [`FetchError`].
///
/// ```
/// use selvedge_core::http::FetchErrorKind;
///
/// assert_eq!(FetchErrorKind::Cut.to_string(), "the connection was cut in the middle of an answer");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// No connection: no network, unknown name, wrong port, or connection refused.
    #[error("the server cannot be reached")]
    Offline,
    /// The server did not respond before the timeout.
    #[error("the server did not answer in time")]
    Timeout,
    /// The server's TLS certificate is not trusted.
    #[error("the server's certificate cannot be trusted")]
    Tls,
    /// The address has no TLS and refers to another machine.
    #[error("without TLS, others on the network can read and change the data")]
    Insecure,
    /// The system's proxy settings name a proxy that cannot be used.
    #[error("the proxy cannot be used")]
    Proxy,
    /// The connection ended before a response began: usually the server had just closed an idle keep-alive connection.
    /// A GET may be sent again.
    #[error("the server closed the connection before it answered")]
    Dropped,
    /// The connection ended before the end of the body.
    #[error("the connection was cut in the middle of an answer")]
    Cut,
    /// The host was asked to stop.
    #[error("the request was stopped")]
    Aborted,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_printed_request_shows_neither_headers_nor_url() {
        let mut request = Request::new(Method::Get, "https://host/1.5/777/");
        request.add_header("Authorization", "Hawk secret");
        let shown = format!("{request:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("777"),
            "{shown}"
        );
    }
}
