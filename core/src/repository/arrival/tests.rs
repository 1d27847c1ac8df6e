//! Arriving records of an engine with rules, duplicates and forks.

use alloc::string::String;
use alloc::vec::Vec;

use pollster::block_on;
use serde_json::Value;

use super::super::contract::{LocalSide as _, Receipt};
use super::super::local::LocalRepository;
use super::*;
use crate::engines::{Merge, RecordMerge, Records};
use crate::host::{
    Clock, Commit, Committed, Item, MemoryStore, PageLimit, Part, Random, RandomError, Selection,
};
use crate::ids::CollectionName;
use crate::journal;
use crate::reconcile::{Ours, Outcome, Rule, Side, Theirs, reconcile};
use crate::time::LocalTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

struct Host;

impl Clock for Host {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(1_700_000_000_000)
    }
}

impl Random for Host {
    fn fill(&self, bytes: &mut [u8]) -> core::result::Result<(), RandomError> {
        bytes.fill(7);
        Ok(())
    }
}

/// The id that [`Host`] makes of its random bytes.
const MADE: &str = "HHHHHHHHHHHH";

/// Titles are in small letters and unlike each other.
#[derive(Debug)]
struct Titles(CollectionName);

fn title(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    value["title"].as_str().map(Into::into)
}

impl Engine for Titles {
    fn collection(&self) -> &CollectionName {
        &self.0
    }

    fn version(&self) -> u64 {
        1
    }

    fn validate(&self, record: &Cleartext<'_>) -> Validity {
        match title(record.json()).as_deref() {
            None => Validity::Refuse("it has no title"),
            Some("bad") => Validity::Replace,
            Some(title) if title.to_lowercase() != title => {
                Validity::Reupload(record.json().to_lowercase().into())
            }
            Some(_) => Validity::Valid,
        }
    }

    fn has_duplicate_keys(&self) -> bool {
        true
    }

    fn duplicate_key(&self, record: &Cleartext<'_>) -> Option<Key> {
        title(record.json()).map(Key::new)
    }

    fn merge(&self) -> Merge<'_> {
        Merge::PerRecord(self)
    }
}

impl RecordMerge for Titles {
    fn merge(&self, ours: Ours<'_>, theirs: Theirs<'_>, newer: Side) -> Outcome {
        match (ours, theirs) {
            (
                Ours::Edited {
                    cleartext,
                    base: Some(_),
                    ..
                },
                Theirs::Record(theirs),
            ) if title(cleartext) != title(theirs) => Outcome::Fork,
            _ => reconcile(ours, theirs, newer),
        }
    }
}

