//! The keys of the test vectors, and the decision on their source.

use alloc::string::ToString;
use alloc::vec::Vec;

use serde::Deserialize;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Deserialize)]
struct Vectors {
    records: Vec<RecordCase>,
    changes: Vec<ChangeCase>,
}

#[derive(Deserialize)]
struct RecordCase {
    name: String,
    sync_encryption_key: String,
    sync_hmac_key: String,
    bso: Bso,
    cleartext: serde_json::Value,
}

#[derive(Deserialize)]
struct Bso {
    payload: String,
}

#[derive(Deserialize)]
struct ChangeCase {
    name: String,
    old: Option<serde_json::Value>,
    new: serde_json::Value,
    changed: serde_json::Value,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../../tests/vectors/crypto_keys.json")).unwrap()
}

fn sync_key(case: &RecordCase) -> KeyBundle {
    let mut bytes = [0; 64];
    const_hex::decode_to_slice(
        case.sync_encryption_key.clone() + &case.sync_hmac_key,
        &mut bytes,
    )
    .unwrap();
    KeyBundle::from_slice(&bytes).unwrap()
}

#[test]
fn every_record_of_the_vectors_opens_and_is_written_again() {
    for case in vectors().records {
        let keys = CollectionKeys::open(&sync_key(&case), &case.bso.payload).unwrap();
        let written: serde_json::Value = serde_json::from_str(&keys.to_cleartext()).unwrap();
        assert_eq!(written, case.cleartext, "{}", case.name);
    }
}

#[test]
fn every_change_of_the_vectors() {
    for case in vectors().changes {
        let parse = |value: &serde_json::Value| CollectionKeys::parse(&value.to_string()).unwrap();
        let expected = match &case.changed {
            serde_json::Value::String(_) => KeyChange::All,
            names if names == &serde_json::json!([]) => KeyChange::Nothing,
            names => KeyChange::Some(serde_json::from_value(names.clone()).unwrap()),
        };
        let change = parse(&case.new).change_from(case.old.as_ref().map(parse).as_ref());
        assert_eq!(change, expected, "{}", case.name);
    }
}

#[test]
fn where_the_keys_come_from() {
    let time = |hundredths| Some(ServerTime::from_hundredths(hundredths));
    let rows = [
        ("not in info", None, time(5), Where::Absent),
        ("nothing cached", time(5), None, Where::Server),
        ("cached, same time", time(5), time(5), Where::Cache),
        (
            "cached, newer than info: the server went back",
            time(5),
            time(6),
            Where::Server,
        ),
        ("cached, older", time(6), time(5), Where::Server),
    ];
    for (name, in_info, cached, expected) in rows {
        assert_eq!(CollectionKeys::look(in_info, cached), expected, "{name}");
    }
}

#[test]
fn a_wrong_sync_key_is_told_from_a_damaged_record() {
    let case = vectors().records.remove(1);
    let right = sync_key(&case);
    let wrong = KeyBundle::new([9; 32], [9; 32]);
    assert_eq!(
        CollectionKeys::open(&wrong, &case.bso.payload).unwrap_err(),
        Error::WrongKey
    );
    assert_eq!(
        CollectionKeys::open(&right, "{oops").unwrap_err(),
        UNDECODABLE
    );
}

#[test]
fn keys_that_are_no_keys_are_malformed() {
    let good = "hX0vg9huB6PUTUVnxAYS8927+Nw0nTCPn7gQED46bwE=";
    let rows = [
        (
            "no default",
            r#"{"id":"keys","collections":{}}"#.to_string(),
        ),
        (
            "short key",
            alloc::format!(r#"{{"default":["{good}","AAAA"],"collections":{{}}}}"#),
        ),
        (
            "one key",
            alloc::format!(r#"{{"default":["{good}"],"collections":{{}}}}"#),
        ),
        ("default is null", r#"{"default":null}"#.to_string()),
        (
            "collections is no map",
            alloc::format!(r#"{{"default":["{good}","{good}"],"collections":["a"]}}"#),
        ),
        (
            "collections is a text",
            alloc::format!(r#"{{"default":["{good}","{good}"],"collections":"a"}}"#),
        ),
        ("no JSON", "keys".to_string()),
    ];
    for (name, cleartext) in rows {
        assert!(CollectionKeys::parse(&cleartext).is_err(), "{name}");
    }
}

#[test]
fn printed_keys_show_nothing() {
    let keys = CollectionKeys::new(KeyBundle::new([0xAB; 32], [0xAB; 32]));
    let shown = alloc::format!("{keys:?}").to_lowercase();
    assert!(
        !shown.contains("ab, ") && !shown.contains("abab") && !shown.contains("171"),
        "{shown}"
    );
}

#[test]
fn an_entry_that_is_not_usable_concerns_its_collection_alone() {
    let good = "hX0vg9huB6PUTUVnxAYS8927+Nw0nTCPn7gQED46bwE=";
    let keys = |entry: &str| {
        let cleartext = alloc::format!(
            r#"{{"default":["{good}","{good}"],"collections":{{"a":{entry},"b":["{good}","{good}"]}}}}"#
        );
        CollectionKeys::parse(&cleartext).unwrap()
    };
    let default = KeyBundle::from_b64_pair(good, good).unwrap();
    for none in ["null", "[]", "{}", r#""""#] {
        assert!(keys(none).bundle("a").unwrap() == &default, "{none}");
    }
    let unusable = [
        r#"["x","y"]"#.to_string(),
        alloc::format!(r#"["{good}"]"#),
        alloc::format!(r#"["{good}","AAAA"]"#),
        alloc::format!(r#"["{good}","{good}","{good}"]"#),
        alloc::format!(r#"["{good}",null]"#),
        alloc::format!(r#""{good}""#),
        "7".to_string(),
        "true".to_string(),
        r#"{"key":1}"#.to_string(),
    ];
    for entry in unusable {
        let keys = keys(&entry);
        let expected = Error::UnusableKey {
            collection: "a".into(),
        };
        assert_eq!(keys.bundle("a").unwrap_err(), expected, "{entry}");
        assert!(
            keys.bundle("b").is_ok() && keys.bundle("c").is_ok(),
            "{entry}"
        );
    }
}

#[test]
fn a_key_that_becomes_unusable_or_usable_is_another_key() {
    let good = "hX0vg9huB6PUTUVnxAYS8927+Nw0nTCPn7gQED46bwE=";
    let keys = |entry: &str| {
        let cleartext =
            alloc::format!(r#"{{"default":["{good}","{good}"],"collections":{{"a":{entry}}}}}"#);
        CollectionKeys::parse(&cleartext).unwrap()
    };
    let changed = KeyChange::Some(["a".to_string()].into());
    assert_eq!(keys("7").change_from(Some(&keys("null"))), changed);
    assert_eq!(keys("null").change_from(Some(&keys("7"))), changed);
    assert_eq!(keys("7").change_from(Some(&keys("8"))), KeyChange::Nothing);
}
