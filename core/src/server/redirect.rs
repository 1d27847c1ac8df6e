//! Redirects: they are not followed, because a signature is valid for one address only; but the error contains the
//! target.

use alloc::string::{String, ToString};

use crate::http::Headers;

/// Maximum length of a path in an error message, in characters.
const MAX_PATH_CHARS: usize = 200;

/// The target of a redirect: the scheme, host and port of its `Location`, without the path, which identifies the user;
/// or the path, if the server stays the same. `None` if the status is not a redirect, or it has no usable target.
pub(crate) fn target(status: u16, headers: &Headers) -> Option<String> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get("Location")?.trim();
    let shown = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let (scheme, rest) = match location.split_once("//") {
        Some((scheme @ ("" | "http:" | "https:"), rest)) => (scheme, rest),
        Some(_) => return None,
        None => {
            let path = location.split(['?', '#']).next().unwrap_or_default();
            let is_path = path.starts_with('/') && path.len() <= MAX_PATH_CHARS && shown(path);
            return is_path.then(|| path.to_string());
        }
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A name and a password must not appear in a message.
    let host = authority.rsplit('@').next().unwrap_or_default();
    (!host.is_empty() && host.len() <= MAX_PATH_CHARS && shown(host))
        .then(|| [scheme, "//", host].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_redirect_contains_the_new_address_of_the_server() {
        let long = alloc::format!("/{}", "x".repeat(300));
        let rows = [
            (
                301,
                "https://sync.example.org/1.5/7/info",
                Some("https://sync.example.org"),
            ),
            (302, "http://a.example:8000", Some("http://a.example:8000")),
            (303, "https://[::1]:1/x?y#z", Some("https://[::1]:1")),
            (
                307,
                "https://u:secret@a.example/x",
                Some("https://a.example"),
            ),
            (308, "//b.example/x", Some("//b.example")),
            (301, "/moved/here?token=1", Some("/moved/here")),
            (301, &long, None),
            (301, "ftp://a.example/", None),
            (301, "https://", None),
            (301, "https://a b/", None),
            (301, "https://\u{1b}[31m/", None),
            (301, "javascript:x", None),
            (300, "https://a.example/", None),
            (304, "https://a.example/", None),
            (200, "https://a.example/", None),
        ];
        for (status, location, expected) in rows {
            let headers = [("Location", location)].into_iter().collect();
            assert_eq!(
                target(status, &headers).as_deref(),
                expected,
                "{status} {location}"
            );
        }
        assert_eq!(target(301, &Headers::default()), None);
    }
}
