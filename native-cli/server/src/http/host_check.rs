//! Checks `Host`. A page of another site can make its own name resolve to this machine (DNS rebinding) and then has the same
//! origin as a server without TLS; only the name in `Host` distinguishes its requests.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// Whether the host of a request is allowed. A request without a valid host is refused.
pub(super) fn is_allowed(uri: &Uri, headers: &HeaderMap) -> bool {
    let authority: Option<Authority> = match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok()?.parse().ok()),
    };
    authority.is_some_and(|authority| is_this_machine(authority.host()))
}

/// An address, or a name that always resolves to this machine.
fn is_this_machine(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    address.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// The refusal, with what to do if the name is intended.
pub(super) fn refused() -> Response {
    (
        StatusCode::MISDIRECTED_REQUEST,
        "this server answers to localhost and to its address only: behind a reverse proxy, start it with --public-url\n",
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_this_machine() {
        for (host, allowed) in [
            ("127.0.0.1:8090", true),
            ("localhost:8090", true),
            ("LocalHost", true),
            ("localhost.:8090", true),
            ("a.localhost", true),
            ("[::1]:8090", true),
            ("192.168.1.5:8090", true),
            ("evil.example:8090", false),
            ("localhost.evil.example", false),
            ("notlocalhost", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
            ("a b", false),
        ] {
            let headers = [(header::HOST, host.parse().unwrap())]
                .into_iter()
                .collect();
            assert_eq!(
                is_allowed(&Uri::from_static("/"), &headers),
                allowed,
                "{host}"
            );
        }
        assert!(!is_allowed(&Uri::from_static("/"), &HeaderMap::new()));
        let absolute = Uri::from_static("http://evil.example/1.0/accounts");
        assert!(!is_allowed(&absolute, &HeaderMap::new()));
    }
}
