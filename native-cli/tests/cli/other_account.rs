//! The records of one account never go to another, unless a person says so.

use serde_json::json;

use crate::program::{Device, Server, says};

/// A device with an account, two records of it, and the account forgotten.
fn left_by_one(server: &Server) -> (Device, String) {
    let device = Device::with_account(server);
    let credentials = std::fs::read_to_string(device.profile().join("credentials.json")).unwrap();
    device
        .run(&[
            "records",
            "put",
            "notes",
            "milk",
            "--record",
            r#"{"of":"one"}"#,
        ])
        .ok();
    device.run(&["sync"]).ok();
    device
        .run(&[
            "records",
            "put",
            "notes",
            "salt",
            "--record",
            r#"{"of":"one"}"#,
        ])
        .ok();
    let forgotten = device.run(&["account", "forget", "--json"]).json();
    assert_eq!(forgotten["unsent"], 1);
    (device, credentials)
}

fn join_code(device: &Device) -> String {
    let shown = device
        .run(&["account", "show", "--show-secrets", "--json"])
        .json();
    shown["joinCode"].as_str().unwrap().into()
}

#[test]
fn another_accounts_records_need_a_choice() {
    let server = Server::start();
    let (device, _) = left_by_one(&server);
    let other = Device::with_account(&server);
    let code = join_code(&other);
    let credentials = std::fs::read_to_string(other.profile().join("credentials.json")).unwrap();
    let file = device.write("other.json", &credentials);

    let choices = "--keep-apart";
    says(
        device.run_with(&["account", "join", "-"], &code),
        2,
        choices,
    );
    says(
        device.run(&["account", "use", "--credentials", &file]),
        2,
        "2 records of another account",
    );
    says(
        device.run(&["account", "create", "--server", &server.url]),
        2,
        "--adopt-records",
    );
    let both = ["account", "join", "-", "--keep-apart", "--adopt-records"];
    assert_eq!(device.run_with(&both, &code).code, 2);
    // Nothing of it was done.
    assert!(!device.profile().join("credentials.json").exists());
    assert_eq!(device.records(&["notes"]).len(), 2);
}

#[test]
fn records_that_are_kept_apart_come_back_with_their_account() {
    let server = Server::start();
    let (device, credentials) = left_by_one(&server);
    let other = Device::with_account(&server);
    other
        .run(&[
            "records",
            "put",
            "notes",
            "bread",
            "--record",
            r#"{"of":"other"}"#,
        ])
        .ok();
    other.run(&["sync"]).ok();
    let code = join_code(&other);
    device
        .run_with(&["account", "join", "-", "--keep-apart"], &code)
        .ok();
    device.run(&["sync"]).ok();
    assert_eq!(
        device.records(&["notes"]),
        [json!({"id": "bread", "of": "other"})]
    );
    other.run(&["sync"]).ok();
    assert_eq!(
        other.records(&["notes"]).len(),
        1,
        "nothing of the first account came"
    );

    device.run(&["account", "forget"]).ok();
    let file = device.write("one.json", &credentials);
    let back = ["account", "use", "--credentials", &file, "--keep-apart"];
    device.run(&back).ok();
    let ids: Vec<_> = device
        .records(&["notes"])
        .iter()
        .map(|record| record["id"].clone())
        .collect();
    assert_eq!(ids, ["milk", "salt"]);
    let report = device.run(&["sync", "--json"]).json();
    assert_eq!(report["collections"][0]["sent"], 1, "{report}");
    // And the other one's are apart now.
    device.run(&["account", "forget", "--with-records"]).ok();
    device.run_with(&["account", "join", "-"], &code).ok();
    assert_eq!(
        device.records(&["notes"]),
        [json!({"id": "bread", "of": "other"})]
    );
}

#[test]
fn records_are_adopted_after_a_preview_and_a_yes() {
    let server = Server::start();
    let (device, _) = left_by_one(&server);
    let other = Device::with_account(&server);
    other.run(&["sync"]).ok();
    let code = join_code(&other);
    let ran = device.run_with(&["account", "join", "-", "--adopt-records"], &code);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("notes") && ran.err.contains("2 records of another account"),
        "{ran:?}"
    );
    assert!(!device.profile().join("credentials.json").exists());

    let dry = ["account", "join", "-", "--adopt-records", "--dry-run"];
    let ran = device.run_with(&dry, &code);
    assert!(ran.code == 0 && ran.err.contains("UNSENT"), "{ran:?}");
    assert!(!device.profile().join("credentials.json").exists());

    device
        .run_with(&["account", "join", "-", "--adopt-records", "--yes"], &code)
        .ok();
    device.run(&["sync"]).ok();
    other.run(&["sync"]).ok();
    assert_eq!(other.records(&["notes"]).len(), 2);
}

