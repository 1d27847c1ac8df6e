//! `selvedge santa demo`: a machine with its daemon, a server and push on this computer.

mod machine;
mod scenario;
mod verification;

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use self::machine::DemoMachine;
use self::scenario::Step;
use crate::commands::checks::{Concluded, unless_stopped};
use crate::output::{Align, Output, Table, duration};
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::push::Publisher;
use selvedge_santa_host::serve::{self, Running, ServeConfig, Source};

/// The id of the machine.
const MACHINE: &str = "50C7E1EB-2EF5-42D4-A084-A7966FC45A95";

/// The push subject of the machine.
const SUBJECT: &str = "santa.tag.demo";

/// The result of the demo.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Demo {
    server: String,
    push_server: String,
    steps: Vec<Step>,
    /// The event in the server's log.
    event: Value,
    /// The identifiers of the machine's rules at the end.
    rules: Vec<String>,
}

/// Runs the demo.
///
/// # Errors
/// When a step or a check fails, or the demo is stopped.
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
        .map_err(|error| HostError::Failed(format!("the push server cannot listen: {error}")))?;
    let (url, push_url) = (server.url(), publisher.url());
    output.note(format_args!("A server runs on {url}."));
    output.note(format_args!(
        "A push server runs on {push_url}. It implements the part of NATS that the demo needs."
    ));
    let mut machine = DemoMachine::start(dir.path(), &url, &push_url).await?;
    output.note(format_args!(
        "A daemon runs for machine {MACHINE} as process {}.",
        machine.pid()
    ));
    let recorded = scenario::run(&output, &machine, &server, &publisher, &log).await;
    let recorded = match recorded {
        Ok(recorded) => recorded,
        Err(error) => {
            output.note(format_args!("The log of the daemon:\n{}", machine.log()));
            return Err(error);
        }
    };
    let ended_well = machine.stop().await?;
    output.note("The daemon stopped.");
    let rules = machine.rules().await?;
    let status = server.state().status();
    let checks = verification::checks(&recorded, &status, &rules, ended_well);
    server.stop().await;

    let demo = Demo {
        server: url,
        push_server: push_url,
        steps: recorded.steps,
        event: recorded.event,
        rules,
    };
    Concluded::new(demo, checks).tell(output)
}

async fn server(log: &Path) -> Result<Running> {
    let config = ServeConfig {
        event_log: Some(log.to_owned()),
        ..ServeConfig::new(Source::Fixed(Box::new(scenario::before())))
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
        writeln!(f, "The event in the server's log:")?;
        writeln!(f, "  {}", self.event)?;
        writeln!(f)?;
        writeln!(f, "The rules of the machine:")?;
        for rule in &self.rules {
            writeln!(f, "  {rule}")?;
        }
        Ok(())
    }
}
