//! What only a store in a file can show: that it lasts, is shared, is private, fills up, and is damaged.

use std::path::{Path, PathBuf};

use selvedge_core::host::{
    Base, Commit, Committed, Item, Key, PageLimit, Part, Pending, Selection, Store, StoreErrorKind,
    Stored, Write,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::{LocalTime, ServerTime};
use selvedge_host::SqliteStore;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store.sqlite")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).unwrap()
    }
}

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn put(name: &str, cleartext: String, seen: Option<&Stored>) -> Write {
    let id = RecordId::new(name).unwrap();
    Write {
        id: id.clone(),
        seen: seen.map(|stored| stored.revision),
        becomes: Some(Item {
            id,
            cleartext: Some(cleartext),
            base: Base::Same,
            sent: Base::Unknown,
            server_modified: ServerTime::from_hundredths(1),
            pending: Pending::Nothing,
            key: None,
        }),
    }
}

fn commit_of(writes: Vec<Write>) -> Commit {
    let part = Part {
        writes,
        state: Some("{}".into()),
        ..Part::new(notes())
    };
    Commit {
        parts: vec![part],
        global: None,
    }
}

fn commit(store: &SqliteStore, writes: Vec<Write>) -> Result<Committed, StoreErrorKind> {
    pollster::block_on(store.commit(commit_of(writes))).map_err(|error| error.kind)
}

fn done(store: &SqliteStore, writes: Vec<Write>) {
    assert_eq!(commit(store, writes), Ok(Committed::Done));
}

fn read(store: &SqliteStore, name: &str) -> Option<Stored> {
    pollster::block_on(store.read(&notes(), &[RecordId::new(name).unwrap()]))
        .unwrap()
        .remove(0)
}

