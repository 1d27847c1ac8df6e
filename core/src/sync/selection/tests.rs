//! The selection of engines: every decision, every vector, and the set form.

use alloc::collections::BTreeSet;

use serde::Deserialize;

use super::super::state::Change;
use super::*;
use crate::time::LocalTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const LISTED: Seen = Seen {
    is_listed: true,
    is_declined: false,
    is_known: true,
    was_on: true,
    wish: None,
};
const DECLINED: Seen = Seen {
    is_listed: false,
    is_declined: true,
    ..LISTED
};
const NOWHERE: Seen = Seen {
    is_listed: false,
    ..LISTED
};

const fn wishing(seen: Seen, wish: Wish) -> Seen {
    Seen {
        wish: Some(wish),
        ..seen
    }
}

const fn off(seen: Seen) -> Seen {
    Seen {
        was_on: false,
        ..seen
    }
}

const fn unknown(seen: Seen) -> Seen {
    Seen {
        is_known: false,
        ..seen
    }
}

#[test]
fn every_row() {
    use Decision::*;
    let wipes = Decline { wipe_server: true };
    let declines = Decline { wipe_server: false };
    let rows = [
        (
            "listed, disabled here",
            wishing(LISTED, Wish::Disable),
            wipes,
        ),
        (
            "listed, declined here",
            wishing(LISTED, Wish::Decline),
            declines,
        ),
        ("listed, enabled here", wishing(LISTED, Wish::Enable), On),
        ("listed", LISTED, On),
        ("listed, was off", off(LISTED), OnAgain),
        ("listed, unknown", unknown(LISTED), Unknown),
        (
            "nowhere, enabled here",
            wishing(NOWHERE, Wish::Enable),
            List,
        ),
        (
            "declined, enabled here",
            wishing(DECLINED, Wish::Enable),
            List,
        ),
        (
            "nowhere, disabled here",
            wishing(NOWHERE, Wish::Disable),
            wipes,
        ),
        (
            "declined, disabled here",
            wishing(DECLINED, Wish::Disable),
            wipes,
        ),
        (
            "nowhere, declined here",
            wishing(NOWHERE, Wish::Decline),
            declines,
        ),
        ("declined elsewhere", DECLINED, OffNow),
        ("declined, was off", off(DECLINED), Off),
        ("declined, unknown", unknown(DECLINED), Off),
        ("nowhere", NOWHERE, Unlisted),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(decide(seen, false), expected, "{name}");
        let at_first = match expected {
            Decline { .. } => declines,
            other => other,
        };
        assert_eq!(decide(seen, true), at_first, "{name}, on the first sync");
    }
}

#[derive(Deserialize)]
struct Vectors {
    declined: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    local_enabled: Set<String>,
    local_disabled: Set<String>,
    remote_engines: Vec<String>,
    remote_declined: Vec<String>,
    user_enabled: Vec<String>,
    user_disabled: Vec<String>,
    #[serde(default)]
    user_wipes: Vec<String>,
    expect_declined: Set<String>,
    expect_engines: Set<String>,
    wipe_server: Vec<String>,
}

fn choices(off: Set<String>, wishes: &[(&[String], Wish)]) -> Choices {
    let mut choices = Choices {
        off,
        is_settled: true,
        ..Choices::default()
    };
    for (names, wish) in wishes {
        for name in *names {
            let change = Change {
                wish: *wish,
                at: LocalTime::from_millis(1),
            };
            choices
                .changes
                .insert(CollectionName::new(name.as_str()).unwrap(), change);
        }
    }
    choices
}

#[test]
fn every_row_of_the_vectors() {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../../../tests/vectors/meta_global.json")).unwrap();
    for case in vectors.declined {
        let choices = choices(
            case.local_disabled.clone(),
            &[
                (&case.user_enabled, Wish::Enable),
                (&case.user_disabled, Wish::Decline),
                (&case.user_wipes, Wish::Disable),
            ],
        );
        let found = select(
            case.remote_engines.iter().map(String::as_str),
            case.remote_declined.iter().map(String::as_str),
            &choices,
        );
        assert_eq!(found.declined, case.expect_declined, "{}", case.name);
        assert_eq!(found.engines, case.expect_engines, "{}", case.name);
        let wiped: Vec<&str> = found
            .wipe_server
            .iter()
            .map(CollectionName::as_str)
            .collect();
        assert_eq!(wiped, case.wipe_server, "{}", case.name);
        let is_newly = |name: &&String| case.local_enabled.contains(*name);
        let mut newly = case.expect_declined.iter().filter(is_newly);
        assert!(
            newly.all(|name| found.reset.contains(name)),
            "{}",
            case.name
        );
    }
}

/// All combinations of one engine being listed, declined, off here, and each wish, in the terms of the set form.
#[test]
fn the_decisions_make_the_sets_of_the_set_form() {
    let name = "notes";
    for bits in 0u8..64 {
        let set = |bit: u8| -> BTreeSet<&str> {
            (bits & (1 << bit) != 0)
                .then_some(name)
                .into_iter()
                .collect()
        };
        let (listed, off, is_first) = (set(0), set(2), bits & 32 != 0);
        let declined = &set(1) - &listed;
        let (enabled, disabled) = (set(3), &set(4) - &set(3));
        let own = |set: &BTreeSet<&str>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut choices = choices(
            own(&off).into_iter().collect(),
            &[
                (&own(&enabled), Wish::Enable),
                (&own(&disabled), Wish::Disable),
            ],
        );
        choices.is_settled = !is_first;
        let found = select(listed.iter().copied(), declined.iter().copied(), &choices);
        let expected_declined = &(&declined | &disabled) - &enabled;
        let expected_engines = &(&listed | &enabled) - &expected_declined;
        let found_in = |set: &Set<String>| set.contains(name);
        assert_eq!(
            (
                found_in(&found.declined),
                found_in(&found.engines),
                found.wipe_server.len()
            ),
            (
                expected_declined.contains(name),
                expected_engines.contains(name),
                if is_first { 0 } else { disabled.len() }
            ),
            "{bits:06b}"
        );
    }
}

#[test]
fn what_an_account_loses_in_a_fresh_start_is_chosen_again() {
    let engines = [("spaceships".to_string(), 9), ("history".to_string(), 1)].into();
    let declined = ["tabs".to_string(), "rockets".to_string()];
    let choices = choices(
        Set::new(),
        &[
            (&["tabs".to_string(), "prefs".to_string()], Wish::Enable),
            (&["history".to_string()], Wish::Disable),
        ],
    );
    let (engines, declined) = before_fresh_start(&engines, &declined, &choices);
    let expected = [("prefs", 2), ("spaceships", 9), ("tabs", 1)];
    assert!(
        engines
            .iter()
            .map(|(name, version)| (name.as_str(), *version))
            .eq(expected)
    );
    assert_eq!(declined, ["history", "rockets"]);
}
