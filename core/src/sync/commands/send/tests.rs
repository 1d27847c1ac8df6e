//! The commands that sending adds to a record.

use alloc::format;
use alloc::string::{String, ToString};

use super::*;
use crate::json::json;
use crate::time::ServerTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn record(id: &str, commands: &[Value]) -> ClientRecord {
    let id = RecordId::new(id).unwrap();
    let text =
        json!({"id": id, "name": format!("name of {id}"), "commands": commands, "unknown": [1]});
    ClientRecord::parse(id, ServerTime::ZERO, &text.to_string()).unwrap()
}

fn tab(n: usize) -> Value {
    json!({"command": "displayURI", "args": [format!("https://example.org/{n:03}"), "me", ""]})
}

fn names(record: &ClientRecord) -> Vec<String> {
    let name = |command: &Value| {
        let first = command
            .get("args")
            .and_then(|args| args.as_array()?.first()?.as_str());
        match first {
            Some(arg) => arg.into(),
            None => command.get("command").unwrap().as_str().unwrap().into(),
        }
    };
    record.commands().iter().map(name).collect()
}

#[test]
fn a_command_that_waits_already_is_not_added_again() {
    let mut target = record(
        "a",
        &[
            json!({"command": "displayURI", "args": ["https://example.org/001", "me", ""], "flowID": "f"}),
        ],
    );
    let delivery = add(&mut target, &[tab(1), tab(2), tab(2)], 10_000).unwrap();
    assert_eq!(
        delivery,
        Delivery {
            added: 1,
            left_out: 0
        }
    );
    assert_eq!(
        names(&target),
        ["https://example.org/001", "https://example.org/002"]
    );
    assert_eq!(add(&mut target, &[tab(2)], 10_000).unwrap().added, 0);
}

#[test]
fn what_does_not_fit_pushes_out_the_oldest_of_the_least_important() {
    let spaceship = json!({"command": "launch", "args": ["ship"]});
    let reset = json!({"command": "resetEngine", "args": ["forms"]});
    let wipe = json!({"command": "wipeEngine", "args": ["tabs"]});
    let all = [spaceship, reset.clone(), tab(1), wipe, tab(2)];
    let size = |commands: &[Value]| record("a", commands).to_cleartext().len();
    let with_new: Vec<Value> = all.iter().cloned().chain([tab(3)]).collect();
    let without = |gone: &[usize]| {
        let kept = with_new
            .iter()
            .enumerate()
            .filter(|(at, _)| !gone.contains(at));
        size(&kept.map(|(_, command)| command.clone()).collect::<Vec<_>>())
    };
    let url = |n| format!("https://example.org/{n:03}");
    let rows = [
        (
            "all fit",
            without(&[]),
            0,
            alloc::vec![
                "ship".into(),
                "forms".into(),
                url(1),
                "tabs".into(),
                url(2),
                url(3)
            ],
        ),
        (
            "one too many",
            without(&[2]),
            1,
            alloc::vec!["ship".into(), "forms".into(), "tabs".into(), url(2), url(3)],
        ),
        (
            "a byte less",
            without(&[2]) - 1,
            2,
            alloc::vec!["ship".into(), "forms".into(), "tabs".into(), url(3)],
        ),
        (
            "resets before what is unknown",
            without(&[1, 2, 4]),
            3,
            alloc::vec!["ship".into(), "tabs".into(), url(3)],
        ),
        (
            "the new one stays to the last",
            without(&[0, 1, 2, 3, 4]),
            5,
            alloc::vec![url(3)],
        ),
    ];
    for (name, budget, left_out, expected) in rows {
        let mut target = record("a", &all);
        let delivery = add(&mut target, &[tab(3)], budget).unwrap();
        assert_eq!(delivery, Delivery { added: 1, left_out }, "{name}");
        assert_eq!(names(&target), expected, "{name}");
    }
    let mut target = record("a", &all);
    let alone = without(&[0, 1, 2, 3, 4]) - 1;
    assert!(matches!(
        add(&mut target, &[tab(3)], alone),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn everybody_but_the_sender_is_addressed() {
    let mut collection = Collection {
        records: ["a", "b", "c"].map(|id| record(id, &[])).into(),
        ..Collection::default()
    };
    let limits = Limits::default();
    let (sent, written) = address(
        &mut collection,
        Recipients::AllBut(Some("b")),
        &[tab(1)],
        &limits,
    )
    .unwrap();
    let ids: Vec<&str> = written.iter().map(|written| written.id.as_str()).collect();
    assert_eq!((ids, sent.len()), (alloc::vec!["a", "c"], 2));
    let one = RecordId::new("c").unwrap();
    let (sent, written) =
        address(&mut collection, Recipients::One(&one), &[tab(1)], &limits).unwrap();
    assert_eq!(
        (sent[0].added, written.len()),
        (0, 0),
        "it waits there already"
    );
    let nobody = RecordId::new("nobody").unwrap();
    let missing = address(
        &mut collection,
        Recipients::One(&nobody),
        &[tab(1)],
        &limits,
    );
    assert!(matches!(missing, Err(Error::NoSuchRecord { .. })));
}
