//! Two devices of one account, with the real server: changes are synced, and changes of both are merged.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use std::collections::BTreeMap;

use selvedge_tests::{Device, Server, Synced};
use serde_json::{Value, json};

const EDIT_BEATS_DELETE: &str = "an edit beats a deletion";
const NEWER_WINS: &str = "of two changes of one field the newer stays";

/// A server and two devices that both have the record `r` with the fields `x` and `y`.
fn devices_with_a_record() -> (Server, Device, Device) {
    let server = Server::start();
    let (a, b) = Device::pair(&server);
    a.put("r", &json!({"x": "0", "y": "0"}));
    a.sync();
    b.sync();
    (server, a, b)
}

#[track_caller]
fn assert_both_have(a: &Device, b: &Device, expected: &Value) {
    let expected: BTreeMap<String, Value> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(a.notes(), expected, "the first device");
    assert_eq!(b.notes(), expected, "the second device");
}

fn rules(synced: &Synced) -> Vec<String> {
    synced
        .rules()
        .into_iter()
        .map(|(id, rule)| format!("{id}: {rule}"))
        .collect()
}

#[test]
fn a_record_is_synced_to_the_other_device() {
    let (_server, a, b) = devices_with_a_record();
    assert_both_have(&a, &b, &json!({"r": {"id": "r", "x": "0", "y": "0"}}));
    assert_eq!((a.pending(), b.pending()), (0, 0));
}

#[test]
fn edits_of_different_fields_of_one_record_are_both_kept() {
    let (_server, a, b) = devices_with_a_record();
    a.edit("r", &json!({"x": "of a"}));
    b.edit("r", &json!({"y": "of b"}));
    a.sync();
    let merging = b.sync();
    a.sync();
    assert_both_have(&a, &b, &json!({"r": {"id": "r", "x": "of a", "y": "of b"}}));
    assert_eq!(
        merging.notes()["applied"]["merged"],
        1,
        "{}",
        merging.report
    );
    assert_eq!(rules(&merging), Vec::<String>::new());
}

#[test]
fn of_two_edits_of_one_field_the_local_one_wins_if_it_is_newer() {
    let (_server, a, b) = devices_with_a_record();
    a.edit("r", &json!({"x": "older"}));
    a.sync();
    b.edit("r", &json!({"x": "newer"}));
    let synced = b.sync();
    a.sync();
    assert_both_have(&a, &b, &json!({"r": {"id": "r", "x": "newer", "y": "0"}}));
    assert_eq!(rules(&synced), [format!("r: {NEWER_WINS}")]);
}

#[test]
fn of_two_edits_of_one_field_the_remote_one_wins_if_it_is_newer() {
    let (_server, a, b) = devices_with_a_record();
    b.edit("r", &json!({"x": "older"}));
    a.edit("r", &json!({"x": "newer"}));
    a.sync();
    let synced = b.sync();
    a.sync();
    assert_both_have(&a, &b, &json!({"r": {"id": "r", "x": "newer", "y": "0"}}));
    assert_eq!(rules(&synced), [format!("r: {NEWER_WINS}")]);
}

#[test]
fn a_removed_field_and_an_added_one_are_merged() {
    let (_server, a, b) = devices_with_a_record();
    a.edit("r", &json!({"x": null}));
    b.edit("r", &json!({"z": [1, {"deep": true}]}));
    a.sync();
    b.sync();
    a.sync();
    assert_both_have(
        &a,
        &b,
        &json!({"r": {"id": "r", "y": "0", "z": [1, {"deep": true}]}}),
    );
}

#[test]
fn a_deletion_is_synced_to_the_other_device() {
    let (_server, a, b) = devices_with_a_record();
    a.delete("r");
    a.sync();
    let synced = b.sync();
    assert_both_have(&a, &b, &json!({}));
    assert_eq!(synced.notes()["applied"]["deleted"], 1, "{}", synced.report);
}

#[test]
fn an_edit_wins_over_a_deletion_that_was_synced_before() {
    let (_server, a, b) = devices_with_a_record();
    a.delete("r");
    b.edit("r", &json!({"x": "alive"}));
    a.sync();
    let synced = b.sync();
    a.sync();
    assert_both_have(&a, &b, &json!({"r": {"id": "r", "x": "alive", "y": "0"}}));
    assert_eq!(rules(&synced), [format!("r: {EDIT_BEATS_DELETE}")]);
}

#[test]
fn an_edit_wins_over_a_deletion_that_is_synced_after() {
    let (_server, a, b) = devices_with_a_record();
    a.delete("r");
    b.edit("r", &json!({"x": "alive"}));
    b.sync();
    let synced = a.sync();
    b.sync();
    assert_both_have(&a, &b, &json!({"r": {"id": "r", "x": "alive", "y": "0"}}));
    assert_eq!(rules(&synced), [format!("r: {EDIT_BEATS_DELETE}")]);
}

