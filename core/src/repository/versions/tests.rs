//! What an engine sees of the versions of a record: each row of the table.

use alloc::string::String;

use super::*;
use crate::host::{Item, Revision};
use crate::time::ServerTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOW: LocalTime = LocalTime::from_millis(1_700_000_000_000);
const EDIT: Pending = Pending::Edit {
    at: LocalTime::from_millis(1_600_000_000_000),
};

fn stored(
    cleartext: Option<&str>,
    base: Base,
    sent: Base,
    modified: u64,
    pending: Pending,
) -> Stored {
    Stored {
        item: Item {
            id: RecordId::new("a").unwrap(),
            cleartext: cleartext.map(Into::into),
            base,
            sent,
            server_modified: ServerTime::from_hundredths(modified),
            pending,
            key: None,
        },
        revision: Revision(1),
    }
}

fn staged(cleartext: Option<&str>, modified: u64) -> Stored {
    stored(cleartext, Base::Unknown, Base::Unknown, modified, EDIT)
}

fn content(text: &str) -> Base {
    Base::Content(text.into())
}

#[test]
fn each_version_is_a_base_or_a_change() {
    use Base::{Same, Unknown};
    const OLD: &str = r#"{"id":"a","v":1}"#;
    const NEW: &str = r#"{"id":"a","v":2}"#;
    const SPACED: &str = r#"{ "v":1, "id":"a" }"#;
    let clean = stored(Some(OLD), Same, Unknown, 100, Pending::Nothing);
    let edited = stored(Some(NEW), content(OLD), Unknown, 100, EDIT);
    let sent = stored(Some("{}"), content(OLD), content(NEW), 100, EDIT);
    let sent_as_it_is = stored(Some(NEW), content(OLD), Same, 100, EDIT);
    let deleted = stored(None, content(OLD), Unknown, 100, EDIT);
    let fresh = stored(Some(NEW), Unknown, Unknown, 0, EDIT);
    let reset = stored(Some(OLD), Unknown, Unknown, 0, Pending::Resend);
    let now = Pending::Edit { at: NOW };
    // The item and the staged version; the base, the version that arrived (a tombstone is "") and the local change.
    type Row<'a> = (
        &'a str,
        Option<&'a Stored>,
        Option<(Option<&'a str>, u64)>,
        Option<&'a str>,
        Option<&'a str>,
        Option<Pending>,
    );
    let rows: [Row<'_>; 15] = [
        (
            "nothing arrived",
            Some(&clean),
            None,
            Some(OLD),
            None,
            Some(Pending::Nothing),
        ),
        ("new", None, Some((Some(NEW), 200)), None, Some(NEW), None),
        (
            "deleted, and unknown here",
            None,
            Some((None, 200)),
            None,
            Some(""),
            None,
        ),
        (
            "changed",
            Some(&clean),
            Some((Some(NEW), 200)),
            Some(OLD),
            Some(NEW),
            Some(Pending::Nothing),
        ),
        (
            "deleted",
            Some(&clean),
            Some((None, 200)),
            Some(OLD),
            Some(""),
            Some(Pending::Nothing),
        ),
        (
            "the base again",
            Some(&clean),
            Some((Some(SPACED), 200)),
            Some(SPACED),
            None,
            Some(Pending::Nothing),
        ),
        (
            "both changed",
            Some(&edited),
            Some((Some("{}"), 200)),
            Some(OLD),
            Some("{}"),
            Some(EDIT),
        ),
        (
            "edited, the base again",
            Some(&edited),
            Some((Some(OLD), 200)),
            Some(OLD),
            None,
            Some(EDIT),
        ),
        (
            "what was sent",
            Some(&sent),
            Some((Some(NEW), 200)),
            Some(NEW),
            None,
            Some(EDIT),
        ),
        (
            "sent as it is",
            Some(&sent_as_it_is),
            Some((Some(NEW), 200)),
            Some(NEW),
            None,
            Some(EDIT),
        ),
        (
            "deleted here",
            Some(&deleted),
            Some((Some(NEW), 200)),
            Some(OLD),
            Some(NEW),
            Some(EDIT),
        ),
        (
            "from a backup",
            Some(&clean),
            Some((Some(NEW), 50)),
            Some(NEW),
            None,
            Some(now),
        ),
        (
            "deleted here, from a backup",
            Some(&deleted),
            Some((Some(NEW), 50)),
            Some(NEW),
            None,
            Some(now),
        ),
        (
            "both made it",
            Some(&fresh),
            Some((Some(OLD), 200)),
            None,
            Some(OLD),
            Some(EDIT),
        ),
        (
            "after a reset",
            Some(&reset),
            Some((Some(NEW), 200)),
            None,
            Some(NEW),
            Some(Pending::Resend),
        ),
    ];
    let id = RecordId::new("a").unwrap();
    for (name, item, arrived, base, incoming, pending) in rows {
        let arrived = arrived.map(|(text, modified)| staged(text, modified));
        let row = row(&id, item, arrived.as_ref(), NOW, NOW.millis());
        let text = |version: Option<ServerVersion<'_>>| {
            version.map(|version| match version.content {
                Theirs::Record(text) => String::from(text),
                Theirs::Tombstone => String::new(),
            })
        };
        let TreeItem {
            base: found,
            local,
            incoming: came,
            ..
        } = row.tree_item;
        assert_eq!(text(found).as_deref(), base, "{name}: base");
        assert_eq!(text(came).as_deref(), incoming, "{name}: incoming");
        assert_eq!(local.map(|local| local.pending), pending, "{name}: local");
        assert!(!row.is_to_be_sent_again, "{name}");
    }
}

#[test]
fn records_of_both_kinds_are_sorted_by_id() {
    let with_id = |name: &str| {
        let mut stored = staged(Some("{}"), 5);
        stored.item.id = RecordId::new(name).unwrap();
        stored
    };
    let (here, there) = (
        [with_id("b"), with_id("d")],
        [with_id("a"), with_id("b"), with_id("c")],
    );
    let rows = rows(&here, &there, NOW, NOW.millis());
    let found: alloc::vec::Vec<(&str, bool, bool)> = rows
        .iter()
        .map(|(id, row)| {
            (
                id.as_str(),
                row.stored.is_some(),
                row.tree_item.incoming.is_some(),
            )
        })
        .collect();
    let expected = [
        ("a", false, true),
        ("b", true, true),
        ("c", false, true),
        ("d", true, false),
    ];
    // The staged version of b is what this device has under b, unsent: a change on both sides.
    assert_eq!(found, expected);
}
