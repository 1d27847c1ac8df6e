//! Ten thousand records: many batches of uploads, many pages of downloads.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use std::collections::BTreeMap;

use selvedge_tests::{Account, Device, Server, ServerSetup, Wire};
use serde_json::{Value, json};

const RECORDS: u32 = 10_000;

fn records(text: &'static str) -> impl Iterator<Item = Value> {
    (0..RECORDS)
        .map(move |n| json!({"id": format!("note-{n:05}"), "n": n, "text": format!("{text} {n}")}))
}

fn by_id(records: impl Iterator<Item = Value>) -> BTreeMap<String, Value> {
    records
        .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
        .collect()
}

/// Ten thousand records fill three batches of this server and begin a fourth.
fn server_with_small_batches() -> Server {
    ServerSetup::default()
        .args(&["--max-total-records", "3000", "--max-post-records", "250"])
        .start()
}

#[test]
fn ten_thousand_records_are_synced_in_several_batches() {
    let server = server_with_small_batches();
    let (a, b) = Device::pair(&server);
    a.put_many(records("first"));
    let sent = a.sync();
    assert_eq!(sent.count("sent"), u64::from(RECORDS));
    let posts = u64::from(RECORDS) / 250;
    assert!(
        (posts..posts + 10).contains(&sent.count("requests")),
        "{}",
        sent.report
    );

    let received = b.sync();
    assert_eq!(received.count("received"), u64::from(RECORDS));
    assert_eq!(received.notes()["applied"]["added"], RECORDS);
    assert_eq!(a.notes(), by_id(records("first")));
    assert_eq!(b.notes(), by_id(records("first")));

    b.put_many(records("second"));
    assert_eq!(b.sync().count("sent"), u64::from(RECORDS));
    assert_eq!(a.sync().count("received"), u64::from(RECORDS));
    assert_eq!(a.notes(), by_id(records("second")));
    assert_eq!(a.sync().number("requests"), 1);
}

/// Records whose total size exceeds the buffers of a socket whose client does not read.
fn large_records() -> impl Iterator<Item = Value> {
    records("listed").map(|mut record| {
        record["body"] = "0123456789".repeat(80).into();
        record
    })
}

/// A device that has uploaded ten thousand records, and a client of its storage.
fn listed(uid: u64) -> (Server, Device, Wire) {
    let server = server_with_small_batches();
    let account = Account::new(uid);
    let credentials = server
        .master_secret()
        .credentials(server.url(), &account, 3600);
    let device = Device::with_credentials(&credentials);
    device.put_many(large_records());
    device.sync();
    (server, device, Wire::new(&credentials, &account))
}

#[track_caller]
fn assert_listing_is_whole(device: &Device) {
    let listed = device
        .run(&["records", "list", "notes", "--remote", "--format", "jsonl"])
        .outcome()
        .ok();
    let lines: Vec<Value> = listed
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), RECORDS as usize);
    assert_eq!(by_id(lines.into_iter()), by_id(large_records()));
}

#[test]
fn a_listing_of_the_server_prints_every_record_once() {
    let (_server, device, _wire) = listed(70);
    assert_listing_is_whole(&device);
}

#[test]
fn a_busy_server_does_not_truncate_a_list_without_a_limit() {
    let (_server, device, wire) = listed(71);
    // Ten slow clients read whole lists. Some clients do not request further pages if they did not set a limit.
    let _slow: Vec<_> = (0..10)
        .map(|_| wire.dawdle("storage/notes?full=1"))
        .collect();
    let (status, page) =
        wire.send_accepting("application/newlines", "GET", "storage/notes?full=1", "");
    assert_eq!(status, 200);
    assert_eq!(page.lines().count(), RECORDS as usize);
    assert_listing_is_whole(&device);
}

#[test]
fn a_sync_with_a_busy_server_receives_every_record() {
    let (server, device, wire) = listed(72);
    let _slow: Vec<_> = (0..10)
        .map(|_| wire.dawdle("storage/notes?full=1"))
        .collect();
    let late = Device::with_token(&server, server.url(), &Account::new(72));
    late.sync();
    assert_eq!(late.notes(), device.notes());
}
