//! Runs the project's test vectors in WebAssembly.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use selvedge_core::crypto::hawk::{self, Credentials, Key};
use selvedge_core::crypto::{KeyBundle, payload};
use selvedge_core::time::ServerTime;
use serde_json::Value;
use wasm_bindgen_test::wasm_bindgen_test as test;

macro_rules! vectors {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../tests/vectors/", $name))).unwrap()
    };
}

fn cases<'a>(vectors: &'a Value, name: &str, count: usize) -> &'a [Value] {
    let cases = vectors[name].as_array().unwrap();
    assert_eq!(cases.len(), count, "{name}");
    cases
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {case}"))
}

fn bundle(case: &Value) -> KeyBundle {
    let joined = [text(case, "encryption_key"), text(case, "hmac_key")].concat();
    KeyBundle::from_slice(&const_hex::decode(joined).unwrap()).unwrap()
}

#[test]
fn records_of_the_vectors_are_decrypted() {
    let vectors = vectors!("records.json");
    for case in cases(&vectors, "valid", 9) {
        let parts = [
            text(case, "ciphertext"),
            text(case, "IV"),
            text(case, "hmac"),
        ];
        let payload = format!(
            r#"{{"ciphertext":"{}","IV":"{}","hmac":"{}"}}"#,
            parts[0], parts[1], parts[2]
        );
        let bytes = payload::decrypt(&bundle(case), &payload).unwrap();
        assert_eq!(
            *bytes,
            text(case, "cleartext").as_bytes(),
            "{}",
            case["name"]
        );
        if let Some(id) = case["envelope"]["id"].as_str() {
            assert_eq!(
                *payload::open(&bundle(case), &payload, id).unwrap(),
                text(case, "cleartext")
            );
        }
    }
}

#[test]
fn records_of_the_vectors_are_encrypted_to_the_same_bytes() {
    let vectors = vectors!("records.json");
    for case in cases(&vectors, "valid", 9) {
        // `Fixed` supplies the IV of the vector instead of a random one.
        let written = payload::seal(
            &bundle(case),
            &Fixed(text(case, "IV")),
            text(case, "cleartext"),
        )
        .unwrap();
        let written: Value = serde_json::from_str(&written).unwrap();
        for part in ["ciphertext", "IV", "hmac"] {
            assert_eq!(written[part], case[part], "{} of {}", part, case["name"]);
        }
    }
}

/// Returns the bytes of a base64 text instead of random bytes.
struct Fixed<'a>(&'a str);

impl selvedge_core::host::Random for Fixed<'_> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), selvedge_core::host::RandomError> {
        let decoded = js_sys::global();
        let atob = js_sys::Reflect::get(&decoded, &"atob".into()).unwrap();
        let text = js_sys::Function::from(atob)
            .call1(&decoded, &self.0.into())
            .unwrap()
            .as_string()
            .unwrap();
        text.chars()
            .zip(bytes)
            .for_each(|(letter, byte)| *byte = u8::try_from(u32::from(letter)).unwrap());
        Ok(())
    }
}

#[test]
fn each_kind_of_invalid_record_has_its_own_code() {
    let vectors = vectors!("records.json");
    for case in cases(&vectors, "invalid", 13) {
        let error = payload::open(
            &bundle(case),
            text(case, "payload"),
            text(case, "envelope_id"),
        )
        .unwrap_err();
        assert_eq!(
            selvedge_wasm::Error::from(error).code(),
            text(case, "expect"),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn request_signatures_equal_the_vectors() {
    let vectors = vectors!("hawk.json");
    for case in cases(&vectors, "requests", 8) {
        let key = match case["key_ascii"].as_str() {
            Some(text) => Key::from_text(text),
            None => Key::from_bytes(&const_hex::decode(text(case, "key_hex")).unwrap()),
        };
        let credentials = Credentials {
            id: text(case, "id").into(),
            key,
        };
        let (method, url, nonce) = (text(case, "method"), text(case, "url"), text(case, "nonce"));
        let ext = case["ext"].as_str().filter(|ext| !ext.is_empty());
        let hash = case["payload_hash"].as_str();
        let value = hawk::authorization(
            &credentials,
            method,
            url,
            case["ts"].as_u64().unwrap(),
            nonce,
            hash,
            ext,
        );
        assert_eq!(
            value.unwrap(),
            text(case, "authorization"),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn times_are_parsed_and_written_exactly() {
    let vectors = vectors!("timestamps.json");
    for case in vectors["headers"].as_array().unwrap() {
        let time = ServerTime::parse(text(case, "text")).unwrap();
        assert_eq!(
            time.hundredths(),
            case["hundredths"].as_u64().unwrap(),
            "{case}"
        );
        assert_eq!(time.to_string(), text(case, "canonical"));
    }
    for case in vectors["json_numbers"].as_array().unwrap() {
        let time = ServerTime::parse_json(text(case, "text").as_bytes()).unwrap();
        assert_eq!(
            time.hundredths(),
            case["hundredths"].as_u64().unwrap(),
            "{case}"
        );
    }
    for case in vectors["invalid_headers"].as_array().unwrap() {
        assert!(ServerTime::parse(case.as_str().unwrap()).is_err(), "{case}");
    }
}

#[test]
fn key_bundles_derived_from_kb_equal_the_vectors() {
    let vectors = vectors!("sync_key_bundles.json");
    for case in cases(&vectors, "modern", 3) {
        let derived = KeyBundle::from_kb(&const_hex::decode(text(case, "kb")).unwrap());
        assert_eq!(derived, bundle(case), "{}", case["name"]);
        let pair =
            KeyBundle::from_b64_pair(text(case, "encryption_key_b64"), text(case, "hmac_key_b64"));
        assert_eq!(pair.unwrap(), derived);
    }
}
