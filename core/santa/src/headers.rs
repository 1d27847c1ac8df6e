//! Headers that an operator adds to every request, and header names that a server chooses (spec §1.2, §1.4).

use alloc::string::String;
use alloc::vec::Vec;

/// Headers that an operator must not set: they belong to the connection, to the body, or to proxies.
const RESERVED: [&str; 8] = [
    "content-encoding",
    "content-length",
    "content-type",
    "connection",
    "host",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
];

/// Header names that a server must not choose for its token: they would change the meaning of the body, or the
/// request's target.
const FORBIDDEN_TOKEN_HEADERS: [&str; 6] = [
    "accept-encoding",
    "authorization",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// The headers that an operator adds to every request, without the reserved ones.
///
/// ```
/// use selvedge_santa::ExtraHeaders;
///
/// let headers = ExtraHeaders::new([("Content-Type", "x"), ("Authorization", "Bearer a")]);
/// let names: Vec<&str> = headers.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["Authorization"]);
/// assert_eq!(headers.dropped(), ["Content-Type"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraHeaders {
    kept: Vec<(String, String)>,
    dropped: Vec<String>,
}

impl ExtraHeaders {
    /// Keeps the allowed headers. Invalid headers are dropped too.
    pub fn new<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if is_name(&name) && !is_one_of(&name, &RESERVED) && is_value(&value) {
                headers.kept.push((name, value))
            } else {
                headers.dropped.push(name)
            }
        }
        headers
    }

    /// The headers that are added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kept
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names of the dropped headers.
    #[must_use]
    pub fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

/// The values are often credentials: only the names are shown.
impl core::fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list()
            .entries(self.kept.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Whether a server may choose this header name for its token.
pub(super) fn may_hold_token(name: &str) -> bool {
    is_name(name) && !is_one_of(name, &RESERVED) && !is_one_of(name, &FORBIDDEN_TOKEN_HEADERS)
}

/// Whether a text is a valid header value.
pub(super) fn is_value(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn invalid_and_reserved_headers_are_dropped() {
        let pairs = [
            ("HOST", "a"),
            ("content-LENGTH", "1"),
            ("bad name", "a"),
            ("", "a"),
            ("X-Break", "a\r\nX-Other: b"),
            ("Zentral-Authorization", "Bearer a"),
        ];
        let headers = ExtraHeaders::new(pairs);
        assert_eq!(
            headers.kept,
            [("Zentral-Authorization".into(), "Bearer a".into())]
        );
        assert_eq!(headers.dropped().len(), 5);
    }

    #[test]
    fn debug_output_contains_no_values() {
        let shown = alloc::format!("{:?}", ExtraHeaders::new([("Authorization", "secret")]));
        assert_eq!(shown, r#"["Authorization"]"#);
    }

    #[test]
    fn a_server_cannot_choose_a_header_with_another_meaning() {
        for (name, expected) in [
            ("X-Client-Xsrf-Token", true),
            ("Content-Length", false),
            ("Transfer-Encoding", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(may_hold_token(name), expected, "{name}");
        }
    }
}
