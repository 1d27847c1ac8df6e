//! What machines report, one JSON line an event, each once, on the disk before the machine is told so.
//!
//! A machine that hears no answer sends its events again. They are the same to the last digit of their time, and so are
//! known again; only two members of one bundle, which have no time, could not be told apart if all else were equal too.

use std::collections::{HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use selvedge_santa::Occurrence;
use selvedge_santa::wire::{Decision, EventUploadRequest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::bundles::Bundles;

/// So many events are known again.
const MAX_KNOWN: usize = 1 << 20;

/// No line of a log that was written here is longer: an upload is not.
const MAX_LINE: u64 = 32 << 20;

/// What became of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Logged {
    /// Events that were not here before.
    pub accepted: u64,
    /// Events that were.
    pub repeated: u64,
    /// Hashes of bundles whose members are not here.
    pub wanted: Vec<String>,
}

/// A line of the log.
#[derive(Serialize)]
struct Line<'a> {
    /// Which event: the same one has the same id.
    id: &'a str,
    /// When it came, in milliseconds since the Unix epoch.
    received: u64,
    machine_id: &'a str,
    #[serde(flatten)]
    occurrence: &'a Occurrence,
}

/// What is read again of a line.
#[derive(Deserialize)]
struct Seen {
    id: String,
    execution: Option<SeenExecution>,
}

#[derive(Deserialize)]
struct SeenExecution {
    #[serde(default)]
    decision: String,
    #[serde(default)]
    file_sha256: String,
    #[serde(default)]
    file_bundle_hash: String,
}

struct Upload {
    machine: String,
    occurrences: Vec<Occurrence>,
    received: u64,
    reply: oneshot::Sender<io::Result<Logged>>,
}

/// The way to the thread that writes.
#[derive(Debug, Clone)]
pub(super) struct EventLog(mpsc::Sender<Upload>);

impl EventLog {
    /// Opens a log, and reads which events are in it; without a file events are counted, and forgotten.
    ///
    /// # Errors
    /// When the file cannot be opened, read, or written.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let writer = Writer::open(path)?;
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .name("santa events".into())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self(sender))
    }

    /// Takes the events of an upload. When this returns they are on the disk.
    ///
    /// # Errors
    /// When they cannot be written; then none of them is in the log.
    pub(super) async fn add(
        &self,
        machine: &str,
        request: EventUploadRequest,
        received: u64,
    ) -> io::Result<Logged> {
        let gone = || io::Error::other("the event log is closed");
        let executions = request
            .events
            .into_iter()
            .map(|e| Occurrence::Execution(e.into()));
        let accesses = request.file_access_events.into_iter();
        let accesses = accesses.map(|e| Occurrence::FileAccess(e.into()));
        let audits = request
            .audit_events
            .into_iter()
            .map(|e| Occurrence::Audit(e.into()));
        let (reply, logged) = oneshot::channel();
        let upload = Upload {
            machine: machine.to_owned(),
            occurrences: executions.chain(accesses).chain(audits).collect(),
            received,
            reply,
        };
        self.0.send(upload).map_err(|_| gone())?;
        logged.await.unwrap_or_else(|_| Err(gone()))
    }
}

struct Writer {
    file: Option<File>,
    known: Known,
    bundles: Bundles,
}

