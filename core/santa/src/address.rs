//! The server's URLs: one per stage and machine (spec §1.1).

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write;

/// A stage of a sync, or another resource of the server.
///
/// ```
/// use selvedge_santa::Endpoint;
///
/// assert_eq!(Endpoint::RuleDownload.as_str(), "ruledownload");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// The machine sends its description, the server responds with settings.
    Preflight,
    /// Executions and other events.
    EventUpload,
    /// Rules, page by page.
    RuleDownload,
    /// The result of the sync.
    Postflight,
    /// Logs, a feature of 2018; the server specifies the URL.
    LogUpload,
    /// A token against cross-site request forgery.
    Xsrf,
}

impl Endpoint {
    /// Its path segment.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::EventUpload => "eventupload",
            Self::RuleDownload => "ruledownload",
            Self::Postflight => "postflight",
            Self::LogUpload => "logupload",
            Self::Xsrf => "xsrf",
        }
    }
}

/// Why a text is not a valid base URL of a server.
///
/// ```
/// use selvedge_santa::BadAddress;
///
/// assert_eq!(BadAddress::Empty.to_string(), "no server is set: write SyncBaseURL into santa.toml");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddress {
    /// Nothing at all.
    #[error("no server is set: write SyncBaseURL into santa.toml")]
    Empty,
    /// Neither https nor http, or no host.
    #[error("the sync base URL is not an https URL")]
    NoUrl,
    /// http to another machine.
    #[error("the sync base URL must use https: http is allowed only for this machine itself")]
    Insecure,
    /// It has a query or a fragment.
    #[error("the sync base URL must end with its path")]
    NotAPath,
    /// No machine id.
    #[error("the machine has no id: set one")]
    NoMachine,
    /// A slash in the machine id, which no server accepts.
    #[error("the machine id must not contain a slash")]
    Slash,
}

/// A server's base URL and a machine's id.
///
/// ```
/// use selvedge_santa::{Address, Endpoint};
///
/// let address = Address::new("https://sync.example.net/v1/santa/", "M")?;
/// assert_eq!(address.url(Endpoint::Preflight), "https://sync.example.net/v1/santa/preflight/M");
/// # Ok::<(), selvedge_santa::BadAddress>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without a trailing slash.
    base: String,
    machine: String,
    segment: String,
}

impl Address {
    /// Creates one from the base URL and the machine's id.
    ///
    /// # Errors
    /// When either is missing, when the URL is not https (http is allowed only for loopback addresses), and when the id
    /// contains a slash.
    pub fn new(base: &str, machine: &str) -> Result<Self, BadAddress> {
        let base = base.trim();
        if base.is_empty() {
            return Err(BadAddress::Empty);
        }
        let (is_secure, rest) = match (strip_scheme(base, "https"), strip_scheme(base, "http")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(BadAddress::NoUrl),
        };
        let host = host_of(rest).ok_or(BadAddress::NoUrl)?;
        if !is_secure && !is_loopback(host) {
            return Err(BadAddress::Insecure);
        }
        if rest.contains(['?', '#']) {
            return Err(BadAddress::NotAPath);
        }
        if machine.is_empty() {
            return Err(BadAddress::NoMachine);
        }
        // Servers respond to an encoded slash with 404 too.
        if machine.contains('/') {
            return Err(BadAddress::Slash);
        }
        Ok(Self {
            base: base.trim_end_matches('/').to_string(),
            machine: machine.to_string(),
            segment: encoded(machine),
        })
    }

