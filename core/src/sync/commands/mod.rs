//! Commands that other clients sent to this one (spec §4.8). This step runs before the collections.
//!
//! ```text
//! each command in this device's record, in order
//!   carried out before, and still there ─→ nothing: at most once
//!   resetAll, resetEngine ───────────────→ discard the state of the server; records stay
//!   wipeAll, wipeEngine
//!     declined, or of a newer format ────→ nothing: no records would replace them
//!     the newest record there opens ─────→ delete the records here, into the journal, and discard the server's state
//!     does not open, or is missing ──────→ nothing: only a key was lost, or no records would replace them
//!   displayURI ──────────────────────────→ into the report
//!   logout ──────────────────────────────→ the commands after it are ignored
//!   another name, other arguments ───────→ dropped, and reported
//! the effects and the list of commands that were carried out: one commit
//! then the record is written without them; 412 → begin again with the first step
//! then: logout → the end · reset or wiped → begin again with the first step · else continue
//! ```

mod send;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub use self::send::{Recipients, Sent, send_commands};
use super::association::is_closed;
use super::clients::{self, Due};
use super::key_probe::{KeyProbe, probe_key};
use super::report::{CollectionStatus, CommandOutcome, CommandReport, Report};
use super::session::Session;
use super::state::{CollectionState, write};
use crate::error::{Error, Result};
use crate::host::{BulkChange, Commit, Committed, Host, Part};
use crate::ids::CollectionName;
use crate::journal::{self, Cause, Entry};
use crate::json::Value;
use crate::metadata::{Command, ReceivedTab, digest, name_of};
use crate::sorted::Map;

/// Maximum number of commands of one record that are processed.
const MAX_COMMANDS: usize = 1000;

/// The outcome of a command to wipe a local collection, by the server's records that would replace it.
const fn judge_wipe(there: KeyProbe) -> CommandOutcome {
    match there {
        KeyProbe::Opens => CommandOutcome::Done,
        KeyProbe::None => CommandOutcome::KeptEmpty,
        KeyProbe::Sealed => CommandOutcome::KeptUnreadable,
    }
}

/// The commands to carry out, `None` in place of an unknown one. Logout is the last.
fn judge<'a>(inbox: &'a [Value], executed: &[String]) -> Vec<(&'a Value, Option<Command>)> {
    let mut done = executed.to_vec();
    let mut tasks = Vec::new();
    for json in inbox.iter().take(MAX_COMMANDS) {
        let digest = digest(json);
        if done.contains(&digest) {
            continue;
        }
        done.push(digest);
        let command = Command::parse(json);
        let is_last = command == Some(Command::Logout);
        tasks.push((json, command));
        if is_last {
            break;
        }
    }
    tasks
}

/// The digests of the commands that must not be carried out again. Logout is excluded: a second sign-out does no harm,
/// but a missing one does.
fn digests(inbox: &[Value]) -> Vec<String> {
    let counted = inbox.iter().take(MAX_COMMANDS);
    counted
        .filter(|json| Command::parse(json) != Some(Command::Logout))
        .map(digest)
        .collect()
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Continue with the collections.
    GoOn,
    /// Collections were reset or wiped: begin again with the first step.
    BeginAgain,
    /// This device was signed out.
    LoggedOut,
}

/// Carries out the commands that wait for this device, and writes its record if it is due.
pub(super) async fn step<H: Host>(
    session: &mut Session<'_, H>,
    inbox: &[Value],
    report: &mut Report,
) -> Result<Next> {
    let tasks = judge(inbox, &session.state.device.clients.executed);
    let mut doing = Doing {
        held: journal::collections(session.host).await?,
        ..Doing::default()
    };
    for (json, command) in &tasks {
        doing.take(session, json, command.as_ref()).await?;
    }
    let Doing {
        sweeps,
        forgets_clients,
        is_logout,
        reports,
        tabs,
        ..
    } = doing;
    let has_swept = !sweeps.is_empty() || forgets_clients;
    if !tasks.is_empty() {
        session.state.device.clients.executed = digests(inbox);
        commit(session, sweeps).await?;
        // From here on they count as carried out, even if a later step fails.
        report.commands.extend(reports);
        report.tabs.extend(tabs);
    }
    report.clients.status = CollectionStatus::Ok;
    if clients::is_due(session) != Due::No {
        match clients::upload(session).await {
            // Without quota for this record there may still be records to fetch. The commands that were carried out are
            // remembered.
            Err(error @ Error::OverQuota { .. }) => {
                report.clients.status = CollectionStatus::Failed(error);
            }
            result => result?,
        }
    }
    if forgets_clients {
        session.state.device.clients.forget_server();
        session.save().await?;
    }
    Ok(match (is_logout, has_swept) {
        (true, _) => Next::LoggedOut,
        (false, true) => Next::BeginAgain,
        (false, false) => Next::GoOn,
    })
}

/// The combined effect of the commands.
#[derive(Default)]
struct Doing {
    held: Vec<CollectionName>,
    sweeps: Map<CollectionName, BulkChange>,
    forgets_clients: bool,
    is_logout: bool,
    reports: Vec<CommandReport>,
    tabs: Vec<ReceivedTab>,
}

