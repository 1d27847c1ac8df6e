//! Commands between devices: sent once, carried out once.

use serde_json::{Value, json};

use super::clients::{pair, record};
use super::*;
use crate::journal;
use crate::server::{Access, Client};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Adds commands to a client's record, as another client would.
pub(super) fn ask(shelf: &Shelf, random: &Device, id: &str, commands: &[Value]) {
    let mut record = record(shelf, id);
    record["commands"]
        .as_array_mut()
        .unwrap()
        .extend_from_slice(commands);
    let sealed = sealed(shelf, random, &record.to_string());
    write(shelf, &format!("clients/{id}"), &sealed);
}

pub(super) fn command(name: &str, args: &[&str]) -> Value {
    json!({"command": name, "args": args})
}

fn outcomes(report: &Report) -> Vec<(&str, CommandOutcome)> {
    report
        .commands
        .iter()
        .map(|report| (report.command.as_str(), report.outcome))
        .collect()
}

#[test]
fn a_reset_sends_everything_again_and_deletes_nothing() {
    for reset in [command("resetAll", &[]), command("resetEngine", &["notes"])] {
        let shelf = Shelf::default();
        let (a, b) = pair(&shelf);
        shelf.borrow_mut().remove("notes/r");
        ask(&shelf, &b, &a.id(), core::slice::from_ref(&reset));
        let report = a.sync();
        assert!(report.is_success(), "{report:?}");
        assert_eq!(
            outcomes(&report),
            [(reset["command"].as_str().unwrap(), CommandOutcome::Done)]
        );
        assert!(shelf.borrow().contains_key("notes/r"), "{reset}");
        assert_eq!(record(&shelf, &a.id())["commands"], json!([]));
        a.sync();
        assert_eq!(a.sync().ending, Ending::NothingToDo);
    }
}

#[test]
fn a_wipe_takes_the_servers_records_in_the_place_of_those_here() {
    for wipe in [command("wipeAll", &[]), command("wipeEngine", &["notes"])] {
        let shelf = Shelf::default();
        let (a, b) = pair(&shelf);
        a.put("unsent", "{}");
        ask(&shelf, &b, &a.id(), core::slice::from_ref(&wipe));
        let report = a.sync();
        assert!(report.is_success(), "{report:?}");
        assert!(a.get("unsent").is_none() && a.get("r").is_some(), "{wipe}");
        assert_eq!(report.commands[0].unsent, 1, "{wipe}");
        let kept = block_on(journal::list(&a, Some(&notes()), a.now())).unwrap();
        let kept: Vec<_> = kept.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(kept, ["unsent", "r"], "{wipe}");
        assert_eq!(
            shelf
                .borrow()
                .keys()
                .filter(|key| key.starts_with("notes/"))
                .count(),
            1
        );
        a.sync();
        assert_eq!(a.sync().ending, Ending::NothingToDo);
    }
}

#[test]
fn nothing_is_wiped_where_nothing_would_come_in_its_place() {
    let rows = [
        ("empty", None, CommandOutcome::KeptEmpty),
        ("sealed", Some("{}"), CommandOutcome::KeptUnreadable),
    ];
    for (name, payload, expected) in rows {
        let shelf = Shelf::default();
        let (a, b) = pair(&shelf);
        match payload {
            None => drop(shelf.borrow_mut().remove("notes/r")),
            Some(payload) => write(&shelf, "notes/newest", payload),
        }
        ask(&shelf, &b, &a.id(), &[command("wipeEngine", &["notes"])]);
        let report = a.sync();
        assert_eq!(outcomes(&report), [("wipeEngine", expected)], "{name}");
        assert!(a.get("r").is_some(), "{name}");
    }
}

