//! The main job, command by command.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::json;

use crate::program::{Device, Server};

#[test]
fn two_devices_keep_a_collection_in_step() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();

    let id = one
        .run(&[
            "records",
            "put",
            "notes",
            "milk",
            "--record",
            r#"{"title":"milk"}"#,
        ])
        .ok();
    assert_eq!(id, "milk\n");
    one.run_with(
        &["records", "put", "notes"],
        "{\"title\":\"a\"} {\"title\":\"b\"}",
    )
    .ok();
    let report = one.run(&["sync", "--json"]).json();
    assert_eq!(report["freshStart"], true);
    assert_eq!(report["collections"][0]["name"], "notes");
    assert_eq!(report["collections"][0]["sent"], 3);

    let report = two.run(&["sync", "--json"]).json();
    assert_eq!(report["collections"][0]["received"], 3);
    assert_eq!(one.records(&["notes"]), two.records(&["notes"]));

    two.run_with(&["records", "edit", "notes", "milk"], r#"{"done":true}"#)
        .ok();
    one.run(&[
        "records",
        "edit",
        "notes",
        "milk",
        "--record",
        r#"{"title":"oat milk"}"#,
    ])
    .ok();
    for device in [&one, &two, &one] {
        device.run(&["sync"]).ok();
    }
    let merged = json!({"id": "milk", "title": "oat milk", "done": true});
    for device in [&one, &two] {
        assert_eq!(
            device.run(&["records", "get", "notes", "milk"]).json(),
            merged
        );
    }

    two.run(&["records", "delete", "notes", "milk"]).ok();
    two.run(&["sync"]).ok();
    one.run(&["sync"]).ok();
    one.run(&["records", "get", "notes", "milk"]).refused(4);
}

#[test]
fn a_sync_with_nothing_to_do_is_one_request() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "--record", "{}"])
        .ok();
    device.run(&["sync"]).ok();
    device.run(&["sync"]).ok();
    let report = device.run(&["sync", "--json"]).json();
    assert_eq!(
        (&report["ending"], &report["requests"]),
        (&json!("nothing-to-do"), &json!(1))
    );
}

#[test]
fn a_collection_that_came_later_is_followed_without_being_named() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();
    one.run(&["records", "put", "notes", "--record", "{}"]).ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    one.run(&["records", "put", "recipes", "soup", "--record", "{}"])
        .ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    assert_eq!(two.records(&["recipes"]), [json!({"id": "soup"})]);
}

#[test]
fn only_what_was_chosen_is_followed() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();
    for collection in ["notes", "recipes"] {
        one.run(&["records", "put", collection, "--record", "{}"])
            .ok();
    }
    one.run(&["sync"]).ok();
    two.run(&["collections", "follow", "notes"]).ok();
    two.run(&["sync"]).ok();
    assert_eq!(two.records(&["notes"]).len(), 1);
    two.run(&["records", "list", "recipes"]).refused(4);
    let listed = two.run(&["collections", "--json"]).json();
    let followed: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["followed"] == true)
        .map(|row| row["name"].clone())
        .collect();
    assert_eq!(followed, [json!("notes")]);
    two.run(&["sync", "recipes"]).ok();
    assert_eq!(two.records(&["recipes"]).len(), 1);
}

#[test]
fn status_tells_what_waits_without_a_server() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "--record", "{}"])
        .ok();
    let before = device.run(&["status", "--json"]).json();
    assert_eq!(
        (&before["lastSync"], &before["collections"][0]["pending"]),
        (&json!(null), &json!(1))
    );
    device.run(&["sync"]).ok();
    drop(server);
    let after = device.run(&["status", "--json"]).json();
    assert!(after["lastSync"].as_u64() > Some(1_700_000_000_000));
    assert_eq!(after["collections"][0]["pending"], 0);
}

