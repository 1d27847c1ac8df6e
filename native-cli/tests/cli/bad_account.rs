//! Every account that is none, or that its server does not take, is one sentence that says what to do, and a code.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::program::{Device, Server, says};

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
    let other = Device::with_account(&server);
    let shown = other
        .run(&["account", "show", "--show-secrets", "--json"])
        .json();
    let code = shown["joinCode"].as_str().unwrap();
    says(
        device.run_with(&["account", "join", "-"], code),
        2,
        "forget",
    );
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
    assert!(ran.err.contains("sync key does not match"), "{ran:?}");
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
