//! The result of a sync: a table for people, an exit code for scripts.

use std::fmt;

use selvedge_core::error::Error;
use selvedge_core::journal::KEEP_DAYS;
use selvedge_core::sync::{
    CollectionStatus, CommandOutcome, CommandReport, Ending, Obstacle, ReceivedTab, Report, Skip,
};
use serde::Serialize;

use crate::commands::consent::sentences;
use crate::device::Device;
use crate::output::{Align, Table, bytes, duration, printable, records};
use selvedge_host::exit::{Exit, HostError, Result, exit_of};
use selvedge_host::moment;

/// The result of a sync, for people; the core writes the JSON.
#[derive(Serialize)]
#[serde(transparent)]
pub(in crate::commands) struct ReportView(pub(in crate::commands) Report);

impl ReportView {
    /// Whether another device signed this one out.
    pub(in crate::commands) const fn is_logged_out(&self) -> bool {
        matches!(self.0.ending, Ending::LoggedOut)
    }

    /// Prints on stderr the facts that a person should know besides the figures.
    pub(in crate::commands) fn explain(&self, device: &Device) {
        let note = |text: String| device.output.note(printable(&text));
        for command in &self.0.commands {
            let what = match &command.collection {
                Some(collection) => format!("{} {collection}", command.command),
                None => command.command.clone(),
            };
            note(format!(
                "Another device asked for {what}: {}{}",
                command.outcome,
                unsent(command)
            ));
        }
        for collection in &self.0.collections {
            let name = &collection.name;
            let failed = collection
                .pulled
                .failed
                .iter()
                .chain(&collection.pushed.failed);
            for failed in failed {
                let id = failed.id.as_ref().map_or("without id", |id| id.as_str());
                note(format!("{name}: record {id}: {}", failed.failure));
            }
            for (id, rule) in &collection.pulled.rules {
                note(format!("{name}: record {id}: {}", rule.as_str()));
            }
            if collection.pulled.replaced > 0 {
                note(format!(
                    "{name}: kept {} that this sync replaced, for {KEEP_DAYS} days: `selvedge records conflicts {name}`",
                    values(collection.pulled.replaced)
                ));
            }
            if collection.compared {
                note(format!(
                    "{name}: the server's records are older than those that this device has read, as after a restored backup: all were compared; {} missing on the server are sent again",
                    records(collection.lacking)
                ));
            }
            match &collection.status {
                CollectionStatus::Failed(error) => note(format!("{name}: {error}")),
                CollectionStatus::Skipped(skip) => note(format!("{name}: {skip}")),
                _ => {}
            }
        }
        for (wiped, place) in [
            (&self.0.wiped_here, "here"),
            (&self.0.wiped_there, "on the server"),
        ] {
            for name in wiped {
                note(format!(
                    "{name}: the records {place} were deleted, as chosen"
                ));
            }
        }
        for name in &self.0.kept_there {
            note(format!(
                "{name}: the records on the server were kept, because they were changed since you agreed to delete them; \
                 to look at them and choose again: `selvedge engines disable {name} --delete-from-server`"
            ));
        }
        match &self.0.ending {
            Ending::NeedsConsent(consent) => device.output.note(sentences(consent)),
            Ending::Stopped(error) => {
                if let Some(advice) = advice(error) {
                    note(advice.into());
                }
            }
            _ => {}
        }
        for alert in &self.0.alerts {
            note(format!("The server says: {}", alert.text()));
        }
    }

    /// The exit code.
    pub(in crate::commands) fn verdict(&self) -> Result<()> {
        match &self.0.ending {
            Ending::Stopped(error) => return Err(error.clone().into()),
            Ending::Blocked(obstacle) => return Err(blocked(obstacle)),
            Ending::NeedsConsent(consent) => {
                return Err(HostError::NeedsConsent(format!(
                    "{}: nothing was changed; `selvedge account reinitialize` shows what can be done",
                    consent.reason
                )));
            }
            Ending::CutShort => {
                return Err(HostError::Refused {
                    message:
                        "the server asked clients to wait before the sync was complete: sync again later"
                            .into(),
                    exit: Exit::Wait,
                });
            }
            Ending::LoggedOut => {
                return Err(HostError::Refused {
                    message: "another device signed this one out: the account was removed from this device, its records stay; \
                              join the account again to continue"
                        .into(),
                    exit: Exit::SignedOut,
                });
            }
            Ending::Done | Ending::NothingToDo => {}
        }
        if let CollectionStatus::Failed(error) = &self.0.clients.status {
            return Err(error.clone().into());
        }
        let statuses = self
            .0
            .collections
            .iter()
            .map(|collection| &collection.status);
        let problems = statuses
            .filter(|status| {
                !matches!(
                    status,
                    CollectionStatus::Ok | CollectionStatus::Skipped(Skip::Declined)
                )
            })
            .count();
        for collection in &self.0.collections {
            let exit = match &collection.status {
                CollectionStatus::Failed(error) => exit_of(error),
                CollectionStatus::Skipped(Skip::OutOfDate { .. } | Skip::Unreadable) => {
                    Exit::BadData
                }
                CollectionStatus::Skipped(Skip::Declined) | CollectionStatus::Ok => continue,
                CollectionStatus::Partial | CollectionStatus::Skipped(_) => Exit::Partial,
            };
            let plural = if problems == 1 {
                "collection"
            } else {
                "collections"
            };
            let message = format!("{problems} {plural} synced only in part: see above");
            return Err(HostError::Refused { message, exit });
        }
        Ok(())
    }
}

