//! What a client signs with Hawk: method, host, port and path as it sees them (spec §2).

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use crate::admin::PublicUrl;

/// The parts of the URL that a client signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedTarget {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path_and_query: String,
}

impl std::fmt::Display for SignedTarget {
    /// Host, port and the path before the path of the API.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = self.path_and_query.split_once("/1.5/");
        let prefix = prefix.map_or("", |(prefix, _)| prefix);
        write!(f, "{}:{}{prefix}", self.host, self.port)
    }
}

/// With a public URL, its host, port and path; otherwise the `Host` header.
pub(super) fn signed_target(
    public: Option<&PublicUrl>,
    uri: &Uri,
    headers: &HeaderMap,
    tls: bool,
) -> Option<SignedTarget> {
    let target = uri.path_and_query()?.as_str();
    if let Some(public) = public {
        return Some(SignedTarget {
            host: public.host.clone(),
            port: public.port,
            path_and_query: public.with_prefix(target),
        });
    }
    let authority: Authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => headers.get(header::HOST)?.to_str().ok()?.parse().ok()?,
    };
    Some(SignedTarget {
        host: authority.host().to_ascii_lowercase(),
        port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        path_and_query: target.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_target_is_the_url_that_the_client_sees() {
        let signed = |public: Option<&str>, host: &str, tls| {
            let public = public.map(|url| PublicUrl::parse(url).unwrap());
            let headers = [(header::HOST, host.parse().unwrap())]
                .into_iter()
                .collect();
            let uri = Uri::from_static("/1.5/7/storage/notes?full=1&ids=a%2Cb");
            let target = signed_target(public.as_ref(), &uri, &headers, tls)?;
            Some((target.host, target.port, target.path_and_query))
        };
        let path = "/1.5/7/storage/notes?full=1&ids=a%2Cb".to_owned();
        let expect = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(
            signed(None, "LocalHost:8090", false),
            expect("localhost", 8090, &path)
        );
        assert_eq!(
            signed(None, "localhost", false),
            expect("localhost", 80, &path)
        );
        assert_eq!(
            signed(None, "localhost", true),
            expect("localhost", 443, &path)
        );
        assert_eq!(signed(None, "[::1]:80", false), expect("[::1]", 80, &path));
        assert_eq!(
            signed(Some("https://sync.example.org"), "10.0.0.1:8090", false),
            expect("sync.example.org", 443, &path)
        );
        let prefixed = format!("/sync{path}");
        assert_eq!(
            signed(Some("http://example.org:81/sync/"), "x", false),
            expect("example.org", 81, &prefixed)
        );
    }
}