#[test]
fn a_dry_run_changes_nothing() {
    let server = Server::start();
    let device = Device::new();
    let url = server.url.as_str();
    let record = r#"{"title":"x"}"#;
    device
        .run(&["account", "create", "--server", url, "--dry-run"])
        .ok();
    device
        .run(&["records", "put", "notes", "--record", record, "--dry-run"])
        .ok();
    assert!(!device.profile().exists());

    device.run(&["account", "create", "--server", url]).ok();
    device
        .run(&["records", "put", "notes", "milk", "--record", record])
        .ok();
    let before = device.records(&["notes"]);
    device
        .run(&[
            "records",
            "edit",
            "notes",
            "milk",
            "--record",
            "{\"y\":1}",
            "--dry-run",
        ])
        .ok();
    device
        .run(&["records", "delete", "notes", "milk", "--dry-run"])
        .ok();
    assert_eq!(device.records(&["notes"]), before);

    let preview = device.run(&["sync", "--dry-run", "--json"]).json();
    assert_eq!(
        (
            &preview["freshStart"],
            &preview["collections"][0]["outgoing"]
        ),
        (&json!(true), &json!(1))
    );
    assert_eq!(device.run(&["collections", "--json"]).json(), json!([]));
    device.run(&["account", "forget", "--dry-run"]).ok();
    device.run(&["sync"]).ok();
}

#[test]
fn a_forgotten_account_leaves_the_records_unless_told_otherwise() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "--record", "{}"])
        .ok();
    device.run(&["account", "forget"]).ok();
    assert_eq!(device.records(&["notes"]).len(), 1);
    device.run(&["sync"]).refused(3);
    // What was never sent needs a yes.
    device
        .run(&["account", "forget", "--with-records"])
        .refused(2);
    device
        .run(&["account", "forget", "--with-records", "--yes"])
        .ok();
    device.run(&["records", "list", "notes"]).refused(4);
    device.run(&["account", "forget"]).refused(3);
}

#[test]
fn records_are_shown_in_every_format() {
    let device = Device::new();
    let records = "{\"id\":\"a\",\"title\":\"x, y\"}\n{\"id\":\"b\",\"n\":[1]}";
    device.run_with(&["records", "put", "notes"], records).ok();
    let list = |args: &[&str]| {
        device
            .run(&[&["records", "list", "notes"], args].concat())
            .ok()
    };
    assert_eq!(
        list(&[]),
        "{\"id\":\"a\",\"title\":\"x, y\"}\n{\"id\":\"b\",\"n\":[1]}\n"
    );
    assert_eq!(
        list(&["--format", "csv", "--fields", "id,title"]),
        "id,title\na,\"x, y\"\nb,\n"
    );
    assert_eq!(
        list(&["--format", "tsv", "--fields", "id,n"]),
        "id\tn\na\t\nb\t[1]\n"
    );
    assert!(list(&["--format", "table"]).starts_with("ID "));
    let array: serde_json::Value = serde_json::from_str(&list(&["--json"])).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 2);
    assert_eq!(list(&["--limit", "1"]).lines().count(), 1);
    assert_eq!(list(&["--ids", "b,zzz"]), "{\"id\":\"b\",\"n\":[1]}\n");
    assert_eq!(list(&["--newer", "2026-01-01"]), "");
}

#[test]
fn an_id_may_begin_with_a_dash() {
    // One of 64 ids that Firefox draws does.
    let device = Device::new();
    let id = "-84Ih93y9fue";
    let put = ["records", "put", "notes", id, "--record", r#"{"x":1}"#];
    assert_eq!(device.run(&put).ok(), format!("{id}\n"));
    device
        .run_with(&["records", "edit", "notes", id, "--quiet"], r#"{"y":2}"#)
        .ok();
    let get = ["records", "get", "notes", id, "--json"];
    assert_eq!(device.run(&get).json(), json!({"id": id, "x": 1, "y": 2}));
    let list = ["records", "list", "notes", "--ids", id, "--json"];
    assert_eq!(device.run(&list).json()[0]["id"], id);
    device.run(&["records", "delete", "notes", "--", id]).ok();
    assert_eq!(device.run(&["records", "list", "notes"]).ok(), "");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let device = Device::new();
    let records: String = (0..20_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    device.run_with(&["records", "put", "notes"], &records).ok();
    let mut child = device
        .command(&["records", "list", "notes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn the_demo_checks_itself() {
    let demo = Device::new().run(&["demo", "--json"]).json();
    assert_eq!(demo["holds"], true);
    assert_eq!(demo["checks"].as_array().unwrap().len(), 6);
    assert!(
        demo["storedRow"]["payload"]
            .as_str()
            .unwrap()
            .contains("ciphertext")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn santas_demo_checks_itself() {
    let demo = Device::new().run(&["santa", "demo", "--json"]).json();
    assert_eq!(demo["holds"], true);
    assert_eq!(demo["checks"].as_array().unwrap().len(), 6);
    assert_eq!(demo["event"]["execution"]["file_name"], "acmed");
    assert_eq!(demo["rules"].as_array().unwrap().len(), 2);
}
