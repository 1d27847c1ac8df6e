//! The account's clients: their records, and what devices know of each other.

use serde_json::{Value, json};

use super::commands::{ask, command};
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

impl Device {
    pub(super) fn id(&self) -> String {
        self.clients().id.unwrap().to_string()
    }

    pub(super) fn clients(&self) -> ClientsState {
        let state = block_on(GlobalState::load(&self.store)).unwrap();
        state.device.clients
    }

    fn sync_as(&self, client: OwnClient) -> Report {
        let options = Options {
            engines: &engines(),
            situation: Situation::default(),
            client,
            user_agent: None,
            progress: &|_| (),
        };
        block_on(sync(self, &credentials(&sync_key()), &mut None, &options))
    }
}

/// A client's record on the server.
pub(super) fn record(shelf: &Shelf, id: &str) -> Value {
    let shelf = shelf.borrow();
    let keys = CollectionKeys::open(&sync_key(), &shelf["crypto/keys"].1).unwrap();
    let payload = &shelf[&format!("clients/{id}")].1;
    serde_json::from_str(&payload::open(keys.bundle("clients").unwrap(), payload, id).unwrap())
        .unwrap()
}

/// Two devices that know of each other and of one record, with nothing left to do.
pub(super) fn pair(shelf: &Shelf) -> (Device, Device) {
    let (a, b) = (device(shelf), device(shelf));
    a.put("r", r#"{"x":1}"#);
    for device in [&a, &b, &a, &b] {
        assert!(device.sync().is_success());
    }
    assert_eq!(a.sync().ending, Ending::NothingToDo);
    (a, b)
}

#[test]
fn devices_come_to_know_of_each_other_and_then_have_nothing_to_do() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    for device in [&a, &b] {
        let known: Vec<String> = device
            .clients()
            .known
            .iter()
            .map(|client| client.id.to_string())
            .collect();
        assert!(
            known.contains(&a.id()) && known.contains(&b.id()),
            "{known:?}"
        );
        assert_eq!(device.sync().ending, Ending::NothingToDo);
    }
    let written = record(&shelf, &a.id());
    assert_eq!(
        (&written["name"], &written["commands"]),
        (&json!("Selvedge"), &json!([]))
    );
}

#[test]
fn a_device_that_is_renamed_or_was_silent_for_a_week_writes_its_record_again() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    let attic = OwnClient {
        name: "Attic".into(),
        ..OwnClient::default()
    };
    let before = a.count();
    assert!(a.sync_as(attic.clone()).is_success());
    assert!(
        a.requests(before)
            .contains(&"POST storage/clients".to_string())
    );
    b.sync();
    assert!(
        b.clients()
            .known
            .iter()
            .any(|client| client.name == "Attic")
    );
    let before = a.count();
    a.script.set_now(a.script.now().plus_seconds(604_801));
    assert!(a.sync_as(attic.clone()).is_success());
    assert!(
        a.requests(before)
            .contains(&"POST storage/clients".to_string())
    );
    let before = a.count();
    assert!(a.sync_as(attic).is_success());
    assert_eq!(a.requests(before), ["GET info/collections"]);
}

#[test]
fn what_another_version_of_the_program_said_stays_when_the_own_record_is_written_again() {
    let shelf = Shelf::default();
    let (a, _b) = pair(&shelf);
    let mut written = record(&shelf, &a.id());
    written["spaceships"] = json!({"n": 1});
    let sealed = sealed(&shelf, &a, &written.to_string());
    write(&shelf, &format!("clients/{}", a.id()), &sealed);
    let attic = OwnClient {
        name: "Attic".into(),
        ..OwnClient::default()
    };
    assert!(a.sync_as(attic).is_success());
    written["name"] = "Attic".into();
    assert_eq!(record(&shelf, &a.id()), written);
}

#[test]
fn clients_records_that_cannot_be_read_are_reported_and_left_there() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    let foreign = payload::seal(
        &KeyBundle::new([5; 32], [5; 32]),
        &a,
        r#"{"id":"foreign","name":"x"}"#,
    )
    .unwrap();
    write(&shelf, "clients/foreign", &foreign);
    write(&shelf, "clients/damaged", "{}");
    write(&shelf, &format!("clients/{}", b.id()), &foreign);
    let report = b.sync();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(
        report.clients.unreadable,
        [RecordId::new("foreign").unwrap()]
    );
    assert_eq!(report.clients.passed_over, 1);
    assert_eq!(shelf.borrow()["clients/damaged"].1, "{}");
    assert_eq!(
        shelf.borrow()["clients/foreign"].1,
        foreign,
        "a device with other keys may need it"
    );
    assert_eq!(
        record(&shelf, &b.id())["name"],
        "Selvedge",
        "the own one is written over"
    );
}

/// Changes the entry of `clients` in meta/global.
fn relist(shelf: &Shelf, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let mut meta: Value = serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    change(meta["engines"].as_object_mut().unwrap());
    write(shelf, "meta/global", &meta.to_string());
}

#[test]
fn a_clients_collection_of_a_newer_format_is_left_alone() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    relist(&shelf, |engines| engines["clients"]["version"] = json!(2));
    ask(&shelf, &b, &a.id(), &[command("wipeAll", &[])]);
    let before: Rows = shelf.borrow().clone();
    let report = a.sync();
    assert_eq!(report.ending, Ending::Done);
    assert_eq!(
        report.clients.status,
        CollectionStatus::Skipped(Skip::OutOfDate {
            server: 2.into(),
            ours: 1
        })
    );
    assert_eq!(*shelf.borrow(), before);
    assert!(a.get("r").is_some());
}

#[test]
fn a_clients_collection_that_is_not_listed_is_listed_again_with_its_records() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    relist(&shelf, |engines| drop(engines.remove("clients")));
    assert!(a.sync().is_success());
    let meta: Value = serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    assert_eq!(meta["engines"]["clients"]["version"], 1);
    assert_eq!(record(&shelf, &b.id())["name"], "Selvedge");
    b.sync();
    a.sync();
    assert_eq!(a.sync().ending, Ending::NothingToDo);
}
