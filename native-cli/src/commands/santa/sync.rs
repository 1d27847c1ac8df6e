//! `selvedge santa sync`: by the daemon where one runs, else in this process.
//!
//! ```text
//! --once ─────────────────────────────────→ here
//! no process listens on the socket ────────→ here
//! the daemon takes it ─────────────────────→ its log lines, then its report
//! the daemon has two already ──────────────→ status 5
//! the daemon went away ────────────────────→ status 10
//! ```

use std::fmt;

use selvedge_santa::ipc::{Call, Fault, Progress};
use selvedge_santa::{Kind, Stage, Status};
use serde::Serialize;
use serde_json::Value;

use super::grammar::SyncArgs;
use crate::device::Device;
use crate::output::{Output, bytes, duration, printable};
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::ipc_client::{Asked, ask};
use selvedge_santa_host::sync_failure;
use selvedge_santa_host::{Config, Runner};

/// Syncs once.
///
/// # Errors
/// [`sync_failure`] when it did not come to its end; the report is printed all the same.
pub(super) async fn run(device: &Device, args: &SyncArgs) -> Result<()> {
    let config = super::config(device, &args.config)?;
    let kind = match (args.clean, args.clean_all) {
        (_, true) => Kind::CleanAll,
        (true, false) => Kind::Clean,
        (false, false) => Kind::Normal,
    };
    if !args.once
        && let Some(report) = delegated(device, &config, kind).await?
    {
        return finish(device.output, report);
    }
    let runner = Runner::open(&super::paths(device), config)?;
    let output = device.output;
    let progress = |stage: Stage| {
        if let Some(name) = name(stage) {
            output.note(name);
        }
    };
    let report = runner.sync(Some(kind), false, &progress).await?;
    let json =
        serde_json::to_value(&report).map_err(|error| HostError::Failed(error.to_string()))?;
    finish(output, json)
}

/// The daemon's result; `None` if no daemon runs.
async fn delegated(device: &Device, config: &Config, kind: Kind) -> Result<Option<Value>> {
    let call = Call::SyncRun {
        kind,
        log: true,
        wait: true,
    };
    let socket = config.socket_path(&super::paths(device));
    let mut notice = |progress| {
        if let Progress::Log { text, .. } = progress {
            device.output.note(printable(&text));
        }
    };
    let fail = |status, message: String| Err(sync_failure(status, message));
    match ask(&socket, &call, &mut notice).await {
        Asked::Nobody => Ok(None),
        Asked::Done(mut result) => Ok(Some(match result.get_mut("report").map(Value::take) {
            Some(report) if report.is_object() => report,
            _ => result,
        })),
        Asked::Refused(Some(Fault::Busy)) => {
            fail(Status::TooManySyncs, Status::TooManySyncs.to_string())
        }
        Asked::Refused(Some(Fault::NotConfigured)) => {
            fail(Status::NoServer, Status::NoServer.to_string())
        }
        Asked::Refused(fault) => {
            let reason = fault.map_or("unknown reason".into(), |fault| fault.to_string());
            fail(
                Status::Unknown,
                format!("the daemon refused to sync: {reason}"),
            )
        }
        Asked::Lost(error) => fail(
            Status::Connection,
            format!(
                "{}: the daemon does not respond ({error}): see its log, or sync with --once",
                socket.display()
            ),
        ),
    }
}

/// Prints the report; errs when the sync did not come to its end.
fn finish(output: Output, report: Value) -> Result<()> {
    let view = View(report);
    output.answer(&view)?;
    match view.status() {
        Status::Success => Ok(()),
        status => {
            let message = view.failure().unwrap_or_else(|| status.to_string());
            Err(sync_failure(status, message))
        }
    }
}

/// What a stage that begins is called.
const fn name(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Preflight => Some("preflight: sending the state of this machine"),
        Stage::EventUpload => Some("eventupload: sending events"),
        Stage::RuleDownload => Some("ruledownload: fetching rules"),
        Stage::Postflight => Some("postflight: sending the result"),
        Stage::Preflighted(_) | Stage::LogUpload => None,
    }
}

/// The stages as a report names them.
const STAGES: [&str; 5] = [
    "preflight",
    "log_upload",
    "event_upload",
    "rule_download",
    "postflight",
];

/// A report, as this process or the daemon wrote it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct View(pub(super) Value);

impl View {
    fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    fn status(&self) -> Status {
        let number = self.0.get("status").and_then(Value::as_u64);
        number.map_or(Status::Unknown, Status::from_number)
    }

    /// What went wrong in a stage.
    fn problem(&self, stage: &str) -> Option<&str> {
        self.0.get(stage)?.get("error")?.as_str()
    }

