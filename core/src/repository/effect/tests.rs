//! What a plan stores: each row of the table.

use super::super::versions::rows;
use super::*;
use crate::engines::{Generic, TreeUpload};
use crate::host::{Revision, Stored};
use crate::ids::CollectionName;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOW: LocalTime = LocalTime::from_millis(1_700_000_000_000);
const EDIT: Pending = Pending::Edit {
    at: LocalTime::from_millis(1_600_000_000_000),
};
const AT_NOW: Pending = Pending::Edit { at: NOW };
const OLD: &str = r#"{"id":"a","v":1}"#;
const NEW: &str = r#"{"id":"a","v":2}"#;
const BOTH: &str = r#"{"id":"a","v":3}"#;

fn item(cleartext: Option<&str>, base: Base, sent: Base, modified: u64, pending: Pending) -> Item {
    Item {
        id: id(),
        cleartext: cleartext.map(Into::into),
        base,
        sent,
        server_modified: ServerTime::from_hundredths(modified),
        pending,
        key: None,
    }
}

fn id() -> RecordId {
    RecordId::new("a").unwrap()
}

fn content(text: &str) -> Base {
    Base::Content(text.into())
}

/// What the plan does with the record.
#[derive(Default)]
struct Wish<'a> {
    upsert: Option<&'a str>,
    is_removed: bool,
    is_uploaded: bool,
}

/// The effect on the record "a": `None` if nothing is written.
fn effect(
    before: Option<&Item>,
    arrived: Option<&Item>,
    wish: &Wish<'_>,
) -> (Effect, Option<Option<Item>>) {
    let stored = |item: Option<&Item>| -> Vec<Stored> {
        let one = item.map(|item| Stored {
            item: item.clone(),
            revision: Revision(1),
        });
        one.into_iter().collect()
    };
    let (here, there) = (stored(before), stored(arrived));
    let rows = rows(&here, &there, NOW, NOW.millis());
    let upload = TreeUpload {
        id: id(),
        sort_index: Some(5),
    };
    let plan = TreePlan {
        upserts: wish
            .upsert
            .map(|text| (id(), text.into()))
            .into_iter()
            .collect(),
        removals: wish.is_removed.then(id).into_iter().collect(),
        uploads: wish.is_uploaded.then_some(upload).into_iter().collect(),
        replaced: Vec::new(),
    };
    let engine = Generic::new(CollectionName::new("notes").unwrap()).unwrap();
    let effect = carry_out(&engine, &rows, &plan, NOW);
    let write = effect.writes.first().map(|write| {
        assert_eq!(write.seen, before.map(|_| Revision(1)));
        write.becomes.clone()
    });
    (effect, write)
}

