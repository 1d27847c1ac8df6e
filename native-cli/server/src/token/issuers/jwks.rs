//! The keys that an issuer publishes (RFC 7517).

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

/// Maximum number of keys that are read; issuers publish two or three.
const MAX_KEYS: usize = 16;

/// A public RSA key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// Its id, if it has one.
    pub(crate) id: Option<String>,
    /// The modulus, big-endian.
    pub(crate) n: Vec<u8>,
    /// The exponent, big-endian.
    pub(crate) e: Vec<u8>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    n: String,
    e: String,
}

/// The keys for RS256 in a key set; keys of other kinds are skipped. None if it is not a key set.
pub(super) fn parse(body: &[u8]) -> Option<Vec<PublicKey>> {
    let set: KeySet = serde_json::from_slice(body).ok()?;
    let keys = set.keys.into_iter().filter_map(public_key);
    Some(keys.take(MAX_KEYS).collect())
}

fn public_key(value: serde_json::Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let is_for_rs256 = jwk.kty == "RSA"
        && jwk.usage.is_none_or(|usage| usage == "sig")
        && jwk.alg.is_none_or(|alg| alg == "RS256");
    is_for_rs256.then_some(())?;
    Some(PublicKey {
        id: jwk.kid,
        n: Base64UrlUnpadded::decode_vec(&jwk.n).ok()?,
        e: Base64UrlUnpadded::decode_vec(&jwk.e).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_for_rs256_are_read() {
        let set = br#"{"keys": [
            {"kty": "RSA", "kid": "a", "n": "AQID", "e": "AQAB", "use": "sig", "alg": "RS256", "fxa-createdAt": 1},
            {"kty": "RSA", "n": "AQID", "e": "AQAB"},
            {"kty": "RSA", "kid": "b", "n": "AQID", "e": "AQAB", "use": "enc"},
            {"kty": "RSA", "kid": "c", "n": "AQID", "e": "AQAB", "alg": "PS256"},
            {"kty": "oct", "kid": "d", "k": "AQID", "alg": "HS256"},
            {"kty": "RSA", "kid": "e", "n": "?", "e": "AQAB"},
            7
        ]}"#;
        let ids: Vec<_> = parse(set).unwrap().into_iter().map(|key| key.id).collect();
        assert_eq!(ids, [Some("a".to_owned()), None]);
        for body in [&b""[..], b"[]", b"{}", br#"{"keys": 1}"#] {
            assert_eq!(parse(body), None);
        }
        let many = format!(
            r#"{{"keys": [{}]}}"#,
            vec![r#"{"kty": "RSA", "n": "AQID", "e": "AQAB"}"#; 40].join(",")
        );
        assert_eq!(parse(many.as_bytes()).unwrap().len(), MAX_KEYS);
    }
}
