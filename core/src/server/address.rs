//! URLs, built once: the signed text is the sent text (spec §0.7, §2.8).

use alloc::format;
use alloc::string::String;
use core::fmt::Write;

use super::host_name;
use crate::error::Error;
use crate::ids::{CollectionName, RecordId};

/// Appends `text`, with every character that is not unreserved encoded as `%XX`.
pub(crate) fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("writing to a String never fails");
        }
    }
}

/// The path of a collection.
///
/// `.` and `..` are valid collection names, but every URL library treats them as path segments to resolve, and a DELETE
/// of `storage/..` as a DELETE of everything: they are rejected.
pub(crate) fn collection(name: &CollectionName) -> Result<String, Error> {
    refuse_step(name.as_str())?;
    Ok(format!("storage/{name}"))
}

/// The path of a record, percent-encoded.
pub(crate) fn record(name: &CollectionName, id: &RecordId) -> Result<String, Error> {
    refuse_step(id.as_str())?;
    let mut path = collection(name)?;
    path.push('/');
    push_encoded(&mut path, id.as_str());
    Ok(path)
}

fn refuse_step(segment: &str) -> Result<(), Error> {
    if matches!(segment, "." | "..") {
        return Err(Error::Input(format!(
            "'{segment}' cannot be part of a URL: this name cannot be requested from the server individually"
        )));
    }
    Ok(())
}

/// Appends one query parameter; `value` is appended unchanged.
pub(crate) fn push_parameter(url: &mut String, name: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(name);
    url.push('=');
    url.push_str(value);
}

/// Appends one query parameter; its value is encoded.
pub(crate) fn push_encoded_parameter(url: &mut String, name: &str, value: &str) {
    push_parameter(url, name, "");
    push_encoded(url, value);
}

/// The number of `ids` that fit into one request, and their `ids=` value: at most `max` ids, and a URL of less than 2
/// KiB.
pub(crate) fn ids_value(ids: &[RecordId], max: usize) -> (usize, String) {
    /// Leaves space for the endpoint and other parameters.
    const MAX_VALUE_BYTES: usize = 1536;
    let mut value = String::new();
    let mut count = 0;
    for id in ids.iter().take(max) {
        let mut encoded = String::new();
        push_encoded(&mut encoded, id.as_str());
        if count > 0 && value.len() + 1 + encoded.len() > MAX_VALUE_BYTES {
            break;
        }
        if count > 0 {
            value.push(',');
        }
        value.push_str(&encoded);
        count += 1;
    }
    (count, value)
}

/// Validates and normalizes the address of a service: `http` or `https` and a host in lower case, international names
/// as ASCII, no query, no trailing slash.
pub(crate) fn service(url: &str) -> Result<String, Error> {
    normalised(url.trim()).ok_or_else(|| {
        Error::Input("a server address must have a form like https://sync.example.org".into())
    })
}

fn normalised(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = ["https", "http"]
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_path = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'"' | b'\\'));
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if !is_path || !is_port || rest.len() >= 1024 {
        return None;
    }
    let mut url = format!("{scheme}://{}", host_name::to_ascii(host)?);
    if let Some(port) = port {
        url.push(':');
        url.push_str(port);
    }
    url.push_str(path.trim_end_matches('/'));
    Some(url)
}

/// Why a storage server's address from another server is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnsafeAddress {
    /// The storage server has no TLS, although the other server has.
    Downgrade,
    /// The storage server is in a private network or on this machine, although the other server is a public one.
    Private,
}

impl UnsafeAddress {
    /// What is wrong, for an error message.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Downgrade => {
                "it returns the address of a storage server without TLS (http://), although its own address has TLS (https://)"
            }
            Self::Private => {
                "it is a public server and returns the address of a storage server in a private network or on this machine"
            }
        }
    }
}

/// Whether a server may return the address of another one. Both addresses are normalized by [`service`].
pub(crate) fn check_named(by: &str, named: &str) -> Result<(), UnsafeAddress> {
    if by.starts_with("https://") && !named.starts_with("https://") {
        Err(UnsafeAddress::Downgrade)
    } else if host_name::is_private(host(named)) && !host_name::is_private(host(by)) {
        Err(UnsafeAddress::Private)
    } else {
        Ok(())
    }
}