#[test]
fn nothing_is_wiped_of_a_collection_that_is_not_synced_now() {
    for (wish, wipe) in [
        (Wish::Decline, command("wipeEngine", &["notes"])),
        (Wish::Decline, command("wipeAll", &[])),
        (Wish::Disable, command("wipeAll", &[])),
    ] {
        let shelf = Shelf::default();
        let (a, b) = pair(&shelf);
        a.put("unsent", "{}");
        block_on(choose(&b, &[notes()], wish, b.now())).unwrap();
        assert!(b.sync().is_success());
        ask(&shelf, &b, &a.id(), core::slice::from_ref(&wipe));
        let report = a.sync();
        assert!(report.is_success(), "{report:?}");
        assert_eq!(
            report.commands[0].outcome,
            CommandOutcome::KeptUnsynced,
            "{wish:?} {wipe}"
        );
        assert!(a.get("unsent").is_some() && a.get("r").is_some());
        assert_eq!(record(&shelf, &a.id())["commands"], json!([]));
    }
}

#[test]
fn pages_and_what_is_not_known_are_reported_and_removed() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    let asked = [
        command("launch", &["ship"]),
        command("displayURI", &["https://example.org/", &b.id(), "é"]),
    ];
    ask(&shelf, &b, &a.id(), &asked);
    let report = a.sync();
    assert!(report.is_success());
    let tab = ReceivedTab {
        uri: "https://example.org/".into(),
        sender: b.id(),
        title: "é".into(),
    };
    assert_eq!(report.tabs, [tab]);
    assert_eq!(
        outcomes(&report),
        [
            ("launch", CommandOutcome::Unknown),
            ("displayURI", CommandOutcome::Done)
        ]
    );
    assert_eq!(record(&shelf, &a.id())["commands"], json!([]));
}

#[test]
fn a_device_that_is_told_to_sign_out_stops_before_the_collections() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    a.put("unsent", "{}");
    ask(&shelf, &b, &a.id(), &[command("logout", &[])]);
    let before = a.count();
    let report = a.sync();
    assert_eq!(
        (report.ending.clone(), report.outcome()),
        (Ending::LoggedOut, Outcome::LoginNeeded)
    );
    let expected = [
        "GET info/collections",
        "GET storage/clients",
        "GET info/configuration",
        "POST storage/clients",
    ];
    assert_eq!(a.requests(before), expected);
    assert_eq!(record(&shelf, &a.id())["commands"], json!([]));
    assert!(a.get("unsent").is_some());
}

/// A device whose write to the clients collection is intercepted once by `meddle`, after it is armed.
fn meddled(
    shelf: &Shelf,
    mut meddle: impl FnMut(&Shelf, &Request) -> Option<Answer> + 'static,
) -> (Device, Rc<Cell<bool>>) {
    let armed = Rc::new(Cell::new(false));
    let is_armed = Rc::clone(&armed);
    let device = device_with(shelf, move |shelf, request| {
        let meets = request.method == Method::Post && request.url.contains("storage/clients");
        (meets && is_armed.replace(false))
            .then(|| meddle(shelf, request))
            .flatten()
    });
    (device, armed)
}

#[test]
fn a_command_is_carried_out_once_though_its_removal_fails() {
    let shelf = Shelf::default();
    let (a, armed) = meddled(&shelf, |_, _| Some(fails(FetchErrorKind::Cut)));
    a.put("r", "{}");
    a.sync();
    let b = device(&shelf);
    b.sync();
    let tab = |n: u32| {
        command(
            "displayURI",
            &[&format!("https://example.org/{n}"), &b.id(), ""],
        )
    };
    ask(
        &shelf,
        &b,
        &a.id(),
        &[tab(1), command("wipeEngine", &["notes"])],
    );
    armed.set(true);
    let cut = a.sync();
    assert!(matches!(cut.ending, Ending::Stopped(Error::Network { .. })));
    assert_eq!(cut.tabs.len(), 1);
    a.put("unsent", "{}");
    ask(&shelf, &b, &a.id(), &[tab(2)]);
    let report = a.sync();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(report.tabs[0].uri, "https://example.org/2");
    assert_eq!(outcomes(&report).len(), 1);
    assert!(a.get("unsent").is_some(), "it was not wiped again");
    assert_eq!(record(&shelf, &a.id())["commands"], json!([]));
}

