//! Records as a person edits them.

use core::cell::Cell;

use pollster::block_on;

use super::*;
use crate::host::{MemoryStore, RandomError, Uploaded};
use crate::time::LocalTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A clock that never advances, and random bytes that count up.
#[derive(Default)]
struct Host(Cell<u8>);

impl Clock for Host {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(9)
    }
}

impl Random for Host {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.0.replace(self.0.get() + 1));
        Ok(())
    }
}

const EDIT: Pending = Pending::Edit {
    at: LocalTime::from_millis(9),
};

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn id() -> RecordId {
    RecordId::new("a").unwrap()
}

fn with<T>(work: impl AsyncFnOnce(&MemoryStore, &Records<'_, MemoryStore, Host, Host>) -> T) -> T {
    let (store, host) = (MemoryStore::default(), Host::default());
    block_on(work(&store, &Records::new(&store, &host, &host, notes())))
}

async fn stored(store: &MemoryStore) -> Stored {
    store
        .read(&notes(), &[id()])
        .await
        .unwrap()
        .remove(0)
        .unwrap()
}

/// Brings the store to the state after a sync: the server has the record.
async fn upload(store: &MemoryStore) {
    let revision = stored(store).await.revision;
    let uploaded = alloc::vec![Uploaded {
        id: id(),
        revision,
        modified: ServerTime::from_hundredths(5)
    }];
    let part = Part {
        uploaded,
        ..Part::new(notes())
    };
    let _done = store
        .commit(Commit {
            parts: alloc::vec![part],
            global: None,
        })
        .await
        .unwrap();
}

#[test]
fn a_new_record_waits_for_upload() {
    with(async |store, records| {
        records.put(Some(id()), r#"{"x":1}"#).await.unwrap();
        let item = stored(store).await.item;
        assert_eq!((item.base, item.pending), (Base::Unknown, EDIT));
        assert_eq!(item.cleartext.as_deref(), Some(r#"{"id":"a","x":1}"#));
    });
}

#[test]
fn an_edit_keeps_what_the_server_has_until_the_next_sync() {
    with(async |store, records| {
        records.put(Some(id()), r#"{"x":1}"#).await.unwrap();
        upload(store).await;
        records.edit(&id(), r#"{"x":2}"#).await.unwrap();
        records.edit(&id(), r#"{"x":3}"#).await.unwrap();
        let item = stored(store).await.item;
        assert_eq!(
            (item.base, item.pending),
            (Base::Content(r#"{"id":"a","x":1}"#.into()), EDIT)
        );
        assert_eq!(item.cleartext.as_deref(), Some(r#"{"id":"a","x":3}"#));
    });
}

#[test]
fn an_edit_keeps_what_was_sent_until_it_is_acknowledged() {
    with(async |store, records| {
        records.put(Some(id()), r#"{"x":1}"#).await.unwrap();
        let Stored { item, revision } = stored(store).await;
        let marked = Write {
            id: id(),
            seen: Some(revision),
            becomes: Some(Item {
                sent: Base::Same,
                ..item
            }),
        };
        let part = Part {
            writes: alloc::vec![marked],
            ..Part::new(notes())
        };
        let parts = alloc::vec![part];
        let commit = Commit {
            parts,
            global: None,
        };
        assert_eq!(store.commit(commit).await, Ok(Committed::Done));
        records.edit(&id(), r#"{"x":2}"#).await.unwrap();
        let sent = Base::Content(r#"{"id":"a","x":1}"#.into());
        assert_eq!(stored(store).await.item.sent, sent);
        records.delete(&id()).await.unwrap();
        assert_eq!(stored(store).await.item.sent, sent);
    });
}

#[test]
fn an_edit_without_a_change_is_ignored() {
    with(async |store, records| {
        records.put(Some(id()), r#"{"x":1}"#).await.unwrap();
        upload(store).await;
        records
            .put(Some(id()), r#"{ "x": 1, "id": "a" }"#)
            .await
            .unwrap();
        assert_eq!(stored(store).await.item.pending, Pending::Nothing);
    });
}

#[test]
fn a_deletion_keeps_the_deleted_content_as_base() {
    with(async |store, records| {
        records.put(Some(id()), r#"{"x":1}"#).await.unwrap();
        records.delete(&id()).await.unwrap();
        let item = stored(store).await.item;
        assert_eq!(
            (item.cleartext, item.base),
            (None, Base::Content(r#"{"id":"a","x":1}"#.into()))
        );
        assert_eq!(records.get(&id()).await.unwrap(), None);
        assert_eq!(
            records.delete(&id()).await,
            Err(Error::NoSuchRecord { id: id() })
        );
    });
}

#[test]
fn many_records_are_put_all_or_none() {
    with(async |store, records| {
        let bad = records
            .put_many(&[(None, r#"{"x":1}"#), (None, "[]")])
            .await;
        assert!(matches!(bad, Err(Error::Input(_))));
        let twice = records
            .put_many(&[(Some(id()), "{}"), (None, r#"{"id":"a"}"#)])
            .await;
        assert!(matches!(twice, Err(Error::Input(_))));
        assert_eq!(store.counts(&notes()).await.unwrap().live, 0);
        let ids = records
            .put_many(&[(None, "{}"), (None, "{}"), (Some(id()), "{}")])
            .await
            .unwrap();
        assert_eq!(
            (ids.len(), store.counts(&notes()).await.unwrap().live),
            (3, 3)
        );
    });
}

#[test]
fn an_invalid_record_is_refused() {
    with(async |_, records| {
        for json in [
            "",
            "[1]",
            "{",
            r#"{"id":"b"}"#,
            r#"{"id":7}"#,
            r#"{"id":""}"#,
            r#"{"deleted":true}"#,
            r#"{"x":"\ud83e"}"#,
        ] {
            assert!(
                matches!(records.put(Some(id()), json).await, Err(Error::Input(_))),
                "{json}"
            );
        }
        assert_eq!(
            records.edit(&id(), "{}").await,
            Err(Error::NoSuchRecord { id: id() })
        );
    });
}

#[test]
fn an_unpaired_surrogate_is_kept_but_a_new_one_is_refused() {
    with(async |store, records| {
        let cut = r#"{"id":"a","title":"cut \ud83d","n":1}"#;
        let item = Item {
            id: id(),
            cleartext: Some(cut.into()),
            base: Base::Same,
            sent: Base::Unknown,
            server_modified: ServerTime::ZERO,
            pending: Pending::Nothing,
            key: None,
        };
        let write = Write {
            id: id(),
            seen: None,
            becomes: Some(item),
        };
        let part = Part {
            writes: alloc::vec![write],
            ..Part::new(notes())
        };
        let parts = alloc::vec![part];
        let commit = Commit {
            parts,
            global: None,
        };
        assert_eq!(store.commit(commit).await, Ok(Committed::Done));
        records.edit(&id(), r#"{"n":2}"#).await.unwrap();
        let edited = records.get(&id()).await.unwrap().unwrap();
        assert_eq!(edited, r#"{"id":"a","title":"cut \ud83d","n":2}"#);
        records
            .put(Some(id()), r#"{"title":"cut \uD83D","m":1}"#)
            .await
            .unwrap();
        for json in [
            r#"{"title":"other \ud83d"}"#,
            r#"{"new":["\udd8a"]}"#,
            r#"{"\udd8a":1}"#,
        ] {
            let refused = records.edit(&id(), json).await;
            assert!(matches!(refused, Err(Error::Input(_))), "{json}");
            let refused = records.put_many(&[(Some(id()), json)]).await;
            assert!(matches!(refused, Err(Error::Input(_))), "{json}");
        }
        assert_eq!(store.counts(&notes()).await.unwrap().live, 1);
    });
}

#[test]
fn a_change_is_applied_only_to_the_text_that_was_seen() {
    with(async |_, records| {
        let change = async |seen: Option<&str>, new: Option<&str>, unchanged: &[&str]| {
            let unchanged: Vec<String> = unchanged.iter().map(ToString::to_string).collect();
            records.change_seen(&id(), seen, new, &unchanged).await
        };
        assert!(!change(Some("{}"), Some("{}"), &[]).await.unwrap());
        assert!(change(None, None, &[]).await.unwrap(), "nothing to delete");
        let first = r#"{"id":"a","n":1.10}"#;
        assert!(change(None, Some(r#"{"n":1.10}"#), &[]).await.unwrap());
        assert_eq!(records.get(&id()).await.unwrap().as_deref(), Some(first));
        assert!(!change(None, Some(r#"{"n":2}"#), &[]).await.unwrap());
        // Fields named in `unchanged` keep their text.
        let new = r#"{"id":"a","n":1.1,"x":null}"#;
        assert!(change(Some(first), Some(new), &["n", "y"]).await.unwrap());
        let second = r#"{"id":"a","n":1.10,"x":null}"#;
        assert_eq!(records.get(&id()).await.unwrap().as_deref(), Some(second));
        assert!(
            change(Some(second), Some(r#"{"id":"b"}"#), &[])
                .await
                .is_err()
        );
        assert!(change(Some(second), None, &[]).await.unwrap());
        assert_eq!(records.get(&id()).await.unwrap(), None);
    });
}
