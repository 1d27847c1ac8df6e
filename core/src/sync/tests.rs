//! Whole syncs against a scripted storage server: which requests are sent, and which are not.

mod clients;
mod commands;
mod consent;
mod cut;
mod device;
mod errors;
mod legacy;
mod selection;
mod server;
mod went_back;
#[cfg(feature = "whole-collections")]
mod whole;

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use pollster::block_on;

use self::device::{Device, credentials, device, device_with, engines, notes, sealed, sync_key};
use self::server::{Rows, Shelf, serve, write};
use super::*;
use crate::account::Credentials;
use crate::crypto::{KeyBundle, payload};
use crate::engines::{Engine, Generic};
use crate::error::Error;
use crate::host::{Clock, PageLimit, Selection, Store};
use crate::http::{FetchErrorKind, Method, Request};
use crate::ids::{CollectionName, RecordId};
use crate::script::{Answer, ENDPOINT, Script, fails, json, status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_first_sync_sets_the_account_up_in_the_order_of_the_protocol() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("a", r#"{"x":1}"#);
    let report = device.sync();
    assert_eq!(
        (report.ending.clone(), report.fresh_start),
        (Ending::Done, true),
        "{report:?}"
    );
    let expected = [
        "GET info/collections",
        "GET storage/meta/global",
        "PUT storage/meta/global",
        "PUT storage/crypto/keys",
        "GET info/collections",
        "GET storage/crypto/keys",
        "GET storage/meta/global",
        "GET info/collections",
        "GET info/configuration",
        "POST storage/clients",
        "POST storage/notes",
    ];
    assert_eq!(device.requests(0), expected);
    let meta = shelf.borrow()["meta/global"].1.clone();
    let Verdict::ResetAllAndAdopt(meta) =
        MetaGlobal::judge(Listed::Meta, Seen::Payload(&meta), None)
    else {
        panic!("{meta}")
    };
    for name in ["clients", "bookmarks", "extension-storage", "notes"] {
        assert!(meta.engine(name).is_some(), "{name} is listed");
    }
}

#[test]
fn a_sync_with_nothing_to_do_is_one_request() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("a", "{}");
    device.sync();
    for _ in 0..3 {
        let before = device.count();
        let report = device.sync();
        assert!(report.is_success());
        assert_eq!(
            (device.requests(before).as_slice(), report.traffic.requests),
            (&["GET info/collections".to_string()][..], 1)
        );
    }
}

