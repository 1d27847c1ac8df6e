//! The steps of the demo.

use std::path::Path;
use std::time::Instant;

use selvedge_santa::Kind;
use selvedge_santa::ipc::{Call, Posted};
use serde::Serialize;
use serde_json::{Value, json};

use super::machine::{DemoMachine, POLL_INTERVAL, TIMEOUT};
use super::{MACHINE, SUBJECT};
use crate::output::Output;
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::push::{Publisher, SYNC_NOW};
use selvedge_santa_host::serve::{Agreement, Configuration, Running};

/// The hash of the program that is blocked from the start.
pub(super) const BLOCKED: &str = "2dc104631939b4bdf5d6bccab76e166e37fe5e1605340cf68dab919df58b8eda";
/// The team id of the publisher that is allowed later.
pub(super) const ALLOWED: &str = "EQHXZ8M8AV";

const BEFORE: &str =
    "client_mode = \"MONITOR\"\n\n[[rules]]\nrule_type = \"BINARY\"\npolicy = \"BLOCKLIST\"\n";
const AFTER: &str = "\n[[rules]]\nrule_type = \"TEAMID\"\npolicy = \"ALLOWLIST\"\n";

/// A step with its duration.
#[derive(Serialize)]
pub(super) struct Step {
    pub(super) what: &'static str,
    pub(super) milliseconds: u64,
}

/// The steps and their results.
pub(super) struct Recorded {
    pub(super) steps: Vec<Step>,
    /// The result of the first sync.
    pub(super) first: Value,
    /// The result of posting the event.
    pub(super) posted: Value,
    /// The event in the server's log.
    pub(super) event: Value,
    /// The result of posting it again.
    pub(super) posted_again: Value,
    /// Whether the machine had the server's rules, before and after the push.
    pub(super) agreed: Vec<Option<Agreement>>,
}

/// The server's configuration at the start.
pub(super) fn before() -> Configuration {
    read(&format!("{BEFORE}identifier = \"{BLOCKED}\"\n"))
}

/// The server's configuration after the change.
fn after() -> Configuration {
    read(&format!(
        "{BEFORE}identifier = \"{BLOCKED}\"\n{AFTER}identifier = \"{ALLOWED}\"\n"
    ))
}

fn read(text: &str) -> Configuration {
    Configuration::read(text).0
}

/// Runs all steps.
pub(super) async fn run(
    output: &Output,
    machine: &DemoMachine,
    server: &Running,
    publisher: &Publisher,
    log: &Path,
) -> Result<Recorded> {
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
    let first = machine.call(&sync).await?;
    let mut agreed = vec![agreement()];
    done("first sync, requested over the socket");
    output.note("The machine synced. It has the server's rule, which blocks a program.");

    let posted = machine.call(&post()?).await?;
    let event = logged(log)?;
    done("event posted on the socket and uploaded to the server");
    output.note(
        "The agent posted an event of the blocked program. The event is in the server's log.",
    );
    let posted_again = machine.call(&post()?).await?;
    done("same event posted again, which waits");
    output.note("The agent posted the same event again, which is not uploaded within 10 minutes.");

    server.state().replace(after());
    output.note("The server has a second rule, which allows a publisher.");
    let mut subscribers = 0;
    until("the machine has not subscribed to push", async || {
        subscribers = publisher.publish(SUBJECT, &SYNC_NOW);
        Ok((subscribers > 0).then_some(()))
    })
    .await?;
    output.note(format_args!("A push message was sent to {SUBJECT}."));
    until("the machine has not synced after the push", async || {
        let status = machine.call(&Call::Status).await?;
        let has_rule = status["rules"]["teamid"] == 1;
        let agrees = agreement() == Some(Agreement::Agrees);
        Ok((has_rule && agrees).then_some(()))
    })
    .await?;
    agreed.push(agreement());
    done("rules changed on the server, pushed and synced");
    output.note("The machine synced automatically and has both rules.");
    Ok(Recorded {
        steps,
        first,
        posted,
        event,
        posted_again,
        agreed,
    })
}

/// The call of the agent that posts the event of a blocked program.
fn post() -> Result<Call> {
    let event = json!({
        "file_sha256": BLOCKED, "file_path": "/opt/acme/bin", "file_name": "acmed", "executing_user": "alice",
        "execution_time": 1_767_225_600.25, "decision": "BLOCK_BINARY", "pid": 4242, "ppid": 1, "parent_name": "systemd",
    });
    let event = Posted::read(event)
        .map_err(|error| HostError::Failed(format!("the event of the demo is invalid: {error}")))?;
    Ok(Call::EventsPost {
        events: vec![event],
        key: None,
    })
}

/// The last event in the server's log; null without events.
fn logged(log: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(log).map_err(HostError::file(log))?;
    let last = text.lines().last().unwrap_or("null");
    serde_json::from_str(last).map_err(|error| HostError::BadFile {
        path: log.to_owned(),
        detail: error.to_string(),
    })
}

/// Polls until there is a result, or the timeout has passed.
async fn until<T>(error: &str, mut poll: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(seen) = poll().await? {
            return Ok(seen);
        }
        if began.elapsed() > TIMEOUT {
            return Err(HostError::Failed(format!(
                "{error} within {} s",
                TIMEOUT.as_secs()
            )));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
