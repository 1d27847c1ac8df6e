//! Every row of the decision table for one record, and the laws of merging.

use alloc::string::ToString;

use proptest::prelude::*;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const A: &str = r#"{"id":"r","x":1,"y":1}"#;
const A_SPACED: &str = r#"{ "id": "r", "y": 1, "x": 1 }"#;
const X2: &str = r#"{"id":"r","x":2,"y":1}"#;
const X3: &str = r#"{"id":"r","x":3,"y":1}"#;
const Y2: &str = r#"{"id":"r","x":1,"y":2}"#;

#[test]
fn every_row_of_the_table() {
    let take = |rule| Outcome::Take { rule };
    let keep = |rule| Outcome::Keep { rule };
    let merged = |text: &str, rule| Outcome::Merge {
        cleartext: text.into(),
        rule,
    };
    let edited = |cleartext, base| Ours::Edited {
        cleartext,
        base,
        sent: None,
    };
    let (tombstone, record) = (Theirs::Tombstone, Theirs::Record);
    let (edit_beats, newer_wins, server_beats) = (
        Some(Rule::EditBeatsDelete),
        Some(Rule::NewerFieldWins),
        Some(Rule::ServerBeatsResend),
    );
    let rows = [
        (
            "tombstone, missing",
            tombstone,
            Ours::Missing,
            Side::Ours,
            Outcome::Ignore,
        ),
        (
            "tombstone, deleted",
            tombstone,
            Ours::Deleted {
                base: Some(A),
                sent: None,
            },
            Side::Ours,
            Outcome::Delete { rule: None },
        ),
        (
            "tombstone, unchanged",
            tombstone,
            Ours::Unchanged { cleartext: A },
            Side::Ours,
            Outcome::Delete { rule: None },
        ),
        (
            "tombstone, resend",
            tombstone,
            Ours::Resend { cleartext: A },
            Side::Ours,
            Outcome::Delete { rule: server_beats },
        ),
        (
            "tombstone, edited",
            tombstone,
            edited(X2, Some(A)),
            Side::Theirs,
            keep(edit_beats),
        ),
        (
            "record, missing",
            record(A),
            Ours::Missing,
            Side::Ours,
            take(None),
        ),
        (
            "record, deleted, as it was",
            record(A_SPACED),
            Ours::Deleted {
                base: Some(A),
                sent: None,
            },
            Side::Theirs,
            keep(None),
        ),
        (
            "record, deleted, as it was sent",
            record(X2),
            Ours::Deleted {
                base: Some(A),
                sent: Some(X2),
            },
            Side::Theirs,
            keep(None),
        ),
        (
            "record, edited, as it was sent",
            record(X2),
            Ours::Edited {
                cleartext: X3,
                base: Some(A),
                sent: Some(X2),
            },
            Side::Theirs,
            keep(None),
        ),
        (
            "record, deleted, changed",
            record(X2),
            Ours::Deleted {
                base: Some(A),
                sent: None,
            },
            Side::Ours,
            take(edit_beats),
        ),
        (
            "record, deleted, no base",
            record(X2),
            Ours::Deleted {
                base: None,
                sent: None,
            },
            Side::Ours,
            take(edit_beats),
        ),
        (
            "record, unchanged and equal",
            record(A),
            Ours::Unchanged { cleartext: A },
            Side::Ours,
            Outcome::Same,
        ),
        (
            "record, unchanged",
            record(X2),
            Ours::Unchanged { cleartext: A },
            Side::Ours,
            take(None),
        ),
        (
            "record, resend, equal",
            record(A_SPACED),
            Ours::Resend { cleartext: A },
            Side::Ours,
            Outcome::Same,
        ),
        (
            "record, resend, clash",
            record(X2),
            Ours::Resend { cleartext: A },
            Side::Ours,
            take(server_beats),
        ),
        (
            "record, resend, our field",
            record(r#"{"id":"r","x":2}"#),
            Ours::Resend { cleartext: A },
            Side::Ours,
            merged(X2, server_beats),
        ),
        (
            "record, edited equally",
            record(X2),
            edited(X2, Some(A)),
            Side::Ours,
            Outcome::Same,
        ),
        (
            "record, other fields",
            record(Y2),
            edited(X2, Some(A)),
            Side::Ours,
            merged(r#"{"id":"r","x":2,"y":2}"#, None),
        ),
        (
            "record, same field, ours newer",
            record(X3),
            edited(X2, Some(A)),
            Side::Ours,
            keep(newer_wins),
        ),
        (
            "record, same field, theirs newer",
            record(X3),
            edited(X2, Some(A)),
            Side::Theirs,
            take(newer_wins),
        ),
        (
            "record as the base, edited",
            record(A_SPACED),
            edited(X2, Some(A)),
            Side::Theirs,
            keep(None),
        ),
        (
            "record, no base, a field of theirs",
            record(X2),
            edited(r#"{"id":"r","x":2}"#, None),
            Side::Ours,
            take(Some(Rule::FieldKeptWithoutBase)),
        ),
        (
            "record, both created it",
            record(X3),
            edited(X2, None),
            Side::Theirs,
            take(newer_wins),
        ),
    ];
    for (name, theirs, ours, newer, outcome) in rows {
        assert_eq!(reconcile(ours, theirs, newer), outcome, "{name}");
    }
}

/// The local record after the outcome, and whether it waits for upload.
fn apply<'a>(outcome: &'a Outcome, ours: &'a str, theirs: &'a str) -> (&'a str, bool) {
    match outcome {
        Outcome::Same | Outcome::Take { .. } => (theirs, false),
        Outcome::Keep { .. } => (ours, true),
        Outcome::Merge { cleartext, .. } => (cleartext, true),
        Outcome::Ignore | Outcome::Delete { .. } | Outcome::Fork => {
            unreachable!("both sides have it")
        }
    }
}

fn object() -> impl Strategy<Value = String> {
    proptest::collection::btree_map("[abc]", 0..4u8, 0..4).prop_map(|fields| {
        let mut value = serde_json::Map::new();
        value.insert("id".into(), "r".into());
        value.extend(
            fields
                .into_iter()
                .map(|(name, number)| (name, number.into())),
        );
        serde_json::Value::Object(value).to_string()
    })
}

proptest! {
    #[test]
    fn merging_again_with_the_result_changes_nothing(base in object(), ours in object(), theirs in object(), newer in any::<bool>()) {
        let newer = if newer { Side::Ours } else { Side::Theirs };
        let outcome = reconcile(Ours::Edited { cleartext: &ours, base: Some(&base), sent: None }, Theirs::Record(&theirs), newer);
        let (result, _) = apply(&outcome, &ours, &theirs);
        let again = reconcile(Ours::Edited { cleartext: result, base: Some(&theirs), sent: None }, Theirs::Record(&theirs), newer);
        prop_assert!(has_same_content(apply(&again, result, &theirs).0, result));
    }

    #[test]
    fn a_field_that_only_one_side_changed_is_never_lost(base in object(), ours in object(), theirs in object()) {
        let outcome = reconcile(Ours::Edited { cleartext: &ours, base: Some(&base), sent: None }, Theirs::Record(&theirs), Side::Theirs);
        let result: serde_json::Value = serde_json::from_str(apply(&outcome, &ours, &theirs).0).unwrap();
        let [base, ours, theirs]: [serde_json::Value; 3] =
            [&base, &ours, &theirs].map(|text| serde_json::from_str(text).unwrap());
        for name in ["a", "b", "c"] {
            if base.get(name) == ours.get(name) { prop_assert_eq!(result.get(name), theirs.get(name)); }
            if base.get(name) == theirs.get(name) { prop_assert_eq!(result.get(name), ours.get(name)); }
        }
    }

    #[test]
    fn which_side_is_ours_does_not_matter(base in object(), a in object(), b in object(), a_newer in any::<bool>()) {
        let (here, there) = if a_newer { (Side::Ours, Side::Theirs) } else { (Side::Theirs, Side::Ours) };
        let at_a = reconcile(Ours::Edited { cleartext: &a, base: Some(&base), sent: None }, Theirs::Record(&b), here);
        let at_b = reconcile(Ours::Edited { cleartext: &b, base: Some(&base), sent: None }, Theirs::Record(&a), there);
        prop_assert!(has_same_content(apply(&at_a, &a, &b).0, apply(&at_b, &b, &a).0));
    }
}