#[test]
fn two_devices_come_to_have_the_same() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", r#"{"x":1,"y":1}"#);
    assert!(a.sync().is_success());
    assert!(b.sync().is_success());
    a.put("one", r#"{"x":2,"y":1}"#);
    b.put("one", r#"{"x":1,"y":2}"#);
    for device in [&a, &b, &a] {
        assert!(device.sync().is_success());
    }
    assert_eq!(a.get("one").as_deref(), Some(r#"{"id":"one","x":2,"y":2}"#));
    assert!(crate::reconcile::has_same_content(
        &a.get("one").unwrap(),
        &b.get("one").unwrap()
    ));
}

#[test]
fn the_records_of_another_account_go_nowhere() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("r", "{}");
    assert!(device.sync().is_success());
    let before = device.count();
    let other = serde_json::json!({
        "api_endpoint": "https://sync.example.org/1.5/778", "id": "id", "key": "key", "uid": 778, "hashalg": "sha256",
        "duration": 3600, "ksync_b64url": KeyBundle::new([8; 32], [9; 32]).to_b64url().as_str(),
    });
    let other = Credentials::from_json(other.to_string().as_bytes()).unwrap();
    let options = Options {
        engines: &engines(),
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    let report = block_on(sync(&device, &other, &mut None, &options));
    assert_eq!(report.ending, Ending::Stopped(Error::OtherAccount));
    assert_eq!(report.outcome(), Outcome::LoginNeeded);
    let looked = block_on(preview(&device, &other, &mut None, &options));
    assert_eq!(looked, Err(Error::OtherAccount));
    assert_eq!(device.count(), before);
    assert!(device.sync().is_success());
}

#[test]
fn a_wrong_sync_key_writes_nothing() {
    let shelf = Shelf::default();
    device(&shelf).sync();
    let before = shelf.borrow().clone();
    let stranger = device(&shelf);
    stranger.put("a", "{}");
    let report = stranger.sync_with(&KeyBundle::new([7; 32], [7; 32]));
    assert_eq!(report.ending, Ending::Stopped(Error::WrongKey));
    assert_eq!(*shelf.borrow(), before);
    assert!(
        stranger
            .requests(0)
            .iter()
            .all(|request| request.starts_with("GET"))
    );
}

#[test]
fn meta_global_that_stops_the_sync_is_left_alone() {
    let rows = [
        (
            "{nope",
            Error::Undecodable {
                record: "meta/global",
            },
        ),
        (
            r#"{"syncID":"x","storageVersion":6}"#,
            Error::UpgradeNeeded { server: 6.into() },
        ),
    ];
    for (payload, expected) in rows {
        let shelf = Shelf::default();
        let device = device(&shelf);
        device.sync();
        write(&shelf, "meta/global", payload);
        device.put("a", "{}");
        let before = shelf.borrow().clone();
        assert_eq!(device.sync().ending, Ending::Stopped(expected));
        assert_eq!(*shelf.borrow(), before);
    }
}

#[test]
fn another_clients_fresh_start_brings_everything_up_again() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", r#"{"x":1}"#);
    a.sync();
    shelf.borrow_mut().clear();
    b.put("two", "{}");
    assert!(b.sync().fresh_start);
    let report = a.sync();
    assert!(report.is_success() && !report.fresh_start, "{report:?}");
    b.sync();
    for device in [&a, &b] {
        assert!(device.get("one").is_some() && device.get("two").is_some());
    }
}

#[test]
fn keys_that_were_changed_elsewhere_reset_and_never_wipe() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("one", r#"{"x":1}"#);
    device.sync();
    let keys = CollectionKeys::make(&device).unwrap();
    write(
        &shelf,
        "crypto/keys",
        &keys.seal(&sync_key(), &device).unwrap(),
    );
    shelf.borrow_mut().remove("notes/one");
    assert!(device.sync().is_success());
    let payload = shelf.borrow()["notes/one"].1.clone();
    assert!(
        payload::open(keys.bundle("notes").unwrap(), &payload, "one").is_ok(),
        "it is there again, under the new key"
    );
}

#[test]
fn a_collection_that_nobody_listed_is_taken_over_and_nothing_of_it_is_lost() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("ours", "{}");
    device.sync();
    device.put("mine", "{}");
    let mut meta: serde_json::Value =
        serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    meta["engines"].as_object_mut().unwrap().remove("notes");
    write(&shelf, "meta/global", &meta.to_string());
    let theirs = sealed(&shelf, &device, r#"{"id":"theirs","z":1}"#);
    write(&shelf, "notes/theirs", &theirs);
    let before = device.count();
    assert!(device.sync().is_success());
    let requests = device.requests(before);
    assert!(
        requests.iter().all(|line| !line.starts_with("DELETE")),
        "{requests:?}"
    );
    let place = |wanted: &str| requests.iter().position(|line| line == wanted);
    assert!(
        place("PUT storage/meta/global") < place("POST storage/notes"),
        "it is listed before its records are sent: {requests:?}"
    );
    assert!(device.get("theirs").is_some());
    assert!(
        shelf.borrow().contains_key("notes/theirs") && shelf.borrow().contains_key("notes/ours")
    );
}

#[test]
fn what_cannot_be_read_of_a_collection_that_nobody_listed_stays_there() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.sync();
    let mut meta: serde_json::Value =
        serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    meta["engines"].as_object_mut().unwrap().remove("notes");
    write(&shelf, "meta/global", &meta.to_string());
    write(&shelf, "notes/theirs", "no payload of ours");
    let report = device.sync();
    assert_eq!(report.collections[0].status, CollectionStatus::Partial);
    let left = shelf.borrow()["notes/theirs"].1.clone();
    assert_eq!(left, "no payload of ours");
}

#[test]
fn one_damaged_record_does_not_stop_the_others() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("good", "{}");
    a.sync();
    write(&shelf, "notes/bad", "{oops");
    let report = b.sync();
    let collection = &report.collections[0];
    assert_eq!(
        (
            collection.status.clone(),
            collection.pulled.received,
            collection.pulled.failed_count
        ),
        (CollectionStatus::Partial, 1, 1)
    );
    assert!(b.get("good").is_some());
    // It is requested a second time, then skipped until it changes.
    assert_eq!(b.sync().collections[0].pulled.failed_count, 1);
    assert_eq!(b.sync().ending, Ending::NothingToDo);
}

