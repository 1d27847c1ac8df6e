//! Kills processes during syncs. The moments are chosen by the number of bytes between client and server, from a printed seed.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use selvedge_tests::{Account, Device, Proxy, Randomness, ServerSetup, Wire, seed};
use serde_json::{Value, json};

/// The expected contents of the collection.
type Notes = BTreeMap<String, Value>;

/// Waits for the alarm or for the end of the process; returns whether it was the alarm.
fn alarm_rings_first(alarm: &Receiver<()>, child: &mut Child) -> bool {
    loop {
        match alarm.recv_timeout(Duration::from_millis(2)) {
            Ok(()) => return true,
            Err(RecvTimeoutError::Timeout) if child.try_wait().unwrap().is_none() => {}
            Err(_) => return false,
        }
    }
}

/// Starts a sync and kills it after `bytes`. Returns whether it was still running.
fn sync_and_kill(device: &Device, proxy: &Proxy, bytes: u64) -> bool {
    let alarm = proxy.alarm_after(bytes);
    let mut child = device.run(&["sync", "notes"]).spawn();
    let is_killed = alarm_rings_first(&alarm, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    proxy.release();
    is_killed
}

/// Changes some hundred notes on a device, and `expected` with them.
fn change(device: &Device, name: &str, round: u64, random: &mut Randomness, expected: &mut Notes) {
    let put = (0..200).map(|_| {
        let id = format!("{name}-{:03}", random.below(400));
        json!({"id": id, "round": round, "text": "x".repeat(random.below(800) as usize)})
    });
    let put: Notes = put
        .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
        .collect();
    device.put_many(put.values().cloned());
    expected.extend(put);
    let mut deleted: Vec<String> = expected
        .keys()
        .filter(|id| id.starts_with(name))
        .cloned()
        .collect();
    deleted.retain(|_| random.below(20) == 0);
    if !deleted.is_empty() {
        let mut args = vec!["records", "delete", "notes"];
        args.extend(deleted.iter().map(String::as_str));
        let _done = device.run(&args).outcome().ok();
        expected.retain(|id, _| !deleted.contains(id));
    }
}

#[test]
fn a_client_killed_at_any_moment_loses_and_duplicates_nothing() {
    const ROUNDS: u64 = 8;
    let mut random = Randomness::new(seed());
    let proxy = Proxy::start();
    let server = ServerSetup::default()
        .args(&[
            "--public-url",
            &proxy.url(),
            "--max-total-records",
            "120",
            "--max-post-records",
            "30",
        ])
        .start();
    proxy.lead_to(server.address());
    let account = Account::new(7);
    let [a, b] = [(); 2].map(|()| Device::with_token(&server, &proxy.url(), &account));
    let mut expected = Notes::new();
    let mut killed = 0;
    // The first sync shows the number of bytes of a complete sync.
    change(&a, "a", 0, &mut random, &mut expected);
    a.sync();
    let whole = proxy.passed();
    b.sync();
    for round in 1..=ROUNDS {
        change(&a, "a", round, &mut random, &mut expected);
        change(&b, "b", round, &mut random, &mut expected);
        for _ in 0..3 {
            let device = if random.below(2) == 0 { &a } else { &b };
            killed += u32::from(sync_and_kill(device, &proxy, random.below(whole)));
        }
        for device in [&a, &b, &a] {
            device.sync();
        }
        assert_eq!(a.notes(), expected, "the first device after round {round}");
        assert_eq!(b.notes(), expected, "the second device after round {round}");
        assert_eq!((a.pending(), b.pending()), (0, 0));
    }
    assert!(
        killed >= 5,
        "only {killed} syncs were killed in their middle"
    );

    let wire = Wire::new(
        &server
            .master_secret()
            .credentials(&proxy.url(), &account, 3600),
        &account,
    );
    let mut ids = wire.ids("notes");
    ids.sort_unstable();
    ids.dedup();
    let late = Device::with_token(&server, &proxy.url(), &account);
    late.sync();
    assert_eq!(late.notes(), expected, "a device that comes later");
    assert!(ids.len() >= expected.len());
    assert!(expected.keys().all(|id| ids.contains(id)));
    // Other records on the server are tombstones of notes.
    assert!(
        ids.iter()
            .all(|id| id.starts_with("a-") || id.starts_with("b-")),
        "{ids:?}"
    );
}

#[test]
fn a_killed_server_loses_no_acknowledged_write_and_keeps_no_partial_batch() {
    const ROUNDS: u64 = 8;
    const BATCH: usize = 100;
    let mut random = Randomness::new(seed());
    let proxy = Proxy::start();
    let mut server = ServerSetup::default()
        .args(&[
            "--public-url",
            &proxy.url(),
            "--max-total-records",
            "100",
            "--max-post-records",
            "20",
        ])
        .start();
    proxy.lead_to(server.address());
    let account = Account::new(8);
    let wire = Wire::new(
        &server
            .master_secret()
            .credentials(&proxy.url(), &account, 3600),
        &account,
    );
    let device = Device::with_token(&server, &proxy.url(), &account);
    device.put("first", &json!({"n": 0}));
    device.sync();

    let mut passed_by_whole = None;
    let mut killed = 0;
    for round in 0..ROUNDS {
        let before = wire.ids("notes").len();
        device.put_many(
            (0..5 * BATCH)
                .map(|n| json!({"id": format!("{round}-{n:03}"), "text": "y".repeat(200)})),
        );
        let began = proxy.passed();
        if let Some(whole) = passed_by_whole {
            let alarm = proxy.alarm_after(random.below(whole));
            let mut child = device.run(&["sync", "notes"]).spawn();
            killed += u32::from(alarm_rings_first(&alarm, &mut child));
            server.kill();
            proxy.release();
            child.wait().unwrap();
            server.restart();
            proxy.lead_to(server.address());
            let kept = wire.ids("notes").len() - before;
            assert_eq!(
                kept % BATCH,
                0,
                "{kept} of the records are on the server after round {round}: half a batch"
            );
        }
        device.sync();
        passed_by_whole.get_or_insert(proxy.passed() - began);
        assert_eq!(wire.ids("notes").len(), before + 5 * BATCH);
        assert_eq!(device.pending(), 0);
    }
    assert!(
        killed >= 3,
        "the server was killed only {killed} times in the middle of a sync"
    );
    // A new device gets all acknowledged records.
    let late = Device::with_token(&server, &proxy.url(), &account);
    late.sync();
    assert_eq!(late.notes(), device.notes());
    assert_eq!(late.notes().len(), 1 + ROUNDS as usize * 5 * BATCH);
}

#[test]
fn edits_during_a_sync_are_not_lost() {
    let mut random = Randomness::new(seed());
    let proxy = Proxy::start();
    let server = ServerSetup::default()
        .args(&["--public-url", &proxy.url(), "--max-post-records", "20"])
        .start();
    proxy.lead_to(server.address());
    let account = Account::new(9);
    let [a, b] = [(); 2].map(|()| Device::with_token(&server, &proxy.url(), &account));
    a.put_many((0..300).map(|n| json!({"id": format!("{n:03}"), "n": 0})));
    a.sync();
    let whole = proxy.passed();
    for round in 1..=4 {
        a.put_many((0..300).map(|n| json!({"id": format!("{n:03}"), "n": round})));
        let alarm = proxy.alarm_after(random.below(whole));
        let mut sync = a.run(&["sync", "notes"]).spawn();
        alarm_rings_first(&alarm, &mut sync);
        a.edit("150", &json!({"late": round}));
        proxy.release();
        assert!(sync.wait().unwrap().success());
        a.sync();
        b.sync();
        assert_eq!(
            a.notes()["150"],
            json!({"id": "150", "n": round, "late": round})
        );
        assert_eq!(b.notes(), a.notes());
    }
}
