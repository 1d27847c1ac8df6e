//! Staged versions, in every store.

use selvedge_core::host::{
    Base, BulkChange, Commit, Committed, Counts, Item, MemoryStore, PageLimit, Part, Pending,
    Revision, Selection, Store, Stored, Write,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::{LocalTime, ServerTime};
use selvedge_host::SqliteStore;

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn item(id: &str, cleartext: Option<&str>) -> Item {
    Item {
        id: RecordId::new(id).unwrap(),
        cleartext: cleartext.map(Into::into),
        base: Base::Unknown,
        sent: Base::Unknown,
        server_modified: ServerTime::from_hundredths(7),
        pending: Pending::Edit {
            at: LocalTime::from_millis(1),
        },
        key: None,
    }
}

fn write(item: Item, seen: Option<Revision>) -> Write {
    Write {
        id: item.id.clone(),
        seen,
        becomes: Some(item),
    }
}

async fn done(store: &impl Store, part: Part) {
    let commit = Commit {
        parts: vec![part],
        global: None,
    };
    assert_eq!(store.commit(commit).await, Ok(Committed::Done));
}

async fn stage(store: &impl Store, incoming: Vec<Write>) {
    let part = Part {
        incoming,
        ..Part::new(notes())
    };
    done(store, part).await;
}

async fn staged(store: &impl Store) -> Vec<Stored> {
    store
        .page(&notes(), Selection::Incoming, None, PageLimit::default())
        .await
        .unwrap()
}

async fn staged_texts(store: &impl Store) -> Vec<(String, Option<String>)> {
    let all = staged(store).await.into_iter();
    all.map(|stored| (stored.item.id.to_string(), stored.item.cleartext))
        .collect()
}

async fn a_staged_version_is_apart_until_it_is_removed(store: &impl Store) {
    let all = vec![
        write(item("a", Some("1")), None),
        write(item("b", None), None),
    ];
    stage(store, all).await;
    assert_eq!(store.counts(&notes()).await, Ok(Counts::default()));
    let ids = [RecordId::new("a").unwrap()];
    assert_eq!(store.read(&notes(), &ids).await, Ok(vec![None]));
    let first = staged(store).await;
    let expected = item("a", Some("1"));
    assert_eq!((first.len(), &first[0].item), (2, &expected));
    // A version that arrived since stays, though the earlier one was merged.
    stage(store, vec![write(item("a", Some("2")), None)]).await;
    let merged = first.iter().map(|stored| Write {
        id: stored.item.id.clone(),
        seen: Some(stored.revision),
        becomes: None,
    });
    stage(store, merged.collect()).await;
    assert_eq!(staged_texts(store).await, [("a".into(), Some("2".into()))]);
    let after = store
        .page(
            &notes(),
            Selection::Incoming,
            Some(&ids[0]),
            PageLimit::default(),
        )
        .await;
    assert_eq!(after, Ok(Vec::new()));
    for sweep in [BulkChange::Reset, BulkChange::Wipe] {
        stage(store, vec![write(item("c", Some("3")), None)]).await;
        let part = Part {
            sweep: Some(sweep),
            ..Part::new(notes())
        };
        done(store, part).await;
        assert_eq!(staged(store).await, [], "{sweep:?}");
    }
}

#[test]
fn staged_versions() {
    pollster::block_on(async {
        a_staged_version_is_apart_until_it_is_removed(&MemoryStore::default()).await;
        a_staged_version_is_apart_until_it_is_removed(&SqliteStore::in_memory().unwrap()).await;
    });
}
