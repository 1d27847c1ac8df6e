//! What must be true in the end.

use serde_json::{Value, json};

use super::MACHINE;
use super::story::{ALLOWED, BLOCKED, Told};
use crate::commands::checks::Check;
use selvedge_santa_host::serve::{Agreement, Status};

/// What the machine, the server and its log show.
pub(super) fn checks(
    told: &Told,
    status: &Status,
    rules: &[String],
    ended_well: bool,
) -> Vec<Check> {
    let is_event = {
        let event: &Value = &told.event;
        event["machine_id"] == MACHINE && event.to_string().contains(BLOCKED)
    };
    let agrees = |paths: usize| told.agreed.get(paths) == Some(&Some(Agreement::Agrees));
    let mut rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    rules.sort_unstable();
    let rows = [
        (
            "the first sync succeeded, and the machine has the server's rules",
            told.first["status"] == 0 && agrees(0),
        ),
        (
            "the event was sent immediately, and the server's log names the machine and the program",
            told.posted == json!({"ok": true, "uploaded": 1}) && is_event,
        ),
        (
            "the same event was not sent again",
            told.posted_again == json!({"ok": true, "uploaded": 0}) && status.events == 1,
        ),
        (
            "after the push the machine has the server's rules again",
            agrees(1),
        ),
        (
            "the machine's store has exactly the two rules",
            rules == [BLOCKED, ALLOWED],
        ),
        ("the daemon exited without an error", ended_well),
    ];
    rows.into_iter()
        .map(|(claim, holds)| Check::new(claim, holds))
        .collect()
}