/// A store that the last release wrote, whose tables had no duplicate keys and no staged versions.
#[test]
fn a_store_of_the_last_release_is_brought_up_to_date_with_everything_in_it() {
    const OLD: &[u8] = include_bytes!("../../data/store-of-version-2.sqlite");
    let place = Place::new();
    std::fs::write(place.path(), OLD).unwrap();
    let store = place.open();
    let text = |title: &str, id: &str| format!(r#"{{"id":"{id}","title":"{title}"}}"#);
    let content = |title: &str, id: &str| Base::Content(text(title, id));
    let edit = Pending::Edit {
        at: LocalTime::from_millis(1_700_000_000_000),
    };
    let row = |id: &str, title: Option<&str>, base, sent, modified, pending| {
        let item = Item {
            id: RecordId::new(id).unwrap(),
            cleartext: title.map(|title| text(title, id)),
            base,
            sent,
            server_modified: ServerTime::from_hundredths(modified),
            pending,
            key: None,
        };
        assert_eq!(read(&store, id).map(|stored| stored.item), Some(item));
    };
    let (same, none) = (Base::Same, Base::Unknown);
    row(
        "clean",
        Some("milk"),
        same.clone(),
        none.clone(),
        170_000_000_001,
        Pending::Nothing,
    );
    let [flour, dough] = ["flour", "dough"].map(|title| content(title, "edited"));
    row("edited", Some("bread"), flour, dough, 170_000_000_002, edit);
    row("fresh", Some("salt"), none.clone(), none.clone(), 0, edit);
    row(
        "gone",
        None,
        content("sugar", "gone"),
        same.clone(),
        170_000_000_003,
        edit,
    );
    row("resent", Some("tea"), none, same, 0, Pending::Resend);
    pollster::block_on(async {
        assert_eq!(store.global().await.unwrap().as_deref(), Some(r#"{"a":1}"#));
        let state = store.state(&notes()).await.unwrap();
        assert_eq!(state.as_deref(), Some(r#"{"sync_id":"abc"}"#));
        assert_eq!(store.collections().await.unwrap().len(), 2);
        let counts = store.counts(&notes()).await.unwrap();
        assert_eq!((counts.live, counts.pending), (4, 4));
        let limit = PageLimit::default();
        let incoming = store.page(&notes(), Selection::Incoming, None, limit).await;
        assert_eq!(incoming.unwrap(), []);
        let duplicates = store.duplicates(&notes(), &[Key::new("milk")]).await;
        assert_eq!(duplicates.unwrap(), []);
    });
    done(&store, vec![put("new", "{}".into(), None)]);
}

#[test]
fn what_was_committed_is_there_after_it_is_opened_again() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(
        commit(&store, vec![put("a", "{}".into(), None)]),
        Ok(Committed::Done)
    );
    let before = read(&store, "a");
    drop(store);
    let store = place.open();
    assert_eq!(read(&store, "a"), before);
    assert_eq!(
        pollster::block_on(store.state(&notes()))
            .unwrap()
            .as_deref(),
        Some("{}")
    );
}

#[test]
fn revisions_go_on_rising_after_it_is_opened_again() {
    let place = Place::new();
    let store = place.open();
    done(&store, vec![put("a", "1".into(), None)]);
    let first = read(&store, "a").unwrap();
    let removal = Write {
        becomes: None,
        ..put("a", "1".into(), Some(&first))
    };
    done(&store, vec![removal]);
    drop(store);
    let store = place.open();
    done(&store, vec![put("a", "1".into(), None)]);
    assert!(read(&store, "a").unwrap().revision > first.revision);
}

#[test]
fn a_second_connection_sees_commits_and_makes_writes_stale() {
    let place = Place::new();
    let (one, two) = (place.open(), place.open());
    done(&one, vec![put("a", "1".into(), None)]);
    let seen = read(&two, "a").unwrap();
    assert_eq!(
        commit(&two, vec![put("a", "2".into(), Some(&seen))]),
        Ok(Committed::Done)
    );
    assert_eq!(
        commit(&one, vec![put("a", "3".into(), Some(&seen))]),
        Ok(Committed::Stale)
    );
    assert_eq!(
        read(&one, "a").unwrap().item.cleartext.as_deref(),
        Some("2")
    );
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let place = Place::new();
    drop(place.open());
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let path = place.path();
            std::thread::spawn(move || {
                let store = SqliteStore::open(&path).unwrap();
                for n in 0..25 {
                    loop {
                        let seen = read(&store, "shared");
                        let count = seen
                            .as_ref()
                            .and_then(|stored| stored.item.cleartext.as_ref())
                            .map_or(0, |text| text.parse::<u32>().unwrap());
                        let writes = vec![
                            put("shared", (count + 1).to_string(), seen.as_ref()),
                            put(&format!("own-{writer}-{n}"), "{}".into(), None),
                        ];
                        if commit(&store, writes) == Ok(Committed::Done) {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let store = place.open();
    assert_eq!(
        read(&store, "shared").unwrap().item.cleartext.as_deref(),
        Some("100")
    );
    assert_eq!(
        pollster::block_on(store.counts(&notes())).unwrap().live,
        101
    );
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let place = Place::new();
    let store = place.open();
    done(&store, vec![put("kept", "{}".into(), None)]);
    store.limit_pages(30).unwrap();
    let too_much = vec![
        put("small", "{}".into(), None),
        put("large", "x".repeat(1 << 20), None),
    ];
    assert_eq!(commit(&store, too_much), Err(StoreErrorKind::Full));
    assert_eq!(read(&store, "small"), None);
    assert!(read(&store, "kept").is_some());
    store.limit_pages(u32::MAX - 1).unwrap();
    assert_eq!(
        commit(&store, vec![put("large", "x".repeat(1 << 20), None)]),
        Ok(Committed::Done)
    );
}

#[test]
fn a_file_that_is_no_database_is_damaged_and_left_alone() {
    let place = Place::new();
    let content = b"Dear diary, this is not SQLite at all. ".repeat(30);
    std::fs::write(place.path(), &content).unwrap();
    let error = SqliteStore::open(&place.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.to_string().contains("store.sqlite"), "{error}");
    assert_eq!(std::fs::read(place.path()).unwrap(), content);
}

#[test]
fn a_database_with_overwritten_pages_is_damaged() {
    let place = Place::new();
    let store = place.open();
    let writes = (0..2000)
        .map(|n| put(&format!("record{n}"), "x".repeat(500), None))
        .collect();
    done(&store, writes);
    drop(store);
    overwrite_from_page(&place.path(), 2);
    let outcome = SqliteStore::open(&place.path()).and_then(|store| {
        pollster::block_on(store.page(&notes(), Selection::Live, None, PageLimit::default()))
    });
    assert_eq!(outcome.unwrap_err().kind, StoreErrorKind::Damaged);
}

fn overwrite_from_page(path: &Path, page: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes
        .iter_mut()
        .skip((page - 1) * 4096)
        .for_each(|byte| *byte = 0xA5);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let place = Place::new();
    let other = rusqlite::Connection::open(place.path()).unwrap();
    other
        .execute_batch("CREATE TABLE cookies (name); INSERT INTO cookies VALUES ('x');")
        .unwrap();
    drop(other);
    let error = SqliteStore::open(&place.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let other = rusqlite::Connection::open(place.path()).unwrap();
    let tables: u32 = other
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_store_of_a_newer_program_is_refused() {
    let place = Place::new();
    drop(place.open());
    let newer = rusqlite::Connection::open(place.path()).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    let error = SqliteStore::open(&place.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.detail.contains("upgrade"), "{error}");
}

#[test]
fn a_directory_in_place_of_the_file_is_unavailable() {
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    let error = SqliteStore::open(&place.path()).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
}

#[cfg(unix)]
#[test]
fn its_files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    let store = place.open();
    done(&store, vec![put("a", "{}".into(), None)]);
    let files: Vec<_> = std::fs::read_dir(place.dir.path()).unwrap().collect();
    assert!(files.len() >= 2, "the write-ahead log is there");
    for file in files {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
