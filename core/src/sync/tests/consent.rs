//! Missing, doubtful and unusual responses about the whole account: nothing is deleted without a person's consent.

use super::*;
use crate::script::Answer;
use crate::time::ServerTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// An account with records of this program and of others, and a device that has synced with it.
fn account() -> (Shelf, Device) {
    let shelf = Shelf::default();
    let a = device(&shelf);
    a.put("ours", "{}");
    assert!(a.sync().is_success());
    write(&shelf, "passwords/theirs", "sealed");
    write(&shelf, "bookmarks/theirs", "sealed");
    (shelf, a)
}

/// A device of the account; a proxy answers its request for `path`, once.
fn behind_a_proxy(shelf: &Shelf, path: &'static str, answer: Answer) -> Device {
    let mut answer = Some(answer);
    device_with(shelf, move |_, request| {
        let is_asked = request.method == Method::Get && request.url.ends_with(path);
        is_asked.then(|| answer.take()).flatten()
    })
}

fn is_reading(lines: &[String]) -> bool {
    lines.iter().all(|line| line.starts_with("GET"))
}

/// Two syncs, the second one after the delay for the second look.
fn sync_twice(device: &Device) -> Report {
    let first = device.sync();
    assert!(first.looks_again(), "{first:?}");
    assert_eq!(first.outcome(), Outcome::Failed);
    let later = device.script.now().plus_seconds(SECOND_LOOK_SECONDS);
    device.script.set_now(later);
    device.sync()
}

fn consent_of(report: &Report) -> Consent {
    match &report.ending {
        Ending::NeedsConsent(consent) => consent.clone(),
        other => panic!("{other:?}"),
    }
}