    /// The machine's id.
    #[must_use]
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// The server's host name, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.base.split_once("://").map_or("", |(_, rest)| rest);
        host_of(rest).unwrap_or_default()
    }

    /// Whether the server is this machine itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    /// The URL of a stage, without double slashes: servers redirect from those, and redirects are not followed.
    #[must_use]
    pub fn url(&self, endpoint: Endpoint) -> String {
        format!("{}/{}/{}", self.base, endpoint.as_str(), self.segment)
    }

    /// The URL that checks whether the server is reachable and knows this client (spec §5.2).
    #[must_use]
    pub fn check_url(&self) -> String {
        format!("{}/preflight/santactl-doctor-test", self.base)
    }

    /// Whether an absolute URL is https, or http to this machine, and has the same host.
    #[must_use]
    pub fn is_same_host(&self, url: &str) -> bool {
        match Self::new(url.split(['?', '#']).next().unwrap_or_default(), "M") {
            Ok(other) => other.host().eq_ignore_ascii_case(self.host()),
            Err(_) => false,
        }
    }
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = url.split_once("://")?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The host in the part after the scheme: without user, port and brackets.
fn host_of(rest: &str) -> Option<&str> {
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let is_clean = authority
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'@');
    if !is_clean {
        return None;
    }
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "::1"
}

/// Encodes the machine id as one path segment.
fn encoded(machine: &str) -> String {
    let mut out = String::with_capacity(machine.len());
    for byte in machine.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String never fails");
        }
    }
    // A segment that consists of dots would be resolved as a parent directory.
    match out.as_str() {
        "." => "%2E".to_string(),
        ".." => "%2E%2E".to_string(),
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn base_urls_are_validated() {
        let rows = [
            ("", Err(BadAddress::Empty)),
            ("  ", Err(BadAddress::Empty)),
            ("sync.example.net", Err(BadAddress::NoUrl)),
            ("ftp://sync.example.net/", Err(BadAddress::NoUrl)),
            ("https://", Err(BadAddress::NoUrl)),
            ("https:///path", Err(BadAddress::NoUrl)),
            ("https://user:password@host/", Err(BadAddress::NoUrl)),
            ("http://sync.example.net/", Err(BadAddress::Insecure)),
            ("http://127.0.0.1.example.net/", Err(BadAddress::Insecure)),
            ("http://localhost@example.net/", Err(BadAddress::NoUrl)),
            ("http://example.net\\@localhost/", Err(BadAddress::Insecure)),
            ("https://host/?a", Err(BadAddress::NotAPath)),
            ("https://host/#a", Err(BadAddress::NotAPath)),
            ("https://host", Ok("https://host/preflight/M")),
            (
                "HTTPS://Host:8443/v1/",
                Ok("HTTPS://Host:8443/v1/preflight/M"),
            ),
            ("http://localhost", Ok("http://localhost/preflight/M")),
            (
                "http://127.0.0.1:80/a//",
                Ok("http://127.0.0.1:80/a/preflight/M"),
            ),
            ("http://[::1]:80/", Ok("http://[::1]:80/preflight/M")),
        ];
        for (base, expected) in rows {
            let url = Address::new(base, "M").map(|address| address.url(Endpoint::Preflight));
            assert_eq!(url.as_deref(), expected.as_ref().copied(), "{base}");
        }
    }

    #[test]
    fn the_machine_id_is_one_segment() {
        let of = |machine| Address::new("https://h", machine).map(|a| a.url(Endpoint::Xsrf));
        assert_eq!(of("a b%").unwrap(), "https://h/xsrf/a%20b%25");
        assert_eq!(of("..").unwrap(), "https://h/xsrf/%2E%2E");
        assert_eq!(of("é").unwrap(), "https://h/xsrf/%C3%A9");
        assert_eq!(of("a/b"), Err(BadAddress::Slash));
        assert_eq!(of(""), Err(BadAddress::NoMachine));
    }

    #[test]
    fn other_hosts_are_distinguished_from_the_same_host() {
        let address = Address::new("https://sync.example.net/v1", "M").unwrap();
        for (url, expected) in [
            ("https://SYNC.example.net/logs?x=1", true),
            ("https://sync.example.net:8443/logs", true),
            ("http://sync.example.net/logs", false),
            ("https://logs.example.net/", false),
            ("https://sync.example.net@evil.example/", false),
            ("/aaa", false),
            ("", false),
        ] {
            assert_eq!(address.is_same_host(url), expected, "{url}");
        }
    }
}
