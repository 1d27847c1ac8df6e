//! CORS: pages of other origins may send requests only if the operator allows their origin. The reply echoes the allowed
//! origin, never `*`.

use axum::http::uri::Uri;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, PUT, POST, DELETE, OPTIONS");

/// Headers of requests. `*` would not include `Authorization`.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Accept, Content-Type, X-KeyID, X-Client-State, X-Confirm-Delete, X-If-Modified-Since, \
     X-If-Unmodified-Since, X-Weave-Records, X-Weave-Bytes, X-Weave-Total-Records, X-Weave-Total-Bytes",
);

/// Headers of replies, besides the few that scripts can always read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Retry-After, WWW-Authenticate, X-Last-Modified, X-Timestamp, X-Backoff, X-Weave-Alert, X-Weave-Backoff, \
     X-Weave-Next-Offset, X-Weave-Quota-Remaining, X-Weave-Records, X-Weave-Timestamp",
);

/// Seconds that a browser may cache the reply to a preflight; the reference server's value, which its suite asserts.
const MAX_AGE: HeaderValue = HeaderValue::from_static("555");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The origins whose pages may read the replies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    every: bool,
    named: Vec<String>,
}

/// A text that is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin: give scheme and host, and the port if it is not the default one, like https://app.example.org \
     or moz-extension://…, or * for every origin"
)]
pub struct InvalidOrigin(String);

impl Origins {
    /// Reads origins as an operator writes them: `scheme://host[:port]`, or `*` for every one.
    ///
    /// # Errors
    /// When a text is neither.
    pub(crate) fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidOrigin> {
        let mut origins = Self::default();
        for text in texts {
            if text == "*" {
                origins.every = true;
            } else {
                origins
                    .add(text)
                    .ok_or_else(|| InvalidOrigin(text.to_owned()))?;
            }
        }
        Ok(origins)
    }

    /// Adds the origins of another list.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.every |= others.every;
        self.named.extend_from_slice(&others.named);
    }

    /// Adds one origin. `None` if the text is not an origin.
    fn add(&mut self, text: &str) -> Option<()> {
        let uri: Uri = text.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let is_origin = matches!(uri.path(), "" | "/")
            && uri.query().is_none()
            && !text.contains('#')
            && !authority.as_str().contains('@')
            && !authority.host().is_empty();
        is_origin.then_some(())?;
        // Browsers omit the default port.
        let authority = match (scheme, authority.port_u16()) {
            ("http", Some(80)) | ("https", Some(443)) => authority.host(),
            _ => authority.as_str(),
        };
        self.named
            .push(format!("{scheme}://{authority}").to_ascii_lowercase());
        Some(())
    }

    /// Whether no origin is allowed; otherwise replies vary by origin.
    fn is_empty(&self) -> bool {
        !self.every && self.named.is_empty()
    }

    /// The origin of a request, if it is allowed.
    pub(super) fn allowed<'a>(&self, request: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        let is_named = |named: &String| origin.as_bytes().eq_ignore_ascii_case(named.as_bytes());
        (self.every || self.named.iter().any(is_named)).then_some(origin)
    }
}

/// Whether a request is a preflight.
pub(super) fn is_preflight(request: &HeaderMap) -> bool {
    request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The reply to a preflight from an allowed origin.
pub(super) fn preflight(request: &HeaderMap) -> Response {
    let mut reply = StatusCode::OK.into_response();
    let headers = reply.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if request.contains_key("access-control-request-private-network") {
        headers.insert("access-control-allow-private-network", TRUE);
    }
    reply
}

/// Lets a page of an allowed origin read the reply.
pub(super) fn expose(origins: &Origins, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    if !origins.is_empty() {
        headers.append(header::VARY, ORIGIN);
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_origin_is_allowed_unless_every_one_is() {
        let named = Origins::parse(["https://App.example.org:443", "moz-extension://1-2"]).unwrap();
        let every = Origins::parse(["*"]).unwrap();
        for (origins, origin, allowed) in [
            (&named, "https://app.example.org", true),
            (&named, "moz-extension://1-2", true),
            (&named, "http://app.example.org", false),
            (&named, "https://app.example.org:8443", false),
            (&named, "https://app.example.org.evil.example", false),
            (&named, "null", false),
            (&every, "localhost", true),
            (&every, "null", true),
            (&Origins::default(), "https://app.example.org", false),
        ] {
            let headers: HeaderMap = [(header::ORIGIN, origin.parse().unwrap())]
                .into_iter()
                .collect();
            let found = origins.allowed(&headers);
            assert_eq!(found.is_some(), allowed, "{origin}");
            assert!(found.is_none_or(|echo| echo == origin));
        }
        assert_eq!(every.allowed(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_no_origin_is_refused_by_name() {
        for text in [
            "",
            "example.org",
            "https://",
            "https://example.org/path",
            "https://example.org?x",
            "https://user@example.org",
            "https://example.org/#x",
        ] {
            let refused = Origins::parse([text]).unwrap_err();
            assert!(refused.to_string().contains(text), "{refused}");
        }
    }

    #[test]
    fn answers_that_differ_by_origin_say_so_to_caches() {
        let some = Origins::parse(["https://a.example"]).unwrap();
        for (origins, origin, headers) in [
            (&some, None, 1),
            (
                &some,
                Some(HeaderValue::from_static("https://a.example")),
                3,
            ),
            (&Origins::default(), None, 0),
        ] {
            let mut map = HeaderMap::new();
            expose(origins, origin, &mut map);
            assert_eq!(map.len(), headers);
        }
    }
}
