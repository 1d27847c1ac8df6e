//! A server that was restored from a backup, or whose clock went back: no device loses data (spec §5.3).

use super::*;
use crate::time::ServerTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Two devices, a backup of the server, and later changes: a new record and an edit by `a`, a record by `b` that `a`
/// never received. Then the backup is restored.
fn restored() -> (Shelf, Device, Device) {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", r#"{"v":1}"#);
    for device in [&a, &b, &a] {
        assert!(device.sync().is_success());
    }
    let backup = shelf.borrow().clone();
    a.put("two", r#"{"v":1}"#);
    a.put("one", r#"{"v":2}"#);
    assert!(a.sync().is_success());
    assert!(b.sync().is_success());
    b.put("three", r#"{"v":1}"#);
    assert!(b.sync().is_success());
    *shelf.borrow_mut() = backup;
    (shelf, a, b)
}

fn there(shelf: &Shelf) -> Vec<String> {
    let shelf = shelf.borrow();
    let ids = shelf.keys().filter_map(|key| key.strip_prefix("notes/"));
    ids.map(ToString::to_string).collect()
}

#[test]
fn after_a_backup_was_restored_the_server_gets_again_what_it_lacks() {
    let (shelf, a, b) = restored();
    let report = b.sync();
    assert!(report.is_success(), "{report:?}");
    let notes = &report.collections[0];
    assert!(notes.compared);
    assert_eq!((notes.lacking, notes.pushed.sent), (2, 3), "{notes:?}");
    assert_eq!(there(&shelf), ["one", "three", "two"]);
    assert!(a.sync().is_success());
    let c = device(&shelf);
    assert!(c.sync().is_success());
    for device in [&a, &b, &c] {
        assert_eq!(device.get("one").as_deref(), Some(r#"{"id":"one","v":2}"#));
        for id in ["two", "three"] {
            assert!(device.get(id).is_some(), "{id}");
        }
        assert!(device.sync().is_success());
        assert_eq!(device.sync().ending, Ending::NothingToDo);
    }
}

#[test]
fn a_backup_to_which_another_device_wrote_first_hides_nothing() {
    // The first writer is either a device that knows less than the other, or a new one.
    for is_new in [false, true] {
        let (shelf, a, b) = restored();
        let c = device(&shelf);
        let first = if is_new { &c } else { &a };
        first.put("fourth", "{}");
        assert!(first.sync().is_success(), "{is_new}");
        let report = b.sync();
        assert!(
            report.is_success() && report.collections[0].compared,
            "{report:?}"
        );
        for device in [&a, &c, &b] {
            assert!(device.sync().is_success(), "{is_new}");
        }
        assert_eq!(there(&shelf), ["fourth", "one", "three", "two"], "{is_new}");
        for device in [&a, &b, &c] {
            let one = device.get("one");
            assert_eq!(one.as_deref(), Some(r#"{"id":"one","v":2}"#), "{is_new}");
            for id in ["two", "three", "fourth"] {
                assert!(device.get(id).is_some(), "{is_new} {id}");
            }
        }
    }
}

#[test]
fn the_newest_record_is_looked_for_once_when_something_is_new() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", "{}");
    for device in [&a, &b] {
        assert!(device.sync().is_success());
    }
    a.put("two", "{}");
    assert!(a.sync().is_success());
    let before = b.count();
    let report = b.sync();
    assert!(!report.collections[0].compared);
    let expected = [
        "GET info/collections",
        "GET storage/notes/one",
        "GET storage/notes",
    ];
    assert_eq!(b.requests(before), expected);
}

#[test]
fn a_comparison_that_was_cut_off_is_done_by_the_next_sync() {
    let shelf = Shelf::default();
    let mut cuts = 0;
    let a = device_with(&shelf, move |shelf, request| {
        let is_read = request.method == Method::Get && request.url.contains("storage/notes");
        let is_restored = !shelf.borrow().contains_key("notes/two");
        cuts += u32::from(is_read && is_restored && shelf.clock.get() > 100_000);
        (is_read && is_restored && cuts == 1).then(|| fails(FetchErrorKind::Offline))
    });
    a.put("one", "{}");
    assert!(a.sync().is_success());
    let backup = shelf.borrow().clone();
    a.put("two", "{}");
    assert!(a.sync().is_success());
    *shelf.borrow_mut() = backup;
    shelf.clock.set(200_000);
    assert!(matches!(
        a.sync().ending,
        Ending::Stopped(Error::Network { .. })
    ));
    let report = a.sync();
    assert!(
        report.is_success() && report.collections[0].compared,
        "{report:?}"
    );
    assert_eq!(there(&shelf), ["one", "two"]);
}

#[test]
fn a_collection_that_is_gone_is_sent_again() {
    let (shelf, a, b) = restored();
    assert!(b.sync().is_success() && a.sync().is_success());
    shelf
        .borrow_mut()
        .retain(|key, _| !key.starts_with("notes/"));
    let report = a.sync();
    assert!(
        report.is_success() && report.collections[0].compared,
        "{report:?}"
    );
    assert_eq!(there(&shelf), ["one", "three", "two"]);
    assert!(a.sync().is_success());
    assert_eq!(a.sync().ending, Ending::NothingToDo);
}

#[test]
fn a_deletion_that_waits_here_survives_a_restored_backup() {
    let (shelf, a, b) = restored();
    let records = crate::engines::Records::new(&a, &a, &a, notes());
    block_on(records.delete(&RecordId::new("one").unwrap())).unwrap();
    assert!(a.sync().is_success());
    assert!(b.sync().is_success());
    let c = device(&shelf);
    assert!(c.sync().is_success());
    for device in [&a, &b, &c] {
        assert_eq!(device.get("one"), None);
    }
}

#[test]
fn keys_from_a_backup_are_used_again_and_all_is_sent_under_them() {
    let shelf = Shelf::default();
    let a = device(&shelf);
    a.put("one", "{}");
    assert!(a.sync().is_success());
    let backup = shelf.borrow().clone();
    let keys = CollectionKeys::make(&a).unwrap();
    write(&shelf, "crypto/keys", &keys.seal(&sync_key(), &a).unwrap());
    a.put("two", "{}");
    assert!(a.sync().is_success());
    *shelf.borrow_mut() = backup;
    assert!(a.sync().is_success());
    let c = device(&shelf);
    assert!(c.sync().is_success());
    assert!(c.get("one").is_some() && c.get("two").is_some());
}

/// Writes a note with the given time of the server's clock.
fn write_at(shelf: &Shelf, device: &Device, id: &str, v: u32, hundredths: u64) {
    let sealed = sealed(shelf, device, &format!(r#"{{"id":"{id}","v":{v}}}"#));
    let key = format!("notes/{id}");
    shelf.borrow_mut().insert(key, (hundredths, sealed));
}

#[test]
fn a_clock_that_was_a_year_ahead_hides_nothing_once_it_is_right_again() {
    const YEAR: u64 = 365 * 24 * 60 * 60 * 100;
    let shelf = Shelf::default();
    let a = device(&shelf);
    let now = a.script.now().millis() / 10;
    shelf.clock.set(now);
    a.put("mine", "{}");
    assert!(a.sync().is_success());
    write_at(&shelf, &a, "ahead", 1, now + YEAR);
    assert!(a.sync().is_success());
    assert!(a.get("ahead").is_some());
    // The clock is correct again, and another device writes.
    write_at(&shelf, &a, "later", 1, now + 5000);
    assert!(a.sync().is_success());
    assert!(a.get("later").is_some());
    write_at(&shelf, &a, "ahead", 2, now + 6000);
    assert!(a.sync().is_success());
    assert_eq!(a.get("ahead").as_deref(), Some(r#"{"id":"ahead","v":2}"#));
    let state = block_on(crate::sync::status(&a)).unwrap();
    let read_up_to = state.collections[0].last_sync;
    assert!(
        read_up_to <= ServerTime::from_hundredths(now + 6000),
        "{read_up_to}"
    );
    // The upload still uses the server's own time as its condition.
    a.put("mine", r#"{"v":2}"#);
    assert!(a.sync().is_success());
    assert!(shelf.borrow()["notes/mine"].0 > now);
}

#[test]
fn a_device_whose_own_clock_is_days_behind_comes_to_rest() {
    let shelf = Shelf::default();
    let a = device(&shelf);
    // The scripted server returns 1700000000 in every response.
    shelf.clock.set(1_700_000_000 * 100);
    a.script
        .set_now(crate::time::LocalTime::from_millis(1_699_000_000_000));
    a.put("one", "{}");
    for _ in 0..2 {
        assert!(a.sync().is_success());
    }
    assert_eq!(a.sync().ending, Ending::NothingToDo);
}

#[test]
fn info_collections_is_asked_for_without_a_condition_every_hour() {
    let shelf = Shelf::default();
    let a = device(&shelf);
    for _ in 0..2 {
        assert!(a.sync().is_success());
    }
    let asks = |device: &Device, seconds: u64| {
        let later = device.script.now().plus_seconds(seconds);
        device.script.set_now(later);
        let before = device.count();
        assert_eq!(device.sync().ending, Ending::NothingToDo);
        let requests = device.script.requests();
        requests[before].header("X-If-Modified-Since").is_some()
    };
    assert!(asks(&a, 60));
    assert!(asks(&a, 3000));
    assert!(!asks(&a, 600), "an hour after the last time");
    assert!(asks(&a, 60));
    assert!(asks(&a, 3500));
}
