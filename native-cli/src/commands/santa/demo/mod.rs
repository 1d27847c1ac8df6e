//! `selvedge santa demo`: a machine with its daemon, a server and push, all on this machine.

mod machine;
mod proof;
mod story;

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use self::machine::DemoMachine;
use self::story::Step;
use crate::commands::checks::{Concluded, unless_stopped};
use crate::output::{Align, Output, Table, duration};
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::push::Publisher;
use selvedge_santa_host::serve::{self, Running, ServeConfig, Source};

/// By what the server knows the machine.
const MACHINE: &str = "50C7E1EB-2EF5-42D4-A084-A7966FC45A95";

/// What the machine listens to.
const SUBJECT: &str = "santa.tag.demo";

/// What the demo did and found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Demo {
    server: String,
    push_server: String,
    steps: Vec<Step>,
    /// The event as it stands in the server's log.
    event: Value,
    /// The rules that the machine has in the end, by their identifiers.
    rules: Vec<String>,
}

/// Runs the demo.
///
/// # Errors
/// When a part of it does not work, a check does not hold, or it is stopped.
pub(super) async fn run(output: Output) -> Result<()> {
    unless_stopped(show(output)).await
}

async fn show(output: Output) -> Result<()> {
    let dir = tempfile::Builder::new()
        .prefix("selvedge-santa-demo-")
        .tempdir()
        .map_err(HostError::file(&std::env::temp_dir()))?;
    let log = dir.path().join("events.jsonl");
    let server = server(&log).await?;
    let publisher = Publisher::bind(0)
        .await
        .map_err(|error| HostError::Failed(format!("no port is free: {error}")))?;
    let (url, push_url) = (server.url(), publisher.url());
    output.note(format_args!("A server runs on {url}."));
    output.note(format_args!(
        "A push server runs on {push_url}, with the part of the NATS protocol that the demo needs."
    ));
    let mut machine = DemoMachine::start(dir.path(), &url, &push_url).await?;
    output.note(format_args!(
        "A daemon serves machine {MACHINE}, as process {}.",
        machine.pid()
    ));
    let told = story::tell(&output, &machine, &server, &publisher, &log).await;
    let told = match told {
        Ok(told) => told,
        Err(error) => {
            output.note(format_args!(
                "The output of the daemon:\n{}",
                machine.said()
            ));
            return Err(error);
        }
    };
    let ended_well = machine.stop().await?;
    output.note("The daemon stopped on request.");
    let rules = machine.rules().await?;
    let status = server.state().status();
    let checks = proof::checks(&told, &status, &rules, ended_well);
    server.stop().await;

    let demo = Demo {
        server: url,
        push_server: push_url,
        steps: told.steps,
        event: told.event,
        rules,
    };
    Concluded::new(demo, checks).tell(output)
}

async fn server(log: &Path) -> Result<Running> {
    let config = ServeConfig {
        event_log: Some(log.to_owned()),
        ..ServeConfig::new(Source::Fixed(Box::new(story::before())))
    };
    serve::start(config)
        .await
        .map_err(|error| HostError::Failed(error.to_string()))
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[("STEP", Align::Left), ("TIME", Align::Right)]);
        for step in &self.steps {
            table.row(vec![step.what.into(), duration(step.milliseconds)]);
        }
        writeln!(f, "{table}")?;
        writeln!(f, "The event on the server:")?;
        writeln!(f, "  {}", self.event)?;
        writeln!(f)?;
        writeln!(f, "The rules on the machine:")?;
        for rule in &self.rules {
            writeln!(f, "  {rule}")?;
        }
        Ok(())
    }
}
