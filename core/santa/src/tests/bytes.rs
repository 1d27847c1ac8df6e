//! The tables of `santa_bytes.json`.

use alloc::string::String;
use alloc::vec::Vec;

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::wire::{Form, PostflightRequest, RuleDownloadRequest};
use super::super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const VECTORS: &str = include_str!("../../../../tests/vectors/santa_bytes.json");

fn table(name: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let rows = vectors[name].as_array().unwrap().clone();
    assert!(!rows.is_empty());
    rows
}

fn hex(value: &Value) -> Vec<u8> {
    const_hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn base_urls_give_single_slashes_or_are_refused() {
    for row in table("base_urls") {
        let machine = "50C7E1EB-2EF5-42D4-A084-A7966FC45A95";
        let address = Address::new(row["base"].as_str().unwrap(), machine);
        let url = address.ok().map(|address| address.url(Endpoint::Preflight));
        assert_eq!(url.as_deref(), row["url"].as_str(), "{row}");
    }
}

#[test]
fn deflate_equals_zlibs_output() {
    for row in table("zlib") {
        let text = row["text"].as_str().unwrap().as_bytes();
        let unpacked = Encoding::unpack(Some("deflate"), hex(&row["hex"]), 1000).unwrap();
        assert_eq!(unpacked, text);
        let packed = Encoding::Deflate.pack(text.to_vec());
        assert_eq!(
            Encoding::unpack(Some("deflate"), packed, 1000).unwrap(),
            text
        );
    }
}

fn round<M>(row: &Value)
where
    M: Message + Default + PartialEq + core::fmt::Debug + Serialize + DeserializeOwned,
{
    let message: M = serde_json::from_value(row["json"].clone()).unwrap();
    assert_eq!(Form::Protobuf.write(&message), hex(&row["hex"]), "{row}");
    assert_eq!(
        Form::Protobuf.read::<M>(&hex(&row["hex"])).unwrap(),
        message
    );
    let text: Value = serde_json::from_slice(&Form::Json.write(&message)).unwrap();
    assert_eq!(text, row["json"]);
}

#[test]
fn messages_have_the_documented_bytes() {
    for row in table("protobuf") {
        match row["message"].as_str().unwrap() {
            "RuleDownloadRequest" => round::<RuleDownloadRequest>(&row),
            "PostflightRequest" => round::<PostflightRequest>(&row),
            other => panic!("unknown message {other}"),
        }
    }
}

#[test]
fn sets_of_rules_have_the_documented_hash() {
    for row in table("rules_hash") {
        let rules: Vec<Rule> = serde_json::from_value(row["rules"].clone()).unwrap();
        let mut hash = RulesHash::default();
        rules.iter().for_each(|rule| hash.add(rule));
        assert_eq!(hash.finish(), row["hash"].as_str().unwrap());
    }
}

#[test]
fn a_transitive_rule_does_not_change_the_hash() {
    let text = r#"{"rule_type":"BINARY","identifier":"HASH","state":"allow_transitive"}"#;
    let text = text.replace("HASH", &String::from("ab").repeat(32));
    let mut hash = RulesHash::default();
    hash.add(&serde_json::from_str(&text).unwrap());
    assert_eq!(hash.finish(), RulesHash::default().finish());
}

#[test]
fn bundles_have_the_documented_hash() {
    for row in table("bundle_hash") {
        let members: Vec<String> = serde_json::from_value(row["members"].clone()).unwrap();
        let hash = bundle_hash(members.iter().map(String::as_str));
        assert_eq!(hash, row["hash"].as_str().unwrap());
    }
}