impl Writer {
    fn open(path: Option<&Path>) -> io::Result<Self> {
        let (mut known, mut bundles) = (Known::default(), Bundles::default());
        let file = match path {
            Some(path) => {
                let mut options = OpenOptions::new();
                options.create(true).append(true).read(true);
                // Events tell who ran what.
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path)?;
                let is_whole = read_again(&file, |seen| {
                    if let Ok(id) = u128::from_str_radix(&seen.id, 16) {
                        known.add(id);
                    }
                    if let Some(execution) = seen.execution
                        && execution.decision == Decision::BundleBinary.as_str()
                    {
                        bundles.has(&execution.file_bundle_hash, &execution.file_sha256);
                    }
                })?;
                // A line that was cut off was never confirmed; it must not spoil the next one.
                if !is_whole {
                    file.write_all(b"\n")?;
                }
                Some(file)
            }
            None => None,
        };
        Ok(Self {
            file,
            known,
            bundles,
        })
    }

    /// Writes what comes: everything that waits at a time goes to the disk together.
    fn run(mut self, uploads: &mpsc::Receiver<Upload>) {
        while let Ok(first) = uploads.recv() {
            let mut waiting = vec![first];
            waiting.extend(uploads.try_iter().take(256));
            self.take(waiting);
        }
    }

    fn take(&mut self, uploads: Vec<Upload>) {
        let mut lines = Vec::new();
        let mut fresh = HashSet::new();
        let mut counts = Vec::new();
        for upload in &uploads {
            let mut logged = Logged::default();
            for occurrence in &upload.occurrences {
                let id = id(&upload.machine, occurrence);
                if self.known.has(id) || !fresh.insert(id) {
                    logged.repeated += 1;
                    continue;
                }
                logged.accepted += 1;
                let line = Line {
                    id: &format!("{id:032x}"),
                    received: upload.received,
                    machine_id: &upload.machine,
                    occurrence,
                };
                serde_json::to_writer(&mut lines, &line).expect("texts and numbers are JSON");
                lines.push(b'\n');
            }
            counts.push(logged);
        }
        let written = self.write(&lines);
        if written.is_ok() {
            fresh.into_iter().for_each(|id| self.known.add(id));
        }
        for (upload, mut logged) in uploads.into_iter().zip(counts) {
            let answer = match &written {
                Ok(()) => {
                    logged.wanted = self.bundles.take(&upload.occurrences);
                    Ok(logged)
                }
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            // Who asked may be gone; the events are here all the same.
            let _ = upload.reply.send(answer);
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| !lines.is_empty()) else {
            return Ok(());
        };
        let before = file.metadata()?.len();
        let written = file.write_all(lines).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a line would spoil the next one. These lines were confirmed to nobody.
            let _ = file.set_len(before);
        }
        written
    }
}

/// Reads a log's lines, and tells whether the last one is whole. What is no line of ours is passed over.
fn read_again(file: &File, mut seen: impl FnMut(Seen)) -> io::Result<bool> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    let mut is_whole = true;
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(is_whole);
        }
        is_whole = line.last() == Some(&b'\n');
        if let Ok(found) = serde_json::from_slice(&line) {
            seen(found);
        }
    }
}

/// The id of an event: the same one has the same.
fn id(machine: &str, occurrence: &Occurrence) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update(machine.len().to_be_bytes());
    hasher.update(machine);
    hasher.update(serde_json::to_vec(occurrence).expect("texts and numbers are JSON"));
    let digest = hasher.finalize();
    digest
        .iter()
        .take(16)
        .fold(0, |id, byte| id << 8 | u128::from(*byte))
}

/// Events that are here already; the oldest are forgotten first.
#[derive(Debug, Default)]
struct Known {
    ids: HashSet<u128>,
    order: VecDeque<u128>,
}

impl Known {
    fn has(&self, id: u128) -> bool {
        self.ids.contains(&id)
    }

    fn add(&mut self, id: u128) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::Event;

    use super::*;

    fn upload(times: &[f64]) -> EventUploadRequest {
        let event = |time: &f64| Event {
            file_sha256: "ab".into(),
            execution_time: *time,
            decision: Some(Decision::BlockBinary),
            ..Event::default()
        };
        EventUploadRequest {
            events: times.iter().map(event).collect(),
            ..EventUploadRequest::default()
        }
    }

    fn add(log: &EventLog, machine: &str, times: &[f64]) -> (u64, u64) {
        let logged = pollster::block_on(log.add(machine, upload(times), 7)).unwrap();
        (logged.accepted, logged.repeated)
    }

    #[test]
    fn an_event_is_in_the_log_once_however_often_it_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let log = EventLog::open(Some(&path)).unwrap();
        assert_eq!(add(&log, "M", &[1.25, 2.0, 1.25]), (2, 1));
        assert_eq!(add(&log, "M", &[1.25, 3.0]), (1, 1));
        assert_eq!(add(&log, "N", &[1.25]), (1, 0));
        // Also after a start, and after a line that was cut off.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"id\":\"00").unwrap();
        let again = EventLog::open(Some(&path)).unwrap();
        assert_eq!(add(&again, "M", &[1.25, 4.0]), (1, 1));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let times: Vec<f64> = lines
            .filter_map(|l| l["execution"]["execution_time"].as_f64())
            .collect();
        assert_eq!(times, [1.25, 2.0, 3.0, 1.25, 4.0]);
    }

    #[test]
    fn without_a_file_events_are_counted() {
        let log = EventLog::open(None).unwrap();
        assert_eq!(add(&log, "M", &[1.0]), (1, 0));
        assert_eq!(add(&log, "M", &[1.0]), (0, 1));
    }

    #[test]
    fn the_oldest_events_are_forgotten_first() {
        let mut known = Known::default();
        (0..=MAX_KNOWN as u128).for_each(|id| known.add(id));
        assert!(!known.has(0) && known.has(1) && known.has(MAX_KNOWN as u128));
        assert_eq!(known.order.len(), MAX_KNOWN);
    }
}
