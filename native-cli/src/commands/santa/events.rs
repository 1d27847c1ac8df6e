//! `selvedge santa events`: what waits for the next sync.

use std::fmt;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use selvedge_core::time::LocalTime;
use selvedge_santa::ipc::Posted;
use selvedge_santa::{Occurrence, PendingEvent, RuleStore as _};
use serde::Serialize;
use serde_json::Value;

use super::grammar::EventsCommand;
use crate::device::Device;
use crate::output::{Align, Column, Rows as _};
use selvedge_host::byte_order_mark::without_mark;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::moment;
use selvedge_santa_host::SantaStore;

/// The maximum size of the input.
const MAX_BYTES: u64 = 64 << 20;
const MAX_EVENTS: usize = 100_000;

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
            dropped => writeln!(
                f,
                ", {dropped} dropped: an event of the same file is already pending"
            ),
        }
    }
}

fn add(device: &Device, file: Option<&Path>, is_dry: bool) -> Result<()> {
    let (text, name) = read(file)?;
    let bad = |detail: String| HostError::BadFile {
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
        Some(path) => Box::new(std::fs::File::open(path).map_err(HostError::file(path))?),
        None if std::io::stdin().is_terminal() => {
            return Err(HostError::Usage(
                "pass the events in a file or on stdin".into(),
            ));
        }
        None => Box::new(std::io::stdin()),
    };
    let mut text = Vec::new();
    reader
        .take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(HostError::file(&name))?;
    match text.len() as u64 > MAX_BYTES {
        true => Err(HostError::BadFile {
            path: name,
            detail: "the input is larger than the maximum of 64 MiB: split it".into(),
        }),
        false => Ok((text, name)),
    }
}

/// One event, a list, or one a line; all are good, or none is taken.
fn parse(text: &[u8]) -> std::result::Result<Vec<Occurrence>, String> {
    let mut events = Vec::new();
    let text = without_mark(text);
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        let value =
            value.map_err(|error| format!("the input is not JSON (line {})", error.line()))?;
        let several = match value {
            Value::Array(several) => several,
            one => vec![one],
        };
        for value in several {
            let number = events.len() + 1;
            if number > MAX_EVENTS {
                return Err(format!(
                    "the input has more than the maximum of {MAX_EVENTS} events: split it"
                ));
            }
            let posted = Posted::read(value).map_err(|error| format!("event {number}: {error}"))?;
            events.push(posted.occurrence);
        }
    }
    Ok(events)
}

#[derive(Serialize)]
struct Row {
    id: u64,
    #[serde(flatten)]
    occurrence: Occurrence,
}

async fn list(device: &Device, limit: usize) -> Result<()> {
    let output = device.output;
    let store = super::store_if_there(device)?;
    let pending = store
        .as_ref()
        .map_or(Ok(0), |store| store.pending_events())?;
    if output.json {
        let mut array = output.array();
        let before = format!("{{\"pending\":{pending},\"events\":");
        array.begin(&before).map_err(HostError::Output)?;
        each(store.as_ref(), limit, |row| array.element(&row)).await?;
        return array.finish("}").map_err(HostError::Output);
    }
    if pending == 0 {
        return output.print("No events wait.\n");
    }
    let mut table = output.table(&COLUMNS);
    let listed = each(store.as_ref(), limit, |row| table.row(row.cells())).await?;
    table.finish().map_err(HostError::Output)?;
    match pending.saturating_sub(listed) {
        0 => Ok(()),
        more => output.print(&format!("and {more} more\n")),
    }
}

/// Hands over the oldest events, and says how many.
async fn each(
    store: Option<&SantaStore>,
    limit: usize,
    mut take: impl FnMut(Row) -> std::io::Result<()>,
) -> Result<u64> {
    let mut listed = 0;
    let mut after = None;
    let Some(store) = store else { return Ok(0) };
    while listed < limit {
        let page = store.events(after, PAGE.min(limit - listed)).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed += page.len();
        for PendingEvent { id, occurrence } in page {
            let row = Row {
                id: id.0,
                occurrence,
            };
            take(row).map_err(HostError::Output)?;
        }
    }
    Ok(listed as u64)
}

const COLUMNS: [Column; 4] = [
    ("ID", Align::Right),
    ("TIME", Align::Left),
    ("WHAT HAPPENED", Align::Left),
    ("FILE", Align::Left),
];

impl Row {
    fn cells(self) -> Vec<String> {
        let (time, what, file) = match &self.occurrence {
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
            Occurrence::Audit(_) => (0.0, "audit", self.occurrence.key()),
        };
        vec![self.id.to_string(), shown(time), what.into(), file]
    }
}

fn shown(seconds: f64) -> String {
    // A cast of an invalid time saturates at zero or at the largest number.
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
                Some("event 1: decision \"WAT\" is unknown"),
            ),
            (
                event(r#","pid":"x""#),
                Some("event 1: the field pid has the wrong type"),
            ),
            (
                event(r#","id":7,"decision":"BLOCK_BINARY","execution_time":1"#),
                None,
            ),
            (
                r#"{"file_sha256":"ab"}"#.into(),
                Some("event 1: file_sha256 must be"),
            ),
            ("5".into(), Some("event 1: it is no object")),
            ("{".into(), Some("the input is not JSON (line 1)")),
            (
                r#"{"file_access":{"decision":"FILE_ACCESS_DECISION_DENIED","access_time":1}}"#
                    .into(),
                None,
            ),
            (
                r#"{"file_access":{}}"#.into(),
                Some("event 1: decision is missing"),
            ),
            (
                r#"{"audit":{"standalone_mode_rule_creation":{}}}"#.into(),
                Some("event 1: decision is missing"),
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
