//! Finds the address that a request was signed for, if it is not the server's: behind a reverse proxy that is the most
//! frequent mistake, and a plain 401 would not show it. The request is refused nevertheless.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use super::signed_target::SignedTarget;
use crate::admin::PublicUrl;

/// The addresses that a client may have signed: those in the headers of proxy and client, and the one in the token.
pub(super) fn candidates(uri: &Uri, headers: &HeaderMap, node: &str) -> Vec<SignedTarget> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let node = PublicUrl::parse(node);
    let forwarded = text("forwarded").and_then(forwarded_host);
    let named = [
        text(header::HOST.as_str()),
        text("x-forwarded-host"),
        forwarded.as_deref(),
    ];
    let mut addresses = Vec::new();
    for authority in named.into_iter().flatten() {
        let first = authority.split(',').next().unwrap_or_default().trim();
        let Ok(authority) = first.parse::<Authority>() else {
            continue;
        };
        let ports = match authority.port_u16() {
            Some(port) => vec![port],
            None => vec![443, 80],
        };
        let host = authority.host().to_ascii_lowercase();
        addresses.extend(ports.into_iter().map(|port| (host.clone(), port)));
    }
    addresses.extend(node.iter().map(|node| (node.host.clone(), node.port)));
    let prefixed = node
        .filter(|node| !node.prefix.is_empty())
        .map(|node| node.with_prefix(path));
    let target = |path: &str| {
        let path = path.to_owned();
        move |(host, port): &(String, u16)| SignedTarget {
            host: host.clone(),
            port: *port,
            path_and_query: path.clone(),
        }
    };
    let mut found: Vec<_> = addresses.iter().map(target(path)).collect();
    if let Some(prefixed) = prefixed {
        found.extend(addresses.iter().map(target(&prefixed)));
    }
    found
}

/// The `host` of the first hop in a `Forwarded` header.
fn forwarded_host(value: &str) -> Option<String> {
    let first = value.split(',').next()?;
    let mut pairs = first.split(';').filter_map(|pair| pair.split_once('='));
    let (_, host) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("host"))?;
    Some(host.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_that_proxies_clients_and_tokens_name_are_tried() {
        let uri = Uri::from_static("/1.5/7/info/collections?x=1");
        for (headers, node, expected) in [
            (
                &[("host", "Sync.example.org")][..],
                "nonsense",
                &["sync.example.org:443", "sync.example.org:80"][..],
            ),
            (
                &[
                    ("host", "127.0.0.1:8090"),
                    ("x-forwarded-host", "a.example:8443, b"),
                ],
                "",
                &["127.0.0.1:8090", "a.example:8443"],
            ),
            (
                &[(
                    "forwarded",
                    "for=1.2.3.4;Host=\"a.example:81\";proto=http, for=b",
                )],
                "",
                &["a.example:81"],
            ),
            (
                &[],
                "https://a.example/sync",
                &["a.example:443", "a.example:443/sync"],
            ),
            (&[("host", "b a d")], "", &[]),
        ] {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            let found = candidates(&uri, &headers, node);
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        }
    }
}
