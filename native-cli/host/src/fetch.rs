//! Requests by reqwest over rustls.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use selvedge_core::http::{
    Body, Fetch, FetchError, FetchErrorKind, Headers, Method, Request, Response,
};

use super::clients::{HttpClients, NetworkOptions};
use super::fetch_error::{fetch_error, named, server_of, sorted};
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
            FetchError::new(FetchErrorKind::Offline, format!("invalid URL: {error}"))
        })?;
        let is_pooled = !self.closes_connections.load(Ordering::Relaxed);
        let client = self.clients.client(&url, is_pooled)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Put => reqwest::Method::PUT,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut log = RequestLog::new(&method, &url);
        let mut builder = client.request(method, url);
        for (name, value) in &request.headers {
            builder = builder.header(name.as_ref(), value);
        }
        if !request.body.is_empty() || matches!(request.method, Method::Put | Method::Post) {
            builder = with_body(builder, request.body);
        }
        let response = builder.send().await.map_err(|error| {
            let error = send_error(error);
            log.failed(&error);
            if error.kind == FetchErrorKind::Dropped {
                self.closes_connections.store(true, Ordering::Relaxed);
            }
            error
        })?;
        log.status = Some(response.status().as_u16());
        let mut answer = NativeBody::of(response);
        answer.body.log = Some(log);
        Ok(answer)
    }
}

/// Gives a request its body with its length announced. Of a body of no bytes that is left out by itself, and there are
/// servers that take no POST or PUT without it.
pub fn with_body(builder: reqwest::RequestBuilder, body: Vec<u8>) -> reqwest::RequestBuilder {
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

/// What is logged of a request when its answer has come or is not waited for any more.
#[derive(Debug)]
struct RequestLog {
    /// Method, server and path; the query may contain private data.
    line: String,
    status: Option<u16>,
    received: u64,
    began: Instant,
}

impl RequestLog {
    fn new(method: &reqwest::Method, url: &reqwest::Url) -> Self {
        let (scheme, server, path) = (url.scheme(), server_of(url), url.path());
        Self {
            line: format!("{method} {scheme}://{server}{path}"),
            status: None,
            received: 0,
            began: Instant::now(),
        }
    }

    fn failed(&self, error: &FetchError) {
        let (line, millis) = (&self.line, self.began.elapsed().as_millis());
        log::debug!("{line}: {error}, {millis} ms");
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        let Some(status) = self.status else { return };
        let (line, received) = (&self.line, self.received);
        let millis = self.began.elapsed().as_millis();
        log::debug!("{line}: {status}, {received} bytes, {millis} ms");
    }
}

/// A response's body as it arrives.
#[derive(Debug)]
pub struct NativeBody {
    response: reqwest::Response,
    left: Option<u64>,
    log: Option<RequestLog>,
}

impl NativeBody {
    /// What the core is to know of an answer.
    pub fn of(response: reqwest::Response) -> Response<Self> {
        Response {
            status: response.status().as_u16(),
            headers: readable(response.headers()),
            body: Self {
                left: announced(response.headers()),
                log: None,
                response,
            },
        }
    }
}

impl Body for NativeBody {
    type Chunk = bytes::Bytes;

    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, FetchError> {
        let chunk = self.response.chunk().await.map_err(|error| {
            let error = error.with_url(self.response.url().clone());
            fetch_error(error, FetchErrorKind::Cut)
        })?;
        if let (Some(chunk), Some(log)) = (&chunk, &mut self.log) {
            log.received += chunk.len() as u64;
        }
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
    let server = error.url().map(server_of);
    let mut error = match is_dropped {
        true => sorted(error, FetchErrorKind::Dropped),
        false => sorted(error, FetchErrorKind::Cut),
    };
    if let Some(advice) = trust::advice(&error.detail) {
        error.detail = advice.into();
    }
    named(server, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> reqwest::Url {
        reqwest::Url::parse(text).unwrap()
    }

    #[test]
    fn a_server_is_named_without_path_and_default_port() {
        for (text, server) in [
            (
                "https://sync.example.org/1.5/7/storage?x=1",
                "sync.example.org",
            ),
            ("https://sync.example.org:443/", "sync.example.org"),
            (
                "https://user:secret@sync.example.org:8443/",
                "sync.example.org:8443",
            ),
            ("http://[::1]:8090/", "[::1]:8090"),
        ] {
            assert_eq!(server_of(&url(text)), server);
            let log = RequestLog::new(&reqwest::Method::GET, &url(text));
            assert!(
                !log.line.contains("x=1") && !log.line.contains("secret"),
                "{}",
                log.line
            );
        }
    }
}