#[test]
fn records_under_another_key_stop_the_collection_where_it_stood() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.sync();
    for number in 0..12 {
        let id = format!("r{number}");
        let foreign = payload::seal(
            &KeyBundle::new([5; 32], [5; 32]),
            &device,
            &format!("{{\"id\":\"{id}\"}}"),
        )
        .unwrap();
        write(&shelf, &format!("notes/{id}"), &foreign);
    }
    for _ in 0..2 {
        let report = device.sync();
        assert_eq!(
            report.collections[0].status,
            CollectionStatus::Failed(Error::WrongCollectionKey)
        );
    }
}

#[test]
fn a_preview_writes_nothing_and_says_what_would_happen() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", "{}");
    assert!(a.preview().fresh_start);
    assert_eq!(a.preview().collections[0].outgoing, 1);
    assert!(shelf.borrow().is_empty());
    a.sync();
    b.put("two", "{}");
    let before = shelf.borrow().clone();
    let preview = b.preview();
    assert_eq!(
        (
            preview.fresh_start,
            preview.collections[0].incoming,
            preview.collections[0].outgoing
        ),
        (false, 1, 1)
    );
    assert_eq!(*shelf.borrow(), before);
    assert!(
        b.requests(0)
            .iter()
            .all(|request| request.starts_with("GET"))
    );
}

#[test]
fn a_server_that_asks_to_wait_is_left_alone_across_syncs() {
    let shelf = Shelf::default();
    let mut is_asked = false;
    let ours = device_with(&shelf, move |_, _| {
        (!core::mem::replace(&mut is_asked, true)).then(|| status(503).header("Retry-After", "60"))
    });
    assert!(matches!(
        ours.sync().ending,
        Ending::Stopped(Error::Wait { status: 503, .. })
    ));
    let until = ours.script.now().plus_seconds(60);
    assert_eq!(
        ours.sync().ending,
        Ending::Blocked(Obstacle::Wait { until })
    );
    ours.script.set_now(until);
    assert_eq!(ours.sync().ending, Ending::Done);
}

#[test]
fn what_a_cut_sync_saw_but_did_not_fetch_is_fetched_by_the_next() {
    for cut in [
        "storage/meta/global",
        "storage/crypto/keys",
        "storage/notes",
    ] {
        let shelf = Shelf::default();
        let writer = device(&shelf);
        let mut cuts = 0;
        let reader = device_with(&shelf, move |_, request| {
            cuts += u32::from(request.url.contains(cut));
            (request.url.contains(cut) && cuts == 1).then(|| fails(FetchErrorKind::Offline))
        });
        writer.put("a", "{}");
        writer.sync();
        assert!(
            matches!(reader.sync().ending, Ending::Stopped(Error::Network { .. })),
            "{cut}"
        );
        reader.sync();
        assert!(reader.get("a").is_some(), "{cut}");
        writer.put("b", "{}");
        writer.sync();
        reader.sync();
        assert!(reader.get("b").is_some(), "{cut}");
        assert_eq!(reader.sync().ending, Ending::NothingToDo, "{cut}");
    }
}

#[test]
fn a_collection_that_was_left_out_is_synced_when_it_is_asked_for_again() {
    let shelf = Shelf::default();
    let (writer, reader) = (device(&shelf), device(&shelf));
    writer.sync();
    reader.sync();
    writer.put("a", "{}");
    writer.sync();
    let nothing = Options {
        engines: &[],
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    block_on(sync(
        &reader,
        &credentials(&sync_key()),
        &mut None,
        &nothing,
    ));
    reader.sync();
    assert!(reader.get("a").is_some());
}