/// The fate of changes that the server had not received when a command arrived.
pub(in crate::commands) fn unsent(command: &CommandReport) -> String {
    let count = match command.unsent {
        0 => return String::new(),
        1 => "; 1 change made here was not sent by then: ".to_owned(),
        count => format!("; {count} changes made here were not sent by then: "),
    };
    let fate = match (command.command.as_str(), command.outcome) {
        ("wipeAll" | "wipeEngine", CommandOutcome::Done) => {
            format!("`selvedge records conflicts` has them for {KEEP_DAYS} days")
        }
        ("logout", _) => "they stay here".to_owned(),
        _ => "they are still pending".to_owned(),
    };
    count + &fate
}

fn values(count: u64) -> String {
    format!("{count} {}", if count == 1 { "value" } else { "values" })
}

/// A hint for the user after a sync that stopped, in addition to the error message.
const fn advice(error: &Error) -> Option<&'static str> {
    match error {
        Error::Undecodable { .. } | Error::Contradiction { .. } => Some(
            "`selvedge account reinitialize` shows the data on the server, and sets up the account again if you agree to lose them",
        ),
        Error::WrongKey => Some(
            "If no device and no note has the right key any more, `selvedge account reinitialize` shows the data on the server, and sets up the account again if you agree to lose them",
        ),
        _ => None,
    }
}

fn blocked(obstacle: &Obstacle) -> HostError {
    let (message, exit) = match obstacle {
        Obstacle::Wait { until } => {
            let until = moment::local(*until);
            (
                format!("the server asked clients to wait until {until}: sync again then"),
                Exit::Wait,
            )
        }
        Obstacle::SignedOut => (obstacle.to_string(), Exit::SignedOut),
        Obstacle::Offline => (obstacle.to_string(), Exit::Offline),
        Obstacle::Running => (obstacle.to_string(), Exit::Conflict),
        _ => (obstacle.to_string(), Exit::Failed),
    };
    HostError::Refused { message, exit }
}

impl fmt::Display for ReportView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        if report.fresh_start {
            writeln!(f, "The account is set up.")?;
        }
        if report.restored {
            writeln!(f, "The account was restored from this device's copy.")?;
        }
        if !report.collections.is_empty() {
            writeln!(f, "{}", collections_table(report))?;
        }
        for tab in &report.tabs {
            writeln!(f, "A page from another device: {}", page(tab))?;
        }
        let ending = match &report.ending {
            Ending::Done => "Done",
            Ending::NothingToDo => "Nothing to do",
            Ending::Blocked(_) => "Not started",
            Ending::CutShort => "Cut short",
            Ending::LoggedOut => "Signed out",
            _ => "Stopped",
        };
        let requests = report.traffic.requests;
        writeln!(
            f,
            "{ending}: {requests} {}, {} sent, {} received, {}.",
            if requests == 1 { "request" } else { "requests" },
            bytes(report.traffic.bytes_sent),
            bytes(report.traffic.bytes_received),
            duration(report.millis)
        )
    }
}

fn page(tab: &ReceivedTab) -> String {
    match tab.title.as_str() {
        "" => printable(&tab.uri),
        title => printable(&format!("{} ({title})", tab.uri)),
    }
}

fn collections_table(report: &Report) -> Table {
    let mut table = Table::new(&[
        ("COLLECTION", Align::Left),
        ("STATUS", Align::Left),
        ("RECEIVED", Align::Right),
        ("APPLIED", Align::Right),
        ("SENT", Align::Right),
        ("FAILED", Align::Right),
        ("REQUESTS", Align::Right),
        ("BYTES", Align::Right),
        ("SECONDS", Align::Right),
    ]);
    for collection in &report.collections {
        let (pulled, pushed, traffic) =
            (&collection.pulled, &collection.pushed, &collection.traffic);
        table.row(vec![
            collection.name.to_string(),
            collection.status.word().into(),
            pulled.received.to_string(),
            pulled.applied.total().to_string(),
            pushed.sent.to_string(),
            (pulled.failed_count + pushed.failed_count).to_string(),
            traffic.requests.to_string(),
            bytes(traffic.bytes_sent + traffic.bytes_received),
            duration(collection.millis).trim_end_matches(" s").into(),
        ]);
    }
    table
}
