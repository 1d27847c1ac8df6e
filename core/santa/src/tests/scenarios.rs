//! The scenarios of `santa_sync.json`: each is one sync with its expectations.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::super::*;
use super::scene::{Scene, has_header, options, scene};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const VECTORS: &str = include_str!("../../../../tests/vectors/santa_sync.json");

/// The expectations that a scenario may contain; any other name would never be checked.
const EXPECTATIONS: [&str; 24] = [
    "status",
    "degraded",
    "kind",
    "requested",
    "batch_size",
    "interval",
    "push_interval",
    "rule_deadline",
    "settings",
    "rules",
    "received",
    "processed",
    "refused",
    "applied",
    "pending",
    "pending_seen",
    "event_counts",
    "bundles",
    "requests",
    "pauses",
    "headers",
    "bodies",
    "synced",
    "again",
];

#[test]
fn every_scenario_ends_as_specified() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let scenarios = vectors["scenarios"].as_array().unwrap();
    assert!(scenarios.len() > 100);
    for scenario in scenarios {
        let base = vectors["base"].as_str().unwrap();
        let options = options(
            base,
            vectors["machine_id"].as_str().unwrap(),
            &scenario["client"],
        );
        let scene = scene(&scenario["server"], &scenario["client"]);
        let link = Link::default();
        let report = pollster::block_on(sync(&scene, &options, &link));
        let expected = scenario["expect"].as_object().unwrap();
        for (name, expected) in expected {
            assert!(EXPECTATIONS.contains(&name.as_str()), "{name}");
            let found = match name.as_str() {
                "headers" => headers(&scene, expected),
                "again" => again(&scene, &options, &link, expected),
                _ => observe(name, expected, &scene, &report, &link),
            };
            assert!(
                is_like(&found, expected),
                "{scenario}\n{name}: {found}\n{report:?}"
            );
        }
    }
}

/// Whether a value is the expected one; `"*"` matches any text.
fn is_like(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(_), Value::String(any)) if any == "*" => true,
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| is_like(f, e))
        }
        (Value::Object(found), Value::Object(expected)) => {
            found.len() == expected.len()
                && expected
                    .iter()
                    .all(|(name, e)| found.get(name).is_some_and(|f| is_like(f, e)))
        }
        _ => found == expected,
    }
}

fn observe(name: &str, expected: &Value, scene: &Scene, report: &Report, link: &Link) -> Value {
    let state = pollster::block_on(SyncState::load(&scene.store)).unwrap();
    let timing = report.preflighted.map(|seen| seen.timing);
    match name {
        "status" => json!(report.status().number()),
        "degraded" => json!(report.is_degraded()),
        "kind" => json!(report.kind),
        "requested" => json!(state.requested),
        "batch_size" => json!(link.batch_size.get()),
        "interval" => json!(report.preflighted.map(|seen| seen.interval)),
        "push_interval" => json!(timing.unwrap().push_interval),
        "rule_deadline" => json!(timing.unwrap().rule_deadline),
        "settings" => json!(state.settings),
        "rules" => json!(pollster::block_on(scene.store.rules(None, 1000)).unwrap()),
        "received" => json!(report.downloaded.received),
        "processed" => json!(report.downloaded.processed),
        "refused" => json!(report.downloaded.refused.len()),
        "applied" => json!(report.downloaded.is_applied),
        "pending" => json!(scene.pending()),
        "pending_seen" => json!(scene.to("eventupload", |received| received.pending)),
        "event_counts" => json!(scene.to("eventupload", |received| {
            let body: Value = serde_json::from_slice(&received.request.body).unwrap();
            body["events"].as_array().unwrap().len()
        })),
        "bundles" => json!(report.uploaded.bundles),
        "pauses" => json!(*scene.pauses.borrow()),
        "synced" => json!(state.last_full_sync.is_some() && state.last_rule_sync.is_some()),
        "requests" => per_endpoint(expected, |endpoint| json!(scene.to(endpoint, |_| ()).len())),
        "bodies" => per_endpoint(expected, |endpoint| json!(scene.to(endpoint, body))),
        _ => panic!("unknown expectation {name}"),
    }
}

fn per_endpoint(expected: &Value, of: impl Fn(&str) -> Value) -> Value {
    let names = expected.as_object().unwrap().keys();
    names.map(|name| (name.clone(), of(name))).collect()
}

fn body(received: &super::scene::ReceivedRequest) -> Value {
    let text = String::from_utf8(received.request.body.clone()).unwrap();
    if text.is_empty() {
        json!("")
    } else {
        serde_json::from_str(&text).unwrap()
    }
}

/// The expectation itself if all headers are as expected, otherwise the mismatch.
fn headers(scene: &Scene, expected: &Value) -> Value {
    for (endpoint, requests) in expected.as_object().unwrap() {
        let found = scene.to(endpoint, |received| received.request.clone());
        let requests = requests.as_array().unwrap();
        if requests.len() != found.len() {
            return json!(format!("{} requests of {endpoint}", found.len()));
        }
        for (request, headers) in found.iter().zip(requests) {
            let headers = headers.as_object().unwrap().iter();
            let wrong: Vec<String> = headers
                .filter_map(|(name, value)| has_header(request, name, value).err())
                .collect();
            if !wrong.is_empty() {
                return json!(wrong);
            }
        }
    }
    expected.clone()
}

/// The expected fields of the next sync's preflight.
fn again(scene: &Scene, options: &Options<'_>, link: &Link, expected: &Value) -> Value {
    pollster::block_on(sync(scene, options, link));
    let request = scene.to("preflight", body).pop().unwrap();
    let names = expected.as_object().unwrap().keys();
    names
        .map(|name| (name.to_string(), request[name.as_str()].clone()))
        .collect()
}