#[test]
fn a_command_that_comes_in_between_is_not_lost() {
    let shelf = Shelf::default();
    let helper = Rc::new(RefCell::new(None::<(Device, String)>));
    let late = Rc::clone(&helper);
    let (a, armed) = meddled(&shelf, move |shelf, _| {
        let (b, a_id) = late.borrow_mut().take().unwrap();
        ask(
            shelf,
            &b,
            &a_id,
            &[command(
                "displayURI",
                &["https://example.org/late", "b", ""],
            )],
        );
        None
    });
    a.sync();
    let b = device(&shelf);
    b.sync();
    ask(
        &shelf,
        &b,
        &a.id(),
        &[command(
            "displayURI",
            &["https://example.org/early", "b", ""],
        )],
    );
    *helper.borrow_mut() = Some((b, a.id()));
    armed.set(true);
    let report = a.sync();
    assert!(report.is_success(), "{report:?}");
    let uris: Vec<&str> = report.tabs.iter().map(|tab| tab.uri.as_str()).collect();
    assert_eq!(
        uris,
        ["https://example.org/early", "https://example.org/late"]
    );
    assert_eq!(record(&shelf, &a.id())["commands"], json!([]));
}

fn send(
    from: &Device,
    shelf: &Shelf,
    recipients: Recipients<'_>,
    commands: &[Command],
) -> Result<Vec<Sent>, Error> {
    let key = crate::crypto::hawk::Key::from_text("key");
    let access = Access::hawk(
        ENDPOINT,
        crate::crypto::hawk::Credentials {
            id: "id".into(),
            key,
        },
    )
    .unwrap();
    let client = Client::new(from, access, None);
    let keys = CollectionKeys::open(&sync_key(), &shelf.borrow()["crypto/keys"].1).unwrap();
    block_on(send_commands(&client, from, &keys, recipients, commands))
}

#[test]
fn a_command_arrives_once_however_often_it_is_sent() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    let mut written = record(&shelf, &b.id());
    written["spaceships"] = json!({"n": 1});
    let sealed = sealed(&shelf, &a, &written.to_string());
    write(&shelf, &format!("clients/{}", b.id()), &sealed);
    let target = RecordId::new(b.id()).unwrap();
    let wipe = [Command::WipeEngine(notes())];
    let added = |sent: Result<Vec<Sent>, Error>| sent.unwrap()[0].added;
    assert_eq!(added(send(&a, &shelf, Recipients::One(&target), &wipe)), 1);
    assert_eq!(
        added(send(&a, &shelf, Recipients::AllBut(Some(&a.id())), &wipe)),
        0
    );
    written["commands"] = json!([{"command": "wipeEngine", "args": ["notes"]}]);
    assert_eq!(record(&shelf, &b.id()), written);
    b.put("unsent", "{}");
    assert!(b.sync().is_success());
    assert!(b.get("unsent").is_none());
}

#[test]
fn a_command_that_meets_another_write_is_sent_again_and_neither_is_lost() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    let (own, target) = (a.id(), b.id());
    let helper = Rc::new(RefCell::new(Some(b)));
    let first = Rc::clone(&helper);
    let meeting = target.clone();
    let (sender, armed) = meddled(&shelf, move |shelf, _| {
        let helper = first.borrow_mut().take().unwrap();
        ask(shelf, &helper, &meeting, &[command("resetAll", &[])]);
        None
    });
    armed.set(true);
    let sent = send(
        &sender,
        &shelf,
        Recipients::AllBut(Some(&own)),
        &[Command::Logout],
    )
    .unwrap();
    assert_eq!(sent.len(), 1);
    let expected = json!([{"command": "resetAll", "args": []}, {"command": "logout", "args": []}]);
    assert_eq!(record(&shelf, &target)["commands"], expected);
}

#[test]
fn nothing_is_sent_to_an_account_of_a_newer_format() {
    let shelf = Shelf::default();
    let (a, b) = pair(&shelf);
    write(
        &shelf,
        "meta/global",
        r#"{"syncID":"x","storageVersion":6}"#,
    );
    let before = shelf.borrow().clone();
    let target = RecordId::new(b.id()).unwrap();
    let sent = send(&a, &shelf, Recipients::One(&target), &[Command::ResetAll]);
    assert_eq!(sent, Err(Error::UpgradeNeeded { server: 6.into() }));
    assert_eq!(*shelf.borrow(), before);
}
