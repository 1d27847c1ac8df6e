//! Staged versions and duplicate keys, in every store.

use selvedge_core::host::{
    Base, BulkChange, Commit, Committed, Counts, Item, Key, MemoryStore, PageLimit, Part, Pending,
    Revision, Selection, Store, Stored, Write,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::{LocalTime, ServerTime};
use selvedge_host::SqliteStore;

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn item(id: &str, cleartext: Option<&str>, key: Option<&str>) -> Item {
    Item {
        id: RecordId::new(id).unwrap(),
        cleartext: cleartext.map(Into::into),
        base: Base::Unknown,
        sent: Base::Unknown,
        server_modified: ServerTime::from_hundredths(7),
        pending: Pending::Edit {
            at: LocalTime::from_millis(1),
        },
        key: key.map(Key::new),
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
        write(item("a", Some("1"), None), None),
        write(item("b", None, None), None),
    ];
    stage(store, all).await;
    assert_eq!(store.counts(&notes()).await, Ok(Counts::default()));
    let ids = [RecordId::new("a").unwrap()];
    assert_eq!(store.read(&notes(), &ids).await, Ok(vec![None]));
    let first = staged(store).await;
    let expected = item("a", Some("1"), None);
    assert_eq!((first.len(), &first[0].item), (2, &expected));
    // A version that arrived since stays, though the earlier one was merged.
    stage(store, vec![write(item("a", Some("2"), None), None)]).await;
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
        stage(store, vec![write(item("c", Some("3"), None), None)]).await;
        let part = Part {
            sweep: Some(sweep),
            ..Part::new(notes())
        };
        done(store, part).await;
        assert_eq!(staged(store).await, [], "{sweep:?}");
    }
}

async fn items_are_found_by_their_keys(store: &impl Store) {
    let rows = [
        item("a", Some("1"), Some("x")),
        item("b", Some("2"), Some("y")),
        item("c", None, Some("x")),
        item("d", Some("4"), Some("x")),
        item("e", Some("5"), None),
    ];
    let part = Part {
        writes: rows.map(|item| write(item, None)).into(),
        ..Part::new(notes())
    };
    done(store, part).await;
    let found = async |keys: &[&str]| {
        let keys: Vec<Key> = keys.iter().map(|key| Key::new(*key)).collect();
        let found = store.duplicates(&notes(), &keys).await.unwrap();
        let ids = found.iter().map(|stored| stored.item.id.to_string());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(found(&["x"]).await, ["a", "d"]);
    assert_eq!(found(&["y", "x", "y", "z"]).await, ["a", "b", "d"]);
    assert_eq!(found(&[]).await, Vec::<String>::new());
    let ids = [RecordId::new("a").unwrap()];
    let stored = store.read(&notes(), &ids).await.unwrap().remove(0).unwrap();
    let renamed = item("a", Some("1"), Some("z"));
    let part = Part {
        writes: vec![write(renamed, Some(stored.revision))],
        ..Part::new(notes())
    };
    done(store, part).await;
    assert_eq!(
        (found(&["x"]).await, found(&["z"]).await),
        (vec!["d".into()], vec!["a".into()])
    );
}

#[test]
fn staged_versions() {
    pollster::block_on(async {
        a_staged_version_is_apart_until_it_is_removed(&MemoryStore::default()).await;
        a_staged_version_is_apart_until_it_is_removed(&SqliteStore::in_memory().unwrap()).await;
    });
}

#[test]
fn duplicate_keys() {
    pollster::block_on(async {
        items_are_found_by_their_keys(&MemoryStore::default()).await;
        items_are_found_by_their_keys(&SqliteStore::in_memory().unwrap()).await;
    });
}
