//! Requests by reqwest over rustls.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use selvedge_core::http::{
    Body, Fetch, FetchError, FetchErrorKind, Headers, Method, Request, Response,
};

use super::clients::{HttpClients, NetworkOptions};
use super::trust;

/// The network by reqwest: HTTP/1.1, rustls with the system's certificates, system proxies except for this machine
/// itself, no redirects, no cookies, no compression.
#[derive(Debug, Clone, Default)]
pub struct NativeFetch {
    clients: Arc<HttpClients>,
    /// Whether a server closed a kept connection under a request: then none is kept any more.
    closes_connections: Arc<AtomicBool>,
}

impl NativeFetch {
    /// A client with its own pool of connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A client with options of the person's.
    #[must_use]
    pub fn with(options: NetworkOptions) -> Self {
        Self {
            clients: Arc::new(HttpClients::new(options)),
            ..Self::default()
        }
    }
}

impl Fetch for NativeFetch {
    type Body = NativeBody;

    async fn fetch(&self, request: Request) -> Result<Response<NativeBody>, FetchError> {
        let url = reqwest::Url::parse(&request.url).map_err(|error| {
            FetchError::new(FetchErrorKind::Offline, format!("no valid URL: {error}"))
        })?;
        let is_pooled = !self.closes_connections.load(Ordering::Relaxed);
        let client = self.clients.client(&url, is_pooled)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Put => reqwest::Method::PUT,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = client.request(method, url);
        for (name, value) in &request.headers {
            builder = builder.header(name.as_ref(), value);
        }
        if !request.body.is_empty() || matches!(request.method, Method::Put | Method::Post) {
            builder = with_body(builder, request.body);
        }
        let response = builder.send().await.map_err(|error| {
            let error = send_error(error);
            if error.kind == FetchErrorKind::Dropped {
                self.closes_connections.store(true, Ordering::Relaxed);
            }
            error
        })?;
        Ok(NativeBody::of(response))
    }
}

/// Gives a request its body with its length announced. Of a body of no bytes that is left out by itself, and there are
/// servers that take no POST or PUT without it.
pub(crate) fn with_body(
    builder: reqwest::RequestBuilder,
    body: Vec<u8>,
) -> reqwest::RequestBuilder {
    let builder = match body.is_empty() {
        true => builder.header(CONTENT_LENGTH, 0),
        false => builder,
    };
    builder.body(body)
}

/// Headers whose values are text; the protocol has no others.
fn readable(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect()
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A response's body as it arrives.
#[derive(Debug)]
pub struct NativeBody {
    response: reqwest::Response,
    left: Option<u64>,
}

impl NativeBody {
    /// What the core is to know of an answer.
    pub(crate) fn of(response: reqwest::Response) -> Response<Self> {
        Response {
            status: response.status().as_u16(),
            headers: readable(response.headers()),
            body: Self {
                left: announced(response.headers()),
                response,
            },
        }
    }
}

impl Body for NativeBody {
    type Chunk = bytes::Bytes;

    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, FetchError> {
        let chunk = self
            .response
            .chunk()
            .await
            .map_err(|error| fetch_error(error, FetchErrorKind::Cut))?;
        match (&chunk, &mut self.left) {
            (Some(chunk), Some(left)) => *left = left.saturating_sub(chunk.len() as u64),
            (None, Some(left)) if *left > 0 => {
                return Err(FetchError::new(
                    FetchErrorKind::Cut,
                    format!("{left} bytes are missing"),
                ));
            }
            _ => {}
        }
        Ok(chunk)
    }
}

/// Sorts an error of a request that got no answer: where the server closed the connection before one began, it may be
/// sent again.
fn send_error(error: reqwest::Error) -> FetchError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut is_dropped = false;
    while let Some(error) = cause {
        is_dropped |= error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message)
            || error.downcast_ref::<std::io::Error>().is_some_and(|error| {
                use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
                matches!(
                    error.kind(),
                    ConnectionReset | BrokenPipe | ConnectionAborted
                )
            });
        cause = error.source();
    }
    let mut error = match is_dropped {
        true => fetch_error(error, FetchErrorKind::Dropped),
        false => fetch_error(error, FetchErrorKind::Cut),
    };
    if let Some(advice) = trust::advice(&error.detail) {
        error.detail = advice.into();
    }
    error
}

/// Sorts an error of reqwest; `otherwise` is its kind when nothing more is known. The URL stays out of it, for it names
/// the user.
pub(crate) fn fetch_error(error: reqwest::Error, otherwise: FetchErrorKind) -> FetchError {
    let error = error.without_url();
    let mut kind = if error.is_timeout() {
        FetchErrorKind::Timeout
    } else if error.is_connect() {
        FetchErrorKind::Offline
    } else {
        otherwise
    };
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        detail = cause.to_string();
        if is_tls(cause) {
            kind = FetchErrorKind::Tls;
        }
        source = cause.source();
    }
    FetchError::new(kind, detail)
}

/// Whether an error is rustls's, also inside of I/O errors, which hide what they wrap from the chain of sources.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<rustls::Error>()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| is_tls(inner))
}
