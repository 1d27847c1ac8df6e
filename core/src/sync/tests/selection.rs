//! Choices of engines and first syncs, between devices of one account.

use super::*;
use crate::crypto::payload;
use crate::time::ServerTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

impl Device {
    /// Makes a choice, and agrees to the deletion of the current server data.
    fn choose(&self, wish: Wish) {
        block_on(choose(self, &[notes()], wish, self.now())).unwrap();
        let times = self.shelf.borrow();
        let times = times.iter().filter(|(key, _)| key.starts_with("notes/"));
        let latest = times.map(|(_, (time, _))| ServerTime::from_hundredths(*time));
        let shown = latest.max().filter(|_| wish == Wish::Disable);
        let shown = shown.map(|time| (notes(), time));
        block_on(agree_to_delete(self, shown)).unwrap();
    }

    fn intend(&self, mode: Mode) {
        let intent = self.first_preview(mode).intent();
        block_on(intend(self, Some(intent))).unwrap();
    }

    fn first_preview(&self, mode: Mode) -> FirstPreview {
        let options = Options {
            engines: &[],
            situation: Situation::default(),
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        let credentials = credentials(&sync_key());
        block_on(first_preview(
            self,
            &credentials,
            &mut None,
            &options,
            mode,
            None,
        ))
        .unwrap()
    }

    /// The ids of the notes here, in order.
    fn ids(&self) -> Vec<String> {
        let page = block_on(self.page(&notes(), Selection::Live, None, PageLimit::default()));
        page.unwrap()
            .iter()
            .map(|stored| stored.item.id.to_string())
            .collect()
    }

    /// Checks that a sync with nothing to do sends one request.
    #[track_caller]
    fn assert_at_rest(&self) {
        let before = self.count();
        let report = self.sync();
        assert_eq!(
            self.requests(before),
            ["GET info/collections"],
            "{report:?}"
        );
    }

    fn pending_intent(&self) -> Option<FirstSync> {
        let state = block_on(GlobalState::load(self)).unwrap();
        state.device.first_sync
    }
}

fn meta(shelf: &Shelf) -> MetaGlobal {
    let payload = shelf.borrow()["meta/global"].1.clone();
    match MetaGlobal::judge(Listed::Meta, Seen::Payload(&payload), None) {
        Verdict::ResetAllAndAdopt(meta) => meta,
        other => panic!("{other:?}"),
    }
}

/// The ids of the notes on the server, in order.
fn there(shelf: &Shelf) -> Vec<String> {
    let shelf = shelf.borrow();
    let ids = shelf.keys().filter_map(|key| key.strip_prefix("notes/"));
    ids.map(ToString::to_string).collect()
}

/// Two devices that have the same note `both`, one that only `a` knows and one that only `b` knows.
fn parted() -> (Shelf, Device, Device) {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("both", r#"{"of":"a"}"#);
    assert!(a.sync().is_success());
    assert!(b.sync().is_success());
    a.put("of a", "{}");
    a.put("both", r#"{"of":"a later"}"#);
    b.put("of b", "{}");
    assert!(b.sync().is_success());
    (shelf, a, b)
}

fn declined(report: &Report) -> bool {
    report.collections[0].status == CollectionStatus::Skipped(Skip::Declined)
}

#[test]
fn what_is_disabled_here_is_declined_for_all_and_deleted_on_the_server_alone() {
    let (shelf, a, b) = parted();
    let before = a.count();
    a.choose(Wish::Disable);
    let report = a.sync();
    assert!(declined(&report), "{report:?}");
    assert_eq!(report.wiped_there, [notes()]);
    let expected = [
        "GET info/collections",
        "GET storage/clients",
        "PUT storage/meta/global",
        "DELETE storage/notes",
    ];
    assert_eq!(a.requests(before), expected);
    assert!(meta(&shelf).is_declined("notes") && there(&shelf).is_empty());
    assert!(declined(&b.sync()));
    assert_eq!(
        (a.ids(), b.ids()),
        (
            alloc::vec!["both".into(), "of a".into()],
            alloc::vec!["both".into(), "of b".into()]
        )
    );
    for device in [&a, &b] {
        device.assert_at_rest();
    }
}

#[test]
fn a_collection_that_was_changed_since_it_was_shown_is_kept() {
    let (shelf, a, b) = parted();
    a.choose(Wish::Disable);
    b.put("later", "{}");
    assert!(b.sync().is_success());
    let before = there(&shelf);
    let report = a.sync();
    assert!(declined(&report), "{report:?}");
    assert_eq!(
        (report.wiped_there, report.kept_there),
        (Vec::new(), alloc::vec![notes()])
    );
    assert_eq!(there(&shelf), before);
    assert!(a.sync().kept_there.is_empty(), "the choice was carried out");
    assert!(before.contains(&"later".to_string()));
}

#[test]
fn a_collection_is_kept_if_nobody_agreed_that_it_is_deleted() {
    let (shelf, a, _b) = parted();
    block_on(choose(&a, &[notes()], Wish::Disable, a.now())).unwrap();
    let before = there(&shelf);
    let report = a.sync();
    assert!(declined(&report), "{report:?}");
    assert_eq!(report.kept_there, [notes()]);
    assert_eq!(there(&shelf), before);
}

#[test]
fn what_is_declined_here_stays_on_the_server() {
    let (shelf, a, b) = parted();
    a.choose(Wish::Decline);
    assert!(declined(&a.sync()) && declined(&b.sync()));
    assert_eq!(there(&shelf), ["both", "of b"]);
}

#[test]
fn what_another_device_enables_again_is_synced_again_and_nothing_is_lost() {
    for wish in [Wish::Disable, Wish::Decline] {
        let (shelf, a, b) = parted();
        a.choose(wish);
        a.sync();
        b.sync();
        b.choose(Wish::Enable);
        for device in [&b, &a, &b] {
            assert!(device.sync().is_success(), "{wish:?}");
        }
        assert!(!meta(&shelf).is_declined("notes"));
        assert_eq!(there(&shelf), ["both", "of a", "of b"], "{wish:?}");
        assert_eq!((a.ids(), b.ids()), (there(&shelf), there(&shelf)));
        assert_eq!(
            b.get("both").as_deref(),
            Some(r#"{"id":"both","of":"a later"}"#)
        );
    }
}

#[test]
fn a_choice_before_the_first_sync_deletes_nothing() {
    let (shelf, _a, _b) = parted();
    let c = device(&shelf);
    c.choose(Wish::Disable);
    assert!(declined(&c.sync()));
    assert!(meta(&shelf).is_declined("notes"));
    assert_eq!(there(&shelf), ["both", "of b"]);
}

#[test]
fn a_choice_that_is_cut_off_is_carried_to_its_end_by_the_next_sync() {
    for cut in ["PUT", "DELETE"] {
        let shelf = Shelf::default();
        let mut is_cut = false;
        let a = device_with(&shelf, move |shelf, request| {
            let cuts = request.method.as_str() == cut
                && !shelf.borrow().is_empty()
                && shelf.borrow().contains_key("notes/one");
            (cuts && !core::mem::replace(&mut is_cut, true)).then(|| fails(FetchErrorKind::Offline))
        });
        a.put("one", "{}");
        assert!(a.sync().is_success());
        a.choose(Wish::Disable);
        assert!(matches!(
            a.sync().ending,
            Ending::Stopped(Error::Network { .. })
        ));
        assert_eq!(there(&shelf), ["one"], "{cut}");
        assert!(declined(&a.sync()));
        assert!(
            there(&shelf).is_empty() && meta(&shelf).is_declined("notes"),
            "{cut}"
        );
        a.assert_at_rest();
    }
}

#[test]
fn names_that_nobody_here_knows_stay_in_both_lists() {
    let (shelf, a, _b) = parted();
    let mut value: serde_json::Value =
        serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    value["declined"] = serde_json::json!(["rockets", "no name of ours!"]);
    value["engines"]["spaceships"] = serde_json::json!({"version": 9, "syncID": "s", "more": true});
    value["engines"]["no name either!"] = serde_json::json!({"version": 1, "syncID": "t"});
    write(&shelf, "meta/global", &value.to_string());
    a.choose(Wish::Disable);
    a.sync();
    a.choose(Wish::Enable);
    assert!(a.sync().is_success());
    let found: serde_json::Value = serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    assert_eq!(found["declined"], value["declined"]);
    for name in ["spaceships", "no name either!", "bookmarks"] {
        assert_eq!(found["engines"][name], value["engines"][name], "{name}");
    }
}

#[test]
fn choices_hold_in_a_fresh_start() {
    let (shelf, a, b) = parted();
    a.choose(Wish::Decline);
    a.sync();
    shelf.borrow_mut().clear();
    let history = CollectionName::new("history").unwrap();
    block_on(choose(&a, &[history], Wish::Disable, a.now())).unwrap();
    assert!(a.sync().fresh_start);
    for name in ["notes", "history", "forms"] {
        assert!(meta(&shelf).is_declined(name), "{name}");
    }
    assert!(meta(&shelf).engine("bookmarks").is_some());
    assert!(declined(&b.sync()));
}

#[test]
fn a_preview_tells_what_a_choice_would_delete() {
    let (shelf, a, _b) = parted();
    a.choose(Wish::Disable);
    let before = shelf.borrow().clone();
    let preview = a.preview();
    assert_eq!(preview.wipes_there, [notes()]);
    assert_eq!(preview.collections[0].association, Association::Declined);
    assert_eq!(*shelf.borrow(), before);
}

#[test]
fn a_first_sync_is_shown_before_it_is_done_and_showing_it_writes_nothing() {
    let (shelf, a, _b) = parted();
    let before = shelf.borrow().clone();
    for mode in [Mode::Merge, Mode::TakeServer, Mode::TakeLocal] {
        let preview = a.first_preview(mode);
        let expected = FirstCollection {
            name: notes(),
            modified: preview.collections[0].modified,
            here: 2,
            there: 2,
            effect: mode.effect(2, 2, 1),
        };
        assert_eq!(preview.collections, [expected]);
        assert_eq!(preview.loses_anything(), mode != Mode::Merge);
    }
    assert_eq!((&*shelf.borrow(), a.ids().len()), (&before, 2));
}

#[test]
fn each_mode_brings_the_two_sides_together_in_its_way_and_once() {
    let all: &[&str] = &["both", "of a", "of b"];
    let rows = [
        (Mode::Merge, all, all, "a later"),
        (Mode::TakeServer, &["both", "of b"], &["both", "of b"], "a"),
        (
            Mode::TakeLocal,
            &["both", "of a"],
            &["both", "of a"],
            "a later",
        ),
    ];
    for (mode, here, on_server, both) in rows {
        let (shelf, a, _b) = parted();
        a.intend(mode);
        let report = a.sync();
        assert!(report.is_success(), "{mode:?} {report:?}");
        assert_eq!(report.first_sync, Some(mode));
        assert_eq!(
            (a.ids(), there(&shelf)),
            (own(here), own(on_server)),
            "{mode:?}"
        );
        let expected = alloc::format!(r#"{{"id":"both","of":"{both}"}}"#);
        assert_eq!(a.get("both"), Some(expected), "{mode:?}");
        let wiped = [report.wiped_here.len(), report.wiped_there.len()];
        let expected = match mode {
            Mode::Merge => [0, 0],
            Mode::TakeServer => [1, 0],
            Mode::TakeLocal => [0, 1],
        };
        assert_eq!(wiped, expected, "{mode:?}");
        a.assert_at_rest();
    }
}

fn own(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn a_first_sync_that_is_cut_off_goes_on_and_is_done_once() {
    for cut in ["DELETE", "POST"] {
        let shelf = Shelf::default();
        let other = device(&shelf);
        let is_armed = Rc::new(Cell::new(false));
        let armed = Rc::clone(&is_armed);
        let a = device_with(&shelf, move |_, request| {
            let is_met = request.method.as_str() == cut && request.url.contains("storage/notes");
            (is_met && armed.take()).then(|| fails(FetchErrorKind::Offline))
        });
        a.put("one", "{}");
        a.sync();
        other.put("two", "{}");
        other.sync();
        a.intend(Mode::TakeLocal);
        is_armed.set(true);
        assert!(matches!(
            a.sync().ending,
            Ending::Stopped(Error::Network { .. })
        ));
        assert_eq!(a.pending_intent().is_some(), cut == "DELETE", "{cut}");
        assert!(a.sync().is_success(), "{cut}");
        assert_eq!(there(&shelf), ["one"], "{cut}");
        assert_eq!(a.pending_intent(), None);
        let told = other.sync();
        assert_eq!(told.commands.len(), 1, "{cut}: {told:?}");
        assert_eq!(other.ids(), ["one"], "{cut}");
        other.put("three", "{}");
        other.sync();
        a.sync();
        assert!(there(&shelf).contains(&"three".into()), "it is done once");
    }
}

#[test]
fn records_here_stay_when_the_servers_cannot_be_read() {
    let (shelf, a, _b) = parted();
    let foreign =
        payload::seal(&KeyBundle::new([5; 32], [5; 32]), &a, r#"{"id":"foreign"}"#).unwrap();
    for bad in [foreign.as_str(), "no payload of ours"] {
        write(&shelf, "notes/foreign", bad);
        a.intend(Mode::TakeServer);
        let report = a.sync();
        assert!(report.wiped_here.is_empty(), "{report:?}");
        assert!(a.get("of a").is_some());
        assert_eq!(a.pending_intent(), None);
    }
}

#[test]
fn nothing_here_gives_way_to_a_server_that_was_emptied_meanwhile() {
    let (shelf, a, _b) = parted();
    a.intend(Mode::TakeServer);
    shelf.borrow_mut().clear();
    let report = a.sync();
    assert!(
        report.fresh_start && report.wiped_here.is_empty(),
        "{report:?}"
    );
    assert_eq!(there(&shelf), ["both", "of a"]);
    assert_eq!(a.pending_intent(), None);
}

#[test]
fn a_first_sync_leaves_what_the_account_has_declined() {
    let (shelf, a, b) = parted();
    b.choose(Wish::Decline);
    a.intend(Mode::TakeLocal);
    b.sync();
    let report = a.sync();
    assert!(
        declined(&report) && report.wiped_there.is_empty(),
        "{report:?}"
    );
    assert_eq!(there(&shelf), ["both", "of b"]);
    assert!(a.first_preview(Mode::TakeLocal).collections.is_empty());
}

#[test]
fn all_devices_end_equal_where_a_side_without_records_was_taken() {
    let (shelf, a, b) = parted();
    assert!(a.sync().is_success());
    let empty = device(&shelf);
    empty.intend(Mode::TakeLocal);
    assert!(empty.sync().is_success());
    assert!(there(&shelf).is_empty());
    // The server has no records to replace those of the first device: so they stay, and belong to the account again.
    for _ in 0..3 {
        for device in [&b, &a, &empty] {
            assert!(device.sync().is_success());
        }
    }
    let left = own(&["both", "of b"]);
    for device in [&a, &b, &empty] {
        assert_eq!(device.ids(), left);
        device.assert_at_rest();
    }
    assert_eq!(there(&shelf), left);
}