fn engine() -> Titles {
    Titles(CollectionName::new("notes").unwrap())
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn json(id: &str, title: &str) -> String {
    alloc::format!(r#"{{"id":"{id}","title":"{title}"}}"#)
}

const SERVER_TIME: ServerTime = ServerTime::from_hundredths(169_999_999_900);

fn arriving(name: &str, cleartext: Option<&str>) -> Record {
    Record {
        cleartext: cleartext.map(Into::into),
        age_millis: 1000,
        modified: Some(SERVER_TIME),
        ..Record::tombstone(id(name))
    }
}

fn arrive(store: &MemoryStore, records: Vec<Record>) -> Receipt<()> {
    let engine = engine();
    let mut local = LocalRepository::new(store, &Host, &Host, &engine);
    block_on(local.store_at(records, None)).unwrap()
}

/// All items by id: the text, and whether it waits for upload.
fn items(store: &MemoryStore) -> Vec<(String, Option<String>, bool)> {
    let name = engine().0;
    let mut all = Vec::new();
    for selection in [Selection::Live, Selection::Pending] {
        let page = store.page(&name, selection, None, PageLimit::default());
        all.extend(
            block_on(page)
                .unwrap()
                .into_iter()
                .map(|stored| stored.item),
        );
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all.dedup();
    let row = |item: Item| {
        let is_pending = item.pending != Pending::Nothing;
        assert_eq!(
            item.key,
            item.cleartext.as_deref().and_then(title).map(Key::new)
        );
        (item.id.to_string(), item.cleartext, is_pending)
    };
    all.into_iter().map(row).collect()
}

fn journalled(store: &MemoryStore) -> Vec<String> {
    let entries = block_on(journal::list(store, Some(&engine().0), Host.now())).unwrap();
    entries.into_iter().map(|entry| entry.cleartext).collect()
}

fn records(store: &MemoryStore) -> Records<'_, MemoryStore, Host, Host> {
    Records::new(store, &Host, &Host, engine().0)
}

fn put(store: &MemoryStore, name: &str, title: &str) {
    let engine = engine();
    let records = records(store).with_engine(&engine);
    block_on(records.put(Some(id(name)), &json(name, title))).unwrap();
}

type Row<'a> = (&'a str, Option<String>, bool);

fn expect(store: &MemoryStore, rows: &[Row<'_>], context: &str) {
    let rows: Vec<_> = rows
        .iter()
        .map(|(id, text, is_pending)| ((*id).into(), text.clone(), *is_pending))
        .collect();
    assert_eq!(items(store), rows, "{context}");
}

#[test]
fn each_validity_has_its_effect() {
    // Without a local record, and with one that the server has.
    for has_local in [false, true] {
        let start = || {
            let store = MemoryStore::default();
            if has_local {
                arrive(&store, alloc::vec![arriving("a", Some(&json("a", "old")))]);
            }
            store
        };
        let old = json("a", "old");
        let rows: [(&str, String, Vec<Row<'_>>, usize, usize); 4] = [
            (
                "valid",
                json("a", "new"),
                alloc::vec![("a", Some(json("a", "new")), false)],
                0,
                0,
            ),
            (
                "reupload",
                json("a", "NEW"),
                alloc::vec![("a", Some(json("a", "new")), true)],
                0,
                0,
            ),
            (
                "replace",
                json("a", "bad"),
                alloc::vec![("a", has_local.then(|| old.clone()), true)],
                0,
                1,
            ),
            (
                "refuse",
                String::from(r#"{"id":"a"}"#),
                has_local
                    .then(|| ("a", Some(old.clone()), false))
                    .into_iter()
                    .collect(),
                1,
                0,
            ),
        ];
        for (name, text, expected, failed, lost) in rows {
            let store = start();
            let receipt = arrive(&store, alloc::vec![arriving("a", Some(&text))]);
            expect(&store, &expected, name);
            assert_eq!(receipt.failed.len(), failed, "{name}");
            assert_eq!(journalled(&store).len(), lost, "{name}");
            if lost > 0 {
                assert_eq!(journalled(&store), [text], "{name}");
                let rule = Rule::InvalidReplaced;
                assert_eq!(receipt.rules, [(id("a"), rule)], "{name}");
            }
        }
    }
    let store = MemoryStore::default();
    let receipt = arrive(&store, alloc::vec![arriving("a", Some("{}"))]);
    let reason = "not applied on this device: it has no title";
    assert_eq!(receipt.failed[0].failure.to_string(), reason);
}

#[test]
fn a_local_duplicate_that_was_never_uploaded_takes_the_arriving_id() {
    let theirs = r#"{"id":"theirs","title":"milk","n":1}"#;
    let store = MemoryStore::default();
    put(&store, "mine", "milk");
    put(&store, "other", "salt");
    arrive(&store, alloc::vec![arriving("theirs", Some(theirs))]);
    let rows = [
        ("other", Some(json("other", "salt")), true),
        ("theirs", Some(theirs.into()), false),
    ];
    expect(&store, &rows, "equal content");

    // One local record duplicates one arriving record.
    let store = MemoryStore::default();
    put(&store, "mine", "milk");
    let two = ["t1", "t2"].map(|name| arriving(name, Some(&json(name, "milk"))));
    arrive(&store, two.into());
    let rows = [
        ("t1", Some(json("t1", "milk")), false),
        ("t2", Some(json("t2", "milk")), false),
    ];
    expect(&store, &rows, "used once");

    // A record that the server had keeps its id.
    let store = MemoryStore::default();
    arrive(
        &store,
        alloc::vec![arriving("mine", Some(&json("mine", "milk")))],
    );
    arrive(&store, alloc::vec![arriving("theirs", Some(theirs))]);
    let rows = [
        ("mine", Some(json("mine", "milk")), false),
        ("theirs", Some(theirs.into()), false),
    ];
    expect(&store, &rows, "uploaded before");

    // So does one that arrives itself.
    let store = MemoryStore::default();
    put(&store, "mine", "milk");
    let both = [
        arriving("mine", Some(&json("mine", "milk"))),
        arriving("theirs", Some(theirs)),
    ];
    arrive(&store, both.into());
    expect(&store, &rows, "arrives too");
}

#[test]
fn a_local_member_of_a_duplicate_is_kept_and_sent() {
    let store = MemoryStore::default();
    let engine = engine();
    let mine = r#"{"id":"mine","title":"milk","mine":1}"#;
    let local = records(&store).with_engine(&engine);
    block_on(local.put(Some(id("mine")), mine)).unwrap();
    let theirs = r#"{"id":"theirs","title":"milk","theirs":1}"#;
    arrive(&store, alloc::vec![arriving("theirs", Some(theirs))]);
    let found = items(&store);
    let [(name, Some(text), true)] = found.as_slice() else {
        panic!("not one record to send: {found:?}");
    };
    let merged: Value = serde_json::from_str(text).unwrap();
    let expected = serde_json::json!({"id": "theirs", "title": "milk", "mine": 1, "theirs": 1});
    assert_eq!((name.as_str(), merged), ("theirs", expected));
}

#[test]
fn a_fork_keeps_both_versions() {
    let store = MemoryStore::default();
    arrive(&store, alloc::vec![arriving("a", Some(&json("a", "old")))]);
    put(&store, "a", "mine");
    let receipt = arrive(
        &store,
        alloc::vec![arriving("a", Some(&json("a", "theirs")))],
    );
    let rows = [
        (MADE, Some(json(MADE, "mine")), true),
        ("a", Some(json("a", "theirs")), false),
    ];
    expect(&store, &rows, "both changed");
    assert_eq!((receipt.applied.merged, journalled(&store).len()), (1, 0));
}

#[test]
fn records_stored_without_keys_get_them_before_a_download() {
    let store = MemoryStore::default();
    block_on(records(&store).put(Some(id("mine")), &json("mine", "milk"))).unwrap();
    let part = Part {
        state: Some("{}".into()),
        ..Part::new(engine().0)
    };
    let commit = Commit {
        parts: alloc::vec![part],
        global: None,
    };
    assert_eq!(block_on(store.commit(commit)), Ok(Committed::Done));
    let found = || block_on(store.duplicates(&engine().0, &[Key::new("milk")])).unwrap();
    assert_eq!(found(), []);
    block_on(index_keys(&store, &engine())).unwrap();
    assert_eq!(found().len(), 1);
    let revision = found()[0].revision;
    block_on(index_keys(&store, &engine())).unwrap();
    assert_eq!(found()[0].revision, revision, "nothing is written twice");
}

#[test]
fn a_local_edit_is_corrected_or_refused() {
    let store = MemoryStore::default();
    put(&store, "a", "LOUD");
    expect(&store, &[("a", Some(json("a", "loud")), true)], "corrected");
    let engine = engine();
    let records = records(&store).with_engine(&engine);
    let rows = [
        (
            r#"{"id":"b"}"#,
            "this change of record b would break the collection notes: it has no title",
        ),
        (
            r#"{"id":"b","title":"bad"}"#,
            "this change of record b would break the collection notes: it is not a valid record of this collection",
        ),
    ];
    for (text, message) in rows {
        let refused = block_on(records.put(Some(id("b")), text)).unwrap_err();
        assert_eq!(refused.to_string(), message);
    }
    expect(&store, &[("a", Some(json("a", "loud")), true)], "unchanged");
}