#[test]
fn a_record_deleted_on_both_devices_stays_deleted() {
    let (_server, a, b) = devices_with_a_record();
    a.delete("r");
    b.delete("r");
    a.sync();
    b.sync();
    a.sync();
    assert_both_have(&a, &b, &json!({}));
    assert_eq!((a.pending(), b.pending()), (0, 0));
}

#[test]
fn records_with_the_same_id_are_merged() {
    let server = Server::start();
    let (a, b) = Device::pair(&server);
    a.put("r", &json!({"x": "of a"}));
    b.put("r", &json!({"y": "of b"}));
    a.sync();
    b.sync();
    a.sync();
    assert_both_have(&a, &b, &json!({"r": {"id": "r", "x": "of a", "y": "of b"}}));
}

#[test]
fn any_text_is_synced_unchanged() {
    let texts = [
        "Grüße, 世界, 🧵🪡",
        "e\u{301} is not é",
        "right-to-left: שלום \u{202e}abc\u{202c}",
        "\u{0}\u{1}\u{1f}\u{7f}\u{feff}\u{fffd}\u{10ffff}",
        "\"\\/\u{8}\u{c}\n\r\t and \\u0041",
        "👩‍👩‍👧‍👦",
        "",
    ];
    let server = Server::start();
    let (a, b) = Device::pair(&server);
    let mut expected = BTreeMap::new();
    for (id, text) in (0..).map(|n: u32| format!("id \"{n}\" ~\\'")).zip(texts) {
        let record = json!({"id": id, "text": text, text: {"größe": [text]}, "n": 1.5e300, "i": -9_007_199_254_740_993_i64});
        expected.insert(id, record);
    }
    a.put_many(expected.values().cloned());
    a.sync();
    b.sync();
    assert_eq!(a.notes(), expected);
    assert_eq!(b.notes(), expected);
}

#[test]
fn a_record_of_one_megabyte_is_synced() {
    let server = Server::start();
    let (a, b) = Device::pair(&server);
    let text = "Selvedge \u{1f9f5} ".repeat(1_000_000 / 14);
    a.put("large", &json!({"text": text}));
    a.sync();
    b.sync();
    assert_both_have(&a, &b, &json!({"large": {"id": "large", "text": text}}));
}

#[test]
fn a_record_above_the_limit_is_reported_and_the_others_are_synced() {
    let server = Server::start();
    let (a, b) = Device::pair(&server);
    a.put_many([
        json!({"id": "before", "text": "small"}),
        json!({"id": "huge", "text": "x".repeat(3_000_000)}),
        json!({"id": "later", "text": "small"}),
    ]);
    let outcome = a.try_sync().exits(9);
    let synced = Synced::of(&outcome);
    assert_eq!(
        (synced.count("sent"), synced.count("failed")),
        (2, 1),
        "{}",
        synced.report
    );
    assert_eq!(synced.notes()["failedOut"][0]["id"], "huge");
    let reason = synced.notes()["failedOut"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("larger than the server takes"), "{reason}");
    assert!(outcome.stderr.contains("huge"), "{outcome}");
    b.sync();
    assert_eq!(
        b.notes().into_keys().collect::<Vec<_>>(),
        ["before", "later"]
    );
    assert!(a.notes().contains_key("huge"), "the record is still here");

    a.edit("huge", &json!({"text": "smaller now"}));
    a.sync();
    b.sync();
    assert_eq!(b.notes()["huge"]["text"], "smaller now");
    assert_eq!(a.notes(), b.notes());
}

#[test]
fn a_sync_with_nothing_to_do_is_one_request() {
    let (_server, a, b) = devices_with_a_record();
    // The first device reads the second one's record in `clients`.
    a.sync();
    for device in [&a, &b, &a, &b] {
        let synced = device.sync();
        assert_eq!(synced.number("requests"), 1, "{}", synced.report);
        assert!(synced.report["error"].is_null(), "{}", synced.report);
    }
    assert_eq!(a.sync().report["ending"], "nothing-to-do");
}

#[test]
fn a_dry_run_changes_nothing() {
    let (server, a, _b) = devices_with_a_record();
    a.edit("r", &json!({"x": "unsent"}));
    let (rows, pending) = (server.rows(), a.pending());
    let _done = a.run(&["sync", "notes", "--dry-run"]).outcome().ok();
    assert_eq!((server.rows(), a.pending()), (rows, pending));
    assert_eq!(pending, 1);
}

#[test]
fn a_third_device_that_joins_later_gets_everything() {
    let server = Server::start();
    let (a, code) = Device::first(&server);
    a.put_many((0..50).map(|n| json!({"id": format!("{n:02}"), "n": n})));
    a.sync();
    a.delete("07");
    a.sync();
    let late = Device::joining(&code);
    late.sync();
    assert_eq!(late.notes().len(), 49);
    assert_eq!(late.notes(), a.notes());
}
