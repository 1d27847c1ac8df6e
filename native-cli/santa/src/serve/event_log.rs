//! The log of the events that machines upload: one JSON line per event, without duplicates, synced to the disk before
//! the upload is confirmed.
//!
//! A machine that receives no response uploads its events again. Repeated events are identical, including the time, so
//! a hash recognizes them. Only two members of one bundle, which have no time, could be confused if all other fields
//! are equal.

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

/// Maximum number of event ids that are remembered to detect duplicates.
const MAX_KNOWN: usize = 1 << 20;

/// Maximum length of a line, which is the maximum size of an upload.
const MAX_LINE: u64 = 32 << 20;

/// The result of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Logged {
    /// The number of new events.
    pub accepted: u64,
    /// The number of duplicates.
    pub repeated: u64,
    /// Hashes of bundles with unknown members.
    pub wanted: Vec<String>,
}

/// A line of the log.
#[derive(Serialize)]
struct Line<'a> {
    /// A hash of the event, equal for duplicates.
    id: &'a str,
    /// When it was received, in milliseconds since the Unix epoch.
    received: u64,
    machine_id: &'a str,
    #[serde(flatten)]
    occurrence: &'a Occurrence,
}

/// The fields of a line that are read at the start.
#[derive(Deserialize)]
struct StoredLine {
    id: String,
    execution: Option<StoredExecution>,
}

#[derive(Deserialize)]
struct StoredExecution {
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

/// The channel to the writer thread.
#[derive(Debug, Clone)]
pub(super) struct EventLog(mpsc::Sender<Upload>);

impl EventLog {
    /// Opens a log and reads the ids of its events. Without a file, events are only counted.
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

    /// Adds the events of an upload. When this returns, they are synced to the disk.
    ///
    /// # Errors
    /// When they cannot be written. Then none of them is in the log.
    pub(super) async fn add(
        &self,
        machine: &str,
        request: EventUploadRequest,
        received: u64,
    ) -> io::Result<Logged> {
        let closed = || io::Error::other("the event log is closed");
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
        self.0.send(upload).map_err(|_| closed())?;
        logged.await.unwrap_or_else(|_| Err(closed()))
    }
}

struct Writer {
    file: Option<File>,
    known: KnownIds,
    bundles: Bundles,
}

impl Writer {
    fn open(path: Option<&Path>) -> io::Result<Self> {
        let (mut known, mut bundles) = (KnownIds::default(), Bundles::default());
        let file = match path {
            Some(path) => {
                let mut options = OpenOptions::new();
                options.create(true).append(true).read(true);
                // Events are private: they contain user names and programs.
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path)?;
                let is_complete = read_lines(&file, |seen| {
                    if let Ok(id) = u128::from_str_radix(&seen.id, 16) {
                        known.add(id);
                    }
                    if let Some(execution) = seen.execution
                        && execution.decision == Decision::BundleBinary.as_str()
                    {
                        bundles.add(&execution.file_bundle_hash, &execution.file_sha256);
                    }
                })?;
                // A truncated line was never confirmed. Terminate it, so that it does not corrupt the next one.
                if !is_complete {
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

    /// Writes uploads. All uploads in the queue are written with one sync of the disk.
    fn run(mut self, uploads: &mpsc::Receiver<Upload>) {
        while let Ok(first) = uploads.recv() {
            let mut waiting = vec![first];
            waiting.extend(uploads.try_iter().take(256));
            self.write_uploads(waiting);
        }
    }

    fn write_uploads(&mut self, uploads: Vec<Upload>) {
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
                serde_json::to_writer(&mut lines, &line)
                    .expect("strings and numbers can be serialized");
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
                    logged.wanted = self.bundles.update(&upload.occurrences);
                    Ok(logged)
                }
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            // The request may be cancelled. Its events are stored anyway.
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
            // Remove a partial line, which would corrupt the next one. None of these lines was confirmed.
            let _ = file.set_len(before);
        }
        written
    }
}

/// Reads the lines of a log, and returns whether the last line is complete. Invalid lines are skipped.
fn read_lines(file: &File, mut seen: impl FnMut(StoredLine)) -> io::Result<bool> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    let mut is_complete = true;
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(is_complete);
        }
        is_complete = line.last() == Some(&b'\n');
        if let Ok(found) = serde_json::from_slice(&line) {
            seen(found);
        }
    }
}

/// The id of an event, equal for duplicates.
fn id(machine: &str, occurrence: &Occurrence) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update(machine.len().to_be_bytes());
    hasher.update(machine);
    hasher.update(serde_json::to_vec(occurrence).expect("strings and numbers can be serialized"));
    let digest = hasher.finalize();
    digest
        .iter()
        .take(16)
        .fold(0, |id, byte| id << 8 | u128::from(*byte))
}

/// The ids of known events. The oldest are removed first.
#[derive(Debug, Default)]
struct KnownIds {
    ids: HashSet<u128>,
    order: VecDeque<u128>,
}

impl KnownIds {
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
    fn duplicates_of_an_event_are_not_logged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let log = EventLog::open(Some(&path)).unwrap();
        assert_eq!(add(&log, "M", &[1.25, 2.0, 1.25]), (2, 1));
        assert_eq!(add(&log, "M", &[1.25, 3.0]), (1, 1));
        assert_eq!(add(&log, "N", &[1.25]), (1, 0));
        // Also after a restart, and after a truncated line.
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
    fn the_oldest_ids_are_removed_first() {
        let mut known = KnownIds::default();
        (0..=MAX_KNOWN as u128).for_each(|id| known.add(id));
        assert!(!known.has(0) && known.has(1) && known.has(MAX_KNOWN as u128));
        assert_eq!(known.order.len(), MAX_KNOWN);
    }
}
