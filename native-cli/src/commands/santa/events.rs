//! `selvedge santa events`: what waits for the next sync.

use std::fmt;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use selvedge_core::santa::wire::{Decision, Event};
use selvedge_core::santa::{Occurrence, PendingEvent, RuleStore as _};
use selvedge_core::time::LocalTime;
use serde::Serialize;
use serde_json::Value;

use super::grammar::EventsCommand;
use crate::device::Device;
use crate::exit::{CliError, Result};
use crate::moment;
use crate::output::{Align, Table};

/// More at once is no input of an agent.
const MOST_BYTES: u64 = 64 << 20;
const MOST_EVENTS: usize = 100_000;

/// Events that are read from the store at once.
const PAGE: usize = 200;

pub(super) async fn run(device: &Device, command: EventsCommand) -> Result<()> {
    match command {
        EventsCommand::Add { file, dry_run } => add(device, file.as_deref(), dry_run.dry_run),
        EventsCommand::List { limit } => list(device, limit as usize).await,
    }
}

#[derive(Serialize)]
struct Added {
    /// Events that wait now.
    added: usize,
    /// Events of files of which one waits already.
    dropped: usize,
    dry_run: bool,
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        write!(f, "{} events {would}added", self.added)?;
        match self.dropped {
            0 => writeln!(f),
            dropped => writeln!(f, ", {dropped} dropped: one of the same file waits already"),
        }
    }
}

fn add(device: &Device, file: Option<&Path>, is_dry: bool) -> Result<()> {
    let (text, name) = read(file)?;
    let bad = |detail: String| CliError::BadFile {
        path: name.clone(),
        detail,
    };
    let events = parse(&text).map_err(bad)?;
    let added = match is_dry {
        true => Added {
            added: events.len(),
            dropped: 0,
            dry_run: true,
        },
        false => {
            let ids = super::store(device)?.add_events(&events)?;
            let added = ids.iter().flatten().count();
            Added {
                added,
                dropped: ids.len() - added,
                dry_run: false,
            }
        }
    };
    device.output.answer(&added)
}

fn read(file: Option<&Path>) -> Result<(Vec<u8>, PathBuf)> {
    let file = file.filter(|path| *path != Path::new("-"));
    let name = file.map_or_else(|| PathBuf::from("stdin"), Path::to_owned);
    let reader: Box<dyn Read> = match file {
        Some(path) => Box::new(std::fs::File::open(path).map_err(CliError::file(path))?),
        None if std::io::stdin().is_terminal() => {
            return Err(CliError::Usage(
                "give the events in a file, or on stdin".into(),
            ));
        }
        None => Box::new(std::io::stdin()),
    };
    let mut text = Vec::new();
    reader
        .take(MOST_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(CliError::file(&name))?;
    match text.len() as u64 > MOST_BYTES {
        true => Err(CliError::BadFile {
            path: name,
            detail: "it is larger than 64 MiB: split it".into(),
        }),
        false => Ok((text, name)),
    }
}

/// One event, a list, or one a line; all are good, or none is taken.
fn parse(text: &[u8]) -> std::result::Result<Vec<Occurrence>, String> {
    let mut events = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        let value = value.map_err(|error| format!("it is no JSON (line {})", error.line()))?;
        let several = match value {
            Value::Array(several) => several,
            one => vec![one],
        };
        for value in several {
            let number = events.len() + 1;
            if number > MOST_EVENTS {
                return Err(format!("it holds more than {MOST_EVENTS} events: split it"));
            }
            let event = occurrence(value).and_then(checked);
            events.push(event.map_err(|problem| format!("event {number}: {problem}"))?);
        }
    }
    Ok(events)
}

fn occurrence(value: Value) -> std::result::Result<Occurrence, String> {
    let kinds = ["execution", "file_access", "audit"];
    let fields = value.as_object().ok_or("it is no object")?;
    let wrong = "a field has the wrong type".to_owned();
    match kinds
        .iter()
        .any(|kind| fields.len() == 1 && fields.contains_key(*kind))
    {
        true => serde_json::from_value(value).map_err(|_| wrong),
        false => {
            let event: Event = serde_json::from_value(value).map_err(|_| wrong)?;
            Ok(Occurrence::Execution(Box::new(event)))
        }
    }
}

