//! One request, one response, a body that streams: all that the core knows of the network.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;

/// The verbs that the protocols use.
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
    /// The verb in upper case, as it is sent and signed.
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

/// A request for the host to send exactly as it is: the URL is signed, so it must not be re-encoded (spec §2.8).
///
/// ```
/// use selvedge_core::http::{Method, Request};
///
/// let request = Request::new(Method::Get, "https://sync.example.org/1.5/1/info/collections");
/// assert!(request.body.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// Header names in any case, and their values.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body; empty for none.
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

    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Headers may carry credentials, and the URL names the user: only verb and size are shown.
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
    /// The first value under a name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Adds one.
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
/// A connection that ends before the announced length must be an error, not an end (spec §3.3).
pub trait Body {
    /// One chunk of bytes.
    type Chunk: AsRef<[u8]>;

    /// The next chunk, or `None` at the proper end.
    ///
    /// # Errors
    /// When the connection is lost or cut before the end.
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

/// Sends one request. The only way in which the core reaches the network.
pub trait Fetch {
    /// The body of a response.
    type Body: Body;

    /// Sends the request as it is and answers when the headers are there. Any status is an `Ok`; redirects are not
    /// followed, for the signature would not fit.
    ///
    /// # Errors
    /// When no response came.
    fn fetch(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response<Self::Body>, FetchError>>;
}

/// Why no response, or no whole body, came.
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
    /// What went wrong, for decisions.
    pub kind: FetchErrorKind,
    /// The host's own words, for people; never a secret.
    pub detail: String,
}

impl FetchError {
    /// An error with the host's own words.
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
    /// No connection: no network, wrong name or port, refused.
    #[error("the server cannot be reached")]
    Offline,
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    Timeout,
    /// The server's certificate does not convince.
    #[error("the server's certificate cannot be trusted")]
    Tls,
    /// The address is without TLS, and leads to another machine.
    #[error("without TLS others on the way can read and change what is sent")]
    Insecure,
    /// The system names a proxy that cannot be used.
    #[error("the proxy cannot be used")]
    Proxy,
    /// The connection ended before an answer began: usually the server had just closed a kept connection. A GET may be
    /// sent again.
    #[error("the server closed the connection before it answered")]
    Dropped,
    /// The connection ended before the body did.
    #[error("the connection was cut in the middle of an answer")]
    Cut,
    /// The host was told to stop.
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
