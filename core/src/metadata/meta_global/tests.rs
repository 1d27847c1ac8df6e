//! Every verdict, and the contents that a change leaves unchanged.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::*;
use crate::metadata::{Listed, Seen, Verdict};
use crate::reconcile::has_same_content;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Deserialize)]
struct Vectors {
    global: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    status: u16,
    payload: Option<String>,
    expect: String,
    local_sync_id: Option<String>,
    info: Option<Vec<String>>,
    #[serde(default = "yes")]
    genuine: bool,
}

const fn yes() -> bool {
    true
}

const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Proceed(_) => "proceed",
        Verdict::ResetAllAndAdopt(_) => "reset-all-and-adopt",
        Verdict::FreshStart => "fresh-start",
        Verdict::NeedsConsent(_) => "needs-consent",
        Verdict::Contradiction => "contradiction",
        Verdict::StopUndecodable => "stop-undecodable",
        Verdict::UpgradeRequired { .. } => "upgrade-required",
        Verdict::AuthFailure => "auth-failure",
        Verdict::StopRetryLater => "stop-retry-later",
    }
}

#[test]
fn every_row_of_the_vectors() {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../../../tests/vectors/meta_global.json")).unwrap();
    for case in vectors.global {
        let seen = match (case.status, &case.payload) {
            (200, Some(payload)) => Seen::Payload(payload),
            (404, _) if case.genuine => Seen::Missing,
            (401, _) => Seen::Unauthorised,
            _ => Seen::Failure,
        };
        let listed = match &case.info {
            Some(names) if names.is_empty() => Listed::Nothing,
            Some(names) if !names.iter().any(|name| name == "meta") => Listed::OthersOnly,
            _ => Listed::Meta,
        };
        let verdict = MetaGlobal::judge(listed, seen, case.local_sync_id.as_deref());
        assert_eq!(word(&verdict), case.expect, "{}", case.name);
    }
}

#[test]
fn rows_that_the_vectors_lack() {
    let rows = [
        (
            "version as text",
            r#"{"syncID":"x","storageVersion":"5"}"#,
            "proceed",
        ),
        (
            "newer version as text",
            r#"{"syncID":"x","storageVersion":"6"}"#,
            "upgrade-required",
        ),
        (
            "newer version without syncID",
            r#"{"storageVersion":6}"#,
            "upgrade-required",
        ),
        (
            "version is no number",
            r#"{"syncID":"x","storageVersion":[5]}"#,
            "stop-undecodable",
        ),
        (
            "version has a fraction",
            r#"{"syncID":"x","storageVersion":5.5}"#,
            "upgrade-required",
        ),
        (
            "syncID is no text",
            r#"{"syncID":7,"storageVersion":5}"#,
            "stop-undecodable",
        ),
        (
            "syncID is empty",
            r#"{"syncID":"","storageVersion":5}"#,
            "stop-undecodable",
        ),
        (
            "older version without syncID",
            r#"{"storageVersion":4}"#,
            "stop-undecodable",
        ),
        (
            "version as text with more than a number",
            r#"{"syncID":"x","storageVersion":"5 beta"}"#,
            "stop-undecodable",
        ),
        (
            "engines is no object",
            r#"{"syncID":"x","storageVersion":5,"engines":[]}"#,
            "proceed",
        ),
    ];
    for (name, payload, expect) in rows {
        assert_eq!(
            word(&MetaGlobal::judge(
                Listed::Meta,
                Seen::Payload(payload),
                Some("x")
            )),
            expect,
            "{name}"
        );
    }
}

fn parse(payload: &str) -> MetaGlobal {
    match MetaGlobal::judge(Listed::Meta, Seen::Payload(payload), None) {
        Verdict::ResetAllAndAdopt(meta) => meta,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_known_here_survives_a_change() {
    let mut meta = parse(
        r#"{"syncID":"x","storageVersion":5,"future":{"a":1},"declined":["rockets"],
            "engines":{"spaceships":{"version":9,"syncID":"s","more":true}}}"#,
    );
    meta.set_engine("notes", 1, "n");
    meta.set_engine("spaceships", 9, "t");
    let expected = r#"{"syncID":"x","storageVersion":5,"future":{"a":1},"declined":["rockets"],
        "engines":{"spaceships":{"version":9,"syncID":"t","more":true},"notes":{"version":1,"syncID":"n"}}}"#;
    assert!(
        has_same_content(&meta.to_payload(), expected),
        "{}",
        meta.to_payload()
    );
}

#[test]
fn a_name_that_is_listed_and_declined_is_listed() {
    let meta = parse(
        r#"{"syncID":"x","storageVersion":5,"declined":["a","b",3],"engines":{"a":{"version":1}}}"#,
    );
    assert_eq!(
        (
            meta.declined(),
            meta.is_declined("a"),
            meta.is_declined("b")
        ),
        (alloc::vec!["b"], false, true)
    );
    assert_eq!(
        meta.engine("a"),
        Some(EngineEntry {
            version: Some(1.into()),
            sync_id: None
        })
    );
}

#[test]
fn a_name_goes_from_one_list_to_the_other_and_back_and_the_rest_stays() {
    let payload = r#"{"syncID":"x","storageVersion":5,"declined":["rockets",3],"engines":{"a":{"version":1}}}"#;
    let mut meta = parse(payload);
    for _ in 0..2 {
        meta.decline("a");
    }
    let declined = r#"{"syncID":"x","storageVersion":5,"declined":["rockets",3,"a"],"engines":{}}"#;
    assert!(has_same_content(&meta.to_payload(), declined));
    meta.undecline("a");
    let back = r#"{"syncID":"x","storageVersion":5,"declined":["rockets",3],"engines":{}}"#;
    assert!(has_same_content(&meta.to_payload(), back));
    for declined in ["", r#","declined":7"#] {
        let mut meta = parse(&alloc::format!(
            r#"{{"syncID":"x","storageVersion":5{declined}}}"#
        ));
        meta.undecline("b");
        meta.decline("b");
        assert_eq!(meta.declined(), ["b"]);
    }
}

#[test]
fn an_entry_that_is_no_object_has_version_0() {
    let meta = parse(r#"{"syncID":"x","storageVersion":5,"engines":{"a":7}}"#);
    assert_eq!(
        meta.engine("a"),
        Some(EngineEntry {
            version: Some(0.into()),
            sync_id: None
        })
    );
}

#[test]
fn what_info_collections_lists_decides_on_a_missing_record() {
    use Listed::{Meta, Nothing, OthersOnly};
    let payload = r#"{"syncID":"x","storageVersion":5}"#;
    let rows = [
        (Nothing, Seen::Missing, "fresh-start"),
        (Meta, Seen::Missing, "contradiction"),
        (OthersOnly, Seen::Missing, "needs-consent"),
        (Nothing, Seen::Failure, "stop-retry-later"),
        (Meta, Seen::Failure, "stop-retry-later"),
        (OthersOnly, Seen::Failure, "stop-retry-later"),
        (Nothing, Seen::Unauthorised, "auth-failure"),
        (Meta, Seen::Unauthorised, "auth-failure"),
        (OthersOnly, Seen::Unauthorised, "auth-failure"),
        (Nothing, Seen::Payload(payload), "contradiction"),
        (Meta, Seen::Payload(payload), "proceed"),
        (OthersOnly, Seen::Payload(payload), "contradiction"),
    ];
    for (listed, seen, expected) in rows {
        let verdict = MetaGlobal::judge(listed, seen, Some("x"));
        assert_eq!(word(&verdict), expected, "{listed:?} {seen:?}");
    }
}
