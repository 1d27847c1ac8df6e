//! The checks at the end of the demo.

use serde_json::{Value, json};

use super::MACHINE;
use super::scenario::{ALLOWED, BLOCKED, Recorded};
use crate::commands::checks::Check;
use selvedge_santa_host::serve::{Agreement, Status};

/// Checks the results of calls, the status of the server, and the machine's rules.
pub(super) fn checks(
    recorded: &Recorded,
    status: &Status,
    rules: &[String],
    ended_well: bool,
) -> Vec<Check> {
    let is_event = {
        let event: &Value = &recorded.event;
        event["machine_id"] == MACHINE && event.to_string().contains(BLOCKED)
    };
    let agrees = |index: usize| recorded.agreed.get(index) == Some(&Some(Agreement::Agrees));
    let mut rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    rules.sort_unstable();
    let rows = [
        (
            "the first sync succeeded, and the machine had the server's rules",
            recorded.first["status"] == 0 && agrees(0),
        ),
        (
            "the event was uploaded immediately, and the server's log has the machine and the program",
            recorded.posted == json!({"ok": true, "uploaded": 1}) && is_event,
        ),
        (
            "the same event was not uploaded again",
            recorded.posted_again == json!({"ok": true, "uploaded": 0}) && status.events == 1,
        ),
        (
            "after the push, the machine had the server's new rules",
            agrees(1),
        ),
        (
            "the machine's store has exactly both rules",
            rules == [BLOCKED, ALLOWED],
        ),
        ("the daemon exited successfully", ended_well),
    ];
    rows.into_iter()
        .map(|(claim, holds)| Check::new(claim, holds))
        .collect()
}