/// The host of an address normalized by [`service`], without its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn notes() -> CollectionName {
        CollectionName::new("notes").unwrap()
    }

    #[test]
    fn ids_are_encoded_in_paths_and_queries() {
        let id = RecordId::new("{a b}/?#%,~").unwrap();
        assert_eq!(
            record(&notes(), &id).unwrap(),
            "storage/notes/%7Ba%20b%7D%2F%3F%23%25%2C~"
        );
        let mut url = String::from("x");
        push_encoded_parameter(&mut url, "offset", "17:3");
        push_parameter(&mut url, "full", "1");
        assert_eq!(url, "x?offset=17%3A3&full=1");
    }

    #[test]
    fn a_name_that_url_libraries_resolve_is_refused() {
        for step in [".", ".."] {
            assert!(matches!(
                collection(&CollectionName::new(step).unwrap()),
                Err(Error::Input(_))
            ));
            assert!(matches!(
                record(&notes(), &RecordId::new(step).unwrap()),
                Err(Error::Input(_))
            ));
        }
    }

    #[test]
    fn ids_are_sent_in_chunks_of_limited_size() {
        let guids: Vec<RecordId> = (0..200)
            .map(|n| RecordId::new(format!("guid{n:08}")).unwrap())
            .collect();
        assert_eq!(ids_value(&guids, 50).0, 50);
        let (count, value) = ids_value(&guids, 200);
        assert!(
            count > 100 && value.len() <= 1536,
            "{count} {}",
            value.len()
        );
        let odd: Vec<RecordId> = (0..20)
            .map(|_| RecordId::new("%".repeat(64)).unwrap())
            .collect();
        let (count, value) = ids_value(&odd, 50);
        assert!((1..20).contains(&count) && value.len() <= 1536);
        assert_eq!(ids_value(&[], 50), (0, String::new()));
    }

    #[test]
    fn service_addresses_are_normalized() {
        assert_eq!(
            service(" https://a.example/x/ ").unwrap(),
            "https://a.example/x"
        );
        assert_eq!(
            service("http://127.0.0.1:8000").unwrap(),
            "http://127.0.0.1:8000"
        );
        for (given, expected) in [
            (
                "HTTPS://Sync.Example.ORG/Path/",
                "https://sync.example.org/Path",
            ),
            ("Http://LOCALHOST:8000//", "http://localhost:8000"),
            ("https://[2001:DB8::1]:443/x", "https://[2001:db8::1]:443/x"),
            ("https://[::1]", "https://[::1]"),
            (
                "https://Bücher.example/a",
                "https://xn--bcher-kva.example/a",
            ),
            ("https://例え。テスト:1", "https://xn--r8jz45g.xn--zckzah:1"),
        ] {
            assert_eq!(service(given).unwrap(), expected);
        }
        for bad in [
            "https://:80",
            "https://a.example:",
            "https://a.example:0",
            "https://a.example:65536",
            "https://a.example:x",
            "https://ex\u{200b}ample.org",
            "https://bücher.example/ü",
            "https//a.example",
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https:///x",
            "https://u:p@a.example",
            "https://a.example/?q",
            "https://a b",
        ] {
            assert!(matches!(service(bad), Err(Error::Input(_))), "{bad}");
        }
    }

    #[test]
    fn unsafe_addresses_from_a_server_are_refused() {
        let rows = [
            ("https://a.example", "https://b.example/1.5/7", Ok(())),
            (
                "https://a.example",
                "http://a.example/1.5/7",
                Err(UnsafeAddress::Downgrade),
            ),
            ("http://a.example", "http://b.example/1.5/7", Ok(())),
            ("http://a.example", "https://b.example/1.5/7", Ok(())),
            (
                "https://a.example",
                "https://10.1.2.3/1.5/7",
                Err(UnsafeAddress::Private),
            ),
            (
                "https://a.example",
                "https://localhost:8000/1.5/7",
                Err(UnsafeAddress::Private),
            ),
            (
                "https://a.example",
                "https://[::1]:8000",
                Err(UnsafeAddress::Private),
            ),
            (
                "https://a.example",
                "https://[fd00::1]",
                Err(UnsafeAddress::Private),
            ),
            (
                "https://8.8.8.8",
                "https://192.168.0.1",
                Err(UnsafeAddress::Private),
            ),
            (
                "https://a.example",
                "https://router",
                Err(UnsafeAddress::Private),
            ),
            (
                "http://127.0.0.1:8000",
                "http://127.0.0.1:8001/1.5/7",
                Ok(()),
            ),
            ("http://192.168.0.1", "http://192.168.0.2", Ok(())),
            ("https://nas.lan", "https://10.0.0.2", Ok(())),
            ("http://localhost", "https://a.example", Ok(())),
        ];
        for (by, named, expected) in rows {
            assert_eq!(check_named(by, named), expected, "{by} names {named}");
        }
    }
}
