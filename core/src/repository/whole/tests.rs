//! An edit that is made while a merge runs: before its commit, and between its commit and its upload.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use pollster::block_on;

use super::*;
use crate::engines::{Merge, Records, TreeEdit, TreePlan, TreeRecord, TreeUpload};
use crate::host::{MemoryStore, Random, RandomError, StoreError};
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

/// Uploads all local records together.
#[derive(Debug)]
struct AllTogether {
    collection: CollectionName,
    merges: Cell<u32>,
}

impl Engine for AllTogether {
    fn collection(&self) -> &CollectionName {
        &self.collection
    }

    fn version(&self) -> u64 {
        1
    }

    fn merge(&self) -> Merge<'_> {
        Merge::WholeCollection(self)
    }
}

impl TreeMerge for AllTogether {
    fn merge(&self, input: &TreeInput<'_>) -> core::result::Result<TreePlan, String> {
        self.merges.set(self.merges.get() + 1);
        let upload = |item: &TreeItem<'_>| TreeUpload {
            id: item.id.clone(),
            sort_index: None,
        };
        Ok(TreePlan {
            uploads: input.items.iter().map(upload).collect(),
            ..TreePlan::default()
        })
    }

    fn complete(
        &self,
        _: &[TreeRecord<'_>],
        _: &[TreeEdit<'_>],
    ) -> core::result::Result<Vec<(RecordId, Option<String>)>, String> {
        Ok(Vec::new())
    }
}

type Meddle = Box<dyn FnOnce(&MemoryStore)>;

/// A store that another program writes to, once, before or after the next commit.
struct Shared {
    store: MemoryStore,
    before: RefCell<Option<Meddle>>,
    after: RefCell<Option<Meddle>>,
}

impl Store for Shared {
    crate::delegate_reads!(store);

    async fn commit(&self, commit: Commit) -> core::result::Result<Committed, StoreError> {
        if let Some(meddle) = self.before.take() {
            meddle(&self.store);
        }
        let committed = self.store.commit(commit).await;
        if let Some(meddle) = self.after.take() {
            meddle(&self.store);
        }
        committed
    }
}

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn put(store: &MemoryStore, id: &str, json: &str) {
    let records = Records::new(store, &Host, &Host, notes());
    block_on(records.put(Some(RecordId::new(id).unwrap()), json)).unwrap();
}

#[test]
fn an_edit_made_during_a_merge_is_merged_before_anything_is_sent() {
    let edit = || -> Option<Meddle> {
        Some(Box::new(|store: &MemoryStore| {
            put(store, "a", r#"{"v":2}"#);
            put(store, "b", r#"{"v":2}"#);
        }))
    };
    for (name, before, after, merges) in [
        ("undisturbed", None, None, 1),
        ("before the commit", edit(), None, 2),
        ("after the commit", None, edit(), 2),
    ] {
        let is_edited = merges > 1;
        let store = Shared {
            store: MemoryStore::default(),
            before: RefCell::new(before),
            after: RefCell::new(after),
        };
        put(&store.store, "a", r#"{"v":1}"#);
        let engine = AllTogether {
            collection: notes(),
            merges: Cell::new(0),
        };
        let merged = block_on(merge(&store, &Host, &engine, &engine, 1_700_000_000_000)).unwrap();
        let sent: Vec<&str> = merged
            .uploads
            .iter()
            .map(|record| record.cleartext.as_deref().unwrap())
            .collect();
        let expected: &[&str] = if is_edited {
            &[r#"{"id":"a","v":2}"#, r#"{"id":"b","v":2}"#]
        } else {
            &[r#"{"id":"a","v":1}"#]
        };
        assert_eq!(sent, expected, "{name}");
        assert_eq!(engine.merges.get(), merges, "{name}");
        for record in merged.uploads {
            let stored = block_on(store.read(&notes(), &[record.id])).unwrap();
            assert_eq!(
                stored[0].as_ref().map(|stored| stored.revision),
                Some(record.revision)
            );
        }
    }
}

#[test]
fn a_collection_without_changes_is_not_merged() {
    let store = MemoryStore::default();
    let engine = AllTogether {
        collection: notes(),
        merges: Cell::new(0),
    };
    let merged = block_on(merge(&store, &Host, &engine, &engine, 5)).unwrap();
    assert_eq!((merged.uploads.len(), engine.merges.get()), (0, 0));
}
