use alloc::format;
use alloc::string::ToString;

use serde_json::{Value, json};

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn key() -> String {
    KeyBundle::new([1; 32], [2; 32]).to_b64url().to_string()
}

fn token_form() -> Value {
    json!({"api_endpoint": "https://a.example/1.5/7", "id": "id", "key": "hawk-key", "uid": 7,
        "hashalg": "sha256", "duration": 3600, "ksync_b64url": key()})
}

fn server_form() -> Value {
    json!({"tokenserver_url": "https://a.example/1.0/sync/1.5", "access_token": "access-token",
        "kid": "17-AAAA", "ksync_b64url": key()})
}

fn legacy_form() -> Value {
    json!({"server_url": "https://a.example/", "username": "JohnDoe", "password": "pass word",
        "sync_key": "G-BH7TE-QQCGY-ZD65S-VJGIB-D7TQY"})
}

fn read(form: &Value) -> Result<Credentials> {
    Credentials::from_json(form.to_string().as_bytes())
}

#[test]
fn both_forms_are_parsed_and_written() {
    for form in [token_form(), server_form()] {
        let credentials = read(&form).unwrap();
        assert_eq!(credentials.sync_key, KeyBundle::new([1; 32], [2; 32]));
        assert_eq!(
            Credentials::from_json(&credentials.to_json()).unwrap(),
            credentials
        );
    }
    let padded = format!("{}==", key());
    let mut form = token_form();
    form["ksync_b64url"] = padded.into();
    assert!(read(&form).is_ok());
}

#[test]
fn the_device_id_is_stored_and_not_passed_to_other_devices() {
    let id = "0123456789abcdef0123456789ABCDEF";
    for form in [token_form(), server_form()] {
        let mut form = form;
        form["device_id"] = id.into();
        let credentials = read(&form).unwrap();
        assert_eq!(credentials.device_id.as_deref(), Some(id));
        let again = Credentials::from_json(&credentials.to_json()).unwrap();
        assert_eq!(again, credentials);
        if let Ok(code) = credentials.join_code() {
            assert_eq!(code.into_credentials().device_id, None);
        }
        for none in [
            json!(""),
            json!("0123"),
            json!(id.replace('0', "x")),
            json!(7),
        ] {
            form["device_id"] = none;
            assert!(matches!(read(&form), Err(Error::Input(_))), "{form}");
        }
    }
}

#[test]
fn an_account_by_name_is_parsed_and_written() {
    let credentials = read(&legacy_form()).unwrap();
    assert!(
        matches!(&credentials.source, Source::Legacy(account) if account.username() == "johndoe")
    );
    let again = Credentials::from_json(&credentials.to_json()).unwrap();
    assert_eq!(again, credentials);
    for (member, value) in [
        ("password", Value::Null),
        ("sync_key", json!(7)),
        ("sync_key", json!("pass word")),
        ("username", Value::Null),
        ("server_url", json!("nowhere")),
    ] {
        let mut form = legacy_form();
        form[member] = value;
        let shown = read(&form).unwrap_err().to_string();
        assert!(
            !shown.contains("pass word") && !shown.contains("BH7TE"),
            "{shown}"
        );
    }
}

#[test]
fn error_messages_contain_no_secret() {
    let rows = [
        (token_form(), "ksync_b64url", json!("AAAA"), "64 bytes"),
        (token_form(), "ksync_b64url", Value::Null, "sync key"),
        (token_form(), "hashalg", json!("md5"), "hash"),
        (token_form(), "key", Value::Null, "is missing"),
        (
            server_form(),
            "access_token",
            Value::Null,
            "need access_token",
        ),
        (
            server_form(),
            "tokenserver_url",
            Value::Null,
            "need tokenserver_url",
        ),
        (
            server_form(),
            "tokenserver_url",
            json!("nowhere"),
            "address",
        ),
        (server_form(), "kid", Value::Null, "kid"),
        (server_form(), "kid", json!("a b"), "kid"),
        (
            server_form(),
            "access_token",
            json!("a\r\nb"),
            "access_token",
        ),
    ];
    for (mut form, member, value, sentence) in rows {
        form[member] = value;
        let shown = read(&form).unwrap_err().to_string();
        assert!(shown.contains(sentence), "{member}: {shown}");
        assert!(
            !shown.contains("hawk-key") && !shown.contains(&key()),
            "{shown}"
        );
    }
    for text in ["", "[]", "nonsense", "{"] {
        assert!(matches!(
            Credentials::from_json(text.as_bytes()),
            Err(Error::Input(_))
        ));
    }
}

#[test]
fn debug_output_contains_no_secret() {
    for form in [token_form(), server_form(), legacy_form()] {
        let shown = format!("{:?}", read(&form).unwrap());
        for secret in [
            "hawk-key",
            "access-token",
            "/1.5/7",
            "pass word",
            "johndoe",
            &key(),
        ] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn only_renewable_credentials_give_a_join_code() {
    let credentials = read(&server_form()).unwrap();
    let joined = credentials.join_code().unwrap().into_credentials();
    assert_eq!(joined, credentials);
    assert!(read(&token_form()).unwrap().join_code().is_err());
    assert!(read(&legacy_form()).unwrap().join_code().is_err());
}
