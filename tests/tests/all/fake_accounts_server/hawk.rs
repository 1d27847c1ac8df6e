//! Checks a signed request: id, time, hash and MAC (`docs/protocol/firefox-sync.md` §2).

use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256};

use super::hmac;
use super::http::Asked;

pub(super) enum Verdict {
    Right,
    OtherToken,
    Clock,
}

fn attribute<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let parts = header.strip_prefix("Hawk ")?.split(", ");
    parts
        .filter_map(|part| part.split_once("=\""))
        .find_map(|(key, value)| (key == name).then(|| value.strip_suffix('"').unwrap()))
}

/// A wrong MAC or hash is a bug of the client: it fails the test through a closed connection.
pub(super) fn check(asked: &Asked, id: &str, key: &[u8], now: u64) -> Verdict {
    let header = asked.authorization().unwrap();
    let of = |name| attribute(header, name);
    if of("id") != Some(id) {
        return Verdict::OtherToken;
    }
    let (ts, nonce) = (of("ts").unwrap(), of("nonce").unwrap());
    let hash = of("hash").unwrap_or_default();
    if !asked.body.is_empty() {
        let body = std::str::from_utf8(&asked.body).unwrap();
        let text = format!("hawk.1.payload\napplication/json\n{body}\n");
        assert_eq!(
            hash,
            Base64::encode_string(&Sha256::digest(text)),
            "the hash of the body"
        );
    }
    let (host, port) = asked.header("Host").unwrap().split_once(':').unwrap();
    let text = format!(
        "hawk.1.header\n{ts}\n{nonce}\n{}\n{}\n{host}\n{port}\n{hash}\n\n",
        asked.method, asked.target
    );
    let mac = Base64::encode_string(&hmac(key, &[text.as_bytes()]));
    assert_eq!(of("mac"), Some(mac.as_str()), "the MAC of {}", asked.target);
    if ts.parse::<u64>().unwrap().abs_diff(now) > 60 {
        return Verdict::Clock;
    }
    Verdict::Right
}
