//! One row per rule, properties of the merges, and the records that Firefox wrote.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::ids::RecordId;
use crate::json::{Value, json};
use crate::reconcile::{Ours, Outcome, Rule, Side, Theirs};

type Merge = fn(&Versions<'_>) -> Merged;

const NEWER: Option<Rule> = Some(Rule::NewerFieldWins);

/// The merged record and the rule; `None` is a fork.
fn merged(
    merge: Merge,
    base: Option<&Value>,
    ours: &Value,
    theirs: &Value,
    newer: Side,
) -> Option<(Value, Option<Rule>)> {
    let versions = Versions {
        base,
        ours,
        theirs,
        newer,
    };
    match merge(&versions) {
        Merged::Record { record, rule } => Some((record, rule)),
        Merged::Fork => None,
    }
}

struct Row {
    rule: &'static str,
    base: Option<Value>,
    ours: Value,
    theirs: Value,
    newer: Side,
    expected: Option<(Value, Option<Rule>)>,
}

#[track_caller]
fn check(merge: Merge, rows: Vec<Row>) {
    for row in rows {
        let got = merged(merge, row.base.as_ref(), &row.ours, &row.theirs, row.newer);
        assert!(
            got == row.expected,
            "{}: {:?}",
            row.rule,
            got.map(|(record, rule)| (record.to_string(), rule))
        );
    }
}

macro_rules! row {
    ($rule:literal, $base:expr, $ours:tt, $theirs:tt, $newer:ident => $expected:tt, $by:expr) => {
        Row {
            rule: $rule,
            base: $base,
            ours: json!($ours),
            theirs: json!($theirs),
            newer: Side::$newer,
            expected: Some((json!($expected), $by)),
        }
    };
    ($rule:literal, $base:expr, $ours:tt, $theirs:tt, $newer:ident => fork) => {
        Row {
            rule: $rule,
            base: $base,
            ours: json!($ours),
            theirs: json!($theirs),
            newer: Side::$newer,
            expected: None,
        }
    };
}

#[test]
fn logins_are_merged_by_member() {
    let base = || {
        Some(json!({"password": "a", "username": "u", "timePasswordChanged": 10, "timesUsed": 5}))
    };
    check(
        passwords::merge,
        alloc::vec![
            row!("each side's own change", base(),
                {"password": "b", "username": "u", "timePasswordChanged": 20, "timesUsed": 5},
                {"password": "a", "username": "v", "timePasswordChanged": 10, "timesUsed": 5}, Theirs
                => {"password": "b", "username": "v", "timePasswordChanged": 20, "timesUsed": 5}, None),
            row!("the later password, although the other side is newer", base(),
                {"password": "b", "timePasswordChanged": 30}, {"password": "c", "timePasswordChanged": 20}, Theirs
                => {"password": "b", "timePasswordChanged": 30}, NEWER),
            row!("a password that was changed here without its time: the newer side's", base(),
                {"password": "b", "timePasswordChanged": 10}, {"password": "c", "timePasswordChanged": 20}, Ours
                => {"password": "b", "timePasswordChanged": 20}, NEWER),
            row!("a password that was changed there without its time: the newer side's", base(),
                {"password": "b", "timePasswordChanged": 20}, {"password": "c", "timePasswordChanged": 10}, Theirs
                => {"password": "c", "timePasswordChanged": 20}, NEWER),
            row!("the later password of the server", base(),
                {"password": "b", "timePasswordChanged": 20}, {"password": "c", "timePasswordChanged": 30}, Ours
                => {"password": "c", "timePasswordChanged": 30}, NEWER),
            row!("equal times: the newer side", base(),
                {"password": "b", "timePasswordChanged": 20}, {"password": "c", "timePasswordChanged": 20}, Ours
                => {"password": "b", "timePasswordChanged": 20}, NEWER),
            row!("another member: the newer side", base(),
                {"username": "x"}, {"username": "y"}, Ours => {"username": "x"}, NEWER),
            row!("the time of the password never goes back", base(),
                {"password": "a", "timePasswordChanged": 10}, {"password": "a", "timePasswordChanged": 0}, Theirs
                => {"password": "a", "timePasswordChanged": 10}, None),
            row!("uses are added", base(), {"timesUsed": 7}, {"timesUsed": 8}, Ours => {"timesUsed": 10}, None),
            row!("uses without a base: the larger count", None, {"timesUsed": 7}, {"timesUsed": 8}, Ours
                => {"timesUsed": 8}, None),
            row!("a zero time overwrites nothing", base(),
                {"timeCreated": 9, "timeLastUsed": 9}, {"timeCreated": 0, "timeLastUsed": 0}, Theirs
                => {"timeCreated": 9, "timeLastUsed": 9}, None),
            row!("first creation, last use", base(),
                {"timeCreated": 9, "timeLastUsed": 9}, {"timeCreated": 7, "timeLastUsed": 12}, Ours
                => {"timeCreated": 7, "timeLastUsed": 12}, None),
            row!("action and realm come from one side",
                Some(json!({"formSubmitURL": "https://a.example", "httpRealm": null})),
                {"formSubmitURL": null, "httpRealm": "R"}, {"formSubmitURL": "https://b.example", "httpRealm": null}, Ours
                => {"formSubmitURL": null, "httpRealm": "R"}, NEWER),
            row!("only the server changed the target",
                Some(json!({"formSubmitURL": "https://a.example", "httpRealm": null})),
                {"formSubmitURL": "https://a.example", "httpRealm": null}, {"httpRealm": "R"}, Ours
                => {"httpRealm": "R"}, None),
            row!("only this device changed the target",
                Some(json!({"httpRealm": "R"})), {"formSubmitURL": ""}, {"httpRealm": "R"}, Theirs
                => {"formSubmitURL": ""}, None),
            row!("without a base the later password wins as a whole", None,
                {"username": "x", "password": "b", "timePasswordChanged": 30},
                {"username": "y", "password": "c", "timePasswordChanged": 20}, Theirs
                => {"username": "x", "password": "b", "timePasswordChanged": 30}, NEWER),
            row!("without a base, on a tie, the server's", None,
                {"username": "x"}, {"username": "y"}, Ours => {"username": "y"}, NEWER),
            row!("without a base, what only one side has is kept", None,
                {"usernameField": "u"}, {"vendor": 1}, Ours => {"usernameField": "u", "vendor": 1}, None),
        ],
    );
}

#[test]
fn visits_are_a_set() {
    let visit = |date: u64, kind: u64| json!({"date": date, "type": kind});
    check(
        history::merge,
        alloc::vec![
            row!("union, newest first", None,
                {"visits": [{"date": 5000, "type": 1}]}, {"visits": [{"date": 9000, "type": 2}]}, Ours
                => {"visits": [{"date": 9000, "type": 2}, {"date": 5000, "type": 1}]}, None),
            row!("one a millisecond and type", None,
                {"visits": [{"date": 5001, "type": 1}, {"date": 5001, "type": 2}]},
                {"visits": [{"date": 5009, "type": 1}]}, Ours
                => {"visits": [{"date": 5009, "type": 1}, {"date": 5001, "type": 2}]}, None),
            row!("invalid visits are dropped", None,
                {"visits": [{"date": "x", "type": 1}, {"date": 5.5, "type": 1}, {"date": 7000, "type": 10}]},
                {"visits": [{"date": 5000, "type": 1}, {"date": 0, "type": 1}]}, Ours
                => {"visits": [{"date": 5000, "type": 1}]}, None),
            row!("a removed visit stays while another device has it", Some(json!({"visits": [{"date": 5000, "type": 1}]})),
                {"visits": [{"date": 5000, "type": 1}]}, {"visits": []}, Theirs
                => {"visits": [{"date": 5000, "type": 1}]}, None),
            row!("the title of the later visit", Some(json!({"title": "a", "visits": []})),
                {"title": "b", "visits": [{"date": 9000, "type": 1}]},
                {"title": "c", "visits": [{"date": 5000, "type": 1}]}, Theirs
                => {"title": "b", "visits": [{"date": 9000, "type": 1}, {"date": 5000, "type": 1}]}, NEWER),
            row!("other members by side", Some(json!({"x": 1, "y": 1})), {"x": 2, "y": 1}, {"x": 1, "y": 3}, Ours
                => {"x": 2, "y": 3}, None),
            row!("unknown members of a visit", None, {"visits": [{"date": 5000, "type": 1, "z": 1}]}, {"visits": []}, Ours
                => {"visits": [{"date": 5000, "type": 1, "z": 1}]}, None),
        ],
    );
    let many = |from: u64| {
        (from..from + 15)
            .map(|n| visit(n * 1000, 1))
            .collect::<Vec<_>>()
    };
    let page = |visits: Vec<Value>| Value::from([("visits", Value::Array(visits))]);
    let (ours, theirs) = (page(many(1)), page(many(16)));
    let (union, _) = merged(history::merge, None, &ours, &theirs, Side::Ours).unwrap();
    let dates: Vec<u64> = history::visits(&union)
        .iter()
        .map(|visit| visit.date)
        .collect();
    let newest: Vec<u64> = (11..=30).rev().map(|n| n * 1000).collect();
    assert_eq!(dates, newest, "the newest 20");
}

#[test]
fn addresses_and_cards_are_merged_by_member_or_forked() {
    let base = || {
        Some(json!({"entry": {"version": 1, "name": "Ann Example", "tel": "1", "timesUsed": 2}}))
    };
    check(
        addresses::merge,
        alloc::vec![
            row!("each side's own change", base(),
                {"entry": {"version": 1, "name": "Ann B", "tel": "1", "timesUsed": 2}},
                {"entry": {"version": 1, "name": "Ann Example", "tel": "2", "timesUsed": 2}}, Ours
                => {"entry": {"version": 1, "name": "Ann B", "tel": "2", "timesUsed": 2}}, None),
            row!("two changes of one member", base(),
                {"entry": {"version": 1, "name": "Ann B"}}, {"entry": {"version": 1, "name": "Ann C"}}, Ours => fork),
            row!("the same change", base(),
                {"entry": {"version": 1, "name": "Ann B"}}, {"entry": {"version": 1, "name": "Ann B"}}, Ours
                => {"entry": {"version": 1, "name": "Ann B"}}, None),
            row!("without a base two values are a conflict", None,
                {"entry": {"version": 1, "tel": "2"}}, {"entry": {"version": 1, "tel": "3"}}, Theirs => fork),
            row!("without a base members of one side are kept", None,
                {"entry": {"version": 1, "tel": "2"}}, {"entry": {"version": 1, "email": "e"}}, Theirs
                => {"entry": {"version": 1, "tel": "2", "email": "e"}}, None),
            row!("times and counts never conflict", base(),
                {"entry": {"version": 1, "timesUsed": 3, "timeCreated": 5, "timeLastUsed": 8, "timeLastModified": 8}},
                {"entry": {"version": 1, "timesUsed": 4, "timeCreated": 6, "timeLastUsed": 9, "timeLastModified": 7}}, Ours
                => {"entry": {"version": 1, "timesUsed": 5, "timeCreated": 5, "timeLastUsed": 9, "timeLastModified": 8}}, None),
            row!("the parts belong to the name", base(),
                {"entry": {"version": 1, "name": "Bo C", "given-name": "Bo", "family-name": "C"}},
                {"entry": {"version": 1, "name": "Ann Example", "given-name": "Ann", "family-name": "Example", "tel": "1"}}, Theirs
                => {"entry": {"version": 1, "name": "Bo C", "given-name": "Bo", "family-name": "C"}}, None),
            row!("parts without a name may conflict", Some(json!({"entry": {"given-name": "A"}})),
                {"entry": {"given-name": "B"}}, {"entry": {"given-name": "C"}}, Theirs => fork),
            row!("empty and absent are the same", Some(json!({"entry": {"tel": "1"}})),
                {"entry": {"tel": ""}}, {"entry": {}}, Ours => {"entry": {}}, None),
        ],
    );
    check(
        credit_cards::merge,
        alloc::vec![
            row!("an empty number of the server loses", Some(json!({"entry": {"cc-number": "4111"}})),
                {"entry": {"cc-number": "4111"}}, {"entry": {"cc-number": "", "cc-name": "Ann"}}, Theirs
                => {"entry": {"cc-number": "4111", "cc-name": "Ann"}}, None),
            row!("a missing number here is fetched", Some(json!({"entry": {"cc-number": "4111"}})),
                {"entry": {"cc-name": "Ann"}}, {"entry": {"cc-number": "4111"}}, Ours
                => {"entry": {"cc-number": "4111", "cc-name": "Ann"}}, None),
            row!("two new numbers are two cards", Some(json!({"entry": {"cc-number": "4111"}})),
                {"entry": {"cc-number": "4222"}}, {"entry": {"cc-number": "4333"}}, Ours => fork),
        ],
    );
}

#[test]
fn keys_of_extensions_preferences_and_forms() {
    let base = || Some(json!({"extId": "e", "data": "{\"a\":1,\"b\":1}"}));
    check(
        extension_storage::merge,
        alloc::vec![
            row!("the server's change wins", base(), {"extId": "e", "data": "{\"a\":2,\"b\":1}"},
                {"extId": "e", "data": "{\"a\":3,\"b\":1}"}, Ours => {"extId": "e", "data": "{\"a\":3,\"b\":1}"}, NEWER),
            row!("a key removed there is removed", base(), {"extId": "e", "data": "{\"a\":1,\"b\":1,\"c\":1}"},
                {"extId": "e", "data": "{\"a\":1}"}, Ours => {"extId": "e", "data": "{\"a\":1,\"c\":1}"}, None),
            row!("a key changed here and removed there", base(), {"extId": "e", "data": "{\"a\":1,\"b\":5}"},
                {"extId": "e", "data": "{\"a\":1}"}, Ours => {"extId": "e", "data": "{\"a\":1}"}, NEWER),
            row!("a key removed here stays removed", base(), {"extId": "e", "data": "{\"a\":1}"},
                {"extId": "e", "data": "{\"a\":1,\"b\":1,\"c\":1}"}, Ours => {"extId": "e", "data": "{\"a\":1,\"c\":1}"}, None),
            row!("without a base the server's keys replace", None, {"extId": "e", "data": "{\"a\":1,\"b\":1}"},
                {"extId": "e", "data": "{\"a\":2}"}, Ours => {"extId": "e", "data": "{\"a\":2,\"b\":1}"}, NEWER),
        ],
    );
    check(
        prefs::merge,
        alloc::vec![
            row!("by preference", Some(json!({"value": {"a": 1, "b": 1}})), {"value": {"a": 2, "b": 1}},
                {"value": {"a": 1, "b": 3, "c": null}}, Ours => {"value": {"a": 2, "b": 3, "c": null}}, None),
            row!("of two values the server's", Some(json!({"value": {"a": 1}})), {"value": {"a": 2}},
                {"value": {"a": 3}}, Ours => {"value": {"a": 3}}, NEWER),
        ],
    );
    check(
        forms::merge,
        alloc::vec![
            row!("another value is another entry", Some(json!({"name": "n", "value": "a"})),
                {"name": "n", "value": "b"}, {"name": "n", "value": "c"}, Ours => fork),
            row!("the same entry", Some(json!({"name": "n", "value": "a"})),
                {"name": "n", "value": "a", "x": 1}, {"name": "n", "value": "a"}, Ours => {"name": "n", "value": "a"}, None),
        ],
    );
}

#[test]
fn what_can_be_used() {
    let valid = || Judgement::Valid;
    let id = RecordId::new("8RkP3v_c0sUd").unwrap();
    let refused = |judgement: &Judgement| matches!(judgement, Judgement::Refuse(_));
    let login = |patch: Value| {
        let mut login = json!({"hostname": "https://a.example", "httpRealm": "R", "password": "p"})
            .as_object()
            .cloned()
            .unwrap();
        login.extend(patch.as_object().cloned().unwrap());
        passwords::validate(&Value::Object(login))
    };
    assert_eq!(login(json!({})), valid());
    assert_eq!(
        login(json!({"timeCreated": "1", "usernameField": null})),
        valid()
    );
    for patch in [
        json!({"password": ""}),
        json!({"hostname": 1}),
        json!({"httpRealm": null}),
        json!({"formSubmitURL": ""}),
        json!({"username": "a\nb"}),
        json!({"usernameField": "."}),
        json!({"httpRealm": null, "formSubmitURL": "."}),
        json!({"hostname": "https://a.example (R)"}),
        json!({"timeCreated": 8_640_000_000_000_001_u64}),
    ] {
        assert!(refused(&login(patch.clone())), "{patch}");
    }
    let Judgement::Reupload(corrected) = login(json!({"formSubmitURL": "https://a.example"}))
    else {
        panic!("it has two targets")
    };
    let corrected: Value = corrected.as_str().parse().unwrap();
    assert_eq!(corrected.get("httpRealm"), Some(&Value::Null));
    assert_eq!(passwords::validate(&corrected), valid());

    for (page, is_valid) in [
        (json!({"histUri": "https://a.example/", "visits": []}), true),
        (json!({"histUri": "about:config", "visits": []}), false),
        (json!({"histUri": "FILE:///x", "visits": []}), false),
        (json!({"histUri": "text", "visits": []}), false),
        (json!({"histUri": "https://a.example/"}), false),
    ] {
        assert_eq!(history::validate(&id, &page) == valid(), is_valid, "{page}");
    }
    let short = RecordId::new("short").unwrap();
    let page = json!({"histUri": "https://a.example/", "visits": []});
    assert!(refused(&history::validate(&short, &page)));

    for (entry, is_valid) in [
        (json!({"entry": {"version": 1}}), true),
        (json!({"entry": {"version": 2}}), false),
        (json!({"entry": {}}), false),
        (json!({}), false),
    ] {
        assert_eq!(addresses::validate(&entry) == valid(), is_valid, "{entry}");
    }
    for (version, is_valid) in [(3, true), (4, true), (5, false)] {
        let card = json!({"entry": {"version": version}});
        assert_eq!(
            credit_cards::validate(&card) == valid(),
            is_valid,
            "{version}"
        );
    }
    for old in [1, 2] {
        let card = json!({"id": "c", "entry": {"version": old, "cc-number": "4111"}});
        let expected = json!({"id": "c", "entry": {"version": 3, "cc-number": "4111"}});
        assert_eq!(
            credit_cards::validate(&card),
            Judgement::Reupload(Corrected::new(&expected))
        );
    }
    let tab = |tab: Value| json!({"clientName": "L", "tabs": [Value::Null]}).with_tab(tab);
    for (tab, is_valid) in [
        (
            json!({"title": "t", "urlHistory": ["u"], "lastUsed": 1}),
            true,
        ),
        (
            json!({"title": "t", "urlHistory": ["u"], "lastUsed": 1.5}),
            false,
        ),
        (json!({"urlHistory": ["u"], "lastUsed": 1}), false),
        (
            json!({"title": "t", "urlHistory": [1], "lastUsed": 1}),
            false,
        ),
    ]
    .map(|(one, is_valid)| (tab(one), is_valid))
    {
        assert_eq!(tabs::validate(&tab) == valid(), is_valid, "{tab}");
    }
    assert!(refused(&tabs::validate(&json!({"tabs": []}))));
    assert!(refused(&addons::validate(
        &json!({"addonID": "a", "enabled": "x"})
    )));
    assert!(refused(&prefs::validate(&json!({"value": {"a": []}}))));
    assert!(refused(&extension_storage::validate(
        &json!({"extId": "e", "data": {}})
    )));
}

impl Value {
    fn with_tab(self, tab: Value) -> Value {
        let mut record = self.as_object().cloned().unwrap();
        record.insert("tabs".into(), Value::Array(alloc::vec![tab]));
        Value::Object(record)
    }
}

#[test]
fn quotas_of_extensions() {
    use extension_storage::{MAX_ITEM_BYTES, MAX_ITEMS, Quota, check_quota};
    let items = |count: usize, length: usize| -> crate::json::Object {
        (0..count)
            .map(|at| (alloc::format!("{at:04}"), Value::Text("x".repeat(length))))
            .collect()
    };
    for (count, length, expected) in [
        (MAX_ITEMS, 100, Ok(())),
        (MAX_ITEMS + 1, 1, Err(Quota::Items(513))),
        (1, MAX_ITEM_BYTES - 6, Ok(())),
        (1, MAX_ITEM_BYTES - 5, Err(Quota::Item("0000".into(), 8193))),
        (20, 8000, Err(Quota::Bytes(160_120))),
    ] {
        assert_eq!(check_quota(&items(count, length)), expected);
    }
}

#[test]
fn tabs_of_other_devices_are_never_uploaded() {
    let own = RecordId::new("own").unwrap();
    let (mine, others) = (r#"{"id":"own"}"#, r#"{"id":"other"}"#);
    let edited = |cleartext| Ours::Edited {
        cleartext,
        base: None,
        sent: None,
    };
    let resend = |cleartext| Ours::Resend { cleartext };
    let unchanged = Ours::Unchanged { cleartext: others };
    let deleted = Ours::Deleted {
        base: None,
        sent: None,
    };
    let by = Some(Rule::ServerBeatsResend);
    let record = Theirs::Record(r#"{"a":1}"#);
    for (ours, theirs, expected) in [
        (edited(mine), record, Outcome::Keep { rule: None }),
        (
            resend(mine),
            Theirs::Tombstone,
            Outcome::Keep { rule: None },
        ),
        (Ours::Missing, record, Outcome::Take { rule: None }),
        (edited(others), record, Outcome::Take { rule: by }),
        (resend(others), record, Outcome::Take { rule: by }),
        (unchanged, record, Outcome::Take { rule: None }),
        (deleted, record, Outcome::Take { rule: by }),
        (Ours::Missing, record, Outcome::Take { rule: None }),
        (Ours::Missing, Theirs::Tombstone, Outcome::Ignore),
        (
            edited(others),
            Theirs::Tombstone,
            Outcome::Delete { rule: by },
        ),
        (unchanged, Theirs::Tombstone, Outcome::Delete { rule: None }),
    ] {
        let decision = tabs::decide(Some(&own), ours, theirs);
        assert!(
            decision == Decision::One(expected.clone()),
            "{ours:?} {theirs:?} {expected:?}"
        );
    }
}

#[test]
fn states_of_both_sides() {
    let (a, b) = (r#"{"password":"a"}"#, r#"{"password":"b"}"#);
    let edited = |base, sent| Ours::Edited {
        cleartext: b,
        base,
        sent,
    };
    let c = r#"{"password":"c"}"#;
    let one = Decision::One;
    for (ours, theirs, expected) in [
        (
            Ours::Missing,
            Theirs::Record(a),
            one(Outcome::Take { rule: None }),
        ),
        (
            Ours::Unchanged { cleartext: b },
            Theirs::Record(a),
            one(Outcome::Take { rule: None }),
        ),
        (
            edited(Some(a), None),
            Theirs::Record(a),
            one(Outcome::Keep { rule: None }),
        ),
        (edited(Some(a), None), Theirs::Record(b), one(Outcome::Same)),
        (
            edited(Some(a), Some(c)),
            Theirs::Record(c),
            one(Outcome::Keep { rule: None }),
        ),
        (
            edited(None, Some(c)),
            Theirs::Record(c),
            one(Outcome::Keep { rule: None }),
        ),
        (
            edited(Some(a), None),
            Theirs::Record(c),
            one(Outcome::Take { rule: NEWER }),
        ),
        (
            Ours::Resend { cleartext: b },
            Theirs::Record(c),
            one(Outcome::Take {
                rule: Some(Rule::ServerBeatsResend),
            }),
        ),
        (
            edited(Some(a), None),
            Theirs::Tombstone,
            one(Outcome::Keep {
                rule: Some(Rule::EditBeatsDelete),
            }),
        ),
    ] {
        let decision = decide(ours, theirs, Side::Theirs, passwords::merge);
        assert!(decision == expected, "{ours:?} {theirs:?}");
    }
    let (ours, theirs) = (r#"{"entry":{"tel":"1"}}"#, r#"{"entry":{"tel":"2"}}"#);
    let edited = Ours::Edited {
        cleartext: ours,
        base: None,
        sent: None,
    };
    let fork = decide(edited, Theirs::Record(theirs), Side::Ours, addresses::merge);
    assert!(fork == Decision::Fork(ours.into()));
    let resend = Ours::Resend { cleartext: ours };
    let taken = decide(resend, Theirs::Record(theirs), Side::Ours, addresses::merge);
    assert!(
        taken
            == one(Outcome::Take {
                rule: Some(Rule::ServerBeatsResend)
            })
    );
}

#[test]
fn a_deleted_record_of_an_extension_loses_the_known_keys() {
    let base = Some(r#"{"data":"{\"a\":1}"}"#);
    let decide = |cleartext| {
        let ours = Ours::Edited {
            cleartext,
            base,
            sent: None,
        };
        extension_storage::decide(ours, Theirs::Tombstone, Side::Theirs)
    };
    for (ours, expected) in [
        (r#"{"data":"{\"a\":1}"}"#, Outcome::Delete { rule: None }),
        (r#"{"data":"{\"a\":2}"}"#, Outcome::Delete { rule: NEWER }),
        (r#"{"data":"{\"b\":2}"}"#, Outcome::Keep { rule: None }),
        (
            r#"{"data":"{\"a\":1,\"b\":2}"}"#,
            Outcome::Merge {
                cleartext: r#"{"data":"{\"b\":2}"}"#.into(),
                rule: None,
            },
        ),
    ] {
        assert!(decide(ours) == Decision::One(expected), "{ours}");
    }
}

#[test]
fn duplicates_of_logins() {
    let form = |action: &str| json!({"hostname": "h", "formSubmitURL": action, "username": "u"});
    let realm = json!({"hostname": "h", "httpRealm": "R", "username": "u"});
    for (one, other, firefox, key) in [
        (form("a"), form("a"), true, true),
        (form("a"), form("b"), false, false),
        (form(""), form("b"), true, false),
        (form("a"), realm.clone(), false, false),
        (realm.clone(), realm.clone(), true, true),
    ] {
        assert_eq!(
            passwords::is_duplicate(&one, &other),
            firefox,
            "{one} {other}"
        );
        let keys = passwords::duplicate_key(&one) == passwords::duplicate_key(&other);
        assert_eq!(keys, key, "{one} {other}");
    }
}

/// Every record that Firefox wrote is valid, and its merge with itself is itself.
#[test]
fn records_of_firefox() {
    let text = include_str!("../../../tests/vectors/firefox_records.json");
    let vectors: Value = text.parse().unwrap();
    type Rules = (&'static str, fn(&RecordId, &Value) -> Judgement, Merge);
    let rules: [Rules; 9] = [
        (
            "passwords",
            |_, record| passwords::validate(record),
            passwords::merge,
        ),
        ("history", history::validate, history::merge),
        ("forms", |_, record| forms::validate(record), forms::merge),
        (
            "addresses",
            |_, record| addresses::validate(record),
            addresses::merge,
        ),
        (
            "creditcards",
            |_, record| credit_cards::validate(record),
            credit_cards::merge,
        ),
        (
            "extension-storage",
            |_, record| extension_storage::validate(record),
            extension_storage::merge,
        ),
        ("prefs", |_, record| prefs::validate(record), prefs::merge),
        ("addons", |_, record| addons::validate(record), prefs::merge),
        ("tabs", |_, record| tabs::validate(record), forms::merge),
    ];
    let mut seen = 0;
    for (collection, validate, merge) in rules {
        let found = vectors.get(collection).unwrap_or(&Value::Null);
        let records: Vec<Value> = match found {
            Value::Array(records) => records.clone(),
            Value::Object(_) if found.get("cleartext").is_some() => alloc::vec![found.clone()],
            Value::Object(named) => named.values().cloned().collect(),
            _ => Vec::new(),
        };
        for record in records {
            let Some(cleartext) = record
                .get("cleartext")
                .filter(|text| text.get("deleted").is_none())
            else {
                continue;
            };
            let id = cleartext.get("id").and_then(Value::as_str).unwrap();
            let id = RecordId::new(id).unwrap();
            assert_eq!(
                validate(&id, cleartext),
                Judgement::Valid,
                "{collection} {id}"
            );
            if !matches!(collection, "addons" | "tabs") {
                let merged = merged(merge, Some(cleartext), cleartext, cleartext, Side::Ours);
                assert!(
                    merged == Some((cleartext.clone(), None)),
                    "{collection} {id}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen} records");
}

/// Small records whose members collide often.
fn login() -> impl Strategy<Value = Value> {
    (
        0..3_u64,
        0..3_u64,
        0..3_u64,
        0..2_u64,
        proptest::option::of(0..2_u64),
    )
        .prop_map(|(password, time, user, target, extra)| {
            let mut login = json!({"username": user.to_string(), "password": password.to_string(),
                "timePasswordChanged": time, "timesUsed": time})
            .as_object()
            .cloned()
            .unwrap();
            let name = if target == 0 {
                "formSubmitURL"
            } else {
                "httpRealm"
            };
            login.insert(name.into(), "x".into());
            if let Some(extra) = extra {
                login.insert("vendor".into(), extra.into());
            }
            Value::Object(login)
        })
}

fn page() -> impl Strategy<Value = Value> {
    proptest::collection::vec((1..40_u64, 1..4_u64), 0..25).prop_map(|visits| {
        let visits = visits
            .into_iter()
            .map(|(date, kind)| json!({"date": date * 700, "type": kind}))
            .collect();
        Value::from([("visits", Value::Array(visits))])
    })
}

fn address() -> impl Strategy<Value = Value> {
    (0..3_u64, 0..3_u64, 0..3_u64).prop_map(|(name, tel, uses)| {
        let mut entry = json!({"version": 1, "timesUsed": uses})
            .as_object()
            .cloned()
            .unwrap();
        if name > 0 {
            entry.insert("name".into(), Value::Text(name.to_string()));
        }
        if tel > 0 {
            entry.insert("tel".into(), Value::Text(tel.to_string()));
        }
        Value::from([("entry", Value::Object(entry))])
    })
}

fn stored() -> impl Strategy<Value = Value> {
    proptest::collection::vec((0..4_u64, 0..3_u64), 0..4).prop_map(|items| {
        let items: crate::json::Object = items
            .into_iter()
            .map(|(key, value)| (key.to_string(), value.into()))
            .collect();
        Value::from([
            ("extId", "e".into()),
            ("data", Value::Text(Value::Object(items).to_string())),
        ])
    })
}

fn flipped(side: Side) -> Side {
    match side {
        Side::Ours => Side::Theirs,
        Side::Theirs => Side::Ours,
    }
}

/// Merging again changes nothing; a side that did not change takes the other's; a member that one side alone changed is in
/// the result.
fn keeps_laws(merge: Merge, base: &Value, ours: &Value, theirs: &Value, is_symmetric: bool) {
    let unchanged = |result: Option<(Value, Option<Rule>)>| result.map(|(record, _)| record);
    for newer in [Side::Ours, Side::Theirs] {
        let Some((record, rule)) = merged(merge, Some(base), ours, theirs, newer) else {
            let other = merged(merge, Some(base), theirs, ours, flipped(newer));
            assert!(other.is_none(), "a fork on one device is one on the other");
            continue;
        };
        let again = merged(merge, Some(theirs), &record, theirs, newer);
        assert!(
            again.is_some_and(|(again, _)| again == record),
            "idempotent"
        );
        if is_symmetric {
            let other = merged(merge, Some(base), theirs, ours, flipped(newer));
            assert!(
                other == Some((record, rule)),
                "both devices come to the same"
            );
        }
    }
    let theirs_alone = unchanged(merged(merge, Some(base), base, theirs, Side::Ours));
    let again = unchanged(merged(merge, Some(base), base, theirs, Side::Theirs));
    assert!(
        theirs_alone == again,
        "without a change here, ages do not matter"
    );
}

proptest! {
    #[test]
    fn merges_of_logins_keep_the_laws(base in login(), ours in login(), theirs in login()) {
        keeps_laws(passwords::merge, &base, &ours, &theirs, true);
        let (record, rule) = merged(passwords::merge, Some(&base), &ours, &theirs, Side::Ours).unwrap();
        let targets = ["formSubmitURL", "httpRealm"];
        prop_assert_eq!(targets.iter().filter(|name| record.get(name).is_some()).count(), 1);
        for (changed, unchanged) in [(&ours, &theirs), (&theirs, &ours)] {
            let is_alone = unchanged.get("password") == base.get("password");
            if is_alone && changed.get("password") != base.get("password") {
                prop_assert_eq!(record.get("password"), changed.get("password"));
            }
        }
        let is_in = |side: &Value| ["password", "username"].iter().all(|name| record.get(name) == side.get(name) || base.get(name) == side.get(name));
        prop_assert!(rule.is_some() || (is_in(&ours) && is_in(&theirs)), "nothing is lost without a rule");
    }

    #[test]
    fn visits_are_united(ours in page(), theirs in page()) {
        let (record, _) = merged(history::merge, None, &ours, &theirs, Side::Ours).unwrap();
        let (other, _) = merged(history::merge, None, &theirs, &ours, Side::Theirs).unwrap();
        prop_assert!(record == other, "commutative");
        let (again, _) = merged(history::merge, None, &record, &theirs, Side::Ours).unwrap();
        prop_assert!(again == record, "idempotent");
        let kept: Vec<_> = history::visits(&record).iter().map(|visit| (visit.date / 1000, visit.kind)).collect();
        let oldest = kept.last().copied().unwrap_or_default();
        for visit in history::visits(&ours).into_iter().chain(history::visits(&theirs)) {
            let visit = (visit.date / 1000, visit.kind);
            let is_older = kept.len() == history::MAX_VISITS && visit.0 <= oldest.0;
            prop_assert!(kept.contains(&visit) || is_older, "{:?} is lost", visit);
        }
    }

    #[test]
    fn merges_of_addresses_keep_the_laws(base in address(), ours in address(), theirs in address()) {
        keeps_laws(addresses::merge, &base, &ours, &theirs, true);
    }

    #[test]
    fn merges_of_extensions_keep_the_laws(base in stored(), ours in stored(), theirs in stored()) {
        keeps_laws(extension_storage::merge, &base, &ours, &theirs, false);
        let (record, _) = merged(extension_storage::merge, Some(&base), &ours, &theirs, Side::Ours).unwrap();
        let (record, base) = (extension_storage::items(&record), extension_storage::items(&base));
        let (ours, theirs) = (extension_storage::items(&ours), extension_storage::items(&theirs));
        for (key, value) in &ours {
            if theirs.get(key) == base.get(key) {
                prop_assert_eq!(record.get(key), Some(value), "a key that only this device changed");
            }
        }
    }
}

#[test]
fn secrets_are_not_printed() {
    let card: String = alloc::format!(
        "{:?}",
        Judgement::Reupload(Corrected::new(&json!({"cc-number": "4111"})))
    );
    assert!(!card.contains("4111"), "{card}");
}
