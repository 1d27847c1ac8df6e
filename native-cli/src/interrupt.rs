//! Ctrl-C: the process ends at once, says what is kept, and gives the exit code that the help lists.
//!
//! A command may be ended at any moment: each commit to the store, and each write to a server, is made whole or not at all.
//! That is why the process can exit at once, even if a prompt blocks its thread.

use crate::cli::Command;
use crate::commands::account::AccountCommand;
use crate::commands::backup::BackupCommand;
use crate::commands::records::RecordsCommand;
use crate::output::Output;
use crate::progress;
use selvedge_host::exit::{Exit, HostError};

/// What of a command's work is kept when it is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// A sync's commits, which are counted.
    Sync,
    /// What was copied to the other account.
    Copy,
    /// What a server has confirmed.
    OnServer,
    /// Collections of a backup that are complete.
    Backup,
    /// Perhaps an account was made.
    NewAccount,
    /// Nothing is half done.
    Whole,
}

impl Kept {
    /// By the command that is interrupted.
    pub(crate) const fn by(command: &Command) -> Self {
        match command {
            Command::Sync(_) => Self::Sync,
            Command::Account(AccountCommand::Copy { .. }) => Self::Copy,
            Command::Account(AccountCommand::Create { .. }) => Self::NewAccount,
            Command::Clients(_) => Self::OnServer,
            Command::Backup(command) => match **command {
                BackupCommand::Create(_) => Self::Backup,
                BackupCommand::Restore(_) => Self::OnServer,
                _ => Self::Whole,
            },
            Command::Records(
                RecordsCommand::Put { remote: true, .. }
                | RecordsCommand::Edit { remote: true, .. }
                | RecordsCommand::Delete { remote: true, .. },
            ) => Self::OnServer,
            _ => Self::Whole,
        }
    }

    /// The sentence for a person.
    fn sentence(self, done: progress::Done) -> String {
        match self {
            Self::Sync => format!(
                "what was synced until now is kept: at least {} records received and {} sent; `selvedge sync` continues",
                done.received, done.sent
            ),
            Self::Copy => {
                "what was copied until now is kept; the same command continues".into()
            }
            Self::Backup => {
                "earlier backups are unchanged; the same command continues with the collections that are missing".into()
            }
            Self::OnServer => "what the server has confirmed is kept on the server".into(),
            Self::NewAccount => {
                "the server may have created an account whose secrets were not stored here: create another one".into()
            }
            Self::Whole => "changes are atomic: each one is complete or was not made".into(),
        }
    }
}

/// Ends the process on Ctrl-C from now on. To be called within a runtime that has a thread of its own.
pub(crate) fn watch(output: Output, kept: Kept) {
    // Without the system's help Ctrl-C ends the process as it always does.
    #[cfg(unix)]
    if let Ok(mut signal) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
    {
        tokio::spawn(async move {
            if signal.recv().await.is_some() {
                progress::clear_line(&output);
                output.error(&HostError::Interrupted(kept.sentence(progress::done())));
                std::process::exit(i32::from(Exit::Interrupted as u8));
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            progress::clear_line(&output);
            output.error(&HostError::Interrupted(kept.sentence(progress::done())));
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
    });
}
