//! Single requests, without attempts and without following anything.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, LOCATION};
use selvedge_core::http::{Body as _, FetchError, Method, Request};
use selvedge_santa::{Connection, Encoding, MAX_RESPONSE_BYTES};
use zeroize::Zeroizing;

use crate::fetch;
use selvedge_host::NativeBody;

/// An answer takes no longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a server answered.
pub(super) struct Heard {
    pub(super) status: u16,
    /// Of a 200: unpacked; `None` when it cannot be.
    pub(super) body: Option<Vec<u8>>,
    pub(super) location: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) date: Option<String>,
    /// The server's certificate.
    pub(super) certificate: Option<Vec<u8>>,
    headers: HeaderMap,
}

impl Heard {
    /// A header's text.
    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }
}

/// What is sent: its type, its encoding's name, its bytes.
pub(super) struct Sent<'a> {
    pub(super) content_type: &'a str,
    pub(super) content_encoding: Option<&'a str>,
    pub(super) body: Vec<u8>,
}

/// Sends single requests.
pub(super) struct Probe<'a> {
    pub(super) client: reqwest::Client,
    pub(super) connection: &'a Connection,
    /// The header and the value of a token, once the server gave one.
    pub(super) token: Option<(String, Zeroizing<String>)>,
}

impl Probe<'_> {
    /// Sends a body, or none.
    pub(super) async fn send(
        &self,
        url: &str,
        sent: Option<Sent<'_>>,
    ) -> Result<Heard, FetchError> {
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
        let mut packed = Vec::new();
        while response.status == 200
            && packed.len() <= MAX_RESPONSE_BYTES
            && let Some(chunk) = response.body.chunk().await?
        {
            packed.extend_from_slice(&chunk);
        }
        Ok(Heard {
            status: response.status,
            body: Encoding::unpack(encoding.as_deref(), packed, MAX_RESPONSE_BYTES).ok(),
            location,
            content_type,
            date,
            certificate,
            headers,
        })
    }

    /// Asks for a token; the status, and whether one came.
    pub(super) async fn ask_for_token(&mut self, url: &str) -> Result<(u16, bool), FetchError> {
        let heard = self.send(url, None).await?;
        let value = heard.text("X-XSRF-TOKEN").filter(|value| !value.is_empty());
        if let Some(value) = value.filter(|_| heard.status == 200) {
            let name = heard
                .text("X-XSRF-TOKEN-HEADER")
                .filter(|name| !name.is_empty());
            let name = name.unwrap_or("X-XSRF-TOKEN").to_owned();
            self.token = Some((name, Zeroizing::new(value.to_owned())));
        }
        Ok((heard.status, self.token.is_some()))
    }
}

/// A zlib stream without its header and its checksum: what some take for `deflate`.
pub(super) fn raw_deflate(message: Vec<u8>) -> Vec<u8> {
    let packed = Encoding::Deflate.pack(message);
    let end = packed.len().saturating_sub(4);
    packed.get(2..end).unwrap_or_default().to_vec()
}
