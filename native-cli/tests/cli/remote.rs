//! Records straight from the server.

use selvedge_cli::device::Device as CliDevice;
use selvedge_cli::output::Output;
use selvedge_cli::remote::Remote;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::server::PutRecord;
use selvedge_host::profile::Profile;
use serde_json::{Value, json};

use crate::program::{Device, Server};

/// An account with so many notes on the server, `{"id":"note00000","n":0}` and so on.
fn with_notes(server: &Server, count: usize) -> Device {
    let device = Device::with_account(server);
    let records: String = (0..count)
        .map(|n| format!("{{\"id\":\"note{n:05}\",\"n\":{n}}}\n"))
        .collect();
    device.run_with(&["records", "put", "notes"], &records).ok();
    device.run(&["sync"]).ok();
    device
}

/// Puts a payload on the server as it is.
fn put_payload(device: &Device, id: &str, payload: &str) {
    let device = CliDevice {
        profile: Profile::find("default", Some(&device.profile())).unwrap(),
        output: Output {
            json: false,
            quiet: true,
        },
        network: selvedge_host::NetworkOptions::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let host = device.network();
        let remote = Remote::connect(&device, &host).await.unwrap();
        let record = PutRecord {
            payload: Some(payload),
            ..PutRecord::default()
        };
        let (notes, id) = (
            CollectionName::new("notes").unwrap(),
            RecordId::new(id).unwrap(),
        );
        remote
            .client
            .put_record(&notes, &id, record, None)
            .await
            .unwrap();
    });
}

#[test]
fn every_page_is_followed() {
    let server = Server::start();
    let device = with_notes(&server, 2_345);
    let records = device.records(&["notes", "--remote"]);
    let numbers: Vec<u64> = records
        .iter()
        .map(|record| record["n"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..2_345).collect::<Vec<_>>());
}

#[test]
fn no_store_is_made_on_this_device() {
    let server = Server::start();
    let other = with_notes(&server, 3).joined();
    assert_eq!(other.records(&["notes", "--remote"]).len(), 3);
    assert!(!other.profile().join("store.sqlite").exists());
}

#[test]
fn a_damaged_record_is_named_and_the_others_are_printed() {
    let server = Server::start();
    let device = with_notes(&server, 20);
    put_payload(&device, "note00007", "this is no payload");
    for format in ["jsonl", "csv"] {
        let ran = device.run(&[
            "records", "list", "notes", "--remote", "--quiet", "--format", format,
        ]);
        assert_eq!(ran.code, 9, "{ran:?}");
        let titles = usize::from(format == "csv");
        assert_eq!(ran.out.lines().count(), 19 + titles, "{ran:?}");
        let lines: Vec<&str> = ran.err.lines().collect();
        assert!(
            lines[0].contains("note00007") && lines[1].contains("1 record cannot be read"),
            "{ran:?}"
        );
    }
    assert_eq!(
        device
            .run(&["records", "get", "notes", "note00007", "--remote"])
            .code,
        9
    );
}

#[test]
fn raw_shows_the_ciphertext() {
    let server = Server::start();
    let device = with_notes(&server, 1);
    let envelopes = device.records(&["notes", "--remote", "--raw"]);
    let payload: Value = serde_json::from_str(envelopes[0]["payload"].as_str().unwrap()).unwrap();
    assert!(
        payload["ciphertext"].is_string()
            && payload["IV"].is_string()
            && payload["hmac"].is_string()
    );
    let one = device
        .run(&["records", "get", "notes", "note00000", "--remote", "--raw"])
        .json();
    assert_eq!(one["payload"], envelopes[0]["payload"]);
}

#[test]
fn the_server_selects_and_sorts() {
    let server = Server::start();
    let device = with_notes(&server, 5);
    let mark = device.run(&["collections", "--json"]).json();
    let newer = mark
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "notes")
        .unwrap()["lastModified"]
        .to_string();
    device
        .run(&[
            "records",
            "put",
            "notes",
            "later",
            "--remote",
            "--record",
            "{\"n\":9}",
        ])
        .ok();
    let list = |args: &[&str]| {
        let out = device
            .run(&[&["records", "list", "notes", "--remote"], args].concat())
            .ok();
        let id = |line: &str| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        out.lines().map(id).collect::<Vec<_>>()
    };
    assert_eq!(list(&["--newer", &newer]), ["later"]);
    assert_eq!(list(&["--sort", "newest"])[0], "later");
    assert_eq!(list(&["--sort", "oldest"])[5], "later");
    assert_eq!(list(&["--limit", "2"]).len(), 2);
    assert_eq!(list(&["--ids", "later,nobody"]), ["later"]);
    assert_eq!(list(&["--limit", "0"]).len(), 0);
}

#[test]
fn what_is_written_straight_arrives_at_other_devices() {
    let server = Server::start();
    let one = with_notes(&server, 2);
    let two = one.joined();
    two.run(&["sync"]).ok();
    one.run_with(
        &["records", "put", "notes", "--remote"],
        "{\"id\":\"a\",\"n\":1}{\"id\":\"b\"}",
    )
    .ok();
    one.run(&[
        "records",
        "edit",
        "notes",
        "a",
        "--remote",
        "--record",
        "{\"n\":null,\"m\":2}",
    ])
    .ok();
    one.run(&["records", "delete", "notes", "b", "note00000", "--remote"])
        .ok();
    let expected = [
        json!({"id": "a", "m": 2}),
        json!({"id": "note00001", "n": 1}),
    ];
    assert_eq!(one.records(&["notes", "--remote"]), expected);
    two.run(&["sync"]).ok();
    assert_eq!(two.records(&["notes"]), expected);
    one.run(&["records", "get", "notes", "b", "--remote"])
        .refused(4);
    one.run(&["records", "delete", "notes", "b", "--remote"])
        .refused(4);
}

#[test]
fn a_dry_run_writes_nothing_there() {
    let server = Server::start();
    let device = with_notes(&server, 1);
    let before = device.run(&["collections", "--json"]).json();
    device
        .run(&[
            "records",
            "put",
            "notes",
            "x",
            "--remote",
            "--record",
            "{}",
            "--dry-run",
        ])
        .ok();
    device
        .run(&[
            "records",
            "edit",
            "notes",
            "note00000",
            "--remote",
            "--record",
            "{}",
            "--dry-run",
        ])
        .ok();
    device
        .run(&[
            "records",
            "delete",
            "notes",
            "note00000",
            "--remote",
            "--dry-run",
        ])
        .ok();
    assert_eq!(device.run(&["collections", "--json"]).json(), before);
}