/// What servers insist on, so that one event does not make them refuse a whole batch.
fn checked(mut event: Occurrence) -> std::result::Result<Occurrence, String> {
    match &mut event {
        Occurrence::Execution(event) => {
            event.file_sha256.make_ascii_lowercase();
            let sha256 = event.file_sha256.as_bytes();
            if sha256.len() != 64 || !sha256.iter().all(u8::is_ascii_hexdigit) {
                return Err("file_sha256 must be 64 hexadecimal digits".into());
            }
            let decision = event.decision.ok_or("decision is missing, or unknown")?;
            let has_time = event.execution_time.is_finite() && event.execution_time > 0.0;
            if !has_time && decision != Decision::BundleBinary {
                return Err("execution_time must be seconds since 1970".into());
            }
        }
        Occurrence::FileAccess(event) => {
            event.decision.ok_or("decision is missing, or unknown")?;
            if !event.access_time.is_finite() {
                return Err("access_time must be seconds since 1970".into());
            }
        }
        Occurrence::Audit(event) => {
            let known = event.standalone_mode_rule_creation.as_ref();
            known.ok_or("it holds no known kind of audit event")?;
        }
    }
    Ok(event)
}

#[derive(Serialize)]
struct Listed {
    /// All that wait, also those that are not listed.
    pending: u64,
    events: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: u64,
    #[serde(flatten)]
    occurrence: Occurrence,
}

async fn list(device: &Device, limit: usize) -> Result<()> {
    let mut listed = Listed {
        pending: 0,
        events: Vec::new(),
    };
    if let Some(store) = super::store_if_there(device)? {
        listed.pending = store.pending_events()?;
        let mut after = None;
        while listed.events.len() < limit {
            let room = PAGE.min(limit - listed.events.len());
            let page = store.events(after, room).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            listed
                .events
                .extend(page.into_iter().map(|PendingEvent { id, occurrence }| Row {
                    id: id.0,
                    occurrence,
                }));
        }
    }
    device.output.answer(&listed)
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pending == 0 {
            return writeln!(f, "No events wait.");
        }
        let mut table = Table::new(&[
            ("ID", Align::Right),
            ("TIME", Align::Left),
            ("WHAT HAPPENED", Align::Left),
            ("FILE", Align::Left),
        ]);
        for row in &self.events {
            let (time, what, file) = match &row.occurrence {
                Occurrence::Execution(event) => (
                    event.execution_time,
                    event.decision.map_or("-", |decision| decision.as_str()),
                    format!("{}/{}", event.file_path, event.file_name),
                ),
                Occurrence::FileAccess(event) => (
                    event.access_time,
                    event.decision.map_or("-", |decision| decision.as_str()),
                    event.target.clone(),
                ),
                Occurrence::Audit(_) => (0.0, "audit", row.occurrence.key()),
            };
            table.row(vec![row.id.to_string(), shown(time), what.into(), file]);
        }
        write!(f, "{table}")?;
        match self.pending.saturating_sub(self.events.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}

fn shown(seconds: f64) -> String {
    // A cast of what is no time at all ends at zero or at the largest number.
    match (seconds * 1000.0) as u64 {
        0 => "-".into(),
        millis => moment::local(LocalTime::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(fields: &str) -> String {
        let sha256 = "Ab".repeat(32);
        format!(r#"{{"file_sha256":"{sha256}"{fields}}}"#)
    }

    #[test]
    fn one_a_list_and_lines_are_read_alike() {
        let one = event(r#","decision":"BLOCK_BINARY","execution_time":1767225600.25"#);
        for text in [
            one.clone(),
            format!("[{one}]"),
            format!("{one}\n{one}\n"),
            "[]".into(),
        ] {
            assert!(parse(text.as_bytes()).is_ok(), "{text}");
        }
        let read = parse(one.as_bytes()).unwrap();
        assert_eq!(read[0].key(), "ab".repeat(32));
    }

    #[test]
    fn every_row() {
        let rows = [
            (event(r#","decision":"BUNDLE_BINARY""#), None),
            (
                event(r#","decision":"BLOCK_BINARY""#),
                Some("event 1: execution_time must be"),
            ),
            (
                event(r#","decision":"WAT","execution_time":1"#),
                Some("event 1: decision is missing"),
            ),
            (
                event(r#","pid":"x""#),
                Some("event 1: a field has the wrong type"),
            ),
            (
                r#"{"file_sha256":"ab"}"#.into(),
                Some("event 1: file_sha256 must be"),
            ),
            ("5".into(), Some("event 1: it is no object")),
            ("{".into(), Some("it is no JSON (line 1)")),
            (
                r#"{"file_access":{"decision":"FILE_ACCESS_DECISION_DENIED"}}"#.into(),
                None,
            ),
            (
                r#"{"file_access":{}}"#.into(),
                Some("event 1: decision is missing"),
            ),
            (
                r#"{"audit":{"standalone_mode_rule_creation":{}}}"#.into(),
                None,
            ),
            (
                r#"{"audit":{}}"#.into(),
                Some("event 1: it holds no known kind"),
            ),
        ];
        for (text, expected) in rows {
            match (parse(text.as_bytes()), expected) {
                (Ok(_), None) => {}
                (Err(found), Some(expected)) => {
                    assert!(found.starts_with(expected), "{text}: {found}")
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