#[test]
fn credentials_that_were_exchanged_by_hand_sync_nothing() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "milk", "--record", "{}"])
        .ok();
    let other = Device::with_account(&server);
    let path = |device: &Device| device.profile().join("credentials.json");
    std::fs::copy(path(&other), path(&device)).unwrap();
    for args in [
        &["sync"][..],
        &["sync", "--dry-run"],
        &["records", "put", "notes", "--record", "{}"],
    ] {
        says(device.run(args), 2, "belong to another account");
    }
    other.run(&["sync"]).ok();
    let status = other.run(&["status", "--json"]).json();
    assert_eq!(status["collections"], json!([]), "{status}");
}

#[test]
fn records_from_before_any_account_become_the_first_ones() {
    let server = Server::start();
    let device = Device::new();
    device
        .run(&["records", "put", "notes", "milk", "--record", "{}"])
        .ok();
    device
        .run(&["account", "create", "--server", &server.url])
        .ok();
    let report = device.run(&["sync", "--json"]).json();
    assert_eq!(report["collections"][0]["sent"], 1, "{report}");
}

#[test]
fn a_store_of_the_last_release_is_of_the_account_that_it_was_synced_with() {
    const OWN: &str = r#"{"tokenserver_url":"http://127.0.0.1:9","access_token":"another-token",
        "kid":"1796080922987-s3C-n0HhZtTEBELAusg-pQ",
        "ksync_b64url":"YmnyLdKWjy4dNix3mOPylGHM_JQ0hV2EdgIeXtsJRkivmb068Xh2eo-PlgVnUaUMEJtAxBU4xPhQnYZxgol6tw"}"#;
    let server = Server::start();
    let device = Device::new();
    // As the program makes it, for its owner alone.
    device.plant("store.sqlite", "");
    let store = rusqlite::Connection::open(device.profile().join("store.sqlite")).unwrap();
    store
        .execute_batch(include_str!("../../../tests/fixtures/store-0.1.0.sql"))
        .unwrap();
    drop(store);

    says(
        device.run(&["account", "create", "--server", &server.url]),
        2,
        "1 record of another account",
    );
    let own = device.write("own.json", OWN);
    device.run(&["account", "use", "--credentials", &own]).ok();
    let status = device.run(&["status", "--json"]).json();
    assert_eq!(status["collections"][0]["pending"], 2, "{status}");
    let forgotten = device.run(&["account", "forget", "--json"]).json();
    assert_eq!(forgotten["unsent"], 2);
    device
        .run(&["account", "create", "--server", &server.url, "--keep-apart"])
        .ok();
    device.run(&["records", "list", "notes"]).refused(4);
    device.run(&["account", "forget"]).ok();
    device
        .run(&["account", "use", "--credentials", &own, "--keep-apart"])
        .ok();
    let record = json!({"id": "milk", "title": "oat milk"});
    assert_eq!(
        device.run(&["records", "get", "notes", "milk"]).json(),
        record
    );
}

#[test]
fn unsent_changes_are_not_deleted_without_a_yes() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "milk", "--record", "{}"])
        .ok();
    let forget = ["account", "forget", "--with-records"];
    says(
        device.run(&forget),
        2,
        "1 change not sent from this device would be lost",
    );
    let dry = device
        .run(&["account", "forget", "--with-records", "--dry-run", "--json"])
        .json();
    assert_eq!((&dry["unsent"], &dry["dryRun"]), (&json!(1), &json!(true)));
    assert_eq!(device.records(&["notes"]).len(), 1);
    device.run(&["sync"]).ok();
    device.run(&forget).ok();
    assert!(!device.profile().join("store.sqlite").exists());

    device
        .run(&["account", "create", "--server", &server.url])
        .ok();
    device
        .run(&["records", "put", "notes", "salt", "--record", "{}"])
        .ok();
    device
        .run(&["account", "forget", "--with-records", "--yes"])
        .ok();
    assert!(!device.profile().join("store.sqlite").exists());
}