#[test]
fn each_wish_has_its_effect() {
    use Base::{Same, Unknown};
    let nothing = Pending::Nothing;
    let clean = item(Some(OLD), Same, Unknown, 100, nothing);
    let edited = item(Some(NEW), content(OLD), Unknown, 100, EDIT);
    let fresh = item(Some(NEW), Unknown, Unknown, 0, EDIT);
    let deleted = item(None, content(OLD), Unknown, 100, EDIT);
    let arrived = item(Some(NEW), Unknown, Unknown, 200, EDIT);
    let gone = item(None, Unknown, Unknown, 200, EDIT);
    let upsert = |text| Wish {
        upsert: Some(text),
        ..Wish::default()
    };
    let upload = |upsert| Wish {
        upsert,
        is_uploaded: true,
        is_removed: false,
    };
    let remove = |is_uploaded| Wish {
        is_removed: true,
        is_uploaded,
        upsert: None,
    };
    type Row<'a> = (
        &'a str,
        Option<&'a Item>,
        Option<&'a Item>,
        Wish<'a>,
        Option<Option<Item>>,
    );
    let rows: [Row<'_>; 15] = [
        ("nothing to do", Some(&clean), None, Wish::default(), None),
        (
            "applied",
            Some(&clean),
            Some(&arrived),
            upsert(NEW),
            Some(Some(item(Some(NEW), Same, Unknown, 200, nothing))),
        ),
        (
            "added",
            None,
            Some(&arrived),
            upsert(NEW),
            Some(Some(item(Some(NEW), Same, Unknown, 200, nothing))),
        ),
        (
            "not wanted here",
            None,
            Some(&arrived),
            Wish::default(),
            None,
        ),
        (
            "removed",
            Some(&clean),
            Some(&gone),
            remove(false),
            Some(None),
        ),
        (
            "merged",
            Some(&edited),
            Some(&arrived),
            upload(Some(BOTH)),
            Some(Some(item(Some(BOTH), content(NEW), Same, 200, EDIT))),
        ),
        (
            "kept",
            Some(&edited),
            None,
            upload(None),
            Some(Some(item(Some(NEW), content(OLD), Same, 100, EDIT))),
        ),
        (
            "new on the server",
            Some(&fresh),
            None,
            upload(None),
            Some(Some(item(Some(NEW), Unknown, Same, 0, EDIT))),
        ),
        (
            "repaired",
            Some(&clean),
            None,
            upload(Some(BOTH)),
            Some(Some(item(Some(BOTH), content(OLD), Same, 100, AT_NOW))),
        ),
        (
            "made by the merge",
            None,
            None,
            upload(Some(BOTH)),
            Some(Some(item(Some(BOTH), Unknown, Same, 0, AT_NOW))),
        ),
        (
            "deleted here",
            Some(&deleted),
            None,
            upload(None),
            Some(Some(item(None, content(OLD), Same, 100, EDIT))),
        ),
        (
            "deleted by the merge",
            Some(&clean),
            None,
            remove(true),
            Some(Some(item(None, content(OLD), Same, 100, AT_NOW))),
        ),
        (
            "deleted on both sides",
            Some(&deleted),
            Some(&gone),
            Wish::default(),
            Some(None),
        ),
        (
            "settled",
            Some(&edited),
            Some(&arrived),
            Wish::default(),
            Some(Some(item(Some(NEW), Same, Unknown, 200, nothing))),
        ),
        ("left for later", Some(&fresh), None, Wish::default(), None),
    ];
    for (name, before, arrived, wish, expected) in rows {
        let (effect, write) = effect(before, arrived, &wish);
        assert_eq!(write, expected, "{name}");
        let uploads: Vec<(RecordId, Option<i32>)> = wish
            .is_uploaded
            .then(|| (id(), Some(5)))
            .into_iter()
            .collect();
        assert_eq!(effect.uploads, uploads, "{name}");
    }
}

#[test]
fn a_record_under_former_keys_is_sent_again_in_any_case() {
    let clean = item(Some(OLD), Base::Same, Base::Unknown, 100, Pending::Nothing);
    let arrived = item(
        Some(NEW),
        Base::Unknown,
        Base::Unknown,
        200,
        Pending::Resend,
    );
    let wish = Wish {
        upsert: Some(NEW),
        ..Wish::default()
    };
    let (effect, write) = effect(Some(&clean), Some(&arrived), &wish);
    assert_eq!(effect.uploads, [(id(), None)]);
    let expected = item(Some(NEW), content(NEW), Base::Same, 200, AT_NOW);
    assert_eq!(write, Some(Some(expected)));
}

#[test]
fn changes_are_counted_by_kind() {
    let rows = [
        (None, Some("a"), false, (1, 0, 0, 0)),
        (Some("a"), Some("b"), false, (0, 1, 0, 0)),
        (Some("a"), None, false, (0, 0, 1, 0)),
        (Some("a"), Some("b"), true, (0, 0, 0, 1)),
        (Some("a"), Some("a"), true, (0, 0, 0, 0)),
        (None, None, true, (0, 0, 0, 0)),
    ];
    for (before, after, is_uploaded, expected) in rows {
        let (mut effect, _) = effect(None, None, &Wish::default());
        effect.count(before, after, is_uploaded);
        let Applied {
            added,
            changed,
            deleted,
            merged,
        } = effect.applied;
        assert_eq!(
            (added, changed, deleted, merged),
            expected,
            "{before:?} {after:?}"
        );
    }
}