impl Doing {
    async fn take<H: Host>(
        &mut self,
        session: &Session<'_, H>,
        json: &Value,
        command: Option<&Command>,
    ) -> Result<()> {
        let mut outcome = CommandOutcome::Done;
        let mut unsent = 0;
        for name in self.concerned(command) {
            unsent += journal::unsent(session.host, &name).await?;
        }
        match command {
            None => outcome = CommandOutcome::Unknown,
            Some(Command::ResetAll) => {
                self.forgets_clients = true;
                for name in self.held.clone() {
                    self.reset(name);
                }
            }
            Some(Command::ResetEngine(name)) => self.reset(name.clone()),
            Some(Command::WipeAll) => {
                for name in self.held.clone() {
                    let outcome = self.wipe(session, name.clone()).await?;
                    if outcome != CommandOutcome::Done {
                        self.reports.push(CommandReport {
                            command: "wipeAll".into(),
                            collection: Some(name),
                            outcome,
                            unsent: 0,
                        });
                    }
                }
            }
            Some(Command::WipeEngine(name)) => outcome = self.wipe(session, name.clone()).await?,
            Some(Command::Logout) => self.is_logout = true,
            Some(Command::DisplayUri(tab)) => self.tabs.push(tab.clone()),
        }
        self.reports.push(CommandReport {
            command: command.map_or_else(|| name_of(json), |command| command.name().to_string()),
            collection: command.and_then(Command::collection).cloned(),
            outcome,
            unsent,
        });
        Ok(())
    }

    /// The local collections that a command applies to.
    fn concerned(&self, command: Option<&Command>) -> Vec<CollectionName> {
        match command {
            None | Some(Command::DisplayUri(_)) => Vec::new(),
            Some(Command::ResetAll | Command::WipeAll | Command::Logout) => self.held.clone(),
            Some(Command::ResetEngine(name) | Command::WipeEngine(name)) => {
                let is_it = |held: &&CollectionName| *held == name;
                self.held.iter().filter(is_it).cloned().collect()
            }
        }
    }

    fn reset(&mut self, name: CollectionName) {
        if name.as_str() == "clients" {
            self.forgets_clients = true;
        } else if self.held.contains(&name) {
            // A collection that will be wiped is also reset.
            self.sweeps.get_or_insert_with(name, || BulkChange::Reset);
        }
    }

    async fn wipe<H: Host>(
        &mut self,
        session: &Session<'_, H>,
        name: CollectionName,
    ) -> Result<CommandOutcome> {
        if !self.held.contains(&name) {
            // A collection that does not exist here has no records to delete; this device's own record is not a
            // person's data.
            return Ok(CommandOutcome::Done);
        }
        let meta = session.meta.as_ref().ok_or(Error::NotSetUp)?;
        let outcome = match is_closed(meta, &name) {
            true => CommandOutcome::KeptUnsynced,
            false => {
                let keys = session.keys.as_ref().ok_or(Error::NotSetUp)?;
                judge_wipe(match keys.bundle(name.as_str()) {
                    Ok(bundle) => probe_key(session, &name, bundle).await?,
                    Err(_) => KeyProbe::Sealed,
                })
            }
        };
        if outcome == CommandOutcome::Done {
            self.sweeps.insert(name, BulkChange::Wipe);
        }
        Ok(outcome)
    }
}

/// Resets and wipes, and remembers that it was done, in one commit. Records that a wipe removes are written to the
/// journal.
async fn commit<H: Host>(
    session: &Session<'_, H>,
    sweeps: Map<CollectionName, BulkChange>,
) -> Result<()> {
    loop {
        let (mut parts, mut entries) = (Vec::new(), Vec::new());
        for (name, sweep) in sweeps.iter() {
            let cause = Cause::RemoteCommand;
            let part = sweep_part(session, name, *sweep, cause, &mut entries).await?;
            parts.push(Part {
                state: Some(write(&CollectionState::default())),
                ..part
            });
        }
        parts.extend(journal::part(session.host, &entries).await?);
        let commit = Commit {
            parts,
            global: Some(session.state.to_text()),
        };
        if session.host.commit(commit).await? == Committed::Done {
            return Ok(());
        }
    }
}

/// The part of a commit that resets a collection or removes its records. The removed records are named, so that a
/// change that is made here meanwhile is not lost; their values are added to `entries`.
pub(super) async fn sweep_part<H: Host>(
    session: &Session<'_, H>,
    name: &CollectionName,
    sweep: BulkChange,
    cause: Cause,
    entries: &mut Vec<Entry>,
) -> Result<Part> {
    let part = Part::new(name.clone());
    Ok(match sweep {
        BulkChange::Reset => Part {
            sweep: Some(BulkChange::Reset),
            ..part
        },
        BulkChange::Wipe => Part {
            writes: journal::emptied(session.host, name, cause, session.host.now(), entries)
                .await?,
            ..part
        },
    })
}

/// Sends commands to all other clients of the account, in the middle of a sync; sends none if their records are of a
/// newer format.
pub(super) async fn send_to_others<H: Host>(
    session: &mut Session<'_, H>,
    commands: &[Command],
) -> Result<Vec<Sent>> {
    if clients::is_out_of_date(session) {
        return Ok(Vec::new());
    }
    let limits = session.limits().await?;
    let own = session.state.device.clients.id.clone();
    let recipients = Recipients::AllBut(own.as_ref().map(|id| id.as_str()));
    let (sent, collection) = send::deliver(
        &session.client,
        session.host,
        clients::bundle(session)?,
        limits,
        recipients,
        commands,
    )
    .await?;
    session.see_clients(&collection);
    session.save().await?;
    Ok(sent)
}

#[cfg(test)]
mod tests;
