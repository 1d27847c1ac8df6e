//! The state of every release can be read, and an unreadable state is not replaced with a default.

use super::*;
use crate::error::Error;
use crate::sync::state::{CollectionState, FirstSync, Mode, Wish};
use crate::time::{LocalTime, ServerTime};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A text column in the first row of a table in the store of release 0.1.0.
fn fixture(table: &str) -> String {
    let dump = include_str!("../../../../../tests/fixtures/store-0.1.0.sql");
    let insert = alloc::format!("INSERT INTO \"{table}\" VALUES(");
    let row = dump.lines().find_map(|line| line.strip_prefix(&insert));
    let row = row.unwrap();
    let (begin, end) = (row.find("'{").unwrap(), row.rfind("}'").unwrap());
    row[begin + 1..=end].replace("''", "'")
}

fn is_damaged(result: &Result<GlobalState>) -> bool {
    matches!(result, Err(Error::Store(error)) if error.kind == StoreErrorKind::Damaged)
}

#[test]
fn the_state_of_release_0_1_0_is_read() {
    let state = GlobalState::from_text(Some(&fixture("account"))).unwrap();
    let GlobalState { server, device } = &state;
    assert_eq!(
        server.endpoint.as_deref(),
        Some("http://127.0.0.1:18991/1.5/6699752713")
    );
    assert_eq!(server.sync_id.as_deref(), Some("hOPzJUPR-REv"));
    let meta = server.meta.as_ref().unwrap();
    assert_eq!(meta.modified, ServerTime::from_hundredths(179_608_092_316));
    let keys = server.keys.as_ref().unwrap();
    assert!(keys.payload.contains("ciphertext"));
    assert_eq!(server.info.as_ref().unwrap().collections.len(), 3);
    assert_eq!(device.engines.get("prefs"), Some(&2));
    assert!(device.choices.is_settled && device.choices.changes.is_empty());
    assert_eq!(
        device.clients.id.as_ref().map(|id| id.as_str()),
        Some("KUsvlwTjwO9C")
    );
    assert_eq!(device.clients.known.len(), 1);
    assert_eq!(
        device.last_sync,
        Some(LocalTime::from_millis(1_796_080_923_192))
    );
    let again = GlobalState::from_text(Some(&state.to_text())).unwrap();
    assert_eq!(again, state, "this release writes all of it");
}

#[test]
fn the_state_of_a_collection_of_release_0_1_0_is_read() {
    let dump = include_str!("../../../../../tests/fixtures/store-0.1.0.sql");
    let row = dump
        .lines()
        .find(|line| line.contains("(1,'notes','{"))
        .unwrap();
    let text = &row[row.find('{').unwrap()..=row.rfind('}').unwrap()];
    let state: CollectionState = read(Some(text));
    assert_eq!(state.sync_id.as_deref(), Some("OBxqmHYr6eJs"));
    let read_up_to = state.pair.remote.last_sync;
    assert_eq!(read_up_to, ServerTime::from_hundredths(179_608_092_319));
}

#[test]
fn a_state_without_text_is_the_default_and_an_unreadable_one_is_an_error() {
    assert_eq!(GlobalState::from_text(None), Ok(GlobalState::default()));
    let unreadable = [
        "",
        "[]",
        "{",
        r#"{"choices":7}"#,
        r#"{"first_sync":{"mode":"wipeEverything","collections":[]}}"#,
        r#"{"former_keys":"one"}"#,
        r#"{"format":1,"server":{}}"#,
        r#"{"format":1,"server":{},"device":7}"#,
        r#"{"format":1,"server":{},"device":{"choices":{"changes":{"notes":{"wish":"x","at":1}}}}}"#,
        r#"{"format":2,"server":{},"device":{}}"#,
        r#"{"format":"1","server":{},"device":{}}"#,
    ];
    for text in unreadable {
        assert!(is_damaged(&GlobalState::from_text(Some(text))), "{text}");
    }
}

#[test]
fn a_view_of_the_server_that_cannot_be_read_is_forgotten_and_the_devices_state_stays() {
    let rows = [
        r#"{"sync_id":7,"choices":{"changes":{"notes":{"wish":"disable","at":1}}}}"#,
        r#"{"format":1,"server":{"info":7},"device":{"choices":{"changes":{"notes":{"wish":"disable","at":1}}}}}"#,
        r#"{"format":1,"device":{"choices":{"changes":{"notes":{"wish":"disable","at":1}}}}}"#,
    ];
    for text in rows {
        let state = GlobalState::from_text(Some(text)).unwrap();
        assert_eq!(state.server, ServerView::default(), "{text}");
        let wishes = state.device.choices.changes.values();
        assert!(
            wishes.map(|change| change.wish).eq([Wish::Disable]),
            "{text}"
        );
    }
}

#[test]
fn all_of_a_state_is_written_and_read_again() {
    let mut state = GlobalState::default();
    state.server.endpoint = Some("https://node.example.org/1.5/7".into());
    state.server.is_rekeyed = true;
    state.device.former_keys = alloc::vec!["old".into()];
    state.device.first_sync = Some(FirstSync {
        mode: Mode::TakeLocal,
        ..FirstSync::default()
    });
    let text = state.to_text();
    assert!(text.starts_with(r#"{"format":1,"#), "{text}");
    assert_eq!(GlobalState::from_text(Some(&text)), Ok(state));
}

#[test]
fn the_view_of_another_server_begins_anew_and_former_keys_stay() {
    let keys = |payload: &str| {
        Some(Cached {
            payload: payload.into(),
            modified: ServerTime::ZERO,
        })
    };
    let mut state = GlobalState::default();
    for payload in ["a", "b", "a", "c", "d", "e", "f"] {
        state.replace_keys(keys(payload));
    }
    assert_eq!(state.device.former_keys, ["a", "c", "d", "e"]);
    state.replace_keys(None);
    state.server = ServerView::default();
    assert_eq!(state.device.former_keys, ["c", "d", "e", "f"]);
}
