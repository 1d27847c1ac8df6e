//! What happens to the machine.

use std::path::Path;
use std::time::Instant;

use selvedge_santa::Kind;
use selvedge_santa::ipc::{Call, Posted};
use serde::Serialize;
use serde_json::{Value, json};

use super::machine::{DemoMachine, LOOK, TIMEOUT};
use super::{MACHINE, SUBJECT};
use crate::output::Output;
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::push::{Publisher, SYNC_NOW};
use selvedge_santa_host::serve::{Agreement, Configuration, Running};

/// The program that is blocked from the start, by its hash,
pub(super) const BLOCKED: &str = "2dc104631939b4bdf5d6bccab76e166e37fe5e1605340cf68dab919df58b8eda";
/// and the publisher that is allowed later.
pub(super) const ALLOWED: &str = "EQHXZ8M8AV";

const BEFORE: &str =
    "client_mode = \"MONITOR\"\n\n[[rules]]\nrule_type = \"BINARY\"\npolicy = \"BLOCKLIST\"\n";
const AFTER: &str = "\n[[rules]]\nrule_type = \"TEAMID\"\npolicy = \"ALLOWLIST\"\n";

/// Something that was done, and how long it took.
#[derive(Serialize)]
pub(super) struct Step {
    pub(super) what: &'static str,
    pub(super) milliseconds: u64,
}

/// What was done and seen.
pub(super) struct Told {
    pub(super) steps: Vec<Step>,
    /// The first sync's answer.
    pub(super) first: Value,
    /// What posting the event was answered.
    pub(super) posted: Value,
    /// The event in the server's log.
    pub(super) event: Value,
    /// What posting it once more was answered.
    pub(super) posted_again: Value,
    /// The server's view before and after the push.
    pub(super) agreed: Vec<Option<Agreement>>,
}

/// The server's rules in the beginning,
pub(super) fn before() -> Configuration {
    read(&format!("{BEFORE}identifier = \"{BLOCKED}\"\n"))
}

/// and later.
fn after() -> Configuration {
    read(&format!(
        "{BEFORE}identifier = \"{BLOCKED}\"\n{AFTER}identifier = \"{ALLOWED}\"\n"
    ))
}

fn read(text: &str) -> Configuration {
    Configuration::read(text).0
}

/// Runs the demo and prints its steps.
pub(super) async fn tell(
    output: &Output,
    machine: &DemoMachine,
    server: &Running,
    publisher: &Publisher,
    log: &Path,
) -> Result<Told> {
    let mut steps = Vec::new();
    let mut began = Instant::now();
    let mut done = |what: &'static str| {
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        steps.push(Step { what, milliseconds });
        began = Instant::now();
    };
    let agreement = || {
        let status = server.state().status();
        status.machines.get(MACHINE).map(|seen| seen.agreement)
    };

    let sync = Call::SyncRun {
        kind: Kind::Normal,
        log: false,
        wait: true,
    };
    let first = machine.ask(&sync).await?;
    let mut agreed = vec![agreement()];
    done("first sync, requested over the socket");
    output.note("The machine synced: it has the server's rule, which blocks a program.");

    let posted = machine.ask(&post()?).await?;
    let event = logged(log)?;
    done("event posted on the socket, in the server's log");
    output.note("The agent posted that the program was blocked; the event is in the server's log.");
    let posted_again = machine.ask(&post()?).await?;
    done("the same event again, which is held back");
    output.note("It posted the same event again, which is not sent within ten minutes.");

    server.state().replace(after());
    output.note("The server now has a second rule, which allows a publisher.");
    let mut told = 0;
    until("the machine does not receive push messages", async || {
        told = publisher.publish(SUBJECT, &SYNC_NOW);
        Ok((told > 0).then_some(()))
    })
    .await?;
    output.note(format_args!("A push message went to {SUBJECT}."));
    until("the machine does not sync after the push", async || {
        let status = machine.ask(&Call::Status).await?;
        let has_rule = status["rules"]["teamid"] == 1;
        let is_told = agreement() == Some(Agreement::Agrees);
        Ok((has_rule && is_told).then_some(()))
    })
    .await?;
    agreed.push(agreement());
    done("rules changed, pushed, on the machine");
    output.note("The machine synced because of the push message, and has both rules.");
    Ok(Told {
        steps,
        first,
        posted,
        event,
        posted_again,
        agreed,
    })
}

/// The agent reports a blocked program.
fn post() -> Result<Call> {
    let event = json!({
        "file_sha256": BLOCKED, "file_path": "/opt/acme/bin", "file_name": "acmed", "executing_user": "alice",
        "execution_time": 1_767_225_600.25, "decision": "BLOCK_BINARY", "pid": 4242, "ppid": 1, "parent_name": "systemd",
    });
    let event = Posted::read(event)
        .map_err(|error| HostError::Failed(format!("the demo's event: {error}")))?;
    Ok(Call::EventsPost {
        events: vec![event],
        key: None,
    })
}

/// The last event in the server's log; null if there is none.
fn logged(log: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(log).map_err(HostError::file(log))?;
    let last = text.lines().last().unwrap_or("null");
    serde_json::from_str(last).map_err(|error| HostError::BadFile {
        path: log.to_owned(),
        detail: error.to_string(),
    })
}

/// Looks until there is something to see, or for too long.
async fn until<T>(otherwise: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if began.elapsed() > TIMEOUT {
            return Err(HostError::Failed(otherwise.to_owned()));
        }
        tokio::time::sleep(LOOK).await;
    }
}
