//! The URL under which clients reach a server, for example that of a reverse proxy.

use axum::http::Uri;
use zeroize::Zeroizing;

/// A public base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    text: String,
    /// The host that clients sign, in lower case.
    pub host: String,
    /// The port that clients sign.
    pub port: u16,
    /// The path before `/1.5/…`, without a slash at its end; mostly empty.
    pub prefix: String,
}

impl PublicUrl {
    /// Parses `http[s]://host[:port][/path]`.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().ok()?;
        let default_port = match uri.scheme_str()? {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || uri.query().is_some() || authority.host().is_empty()
        {
            return None;
        }
        let port = authority.port_u16().unwrap_or(default_port);
        let prefix = uri.path().trim_end_matches('/').to_owned();
        let authority_text = if port == default_port {
            authority.host()
        } else {
            authority.as_str()
        };
        Some(Self {
            text: format!("{}://{authority_text}{prefix}", uri.scheme_str()?),
            host: authority.host().to_ascii_lowercase(),
            port,
            prefix,
        })
    }

    /// The URL without a slash at its end, and without the default port.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The origin: scheme, host and port.
    #[must_use]
    pub(crate) fn origin(&self) -> &str {
        self.text.strip_suffix(&*self.prefix).unwrap_or(&self.text)
    }

    /// The path that the client signed, whether or not the proxy removed the prefix.
    #[must_use]
    pub(crate) fn with_prefix(&self, target: &str) -> String {
        let has_prefix = target
            .strip_prefix(&self.prefix)
            .is_some_and(|rest| rest.starts_with('/'));
        if has_prefix {
            target.to_owned()
        } else {
            [&self.prefix, target].concat()
        }
    }
}

/// The URL of the token server of a server at `public_url`, with an invitation for a person of another issuer.
///
/// # Errors
/// When `public_url` is not a URL that a server can have.
pub fn tokenserver_url(
    public_url: &str,
    invitation: Option<&str>,
) -> Result<Zeroizing<String>, NoPublicUrl> {
    let url = PublicUrl::parse(public_url).ok_or(NoPublicUrl)?;
    let base = url.as_str();
    Ok(Zeroizing::new(match invitation {
        Some(invitation) => format!("{base}/invitation/{invitation}/1.0/sync/1.5"),
        None => format!("{base}/1.0/sync/1.5"),
    }))
}

/// A text that is no URL of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "give the URL that clients use: http:// or https:// with a host, and without user, query and fragment"
)]
pub struct NoPublicUrl;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_the_parts_that_are_signed() {
        for (text, host, port, prefix) in [
            ("https://Sync.Example.org", "sync.example.org", 443, ""),
            ("http://example.org:8080/a/b/", "example.org", 8080, "/a/b"),
            ("http://[::1]:80", "[::1]", 80, ""),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!(
                (url.host.as_str(), url.port, url.prefix.as_str()),
                (host, port, prefix),
                "{text}"
            );
            assert_eq!(format!("{}{prefix}", url.origin()), url.as_str());
        }
        for (text, announced) in [
            ("https://example.org:443/", "https://example.org"),
            ("http://example.org:80/a", "http://example.org/a"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://example.org:80", "https://example.org:80"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().as_str(), announced);
        }
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://a@example.org",
            "https://example.org?x=1",
            "https://",
        ] {
            assert_eq!(PublicUrl::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_prefix_is_signed_whether_or_not_the_proxy_passes_it_on() {
        let url = PublicUrl::parse("https://example.org/sync").unwrap();
        for target in ["/1.5/7/storage?x=1", "/sync/1.5/7/storage?x=1"] {
            assert_eq!(url.with_prefix(target), "/sync/1.5/7/storage?x=1");
        }
    }
}
