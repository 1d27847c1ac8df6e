//! Sends single requests without retries and without following redirects.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, LOCATION};
use selvedge_core::http::{Body as _, FetchError, Method, Request};
use selvedge_santa::{Connection, Encoding, MAX_RESPONSE_BYTES};
use zeroize::Zeroizing;

use crate::fetch;
use selvedge_host::NativeBody;

/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A response of the server.
pub(super) struct ProbeResponse {
    pub(super) status: u16,
    /// The decompressed body of a response 200; `None` when it cannot be decompressed.
    pub(super) body: Option<Vec<u8>>,
    pub(super) location: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) date: Option<String>,
    /// The server's certificate.
    pub(super) certificate: Option<Vec<u8>>,
    headers: HeaderMap,
}

impl ProbeResponse {
    /// The value of a header.
    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }
}

/// The body of a request with its headers.
pub(super) struct ProbeBody<'a> {
    pub(super) content_type: &'a str,
    pub(super) content_encoding: Option<&'a str>,
    pub(super) body: Vec<u8>,
}

/// Sends single requests.
pub(super) struct Probe<'a> {
    pub(super) client: reqwest::Client,
    pub(super) connection: &'a Connection,
    /// The header and the value of the XSRF token, if the server has issued one.
    pub(super) token: Option<(String, Zeroizing<String>)>,
}

impl Probe<'_> {
    /// Sends a request with or without a body.
    pub(super) async fn send(
        &self,
        url: &str,
        sent: Option<ProbeBody<'_>>,
    ) -> Result<ProbeResponse, FetchError> {
        let mut request = Request::new(Method::Post, url);
        request.add_header("Accept-Encoding", "gzip, deflate");
        request.add_header("User-Agent", self.connection.user_agent.as_str());
        if let Some(sent) = sent {
            request.add_header("Content-Type", sent.content_type);
            if let Some(encoding) = sent.content_encoding {
                request.add_header("Content-Encoding", encoding);
            }
            request.body = sent.body;
        }
        if let Some((name, value)) = &self.token {
            request.add_header(name.clone(), value.as_str());
        }
        for (name, value) in self.connection.extra_headers.iter() {
            if request.header(name).is_none() {
                request.add_header(name.to_owned(), value);
            }
        }
        let response = fetch::send(&self.client, request, TIMEOUT).await?;
        let headers = response.headers().clone();
        let certificate = response
            .extensions()
            .get::<reqwest::tls::TlsInfo>()
            .and_then(|info| info.peer_certificate())
            .map(<[u8]>::to_vec);
        let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        let (location, date) = (text(LOCATION), text(DATE));
        let content_type = text(CONTENT_TYPE);
        let encoding = text(CONTENT_ENCODING);
        let mut response = NativeBody::of(response);
        let mut compressed = Vec::new();
        while response.status == 200
            && compressed.len() <= MAX_RESPONSE_BYTES
            && let Some(chunk) = response.body.chunk().await?
        {
            compressed.extend_from_slice(&chunk);
        }
        Ok(ProbeResponse {
            status: response.status,
            body: Encoding::unpack(encoding.as_deref(), compressed, MAX_RESPONSE_BYTES).ok(),
            location,
            content_type,
            date,
            certificate,
            headers,
        })
    }

    /// Requests an XSRF token. Returns the status and whether there is a token.
    pub(super) async fn request_token(&mut self, url: &str) -> Result<(u16, bool), FetchError> {
        let response = self.send(url, None).await?;
        let value = response
            .text("X-XSRF-TOKEN")
            .filter(|value| !value.is_empty());
        if let Some(value) = value.filter(|_| response.status == 200) {
            let name = response
                .text("X-XSRF-TOKEN-HEADER")
                .filter(|name| !name.is_empty());
            let name = name.unwrap_or("X-XSRF-TOKEN").to_owned();
            self.token = Some((name, Zeroizing::new(value.to_owned())));
        }
        Ok((response.status, self.token.is_some()))
    }
}

/// A raw deflate stream, without the header and checksum of zlib, which some implementations use for `deflate`.
pub(super) fn raw_deflate(message: Vec<u8>) -> Vec<u8> {
    let compressed = Encoding::Deflate.pack(message);
    let end = compressed.len().saturating_sub(4);
    compressed.get(2..end).unwrap_or_default().to_vec()
}
