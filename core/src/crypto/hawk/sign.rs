//! Client side: the value of an `Authorization` header.

use alloc::string::String;

use base64ct::{Base64, Encoding};
use hmac::Mac;

use super::signed_request::{Credentials, SignedRequest, is_quotable};

/// Why a request cannot be signed.
///
/// ```
/// use selvedge_core::crypto::hawk::{Credentials, Key, SignError, authorization};
///
/// let credentials = Credentials { id: "id".into(), key: Key::from_text("key") };
/// let signed = authorization(&credentials, "GET", "sync.example.org/1.5/1", 0, "nonce", None, None);
/// assert_eq!(signed.unwrap_err(), SignError::Url);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The URL is not an absolute `http` or `https` URL, or would be re-encoded when sent.
    #[error(
        "only absolute http and https URLs, percent-encoded and without user or fragment, can be signed"
    )]
    Url,
    /// An id, nonce, hash or `ext` contains characters that are not allowed in a header.
    #[error("the credentials or the nonce contain characters that are not allowed in a header")]
    Text,
}

/// Signs one request and returns the value of its `Authorization` header (spec §2.2).
///
/// `ts` is the client's estimate of the server time in whole seconds, and `nonce` is new for each request sent. The URL
/// is signed unchanged, so it must be sent unchanged.
///
/// ```
/// use selvedge_core::crypto::hawk::{Credentials, Key, authorization};
///
/// let credentials = Credentials { id: "dh37fgj492je".into(), key: Key::from_text("werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn") };
/// let url = "http://example.com:8000/resource/1?b=1&a=2";
/// let value = authorization(&credentials, "GET", url, 1_353_832_234, "j4h3g2", None, Some("some-app-ext-data"))?;
/// assert!(value.ends_with(r#"mac="6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=""#));
/// # Ok::<(), selvedge_core::crypto::hawk::SignError>(())
/// ```
///
/// # Errors
/// When the URL or one of the texts cannot be signed.
pub fn authorization(
    credentials: &Credentials,
    method: &str,
    url: &str,
    ts: u64,
    nonce: &str,
    hash: Option<&str>,
    ext: Option<&str>,
) -> Result<String, SignError> {
    let target = Target::parse(url).ok_or(SignError::Url)?;
    let mut digits = itoa::Buffer::new();
    let request = SignedRequest {
        ts: digits.format(ts),
        nonce,
        method,
        path_and_query: target.path_and_query,
        host: target.host,
        port: target.port,
        hash: hash.unwrap_or_default(),
        ext: ext.unwrap_or_default(),
    };
    let mac = credentials.key.mac(&request).finalize().into_bytes();
    let mac = Base64::encode_string(&mac);
    let mut value = String::from("Hawk ");
    for (name, text) in [
        ("id", credentials.id.as_str()),
        ("ts", request.ts),
        ("nonce", nonce),
        ("hash", request.hash),
        ("ext", request.ext),
        ("mac", &mac),
    ] {
        if !is_quotable(text) {
            return Err(SignError::Text);
        }
        if text.is_empty() {
            match name {
                "hash" | "ext" => continue,
                _ => return Err(SignError::Text),
            }
        }
        if name != "id" {
            value.push_str(", ");
        }
        value.push_str(name);
        value.push_str("=\"");
        value.push_str(text);
        value.push('"');
    }
    Ok(value)
}

/// The signed parts of a URL.
#[derive(Debug, PartialEq)]
struct Target<'a> {
    host: &'a str,
    port: u16,
    path_and_query: &'a str,
}

impl<'a> Target<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains(['#', '\\']) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let default_port = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => 443,
            _ if scheme.eq_ignore_ascii_case("http") => 80,
            _ => return None,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at_checked(end)?;
        // The brackets of an IPv6 address are part of the host; the colons between them do not precede a port.
        let address_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match authority.get(address_end..)?.rfind(':') {
            Some(colon) => {
                let (host, port) = authority.split_at_checked(address_end + colon)?;
                (host, parse_port(port.strip_prefix(':')?)?)
            }
            None => (authority, default_port),
        };
        if host.is_empty() || authority.contains('@') {
            return None;
        }
        Some(Self {
            host,
            port,
            path_and_query: match path_and_query {
                "" => "/",
                path if path.starts_with('/') => path,
                _ => return None,
            },
        })
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    // `u16::from_str` accepts a plus sign.
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hawk::Key;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn urls_are_parsed_or_refused() {
        let target = |host, port, path_and_query| {
            Some(Target {
                host,
                port,
                path_and_query,
            })
        };
        for (url, parts) in [
            ("https://a.org", target("a.org", 443, "/")),
            ("HTTP://a.org/", target("a.org", 80, "/")),
            (
                "http://a.org:8000/x?y=1:2",
                target("a.org", 8000, "/x?y=1:2"),
            ),
            ("http://[::1]:8000/x", target("[::1]", 8000, "/x")),
            ("http://[::1]/x", target("[::1]", 80, "/x")),
            ("http://a.org?x=/", None),
            ("http://a.org:/", None),
            ("http://a.org:+1/", None),
            ("http://a.org:65536/", None),
            ("http:///x", None),
            ("ftp://a.org/", None),
            ("http://user@a.org/", None),
            ("http://a.org/#x", None),
            ("http://a.org/a b", None),
            ("http://a.org/é", None),
            ("a.org/x", None),
            ("", None),
        ] {
            assert_eq!(Target::parse(url), parts, "{url}");
        }
    }

    #[test]
    fn a_text_that_would_inject_into_the_header_is_refused() {
        let key = Key::from_text("key");
        let url = "http://a.org/";
        for text in ["a\"b", "a\\b", "a\r\nb", "é", ""] {
            let credentials = Credentials {
                id: text.into(),
                key: key.clone(),
            };
            assert_eq!(
                authorization(&credentials, "GET", url, 1, "n", None, None),
                Err(SignError::Text)
            );
            let credentials = Credentials {
                id: "id".into(),
                key: key.clone(),
            };
            assert_eq!(
                authorization(&credentials, "GET", url, 1, text, None, None),
                Err(SignError::Text)
            );
        }
    }
}
