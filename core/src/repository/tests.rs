//! Two device stores synchronized directly, without a server in between.

use alloc::string::String;
use alloc::vec::Vec;

use pollster::block_on;

use super::contract::LocalSide as _;
use super::pair::{Refusal, Witness};
use super::*;
use crate::engines::{Generic, Records};
use crate::host::{Clock, MemoryStore, Random, RandomError, Store as _};
use crate::ids::{CollectionName, RecordId};
use crate::time::LocalTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

struct Host;

impl Clock for Host {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(5)
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

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn records(store: &MemoryStore) -> Records<'_, MemoryStore, Host, Host> {
    Records::new(store, &Host, &Host, notes())
}

fn all(store: &MemoryStore) -> Vec<String> {
    let page = block_on(records(store).page(None, crate::host::PageLimit::default())).unwrap();
    let texts = page.into_iter().filter_map(|stored| stored.item.cleartext);
    texts.collect()
}

/// Both flows between two stores.
fn synchronize(here: &MemoryStore, there: &MemoryStore) -> (Pulled, Pushed) {
    let engine = Generic::new(notes()).unwrap();
    let mut remote = LocalRepository::new(there, &Host, &Host, &engine);
    let mut local = LocalRepository::new(here, &Host, &Host, &engine);
    let mut pair = Pair::default();
    let (mut pulled, mut pushed) = (Pulled::default(), Pushed::default());
    let mut both = Synchronizer::new(&mut remote, &mut local, &mut pair, |_| None, |_| ());
    block_on(both.pull(&mut pulled)).unwrap();
    block_on(both.push(&mut pushed)).unwrap();
    (pulled, pushed)
}

#[test]
fn two_local_stores_come_to_have_the_same() {
    let (here, there) = (MemoryStore::default(), MemoryStore::default());
    block_on(records(&here).put(Some(id("mine")), r#"{"x":1}"#)).unwrap();
    block_on(records(&there).put(Some(id("yours")), r#"{"y":1}"#)).unwrap();
    let (pulled, pushed) = synchronize(&here, &there);
    assert_eq!((pulled.applied.added, pushed.sent), (1, 1));
    assert_eq!(all(&here), all(&there));
    assert_eq!(all(&here).len(), 2);
    assert_eq!(block_on(here.counts(&notes())).unwrap().pending, 0);
}

#[test]
fn what_was_sent_is_marked_before_it_goes() {
    let store = MemoryStore::default();
    block_on(records(&store).put(Some(id("a")), "{}")).unwrap();
    let engine = Generic::new(notes()).unwrap();
    let local = LocalRepository::new(&store, &Host, &Host, &engine);
    let ids = block_on(local.guids_since(&())).unwrap();
    let item = || {
        block_on(store.read(&notes(), &ids))
            .unwrap()
            .remove(0)
            .unwrap()
    };
    assert_eq!(
        item().item.sent,
        crate::host::Base::Unknown,
        "ids alone mark nothing"
    );
    let mut source = block_on(local.fetch_since(&())).unwrap();
    let batch = block_on(source.next()).unwrap().unwrap();
    assert_eq!(item().item.sent, crate::host::Base::Same);
    assert_eq!(
        batch.records[0].revision,
        item().revision,
        "of the marked item"
    );
}

#[test]
fn a_guess_that_all_is_new_costs_no_change_made_here() {
    let store = MemoryStore::default();
    block_on(records(&store).put(Some(id("known")), r#"{"mine":1}"#)).unwrap();
    let engine = Generic::new(notes()).unwrap();
    let mut local = LocalRepository::new(&store, &Host, &Host, &engine);
    let arriving = |name: &str, cleartext: Option<&str>| Record {
        cleartext: cleartext.map(Into::into),
        ..Record::tombstone(id(name))
    };
    // After a batch of new records, the next batch is assumed to be new as well.
    block_on(local.store(alloc::vec![arriving("new", Some(r#"{"id":"new"}"#))])).unwrap();
    let second = alloc::vec![
        arriving("known", Some(r#"{"id":"known","yours":1}"#)),
        arriving("new", None),
        arriving("absent", None),
    ];
    let receipt = block_on(local.store(second)).unwrap();
    assert_eq!((receipt.applied.merged, receipt.applied.deleted), (1, 1));
    let merged = r#"{"id":"known","yours":1,"mine":1}"#;
    assert_eq!(all(&store), [merged]);
}

#[test]
fn what_came_under_former_keys_is_to_be_sent_again() {
    let store = MemoryStore::default();
    let engine = Generic::new(notes()).unwrap();
    let mut local = LocalRepository::new(&store, &Host, &Host, &engine);
    let old = |name: &str, cleartext: Option<&str>| Record {
        cleartext: cleartext.map(Into::into),
        is_to_be_sent_again: true,
        ..Record::tombstone(id(name))
    };
    let records = alloc::vec![old("a", Some(r#"{"id":"a"}"#)), old("gone", None)];
    block_on(local.store(records)).unwrap();
    let mut waiting = block_on(local.guids_since(&())).unwrap();
    waiting.sort();
    assert_eq!(waiting, [id("a"), id("gone")]);
    assert_eq!(all(&store), [r#"{"id":"a"}"#]);
}

#[test]
fn a_deletion_of_what_is_not_here_changes_nothing() {
    let store = MemoryStore::default();
    let engine = Generic::new(notes()).unwrap();
    let mut local = LocalRepository::new(&store, &Host, &Host, &engine);
    let gone = Record::tombstone(id("7vO3Zcdu6V4I"));
    assert!(gone.is_tombstone());
    let receipt = block_on(local.store(alloc::vec![gone])).unwrap();
    assert_eq!(receipt.applied.total(), 0);
}

#[test]
fn a_checkpoint_is_kept_with_an_acknowledgement_in_the_hosts_store() {
    let (there, here) = (MemoryStore::default(), MemoryStore::default());
    let engine = Generic::new(notes()).unwrap();
    let inner = LocalRepository::new(&there, &Host, &Host, &engine);
    let mut both = Checkpointed::new(inner, &here, notes());
    let record = Record {
        cleartext: Some(r#"{"id":"a"}"#.into()),
        ..Record::tombstone(id("a"))
    };
    let receipt = block_on(both.store_at(alloc::vec![record], Some("41".into()))).unwrap();
    assert_eq!(all(&there), [r#"{"id":"a"}"#]);
    assert!(!receipt.is_checkpoint_kept);
    assert_eq!(block_on(here.state(&notes())).unwrap(), None);
    block_on(both.acknowledge(receipt.kept, Some("42".into()))).unwrap();
    let kept = block_on(here.state(&notes())).unwrap();
    assert_eq!(kept.as_deref(), Some("42"));
    block_on(both.acknowledge(Vec::new(), None)).unwrap();
    let kept = block_on(here.state(&notes())).unwrap();
    assert_eq!(kept.as_deref(), Some("42"), "no checkpoint replaces none");
}

#[test]
fn what_is_kept_of_a_pair_is_read() {
    let witness: Witness = serde_json::from_str(r#"{"id":"menu","modified":1.50}"#).unwrap();
    assert_eq!(witness.modified.hundredths(), 150);
    let text = r#"{"revision":7,"times":1}"#;
    let refusal: Refusal = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&refusal).unwrap(), text);
    let mark: ServerMark = serde_json::from_str(r#"{"last_sync":1388635807.41}"#).unwrap();
    assert_eq!(mark.last_sync.hundredths(), 138_863_580_741);
    assert!(mark.download.is_none());
    assert!(Pair::<ServerMark, ()>::default().failed_in.is_empty());
}
