//! Laws for any rules and events: however they are split, nothing is lost, and nothing is applied partially.

use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::json;

use super::super::wire::{Policy, RuleMessage, RuleType};
use super::super::*;
use super::scene::{options, scene};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const BASE: &str = "https://sync.example.net/v1";

/// Only a few identifiers, so that rules share keys.
fn message() -> impl Strategy<Value = RuleMessage> {
    let policy = proptest::option::of(proptest::sample::select(Policy::ALL));
    let identifier = prop_oneof![
        Just("EQHXZ8M8AV"),
        Just("A123456789"),
        Just("bad"),
        Just("")
    ];
    (policy, identifier, any::<bool>()).prop_map(|(policy, identifier, has_expression)| {
        RuleMessage {
            identifier: identifier.into(),
            policy,
            rule_type: Some(RuleType::TeamId),
            cel_expr: if has_expression {
                "true".into()
            } else {
                "".into()
            },
            ..RuleMessage::default()
        }
    })
}

fn after(pages: &[Vec<RuleMessage>], kind: &str) -> (Vec<Rule>, u32, u32) {
    let last = pages.len().saturating_sub(1);
    let answers: Vec<_> = pages
        .iter()
        .enumerate()
        .map(|(number, rules)| {
            let cursor = (number < last).then(|| alloc::format!("{number}"));
            json!({"status": 200, "body": json!({"rules": rules, "cursor": cursor}).to_string()})
        })
        .collect();
    let plan = json!({"sync_type": kind}).to_string();
    let server = json!({"preflight": [{"status": 200, "body": plan}], "ruledownload": answers});
    let kept = json!([
        {"rule_type": "TEAMID", "identifier": "EQHXZ8M8AV", "state": "allow"},
        {"rule_type": "TEAMID", "identifier": "KEPT567890", "state": "block"},
        {"rule_type": "BINARY", "identifier": "ab".repeat(32), "state": "allow_transitive"},
    ]);
    let client = json!({"requested": "normal", "rules": kept});
    let scene = scene(&server, &client);
    let options = options(BASE, "M", &client);
    let report = pollster::block_on(sync(&scene, &options, &Link::default()));
    assert_eq!(report.status(), Status::Success);
    let rules = pollster::block_on(scene.store.rules(None, 1000)).unwrap();
    (
        rules,
        report.downloaded.received,
        report.downloaded.processed,
    )
}

/// The specified result, rule by rule: a later rule replaces an earlier one, REMOVE deletes it.
fn one_by_one(rules: &[RuleMessage], kind: &str) -> Vec<Rule> {
    let whole = after(&[], "NORMAL").0;
    let valid: Vec<Change> = rules
        .iter()
        .filter_map(|rule| Change::read(rule).ok())
        .collect();
    let mut kept: Vec<Rule> = match (kind, valid.is_empty()) {
        (_, true) | ("NORMAL", _) => whole,
        ("CLEAN", _) => whole
            .into_iter()
            .filter(|rule| rule.state.is_transitive())
            .collect(),
        _ => Vec::new(),
    };
    for change in valid {
        kept.retain(|rule| rule.key != *change.key());
        if let Change::Put(rule) = change {
            kept.push(rule);
        }
    }
    kept.sort_by(|one, other| one.key.cmp(&other.key));
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rules_split_into_pages_anywhere_give_the_same_set(
        rules in proptest::collection::vec(message(), 0..12),
        size in 1..5_usize,
        kind in prop_oneof![Just("NORMAL"), Just("CLEAN"), Just("CLEAN_ALL")],
    ) {
        let pages: Vec<Vec<RuleMessage>> = rules.chunks(size).map(<[_]>::to_vec).collect();
        let split = after(&pages, kind);
        prop_assert_eq!(&split, &after(core::slice::from_ref(&rules), kind));
        prop_assert_eq!(split.0, one_by_one(&rules, kind));
    }

    #[test]
    fn every_event_is_sent_once_in_order_or_still_waits(
        count in 0..9_u8, batch_size in 1..5_u32, fails_at in 0..6_usize,
    ) {
        let events: Vec<_> = (0..count)
            .map(|number| json!({"execution": {"file_sha256": alloc::format!("{number}"), "decision": "BLOCK_BINARY"}}))
            .collect();
        let plan = json!({"batch_size": batch_size}).to_string();
        let mut answers = alloc::vec![json!({"status": 200}); fails_at];
        answers.push(json!({"status": 400}));
        let server = json!({"preflight": [{"status": 200, "body": plan}], "eventupload": answers});
        let client = json!({"requested": "normal", "events": events});
        let scene = scene(&server, &client);
        let options = options(BASE, "M", &client);
        let report = pollster::block_on(sync(&scene, &options, &Link::default()));
        prop_assert_eq!(report.status(), Status::Success);
        let bodies = scene.to("eventupload", |received| {
            serde_json::from_slice::<wire::EventUploadRequest>(&received.request.body).unwrap()
        });
        let taken = bodies.into_iter().take(fails_at).flat_map(|body| body.events);
        let waiting = pollster::block_on(scene.store.events(None, 100)).unwrap();
        let waiting = waiting.into_iter().map(|event| event.occurrence.key());
        let all: Vec<_> = taken.map(|event| event.file_sha256).chain(waiting).collect();
        let expected: Vec<_> = (0..count).map(|number| alloc::format!("{number}")).collect();
        prop_assert_eq!(all, expected);
    }
}
