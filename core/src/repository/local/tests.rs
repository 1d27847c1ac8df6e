//! Which version is kept when a version with another time arrives.

use pollster::block_on;

use super::*;
use crate::engines::Generic;
use crate::host::{Base, MemoryStore, Revision};
use crate::ids::CollectionName;
use crate::time::LocalTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOW: u64 = 1_700_000_000_000;
const HOUR: u64 = 3_600_000;

struct Stopped;
impl Clock for Stopped {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(NOW)
    }
}

impl Random for Stopped {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), crate::host::RandomError> {
        bytes.fill(7);
        Ok(())
    }
}

fn id() -> RecordId {
    RecordId::new("a").unwrap()
}

fn at(millis: u64) -> ServerTime {
    ServerTime::from_hundredths(millis / 10)
}

fn item(cleartext: Option<&str>, base: Base, known: u64, pending: Pending) -> Item {
    Item {
        id: id(),
        cleartext: cleartext.map(Into::into),
        base,
        sent: Base::Unknown,
        server_modified: at(known),
        pending,
        key: None,
    }
}

/// The result for an item when a version of this time arrives.
fn arrives(item: &Item, cleartext: Option<&str>, modified: u64, compares: bool) -> Option<Item> {
    let store = MemoryStore::default();
    let engine = Generic::new(CollectionName::new("notes").unwrap()).unwrap();
    let mut local = LocalRepository::new(&store, &Stopped, &Stopped, &engine);
    local.compare(compares);
    let write = Write {
        id: id(),
        seen: None,
        becomes: Some(item.clone()),
    };
    let part = Part {
        writes: alloc::vec![write],
        ..local.part()
    };
    assert_eq!(block_on(local.commit(part)).unwrap(), Committed::Done);
    let record = Record {
        cleartext: cleartext.map(Into::into),
        modified: Some(at(modified)),
        age_millis: NOW.saturating_sub(modified),
        revision: Revision::default(),
        ..Record::tombstone(id())
    };
    let _receipt = block_on(local.store(alloc::vec![record])).unwrap();
    let found = block_on(store.read(engine.collection(), &[id()])).unwrap();
    found.into_iter().flatten().next().map(|stored| stored.item)
}

const OLD: &str = r#"{"id":"a","v":1}"#;
const NEW: &str = r#"{"id":"a","v":2}"#;

#[test]
fn a_version_from_a_backup_does_not_replace_the_newer_one() {
    let edit = Pending::Edit {
        at: LocalTime::from_millis(NOW - 10 * HOUR),
    };
    let rows = [
        (
            "unchanged",
            item(Some(NEW), Base::Same, NOW - HOUR, Pending::Nothing),
            Pending::Resend,
        ),
        (
            "edited, long ago",
            item(Some(NEW), Base::Content(OLD.into()), NOW - HOUR, edit),
            edit,
        ),
    ];
    for (name, item, pending) in rows {
        for theirs in [Some(OLD), None] {
            let after = arrives(&item, theirs, NOW - 2 * HOUR, true).unwrap();
            assert_eq!(after.cleartext.as_deref(), Some(NEW), "{name} {theirs:?}");
            assert_eq!(after.pending, pending, "{name} {theirs:?}");
        }
    }
    let deleted = item(None, Base::Content(NEW.into()), NOW - HOUR, edit);
    let after = arrives(&deleted, Some(OLD), NOW - 2 * HOUR, true).unwrap();
    assert!(after.is_deleted(), "a deletion stands");
}

#[test]
fn a_later_version_replaces_ours() {
    let ours = item(Some(OLD), Base::Same, NOW - 2 * HOUR, Pending::Nothing);
    for compares in [false, true] {
        let after = arrives(&ours, Some(NEW), NOW - HOUR, compares).unwrap();
        assert_eq!(after.cleartext.as_deref(), Some(NEW), "{compares}");
        assert_eq!(
            arrives(&ours, None, NOW - HOUR, compares),
            None,
            "{compares}"
        );
    }
    let more = item(
        Some(r#"{"id":"a","v":1,"w":1}"#),
        Base::Same,
        NOW - 2 * HOUR,
        Pending::Nothing,
    );
    let after = arrives(&more, Some(NEW), NOW - HOUR, true).unwrap();
    assert!(
        after
            .cleartext
            .as_deref()
            .is_some_and(|text| text.contains("\"w\":1")),
        "in a comparison what only ours has is kept: {after:?}"
    );
}

#[test]
fn a_time_to_come_makes_nothing_earlier() {
    let year = 365 * 24 * HOUR;
    let ours = item(Some(OLD), Base::Same, NOW + year, Pending::Nothing);
    let after = arrives(&ours, Some(NEW), NOW - HOUR, true).unwrap();
    assert_eq!(after.cleartext.as_deref(), Some(NEW));
}
