//! Tests of every row of the decision table.

use super::*;
use crate::json::json;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn command(name: &str, args: &[&str]) -> Value {
    json!({"command": name, "args": args})
}

/// A name, the waiting commands, the commands carried out before, and the expected result.
type Row<'a> = (&'a str, &'a [&'a Value], &'a [&'a Value], &'a [&'a str]);

#[test]
fn each_command_is_carried_out_once_and_in_order() {
    let (reset, wipe) = (
        command("resetEngine", &["a"]),
        command("wipeEngine", &["a"]),
    );
    let (logout, odd) = (command("logout", &[]), command("launch", &[]));
    let rows: [Row<'_>; 7] = [
        ("nothing", &[], &[], &[]),
        (
            "in their order",
            &[&wipe, &reset],
            &[],
            &["wipeEngine", "resetEngine"],
        ),
        ("twice the same", &[&wipe, &wipe], &[], &["wipeEngine"]),
        (
            "carried out before",
            &[&wipe, &reset],
            &[&wipe],
            &["resetEngine"],
        ),
        ("not known", &[&odd, &reset], &[], &["?", "resetEngine"]),
        (
            "logout is the last",
            &[&reset, &logout, &wipe],
            &[],
            &["resetEngine", "logout"],
        ),
        (
            "logout is never done with",
            &[&logout],
            &[&logout],
            &["logout"],
        ),
    ];
    for (name, inbox, executed, expected) in rows {
        let inbox: Vec<Value> = inbox.iter().map(|json| (*json).clone()).collect();
        let executed: Vec<Value> = executed.iter().map(|json| (*json).clone()).collect();
        let tasks = judge(&inbox, &digests(&executed));
        let names: Vec<&str> = tasks
            .iter()
            .map(|(_, command)| command.as_ref().map_or("?", Command::name))
            .collect();
        assert_eq!(names, expected, "{name}");
    }
}

#[test]
fn records_are_wiped_only_where_the_newest_one_there_opens() {
    let rows = [
        (KeyProbe::Opens, CommandOutcome::Done),
        (KeyProbe::None, CommandOutcome::KeptEmpty),
        (KeyProbe::Sealed, CommandOutcome::KeptUnreadable),
    ];
    for (newest, expected) in rows {
        assert_eq!(judge_wipe(newest), expected);
    }
}