    /// Some of the rules whose expressions cannot be compiled.
    fn refused(&self) -> impl Iterator<Item = String> {
        let rules = self.0.get("refused").and_then(Value::as_array);
        rules.into_iter().flatten().map(|rule| {
            let of = |name| printable(rule.get(name).and_then(Value::as_str).unwrap_or_default());
            format!("{} {}", of("rule_type"), of("identifier"))
        })
    }

    /// The clean sync that was asked for, where a normal one was done.
    fn not_granted(&self) -> Option<&str> {
        let kind = |name: &str| Kind::from_name(self.0.get(name)?.as_str()?);
        let requested = kind("requested").filter(|kind| kind.is_clean())?;
        (kind("performed") == Some(Kind::Normal)).then_some(requested.as_str())
    }

    /// What kept the sync from its end.
    fn failure(&self) -> Option<String> {
        let stages = ["preflight", "rule_download", "postflight"];
        let mut problems = stages.iter().filter_map(|stage| self.problem(stage));
        problems.next().map(printable)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.0.get("kind").and_then(Value::as_str);
        if let Some(kind) = kind {
            let kind = printable(&kind.replace('_', " "));
            writeln!(f, "Kind of sync  {kind}")?;
        }
        if let Some(requested) = self.not_granted() {
            let requested = printable(&requested.replace('_', " "));
            writeln!(
                f,
                "Asked for     {requested}, which the server refused: the next sync requests it again"
            )?;
        }
        if let Some(mode) = self.0.get("replaced_mode").and_then(Value::as_str) {
            writeln!(
                f,
                "Mode          LOCKDOWN, in place of {}, which the server sets: see selvedge.allow_standalone",
                printable(mode)
            )?;
        }
        let (received, processed) = (
            self.number("rules_received"),
            self.number("rules_processed"),
        );
        write!(f, "Rules         {received} received")?;
        if processed < received {
            write!(f, ", {} of them skipped", received - processed)?;
        }
        for rule in self.refused() {
            write!(
                f,
                "\nRefused       {rule}: its expression cannot be compiled"
            )?;
        }
        write!(f, "\nEvents        {} sent", self.number("events_uploaded"))?;
        match self.number("events_deleted_unsent") {
            0 => writeln!(f)?,
            unsent => writeln!(f, ", {unsent} deleted unsent")?,
        }
        if let Some(traffic) = self.0.get("traffic") {
            let of = |name: &str| {
                traffic
                    .get(name)
                    .and_then(Value::as_u64)
                    .unwrap_or_default()
            };
            writeln!(
                f,
                "Traffic       {} requests, {} sent, {} received, {}",
                of("requests"),
                bytes(of("bytes_sent")),
                bytes(of("bytes_received")),
                duration(self.number("millis"))
            )?;
        }
        for stage in STAGES {
            if let Some(problem) = self.problem(stage) {
                writeln!(f, "Failed        {}", printable(problem))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read_from_what_either_process_wrote() {
        let report = json!({
            "status": 0, "kind": "clean_all", "rules_received": 5, "rules_processed": 4,
            "events_uploaded": 2, "events_deleted_unsent": 1, "millis": 1500,
            "traffic": {"requests": 4, "bytes_sent": 400, "bytes_received": 2000},
            "event_upload": {"code": "refused", "error": "eventupload: 500"},
            "rules_refused": 1, "refused": [{"rule_type": "TEAMID", "identifier": "EQHXZ8M8AV"}],
        });
        let view = View(report);
        assert_eq!(view.status(), Status::Success);
        assert_eq!(
            view.to_string(),
            "Kind of sync  clean all\nRules         5 received, 1 of them skipped\n\
             Refused       TEAMID EQHXZ8M8AV: its expression cannot be compiled\nEvents        2 sent, 1 deleted unsent\n\
             Traffic       4 requests, 400 B sent, 2.0 KB received, 1.50 s\nFailed        eventupload: 500\n"
        );
        let asked = View(json!({
            "kind": "normal", "requested": "clean_all", "performed": "normal", "replaced_mode": "STANDALONE",
        }));
        let text = asked.to_string();
        assert!(
            text.starts_with(
                "Kind of sync  normal\nAsked for     clean all, which the server refused: the next sync requests it again\nMode          LOCKDOWN, in place of STANDALONE"
            ),
            "{text}"
        );
        for (requested, performed) in [
            ("normal", "normal"),
            ("clean", "clean"),
            ("clean_all", "clean_all"),
        ] {
            let text = View(json!({"requested": requested, "performed": performed})).to_string();
            assert!(!text.contains("Asked for"), "{text}");
        }
        assert_eq!(View(json!({})).status(), Status::Unknown);
        let failed = View(json!({"status": 3, "rule_download": {"error": "no\u{1b}"}}));
        assert_eq!(failed.failure().as_deref(), Some("no\u{fffd}"));
    }
}
