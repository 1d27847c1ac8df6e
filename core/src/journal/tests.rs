//! Which entries the journal keeps, and for how long.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use pollster::block_on;

use super::*;
use crate::engines::{Records, restore};
use crate::error::Error;
use crate::host::{Clock, Commit, Committed, MemoryStore, Random, RandomError, Store as _};
use crate::ids::{CollectionName, RecordId};
use crate::reconcile::Side;
use crate::time::LocalTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DAY: u64 = 24 * 60 * 60 * 1000;

struct Host(u64);

impl Clock for Host {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(self.0)
    }
}

impl Random for Host {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(7);
        Ok(())
    }
}

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn entry(id: &str, at: u64, text: &str) -> Entry {
    Entry {
        collection: notes(),
        id: RecordId::new(id).unwrap(),
        at: LocalTime::from_millis(at),
        cause: Cause::Merge,
        side: Side::Ours,
        cleartext: text.into(),
    }
}

async fn write(store: &MemoryStore, entries: &[Entry]) {
    if let Some(part) = part(store, entries).await.unwrap() {
        let commit = Commit {
            parts: vec![part],
            global: None,
        };
        assert_eq!(store.commit(commit).await, Ok(Committed::Done));
    }
}

async fn texts(store: &MemoryStore, now: u64) -> Vec<String> {
    let entries = list(store, None, LocalTime::from_millis(now))
        .await
        .unwrap();
    entries.into_iter().map(|entry| entry.cleartext).collect()
}

#[test]
fn a_written_entry_is_read_back() {
    for cause in [
        Cause::Merge,
        Cause::RemoteDeletion,
        Cause::RemoteCommand,
        Cause::UploadReplaced,
        Cause::FirstSync,
        Cause::Restore,
    ] {
        for side in [Side::Ours, Side::Theirs] {
            let entry = Entry {
                cause,
                side,
                ..entry(
                    "{\"odd\"}",
                    1_700_000_000_123,
                    r#"{"id":"a","x":[1, 2.50]}"#,
                )
            };
            let text = entry.item().cleartext.unwrap();
            assert_eq!(Entry::read(&text), Some(entry));
        }
    }
    assert_eq!(Entry::read("{}"), None);
}

#[test]
fn entries_are_newest_first_and_deduplicated() {
    block_on(async {
        let store = MemoryStore::default();
        let entries = [
            entry("a", 10, "{}"),
            entry("b", 9, "[1]"),
            entry("a", 10, "{}"),
        ];
        write(&store, &entries).await;
        write(&store, &entries[..1]).await;
        assert_eq!(texts(&store, 10).await, ["{}", "[1]"]);
        assert_eq!(collections(&store).await, Ok(vec![]));
    });
}

#[test]
fn every_limit_removes_the_oldest() {
    let at = LocalTime::from_millis;
    let many = vec![(at(5), 1); MAX_ENTRIES + 3];
    let now = at((KEEP_DAYS + 5) * DAY);
    let rows = [
        ("nothing", vec![], at(0), 0),
        ("few and young", vec![(at(1), 1), (at(2), 1)], at(3), 0),
        (
            "a day too old",
            vec![(at(4 * DAY), 1), (at(5 * DAY), 1)],
            now,
            1,
        ),
        ("from the future", vec![(at(9 * DAY), 1)], at(0), 0),
        ("too many", many, at(5), 3),
        ("too large", vec![(at(1), 1), (at(2), MAX_BYTES)], at(3), 1),
        ("one too large", vec![(at(1), MAX_BYTES + 1)], at(3), 1),
    ];
    for (name, entries, now, expected) in rows {
        assert_eq!(surplus(&entries, now), expected, "{name}");
    }
}

#[test]
fn an_expired_entry_is_neither_listed_nor_kept() {
    block_on(async {
        let store = MemoryStore::default();
        write(&store, &[entry("a", 0, "{}"), entry("b", DAY, "[1]")]).await;
        let now = (KEEP_DAYS + 1) * DAY;
        assert_eq!(texts(&store, now).await, ["[1]"]);
        assert_eq!(texts(&store, DAY).await.len(), 2);
        prune(&store, LocalTime::from_millis(now)).await.unwrap();
        assert_eq!(texts(&store, DAY).await, ["[1]"]);
    });
}

#[test]
fn a_wipe_keeps_every_unsent_change_and_half_a_journal_of_other_values() {
    block_on(async {
        let (store, host) = (MemoryStore::default(), Host(DAY));
        let records = Records::new(&store, &host, &host, notes());
        let texts: Vec<String> = (0..MAX_ENTRIES / 2 + 2)
            .map(|n| format!("{{\"id\":\"{n}\"}}"))
            .collect();
        let all: Vec<_> = texts.iter().map(|text| (None, text.as_str())).collect();
        records.put_many(&all).await.unwrap();
        let mut entries = Vec::new();
        let now = host.now();
        let writes = emptied(&store, &notes(), Cause::RemoteCommand, now, &mut entries).await;
        assert_eq!(
            (writes.unwrap().len(), entries.len()),
            (all.len(), all.len())
        );
        let part = crate::host::Part {
            sweep: Some(crate::host::BulkChange::Reset),
            ..crate::host::Part::new(notes())
        };
        let commit = Commit {
            parts: vec![part],
            global: None,
        };
        let _done = store.commit(commit).await.unwrap();
        assert_eq!(unsent(&store, &notes()).await, Ok(all.len() as u64));
    });
}

#[test]
fn the_value_replaced_by_a_restore_can_be_restored_too() {
    block_on(async {
        let (store, host) = (MemoryStore::default(), Host(20));
        let (notes, id) = (notes(), RecordId::new("a").unwrap());
        let records = Records::new(&store, &host, &host, notes.clone());
        records.put(None, r#"{"id":"a","x":3}"#).await.unwrap();
        write(
            &store,
            &[
                entry("a", 10, r#"{"id":"a","x":1}"#),
                entry("a", 11, r#"{"id":"a","x":2}"#),
            ],
        )
        .await;
        let at = Some(LocalTime::from_millis(10));
        let engine = crate::engines::Generic::new(notes.clone()).unwrap();
        let restored = restore(&store, &host, &host, &engine, &id, at)
            .await
            .unwrap();
        assert_eq!(restored.at.millis(), 10);
        assert_eq!(
            records.get(&id).await.unwrap().as_deref(),
            Some(r#"{"id":"a","x":1}"#)
        );
        let restored = restore(&store, &host, &host, &engine, &id, None)
            .await
            .unwrap();
        assert_eq!(
            (restored.cause, restored.cleartext.as_str()),
            (Cause::Restore, r#"{"id":"a","x":3}"#)
        );
        let error = restore(
            &store,
            &host,
            &host,
            &engine,
            &RecordId::new("b").unwrap(),
            None,
        )
        .await;
        assert!(
            matches!(&error, Err(Error::Input(text)) if text.contains("record b")),
            "{error:?}"
        );
        assert!(error.unwrap_err().to_string().contains("journal"));
    });
}
