//! Every bad input is one sentence that says what to do, and a code; and nothing is lost.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Device, Server, feed, program, says};

#[test]
fn broken_records_are_refused_and_the_store_stays() {
    let device = Device::new();
    device
        .run(&["records", "put", "notes", "milk", "--record", "{\"a\":1}"])
        .ok();
    let before = device.records(&["notes"]);
    for (input, words) in [
        ("", "no record"),
        ("{\"a\":", "ends too early"),
        ("{\"a\" 1}", "not JSON"),
        ("[1]", "JSON object"),
        ("\"text\"", "JSON object"),
        ("{\"id\":7}", "id"),
        ("{\"id\":\"\\u00e9\"}", "id"),
        ("{\"deleted\":true}", "deleted"),
        ("{\"id\":\"x\"}{\"id\":\"x\"}", "different id"),
        ("{\"id\":\"x\"} oops", "not JSON"),
    ] {
        says(
            device.run_with(&["records", "put", "notes"], input),
            2,
            words,
        );
    }
    let other = [
        "records",
        "put",
        "notes",
        "milk",
        "--record",
        "{\"id\":\"tea\"}",
    ];
    says(device.run(&other), 2, "tea");
    says(
        device.run(&["records", "put", "notes", "--file", "nowhere.json"]),
        4,
        "nowhere.json",
    );
    says(
        device.run(&["records", "put", "crypto", "--record", "{}"]),
        2,
        "crypto",
    );
    says(
        device.run(&["records", "edit", "notes", "milk", "--record", "[]"]),
        2,
        "JSON object",
    );
    assert_eq!(device.records(&["notes"]), before);
}

#[test]
fn what_is_not_there_is_not_found() {
    let device = Device::new();
    says(
        device.run(&["records", "list", "notes"]),
        4,
        "no collection notes",
    );
    device
        .run(&["records", "put", "notes", "milk", "--record", "{}"])
        .ok();
    says(device.run(&["records", "get", "notes", "tea"]), 4, "tea");
    says(
        device.run(&["records", "edit", "notes", "tea", "--record", "{}"]),
        4,
        "tea",
    );
    says(
        device.run(&["records", "delete", "notes", "milk", "tea"]),
        4,
        "tea",
    );
    assert_eq!(device.records(&["notes"]).len(), 1, "none was deleted");

    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "milk", "--record", "{}"])
        .ok();
    device.run(&["sync"]).ok();
    says(device.run(&["sync", "nots"]), 4, "nots");
    says(
        device.run(&["records", "list", "nots", "--remote"]),
        4,
        "nots",
    );
    says(
        device.run(&["records", "get", "notes", "tea", "--remote"]),
        4,
        "tea",
    );
    says(
        device.run(&[
            "records", "edit", "notes", "tea", "--record", "{}", "--remote",
        ]),
        4,
        "tea",
    );
}

#[test]
fn damaged_files_are_named_and_left_alone() {
    let device = Device::new();
    device.plant("store.sqlite", &"this is no database ".repeat(100));
    for args in [
        &["status"][..],
        &["records", "list", "notes"],
        &["records", "put", "notes", "--record", "{}"],
    ] {
        says(device.run(args), 10, "damaged");
    }
    let kept = fs::read_to_string(device.profile().join("store.sqlite")).unwrap();
    assert!(kept.starts_with("this is no database"));

    let device = Device::new();
    device.plant("credentials.json", "{\"ksync_b64url\":\"secret\"}");
    let sentence = device.run(&["sync"]).refused(2);
    assert!(
        sentence.contains("credentials.json") && sentence.contains("forget"),
        "{sentence}"
    );
    assert!(!sentence.contains("secret"), "{sentence}");

    let device = Device::new();
    device.plant("settings.json", "nonsense");
    says(device.run(&["status"]), 2, "settings.json");

    let device = Device::new();
    fs::write(device.profile(), "a file").unwrap();
    says(
        device.run(&["records", "put", "notes", "--record", "{}"]),
        10,
        "profile",
    );
}

#[test]
fn a_damaged_token_is_replaced() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "--record", "{}"])
        .ok();
    device.plant("token.json", "nonsense");
    device.run(&["sync"]).ok();
    let kept = fs::read_to_string(device.profile().join("token.json")).unwrap();
    // One that the server does not take is replaced as well.
    let mut revoked: Value = serde_json::from_str(&kept).unwrap();
    revoked["key"] = "another".into();
    for args in [&["sync"][..], &["collections"]] {
        device.plant("token.json", &revoked.to_string());
        device.run(args).ok();
        assert_ne!(
            fs::read_to_string(device.profile().join("token.json")).unwrap(),
            revoked.to_string()
        );
    }
}

#[test]
fn one_process_at_a_time_syncs_a_profile() {
    let server = Server::start();
    let device = Device::with_account(&server);
    let lock = fs::File::options()
        .write(true)
        .open(device.profile().join("lock"))
        .unwrap();
    lock.lock().unwrap();
    says(device.run(&["sync"]), 5, "another selvedge");
}

#[test]
fn a_wrong_command_line_is_usage() {
    let device = Device::new();
    for args in [
        &["records", "list", "two words"][..],
        &["records", "list", "notes", "--newer", "yesterday"],
        &["records", "list", "notes", "--limit", "-1"],
        &["records", "list", "notes", "--raw"],
        &["records", "get", "notes", "é"],
        &["synch"],
        &[],
    ] {
        let ran = device.run(args);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{ran:?}");
    }
    says(
        device.run(&["records", "list", "notes", "--fields", "a"]),
        2,
        "csv",
    );
    says(
        device.run(&["records", "list", "notes", "--sort", "index"]),
        2,
        "--remote",
    );
    let mut command = program();
    command.args(["--profile", "../elsewhere", "status"]);
    says(feed(command, ""), 2, "profile's name");
}

#[test]
fn errors_are_json_for_programs() {
    let ran = Device::new().run(&["sync", "--json"]);
    assert_eq!(ran.code, 3);
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["exit"]),
        (&json!("no-account"), &json!(3))
    );
}
