//! Records, keys and errors at the interface between JavaScript and Rust.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use js_sys::{JSON, Reflect};
use selvedge_wasm::{KeyBundle, decrypt_record, encrypt_record};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test as test;

fn keys() -> KeyBundle {
    KeyBundle::from_bytes((0..64).collect()).unwrap()
}

fn value(json: &str) -> JsValue {
    JSON::parse(json).unwrap()
}

fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

fn code(error: selvedge_wasm::Error) -> String {
    member(&error.into(), "code").as_string().unwrap()
}

#[test]
fn a_decrypted_record_equals_the_original() {
    let json =
        r#"{"id":"7vO3Zcdu6V4I","title":"mílk 🥛","list":[1,null,{"a":0.5}],"__proto__":{"x":1}}"#;
    let payload = encrypt_record(&keys(), value(json).unchecked_ref()).unwrap();
    assert!(!payload.contains("title"), "the payload is ciphertext");
    let record = decrypt_record(&keys(), &payload, "7vO3Zcdu6V4I").unwrap();
    assert_eq!(JSON::stringify(&record).unwrap(), json);
}

#[test]
fn two_encryptions_of_a_record_differ() {
    let record = value(r#"{"id":"a"}"#);
    let encrypt = || encrypt_record(&keys(), record.unchecked_ref()).unwrap();
    assert_ne!(encrypt(), encrypt());
}

#[test]
fn an_invalid_record_is_refused_before_encryption() {
    let cyclic = value(r#"{"id":"a"}"#);
    Reflect::set(&cyclic, &"self".into(), &cyclic).unwrap();
    for record in [
        JsValue::UNDEFINED,
        JsValue::NULL,
        JsValue::from_str("text"),
        value("[]"),
        value("{}"),
        value(r#"{"id":""}"#),
        value(r#"{"id":7}"#),
        value(r#"["id"]"#),
        cyclic,
    ] {
        assert_eq!(
            code(encrypt_record(&keys(), record.unchecked_ref()).unwrap_err()),
            "input",
            "{record:?}"
        );
    }
    // A text that another client cut in the middle of a character stays unchanged.
    for json in [
        r#"{"id":"a","x":"\ud83e"}"#,
        r#"{"id":"a","x":"a backslash: \\ud83e"}"#,
    ] {
        let payload = encrypt_record(&keys(), value(json).unchecked_ref()).unwrap();
        let record = decrypt_record(&keys(), &payload, "a").unwrap();
        assert_eq!(JSON::stringify(&record).unwrap(), json);
    }
}

#[test]
fn an_error_is_an_error_with_a_name_and_a_code() {
    let payload = encrypt_record(&keys(), value(r#"{"id":"a"}"#).unchecked_ref()).unwrap();
    let other = KeyBundle::make().unwrap();
    let thrown = JsValue::from(decrypt_record(&other, &payload, "a").unwrap_err());
    assert!(thrown.is_instance_of::<js_sys::Error>());
    assert_eq!(member(&thrown, "name"), "SelvedgeError");
    assert_eq!(member(&thrown, "code"), "hmac-mismatch");
    assert_eq!(
        member(&thrown, "message"),
        "the record was encrypted with another key or changed in transit"
    );
    assert!(member(&thrown, "retryAfter").is_undefined());
    assert_eq!(
        code(decrypt_record(&keys(), &payload, "b").unwrap_err()),
        "id-mismatch"
    );
    assert_eq!(
        code(decrypt_record(&keys(), "{}", "a").unwrap_err()),
        "malformed-payload"
    );
}

#[test]
fn the_cause_is_the_javascript_error() {
    let cyclic = value(r#"{"id":"a"}"#);
    Reflect::set(&cyclic, &"self".into(), &cyclic).unwrap();
    let thrown = JsValue::from(encrypt_record(&keys(), cyclic.unchecked_ref()).unwrap_err());
    assert!(member(&thrown, "cause").is_instance_of::<js_sys::TypeError>());
}

#[test]
fn a_wait_error_has_retry_after() {
    use selvedge_core::error::{Error, RequestLine};
    use selvedge_core::http::Method;
    use selvedge_core::time::LocalTime;
    let request = RequestLine::new(Method::Get, "info/collections");
    let wait = Error::Wait {
        until: Some(LocalTime::from_millis(1_700_000_000_000)),
        status: 503,
        request,
    };
    let thrown = JsValue::from(selvedge_wasm::Error::from(wait));
    assert_eq!(member(&thrown, "code"), "wait");
    assert_eq!(member(&thrown, "retryAfter").as_f64(), Some(1.7e12));
}

#[test]
fn every_import_format_gives_the_same_keys() {
    let ksync =
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw";
    let pair = [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
    ];
    assert!(keys().equals(&KeyBundle::from_ksync(ksync.into()).unwrap()));
    assert!(keys().equals(&KeyBundle::from_pair(pair[0].into(), pair[1].into()).unwrap()));
    assert!(!keys().equals(&KeyBundle::make().unwrap()));
    for refused in [
        KeyBundle::from_bytes(vec![0; 63]),
        KeyBundle::from_ksync("short".into()),
        KeyBundle::from_pair(pair[0].into(), "!".into()),
        KeyBundle::derive_from_kb(vec![0; 31]),
    ] {
        assert_eq!(code(refused.unwrap_err()), "invalid-key");
    }
}