fn reinitialized(device: &Device, consent: Consent, remedy: Remedy) -> Report {
    let options = Options {
        engines: &engines(),
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    let credentials = credentials(&sync_key());
    let mut token = None;
    let report = reinitialize(device, &credentials, &mut token, &options, consent, remedy);
    block_on(report)
}

fn assessed(device: &Device) -> Result<Option<Consent>, Error> {
    let options = Options {
        engines: &[],
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    let credentials = credentials(&sync_key());
    block_on(assess(device, &credentials, &mut None, &options))
}

fn html() -> Answer {
    status(404)
        .header("Content-Type", "text/html")
        .body("<h1>Not Found</h1>")
}

#[test]
fn an_answer_that_is_not_the_servers_own_stops_the_sync_and_writes_nothing() {
    let page = || status(200).genuine().body("<h1>Welcome</h1>");
    let rows: [(&str, &'static str, Answer); 9] = [
        ("404 for meta/global", "meta/global", html()),
        ("404 for crypto/keys", "crypto/keys", html()),
        ("404 for the collections", "info/collections", html()),
        ("no collections", "info/collections", json("{}")),
        ("a page for meta/global", "meta/global", page()),
        ("a page for crypto/keys", "crypto/keys", page()),
        ("a page for the collections", "info/collections", page()),
        (
            "nothing for meta/global",
            "meta/global",
            status(200).genuine(),
        ),
        (
            "nothing for crypto/keys",
            "crypto/keys",
            status(200).genuine(),
        ),
    ];
    for (name, path, answer) in rows {
        let (shelf, _a) = account();
        let before = shelf.borrow().clone();
        let fresh = behind_a_proxy(&shelf, path, answer);
        fresh.put("mine", "{}");
        let report = fresh.sync();
        assert!(
            matches!(
                report.ending,
                Ending::Stopped(Error::NotGenuine { .. } | Error::Answer { .. })
            ),
            "{name}: {report:?}"
        );
        assert!(is_reading(&fresh.requests(0)), "{name}");
        assert_eq!(*shelf.borrow(), before, "{name}");
        let report = fresh.sync();
        assert!(
            report.is_success() && !report.fresh_start,
            "{name}: {report:?}"
        );
        assert!(fresh.get("ours").is_some(), "{name}");
        assert!(shelf.borrow().contains_key("passwords/theirs"), "{name}");
    }
}

#[test]
fn an_empty_account_is_set_up_only_on_the_servers_own_word() {
    for path in ["info/collections", "meta/global"] {
        let shelf = Shelf::default();
        let answer = if path == "meta/global" {
            html()
        } else {
            json("{}")
        };
        let a = behind_a_proxy(&shelf, path, answer);
        assert!(
            matches!(a.sync().ending, Ending::Stopped(Error::NotGenuine { .. })),
            "{path}"
        );
        assert!(shelf.borrow().is_empty(), "{path}");
        assert!(a.sync().fresh_start, "{path}");
    }
}

#[test]
fn a_server_that_lists_what_it_does_not_have_is_left_alone() {
    for (gone, keeps) in [
        ("meta/global", "meta/other"),
        ("crypto/keys", "crypto/other"),
    ] {
        let (shelf, a) = account();
        write(&shelf, keeps, "{}");
        shelf.borrow_mut().remove(gone);
        let before = shelf.borrow().clone();
        for device in [&a, &device(&shelf)] {
            device.put("mine", "{}");
            let count = device.count();
            let report = device.sync();
            assert!(
                matches!(report.ending, Ending::Stopped(Error::Contradiction { .. })),
                "{gone}: {report:?}"
            );
            assert!(is_reading(&device.requests(count)), "{gone}");
            assert_eq!(*shelf.borrow(), before, "{gone}");
        }
    }
}

#[test]
fn what_is_missing_while_others_have_data_needs_consent_after_a_second_look() {
    let rows = [
        ("meta/global", Reason::MetaMissing),
        ("crypto/keys", Reason::KeysMissing),
    ];
    for (gone, reason) in rows {
        let (shelf, a) = account();
        shelf.borrow_mut().remove(gone);
        let before = shelf.borrow().clone();
        for (device, can_restore) in [(&a, true), (&device(&shelf), false)] {
            device.put("mine", "{}");
            let count = device.count();
            let report = sync_twice(device);
            assert_eq!(
                report.outcome(),
                Outcome::NeedsConsent,
                "{gone}: {report:?}"
            );
            let consent = consent_of(&report);
            assert_eq!((consent.reason, consent.can_restore), (reason, can_restore));
            let passwords = consent
                .collections
                .iter()
                .find(|found| found.name.as_str() == "passwords")
                .unwrap();
            assert_eq!(passwords.records, Some(1));
            let newest = before.values().map(|(time, _)| *time).max().unwrap();
            assert_eq!(consent.seen, ServerTime::from_hundredths(newest));
            assert!(is_reading(&device.requests(count)), "{gone}");
            assert_eq!(*shelf.borrow(), before, "{gone}");
            let kept = block_on(crate::sync::status(device)).unwrap().needs_consent;
            assert_eq!(kept.as_ref(), Some(&consent));
            assert_eq!(device.preview().needs_consent.as_ref(), Some(&consent));
            assert_eq!(assessed(device), Ok(Some(consent)));
        }
    }
}

#[test]
fn what_was_missing_for_a_moment_is_forgotten() {
    let (shelf, a) = account();
    let meta = shelf.borrow_mut().remove("meta/global").unwrap();
    assert!(a.sync().looks_again());
    shelf.borrow_mut().insert("meta/global".into(), meta);
    assert!(a.sync().is_success());
    let meta = shelf.borrow_mut().remove("meta/global").unwrap();
    write(&shelf, "passwords/another", "sealed");
    let report = sync_twice(&a);
    consent_of(&report);
    shelf.borrow_mut().insert("meta/global".into(), meta);
    assert!(a.sync().is_success());
    assert_eq!(
        block_on(crate::sync::status(&a)).unwrap().needs_consent,
        None
    );
}

#[test]
fn an_older_or_an_unreadable_format_is_never_wiped() {
    let older = |version: &str| {
        alloc::format!(r#"{{"syncID":"x","storageVersion":{version},"engines":{{}}}}"#)
    };
    for version in ["4", "4.5", "-1", "\"4\"", "0"] {
        let (shelf, a) = account();
        write(&shelf, "meta/global", &older(version));
        let before = shelf.borrow().clone();
        let report = a.sync();
        assert_eq!(consent_of(&report).reason, Reason::OlderFormat, "{version}");
        assert_eq!(*shelf.borrow(), before, "{version}");
    }
    for version in ["\"abc\"", "null", "true", "[5]", "{}", "\"\""] {
        let (shelf, a) = account();
        write(&shelf, "meta/global", &older(version));
        let before = shelf.borrow().clone();
        let expected = Error::Undecodable {
            record: "meta/global",
        };
        assert_eq!(a.sync().ending, Ending::Stopped(expected), "{version}");
        assert_eq!(*shelf.borrow(), before, "{version}");
        let consent = assessed(&a).unwrap().unwrap();
        assert_eq!(consent.reason, Reason::MetaUnreadable, "{version}");
    }
    for version in ["6", "6.5", "5.5", "1e1", "\"6\""] {
        let (shelf, a) = account();
        write(&shelf, "meta/global", &older(version));
        let before = shelf.borrow().clone();
        assert_eq!(a.sync().outcome(), Outcome::UpgradeNeeded, "{version}");
        assert!(assessed(&a).is_err(), "{version}");
        assert_eq!(*shelf.borrow(), before, "{version}");
    }
    for version in ["5.0", "\"5\"", "\"5.0\"", "50e-1"] {
        let (shelf, a) = account();
        write(&shelf, "meta/global", &older(version));
        assert!(a.sync().is_success(), "{version}");
        assert!(shelf.borrow().contains_key("passwords/theirs"), "{version}");
        assert_eq!(assessed(&a), Ok(None), "{version}");
    }
}

#[test]
fn a_person_who_agrees_has_the_account_set_up_again_as_it_was_shown() {
    let (shelf, a) = account();
    shelf.borrow_mut().remove("meta/global");
    let consent = consent_of(&sync_twice(&a));
    let count = a.count();
    let report = reinitialized(&a, consent.clone(), Remedy::StartOver);
    assert!(report.is_success() && report.fresh_start, "{report:?}");
    let requests = a.script.requests();
    let delete = requests
        .iter()
        .skip(count)
        .find(|request| request.method == Method::Delete)
        .unwrap();
    assert_eq!(
        delete.header("X-If-Unmodified-Since"),
        Some(consent.seen.to_string().as_str())
    );
    assert_eq!(delete.header("X-Confirm-Delete"), Some("1"));
    let shelf = shelf.borrow();
    assert!(!shelf.contains_key("passwords/theirs"));
    assert!(
        shelf.contains_key("notes/ours"),
        "what is here is there again"
    );
    assert_eq!(
        block_on(crate::sync::status(&a)).unwrap().needs_consent,
        None
    );
}

#[test]
fn an_agreement_does_not_hold_once_something_was_written() {
    for is_in_the_last_moment in [false, true] {
        let shelf = Shelf::default();
        let mut is_armed = false;
        let a = device_with(&shelf, move |shelf, request| {
            if request.method == Method::Delete && is_in_the_last_moment && !is_armed {
                is_armed = true;
                write(shelf, "passwords/later", "sealed");
            }
            None
        });
        a.put("ours", "{}");
        assert!(a.sync().is_success());
        write(&shelf, "passwords/theirs", "sealed");
        shelf.borrow_mut().remove("meta/global");
        let consent = consent_of(&sync_twice(&a));
        if !is_in_the_last_moment {
            write(&shelf, "passwords/later", "sealed");
        }
        let report = reinitialized(&a, consent.clone(), Remedy::StartOver);
        let again = consent_of(&report);
        assert!(
            again.seen > consent.seen,
            "it is asked again, for what is there now"
        );
        for id in ["notes/ours", "passwords/theirs", "passwords/later"] {
            assert!(shelf.borrow().contains_key(id), "{id}");
        }
        let report = reinitialized(&a, again, Remedy::StartOver);
        assert!(report.is_success() && report.fresh_start, "{report:?}");
    }
}

#[test]
fn an_account_is_restored_from_what_a_device_remembers_and_nothing_is_deleted() {
    for gone in ["meta/global", "crypto/keys"] {
        let (shelf, a) = account();
        shelf.borrow_mut().remove(gone);
        let consent = consent_of(&sync_twice(&a));
        let before = shelf.borrow().clone();
        let count = a.count();
        let report = reinitialized(&a, consent, Remedy::Restore);
        assert!(report.is_success() && report.restored, "{gone}: {report:?}");
        assert!(!report.fresh_start, "{gone}");
        let requests = a.requests(count);
        assert!(
            requests.iter().all(|line| !line.starts_with("DELETE")),
            "{requests:?}"
        );
        for (id, row) in before {
            assert_eq!(shelf.borrow().get(&id), Some(&row), "{gone}: {id}");
        }
        let fresh = device(&shelf);
        assert!(fresh.sync().is_success(), "{gone}");
        assert!(fresh.get("ours").is_some(), "{gone}");
    }
}

#[test]
fn keys_that_do_not_open_the_records_are_not_offered() {
    let (shelf, a) = account();
    let other = CollectionKeys::make(&a).unwrap();
    let sealed = payload::seal(other.bundle("notes").unwrap(), &a, r#"{"id":"ours"}"#).unwrap();
    let ids: Vec<String> = shelf.borrow().keys().cloned().collect();
    for id in ids
        .iter()
        .filter(|id| id.starts_with("notes/") || id.starts_with("clients/"))
    {
        write(&shelf, id, &sealed);
    }
    shelf.borrow_mut().remove("crypto/keys");
    let consent = consent_of(&sync_twice(&a));
    assert!(!consent.can_restore);
    let report = reinitialized(&a, consent, Remedy::Restore);
    consent_of(&report);
    assert!(!shelf.borrow().contains_key("crypto/keys"));
}

#[test]
fn a_set_up_that_was_cut_off_is_finished() {
    let shelf = Shelf::default();
    let mut is_cut = false;
    let a = device_with(&shelf, move |_, request| {
        let cuts = request.method == Method::Put && request.url.ends_with("crypto/keys");
        (cuts && !core::mem::replace(&mut is_cut, true)).then(|| fails(FetchErrorKind::Offline))
    });
    a.put("ours", "{}");
    assert!(matches!(
        a.sync().ending,
        Ending::Stopped(Error::Network { .. })
    ));
    assert_eq!(shelf.borrow().keys().collect::<Vec<_>>(), ["meta/global"]);
    let before = a.count();
    assert!(a.sync().is_success());
    let requests = a.requests(before);
    assert!(
        requests.iter().all(|line| !line.starts_with("DELETE")),
        "{requests:?}"
    );
    let put = a.script.requests();
    let put = put
        .iter()
        .skip(before)
        .find(|request| request.method == Method::Put);
    assert_eq!(put.unwrap().header("X-If-Unmodified-Since"), Some("0.00"));
    let fresh = device(&shelf);
    assert!(fresh.sync().is_success());
    assert!(fresh.get("ours").is_some());
}

#[test]
fn a_new_sync_key_that_does_not_open_the_keys_needs_consent_and_a_mistyped_one_does_not() {
    let (shelf, a) = account();
    let wrong = KeyBundle::new([7; 32], [7; 32]);
    let before = shelf.borrow().clone();
    assert_eq!(
        a.sync_with(&wrong).ending,
        Ending::Stopped(Error::WrongKey),
        "a mistyped key"
    );
    let mut state: serde_json::Value =
        serde_json::from_str(&block_on(a.store.global()).unwrap().unwrap()).unwrap();
    state["server"]["key_id"] = "another".into();
    let commit = crate::host::Commit {
        parts: Vec::new(),
        global: Some(state.to_string()),
    };
    let _done = block_on(a.store.commit(commit)).unwrap();
    for _ in 0..2 {
        let report = a.sync_with(&wrong);
        assert_eq!(consent_of(&report).reason, Reason::OtherKeys);
    }
    assert_eq!(*shelf.borrow(), before);
    assert!(a.sync().is_success(), "the right key ends the doubt");
}

#[test]
fn an_unusable_key_stops_its_collection_alone() {
    let (shelf, a) = account();
    let keys = shelf.borrow()["crypto/keys"].1.clone();
    let cleartext = payload::open(&sync_key(), &keys, "keys").unwrap();
    let mut cleartext: serde_json::Value = serde_json::from_str(&cleartext).unwrap();
    for (name, is_success) in [("passwords", true), ("notes", false)] {
        cleartext["collections"] = serde_json::json!({name: ["x", 7]});
        let sealed = payload::seal(&sync_key(), &a, &cleartext.to_string()).unwrap();
        write(&shelf, "crypto/keys", &sealed);
        a.put("more", "{}");
        let report = a.sync();
        assert_eq!(report.ending, Ending::Done, "{name}: {report:?}");
        assert_eq!(report.is_success(), is_success, "{name}");
    }
    let expected = Error::UnusableKey {
        collection: "notes".into(),
    };
    let report = a.sync();
    assert_eq!(
        report.collections[0].status,
        CollectionStatus::Failed(expected)
    );
    assert_eq!(report.clients.status, CollectionStatus::Ok);
}

#[test]
fn an_unusual_entry_of_an_engine_deletes_nothing() {
    let rows = [
        ("7", true),
        ("null", true),
        (r#"{"version":"abc","syncID":"x"}"#, false),
        (r#"{"version":null,"syncID":"x"}"#, false),
        (r#"{"version":9,"syncID":"x"}"#, false),
        (r#"{"version":0.5,"syncID":"x"}"#, true),
        (r#"{"version":1}"#, true),
        (r#"{"version":"1","syncID":"x"}"#, true),
    ];
    for (entry, is_synced) in rows {
        let (shelf, a) = account();
        let mut meta: serde_json::Value =
            serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
        meta["engines"]["notes"] = serde_json::from_str(entry).unwrap();
        write(&shelf, "meta/global", &meta.to_string());
        a.put("mine", "{}");
        let count = a.count();
        let report = a.sync();
        let requests = a.requests(count);
        assert!(
            requests.iter().all(|line| !line.starts_with("DELETE")),
            "{entry}"
        );
        assert_eq!(
            report.collections[0].status == CollectionStatus::Ok,
            is_synced,
            "{entry}"
        );
        assert_eq!(
            shelf.borrow().contains_key("notes/mine"),
            is_synced,
            "{entry}"
        );
        assert!(shelf.borrow().contains_key("notes/ours"), "{entry}");
    }
}

#[test]
fn taking_the_place_of_the_servers_records_is_bound_to_what_was_shown() {
    let (shelf, a) = account();
    let options = Options {
        engines: &[],
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    let key = credentials(&sync_key());
    let chosen = [notes()];
    let preview = || {
        let mut token = None;
        let preview = first_preview(
            &a,
            &key,
            &mut token,
            &options,
            Mode::TakeLocal,
            Some(&chosen),
        );
        block_on(preview).unwrap()
    };
    let shown = preview();
    let later = sealed(&shelf, &a, r#"{"id":"later"}"#);
    write(&shelf, "notes/later", &later);
    block_on(intend(&a, Some(shown.intent()))).unwrap();
    let expected = Error::ChangedSinceShown {
        collection: notes(),
    };
    assert_eq!(a.sync().ending, Ending::Stopped(expected));
    assert!(shelf.borrow().contains_key("notes/later"));
    assert!(a.sync().is_success(), "it is not done later either");
    assert!(a.get("later").is_some());
    let other = sealed(&shelf, &a, r#"{"id":"other"}"#);
    write(&shelf, "notes/other", &other);
    block_on(intend(&a, Some(preview().intent()))).unwrap();
    assert_eq!(a.sync().wiped_there, [notes()]);
    assert!(!shelf.borrow().contains_key("notes/other"));
}
