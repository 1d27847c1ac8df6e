//! Signing and verification of Hawk requests against the vectors.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;
use serde::Deserialize;

use super::signed_request::SignedRequest;
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Deserialize)]
struct Case {
    name: String,
    id: String,
    ts: u64,
    nonce: String,
    method: String,
    url: String,
    ext: String,
    normalized: String,
    mac: String,
    authorization: String,
    key_ascii: Option<String>,
    key_hex: Option<String>,
    body: Option<String>,
    content_type: Option<String>,
    payload_hash: Option<String>,
}

impl Case {
    fn credentials(&self) -> Credentials {
        let key = match (&self.key_ascii, &self.key_hex) {
            (Some(text), _) => Key::from_text(text),
            (None, Some(hex)) => Key::from_bytes(&const_hex::decode(hex).unwrap()),
            (None, None) => panic!("{} has no key", self.name),
        };
        Credentials {
            id: self.id.clone(),
            key,
        }
    }

    /// Lines 3 to 7 of the normalised string: method, path, host and port.
    fn lines(&self) -> Vec<&str> {
        self.normalized.split('\n').collect()
    }
}

fn cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct Vectors {
        requests: Vec<Case>,
    }
    let text = include_str!("../../../../tests/vectors/hawk.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.requests.len(), 8);
    vectors.requests
}

#[test]
fn requests_are_signed_as_documented() {
    for case in cases() {
        let ext = Some(case.ext.as_str()).filter(|ext| !ext.is_empty());
        let value = authorization(
            &case.credentials(),
            &case.method,
            &case.url,
            case.ts,
            &case.nonce,
            case.payload_hash.as_deref(),
            ext,
        );
        assert_eq!(value, Ok(case.authorization), "{}", case.name);
    }
}

#[test]
fn the_normalized_string_is_the_documented_text() {
    for case in cases() {
        let lines = case.lines();
        let mut text = String::new();
        let request = SignedRequest {
            ts: lines[1],
            nonce: lines[2],
            method: &case.method.to_lowercase(),
            path_and_query: lines[4],
            host: &lines[5].to_uppercase(),
            port: lines[6].parse().unwrap(),
            hash: lines[7],
            ext: lines[8],
        };
        request.feed(|part| text.push_str(part));
        assert_eq!(text, case.normalized, "{}", case.name);
    }
}

#[test]
fn signed_requests_verify_and_changed_ones_do_not() {
    for case in cases() {
        let header = Header::parse(&case.authorization).unwrap();
        assert_eq!(
            (header.id, header.ts, header.nonce, header.mac),
            (
                case.id.as_str(),
                case.ts,
                case.nonce.as_str(),
                case.mac.as_str()
            )
        );
        let lines = case.lines();
        let (path, host, port) = (lines[4], lines[5], lines[6].parse().unwrap());
        let key = case.credentials().key;
        assert!(
            header.verify(&key, &case.method, path, host, port),
            "{}",
            case.name
        );
        assert!(!header.verify(&Key::from_text("another"), &case.method, path, host, port));
        assert!(!header.verify(&key, "PATCH", path, host, port));
        assert!(!header.verify(&key, &case.method, &format!("{path}&x"), host, port));
        assert!(!header.verify(&key, &case.method, path, "other.example.org", port));
        assert!(!header.verify(&key, &case.method, path, host, port ^ 1));
        for changed in [
            Header {
                nonce: "other",
                ..header
            },
            Header {
                hash: Some("other"),
                ..header
            },
            Header {
                ext: Some("other"),
                ..header
            },
            Header { mac: "", ..header },
            Header {
                mac: &case.mac[..40],
                ..header
            },
        ] {
            assert!(
                !changed.verify(&key, &case.method, path, host, port),
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn a_body_is_bound_by_its_hash() {
    for case in cases() {
        let header = Header::parse(&case.authorization).unwrap();
        let (Some(body), Some(content_type)) = (&case.body, &case.content_type) else {
            assert!(header.is_payload("text/plain", b"anything"));
            continue;
        };
        assert_eq!(
            Some(payload_hash(content_type, body.as_bytes())),
            case.payload_hash
        );
        assert!(header.is_payload(content_type, body.as_bytes()));
        assert!(!header.is_payload(content_type, b"another body"));
        assert!(!header.is_payload("text/html", body.as_bytes()));
    }
}

#[test]
fn headers_that_hawk_does_not_allow_are_refused() {
    let good = r#"id="a", ts="1", nonce="n", mac="m""#;
    assert!(Header::parse(&format!("hawk {good}")).is_ok());
    for (value, error) in [
        (String::new(), HeaderError::Scheme),
        (String::from("Hawk"), HeaderError::Scheme),
        (format!("Basic {good}"), HeaderError::Scheme),
        (String::from("Hawk x"), HeaderError::Syntax),
        (format!("Hawk {good},"), HeaderError::Syntax),
        (format!("Hawk {good} ext=\"e\""), HeaderError::Syntax),
        (format!("Hawk {good}, ext=\"e"), HeaderError::Syntax),
        (format!("Hawk {good}, ext=\"a\\b\""), HeaderError::Syntax),
        (format!("Hawk {good}, ext=\"é\""), HeaderError::Syntax),
        (format!("Hawk {good}, id=\"b\""), HeaderError::Attribute),
        (format!("Hawk {good}, port=\"1\""), HeaderError::Attribute),
        (format!("Hawk {good}, ID=\"b\""), HeaderError::Attribute),
        (format!("Hawk {good}, app=\"x\""), HeaderError::Delegated),
        (format!("Hawk {good}, dlg=\"x\""), HeaderError::Delegated),
        (
            String::from(r#"Hawk id="a", ts="1", nonce="n""#),
            HeaderError::Missing,
        ),
        (
            String::from(r#"Hawk id="", ts="1", nonce="n", mac="m""#),
            HeaderError::Missing,
        ),
        (
            String::from(r#"Hawk id="a", ts="+1", nonce="n", mac="m""#),
            HeaderError::Syntax,
        ),
        (
            String::from(r#"Hawk id="a", ts="99999999999999999999", nonce="n", mac="m""#),
            HeaderError::Syntax,
        ),
        (
            format!("Hawk {good}, ext=\"{}\"", "e".repeat(4096)),
            HeaderError::TooLong,
        ),
    ] {
        assert_eq!(Header::parse(&value).err(), Some(error), "{value}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".*", attributes in "Hawk ([a-z]{2,5}=\"[ -~]{0,9}\",? ?){0,7}") {
        for value in [text, attributes] {
            if let Ok(header) = Header::parse(&value) {
                prop_assert!(!header.verify(&Key::from_text("k"), "GET", "/", "h", 1));
            }
        }
    }

    #[test]
    fn every_signature_verifies(id in "[!-~&&[^\"\\\\]]{1,40}", nonce in "[a-zA-Z0-9+/=]{1,20}", ts: u64, path in "/[a-z0-9/?&=%.-]{0,40}") {
        let credentials = Credentials { id: id.clone(), key: Key::from_text("secret") };
        let url = format!("https://Example.org{path}");
        let value = authorization(&credentials, "POST", &url, ts, &nonce, None, None).unwrap();
        let header = Header::parse(&value).unwrap();
        prop_assert_eq!((header.id, header.ts, header.nonce), (id.as_str(), ts, nonce.as_str()));
        prop_assert!(header.verify(&credentials.key, "POST", &path, "example.org", 443));
    }
}
