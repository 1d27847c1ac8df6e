//! Every bad input is one sentence that says what to do, and a code; and nothing is lost.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::program::{Device, Ran, Server, feed, program};

#[track_caller]
fn says(ran: Ran, code: i32, words: &str) {
    let sentence = ran.refused(code);
    assert!(sentence.contains(words), "{sentence}");
}

#[test]
fn without_an_account_the_way_to_one_is_named() {
    let device = Device::new();
    for args in [
        &["sync"][..],
        &["sync", "--dry-run"],
        &["collections"],
        &["account", "show"],
        &["account", "forget"],
        &["records", "list", "notes", "--remote"],
        &["records", "get", "notes", "a", "--remote"],
        &["records", "delete", "notes", "a", "--remote"],
    ] {
        says(device.run(args), 3, "selvedge account");
    }
}

#[test]
fn a_second_account_in_a_profile_is_refused() {
    let server = Server::start();
    let device = Device::with_account(&server);
    let before = fs::read(device.profile().join("credentials.json")).unwrap();
    says(
        device.run(&["account", "create", "--server", &server.url]),
        2,
        "forget",
    );
    says(device.run_with(&["account", "join", "-"], "x"), 2, "forget");
    assert_eq!(
        fs::read(device.profile().join("credentials.json")).unwrap(),
        before
    );
}

#[test]
fn a_bad_join_code_is_named() {
    let server = Server::start();
    let shown = Device::with_account(&server)
        .run(&["account", "show", "--show-secrets", "--json"])
        .json();
    let code = shown["joinCode"].as_str().unwrap();
    let device = Device::new();
    says(device.run(&["account", "join", "hello"]), 2, "selvedge1-");
    says(
        device.run_with(&["account", "join", "-"], &code[..40]),
        2,
        "not complete",
    );
    let mut typo = code.to_owned();
    typo.replace_range(
        60..61,
        if typo[60..].starts_with('x') {
            "y"
        } else {
            "x"
        },
    );
    says(
        device.run_with(&["account", "join", "-"], &typo),
        2,
        "copy it again",
    );
    says(
        device.run(&["account", "join", "--code-file", "nowhere"]),
        4,
        "nowhere",
    );
    assert!(!device.profile().join("credentials.json").exists());
}

#[test]
fn bad_credentials_are_named_without_a_secret() {
    let device = Device::new();
    let good = json!({"api_endpoint": "http://127.0.0.1:1/1.5/1", "id": "the-id", "key": "the-key", "uid": 1,
        "hashalg": "sha256", "duration": 3600, "ksync_b64url": "A".repeat(86)});
    let without = |field: &str| {
        let mut changed = good.clone();
        changed[field] = Value::Null;
        changed.to_string()
    };
    for (content, words) in [
        ("".into(), "JSON"),
        ("not json".into(), "JSON"),
        ("[1]".into(), "credentials"),
        (without("ksync_b64url"), "sync key"),
        (without("id"), "token"),
    ] {
        let file = device.write("creds.json", &content);
        let sentence = device
            .run(&["account", "use", "--credentials", &file])
            .refused(2);
        assert!(
            sentence.contains(words) && !sentence.contains("the-key"),
            "{sentence}"
        );
    }
    let file = device.write("creds.json", &good.to_string());
    device.run(&["account", "use", "--credentials", &file]).ok();
    says(
        device.run(&["account", "show", "--show-secrets"]),
        2,
        "token server",
    );
}

#[test]
fn a_server_that_is_not_there_is_offline() {
    let device = Device::new();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    says(
        device.run(&["account", "create", "--server", &closed]),
        6,
        "cannot be reached",
    );
    for nonsense in ["nonsense", "ftp://example.org", ""] {
        says(
            device.run(&["account", "create", "--server", nonsense]),
            2,
            "address",
        );
    }
    assert!(!device.profile().join("credentials.json").exists());

    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "--record", "{}"])
        .ok();
    drop(server);
    let ran = device.run(&["sync"]);
    assert_eq!(ran.code, 6, "{ran:?}");
    says(device.run(&["collections"]), 6, "cannot be reached");
    assert_eq!(device.records(&["notes"]).len(), 1);
}

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
        ("{\"a\" 1}", "no JSON"),
        ("[1]", "JSON object"),
        ("\"text\"", "JSON object"),
        ("{\"id\":7}", "id"),
        ("{\"id\":\"\\u00e9\"}", "id"),
        ("{\"deleted\":true}", "deleted"),
        ("{\"id\":\"x\"}{\"id\":\"x\"}", "own"),
        ("{\"id\":\"x\"} oops", "no JSON"),
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
fn a_wrong_sync_key_changes_nothing_on_the_server() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&[
            "records",
            "put",
            "notes",
            "--record",
            "{\"title\":\"milk\"}",
        ])
        .ok();
    device.run(&["sync"]).ok();
    let before = device.run(&["collections", "--json"]).json();

    let file = fs::read_to_string(device.profile().join("credentials.json")).unwrap();
    let mut wrong: Value = serde_json::from_str(&file).unwrap();
    wrong["ksync_b64url"] = "B".repeat(85).into();
    wrong["ksync_b64url"] = format!("{}A", wrong["ksync_b64url"].as_str().unwrap()).into();
    let stranger = Device::new();
    let file = stranger.write("creds.json", &wrong.to_string());
    stranger
        .run(&["account", "use", "--credentials", &file])
        .ok();
    stranger
        .run(&["records", "put", "notes", "--record", "{}"])
        .ok();
    let ran = stranger.run(&["sync"]);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert!(ran.err.contains("sync key does not fit"), "{ran:?}");
    says(
        stranger.run(&["records", "list", "notes", "--remote"]),
        8,
        "sync key",
    );
    says(
        stranger.run(&["records", "put", "notes", "--remote", "--record", "{}"]),
        8,
        "sync key",
    );
    assert_eq!(device.run(&["collections", "--json"]).json(), before);
    assert_eq!(stranger.records(&["notes"]).len(), 1);
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
