//! Requests by reqwest over rustls.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use selvedge_core::http::{
    Body, Fetch, FetchError, FetchErrorKind, Headers, Method, Request, Response,
};

/// How long a silent server is waited for (spec §4.10).
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a connection may take: no server that will answer needs longer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(60);

/// The network by reqwest: HTTP/1.1, rustls with the system's certificates, system proxies except for this machine
/// itself, no redirects, no cookies, no compression.
#[derive(Debug, Clone, Default)]
pub struct NativeFetch {
    /// Each is made when it is first needed: it reads the system's certificates.
    distant: OnceLock<reqwest::Client>,
    loopback: OnceLock<reqwest::Client>,
}

impl NativeFetch {
    /// A client with its own pool of connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The client for a URL.
    fn client(&self, url: &reqwest::Url) -> Result<&reqwest::Client, FetchError> {
        let builder = reqwest::Client::builder();
        let (cell, builder) = match is_loopback(url) {
            true => (&self.loopback, builder.no_proxy()),
            false => (&self.distant, builder),
        };
        if cell.get().is_none() {
            // Another part of the process may have chosen the provider already; then that one serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
            // If another thread was faster, its client serves as well.
            let _ = cell.set(build(builder)?);
        }
        cell.get()
            .ok_or_else(|| FetchError::new(FetchErrorKind::Tls, "there is no client"))
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, FetchError> {
    builder
        .user_agent(concat!("Selvedge/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_PATIENCE)
        .read_timeout(PATIENCE)
        .build()
        .map_err(|error| fetch_error(error, FetchErrorKind::Tls))
}

impl Fetch for NativeFetch {
    type Body = NativeBody;

    async fn fetch(&self, request: Request) -> Result<Response<NativeBody>, FetchError> {
        let url = reqwest::Url::parse(&request.url).map_err(|error| {
            FetchError::new(FetchErrorKind::Offline, format!("no valid URL: {error}"))
        })?;
        let client = self.client(&url)?;
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
        let response = builder
            .send()
            .await
            .map_err(|error| fetch_error(error, FetchErrorKind::Cut))?;
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

/// Whether a URL leads to this machine itself, where no proxy belongs.
fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || literal
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> reqwest::Url {
        reqwest::Url::parse(text).unwrap()
    }

    #[test]
    fn only_this_machine_is_reached_without_a_proxy() {
        for near in [
            "http://127.0.0.1:8090/",
            "http://[::1]/",
            "http://localhost:1/x",
        ] {
            assert!(is_loopback(&url(near)), "{near}");
        }
        for far in [
            "https://sync.example.org/",
            "http://10.0.0.1/",
            "http://127.example.org/",
        ] {
            assert!(!is_loopback(&url(far)), "{far}");
        }
    }
}
