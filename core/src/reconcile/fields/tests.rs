//! Merging of fields.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn merge(base: Option<&str>, ours: &str, theirs: &str, newer: Side) -> Merged {
    let known = Known {
        base: base.map(|text| Fields::parse(text).unwrap()),
        sent: None,
    };
    Fields::merge(
        &known,
        &Fields::parse(ours).unwrap(),
        &Fields::parse(theirs).unwrap(),
        newer,
    )
}

#[test]
fn each_field_comes_from_the_side_that_changed_it() {
    type Row<'a> = (
        &'a str,
        Option<&'a str>,
        &'a str,
        &'a str,
        &'a str,
        &'a [&'a str],
    );
    let rows: [Row<'_>; 9] = [
        (
            "ours changed",
            Some(r#"{"a":1}"#),
            r#"{"a":2}"#,
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            &[],
        ),
        (
            "theirs changed",
            Some(r#"{"a":1}"#),
            r#"{"a":1}"#,
            r#"{"a":3}"#,
            r#"{"a":3}"#,
            &[],
        ),
        (
            "both, different fields",
            Some(r#"{"a":1,"b":1}"#),
            r#"{"a":2,"b":1}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":2,"b":2}"#,
            &[],
        ),
        (
            "both, alike",
            Some(r#"{"a":1}"#),
            r#"{"a":2}"#,
            r#"{"a":2}"#,
            r#"{"a":2}"#,
            &[],
        ),
        (
            "both, different: the newer",
            Some(r#"{"a":1}"#),
            r#"{"a":2}"#,
            r#"{"a":3}"#,
            r#"{"a":2}"#,
            &["a"],
        ),
        (
            "ours removed a field",
            Some(r#"{"a":1,"b":1}"#),
            r#"{"b":1}"#,
            r#"{"a":1,"b":1}"#,
            r#"{"b":1}"#,
            &[],
        ),
        (
            "theirs removed, ours changed",
            Some(r#"{"a":1}"#),
            r#"{"a":2}"#,
            r"{}",
            r#"{"a":2}"#,
            &["a"],
        ),
        (
            "no base: both kept",
            None,
            r#"{"a":1}"#,
            r#"{"b":1}"#,
            r#"{"b":1,"a":1}"#,
            &[],
        ),
        (
            "no base: the newer",
            None,
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":1}"#,
            &["a"],
        ),
    ];
    for (name, base, ours, theirs, cleartext, conflicts) in rows {
        let merged = merge(base, ours, theirs, Side::Ours);
        assert_eq!(
            (merged.cleartext.as_str(), merged.conflicts.as_slice()),
            (cleartext, to_strings(conflicts).as_slice()),
            "{name}"
        );
    }
}

#[test]
fn a_server_field_equal_to_the_sent_version_is_not_a_change() {
    let rows = [
        (
            "removed since",
            r#"{"a":1}"#,
            r#"{"a":1,"f":1}"#,
            r#"{"a":1}"#,
            r#"{"a":1,"f":1}"#,
            r#"{"a":1}"#,
            false,
        ),
        (
            "changed since",
            r#"{"f":0}"#,
            r#"{"f":1}"#,
            r#"{"f":2}"#,
            r#"{"f":1}"#,
            r#"{"f":2}"#,
            false,
        ),
        (
            "changed back since",
            r#"{"f":0}"#,
            r#"{"f":1}"#,
            r#"{"f":0}"#,
            r#"{"f":1}"#,
            r#"{"f":0}"#,
            false,
        ),
        (
            "it never arrived",
            r#"{"f":0}"#,
            r#"{"f":1}"#,
            r#"{"f":2}"#,
            r#"{"f":0}"#,
            r#"{"f":2}"#,
            false,
        ),
        (
            "it never arrived, or they changed it back",
            "{}",
            r#"{"f":1}"#,
            r#"{"f":1}"#,
            r#"{"g":1}"#,
            r#"{"g":1,"f":1}"#,
            true,
        ),
    ];
    for (name, base, sent, ours, theirs, expected, is_unsure) in rows {
        let parse = |text| Fields::parse(text).unwrap();
        let known = Known {
            base: Some(parse(base)),
            sent: Some(parse(sent)),
        };
        let merged = Fields::merge(&known, &parse(ours), &parse(theirs), Side::Theirs);
        assert_eq!(
            (merged.cleartext.as_str(), merged.is_unsure),
            (expected, is_unsure),
            "{name}"
        );
        assert!(merged.conflicts.is_empty(), "{name}");
    }
}

fn to_strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn unknown_fields_keep_their_exact_text() {
    let merged = merge(
        None,
        r#"{"id":"x"}"#,
        r#"{"id":"x","n":1.50e3,"deep":{"z":[1, {"y":null}]}}"#,
        Side::Theirs,
    );
    assert_eq!(
        merged.cleartext,
        r#"{"id":"x","n":1.50e3,"deep":{"z":[1, {"y":null}]}}"#
    );
}

#[test]
fn a_patch_sets_and_removes() {
    let fields = Fields::parse(r#"{"id":"x","a":1,"b":2}"#).unwrap();
    let patch = Fields::parse(r#"{"a":null,"c":"é\"\n"}"#).unwrap();
    assert_eq!(fields.patched(&patch), r#"{"id":"x","b":2,"c":"é\"\n"}"#);
}

#[test]
fn of_two_members_with_one_name_the_last_wins() {
    let fields = Fields::parse(r#"{"a":1,"a":2}"#).unwrap();
    assert_eq!(
        (fields.get("a"), fields.with("id", "\"x\"")),
        (Some("2"), r#"{"id":"x","a":2}"#.into())
    );
}
