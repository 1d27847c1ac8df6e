//! The commands that devices sent to each other: each is executed, and not more often than it was sent.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::sync::{CommandReport, Ending, Report};

/// A client's id and the name of a command.
type Task = (String, String);

/// The commands that were sent, by recipient.
#[derive(Debug, Default)]
pub(crate) struct PendingCommands {
    /// How often a command may have been sent and not executed since.
    open: BTreeMap<Task, u32>,
    /// Commands that were certainly sent, and must be executed.
    certain: BTreeSet<Task>,
}

impl PendingCommands {
    /// Records that a command was sent, or may have been, this number of times.
    pub(crate) fn send(&mut self, client: &str, command: &str, times: u32, is_certain: bool) {
        let task = (client.to_owned(), command.to_owned());
        if is_certain {
            self.certain.insert(task.clone());
        }
        *self.open.entry(task).or_default() += times;
    }

    /// Records that pending commands were deleted on the server, or can no longer be decrypted.
    pub(crate) fn forget(&mut self) {
        self.certain.clear();
    }

    /// Records the commands that a device's report contains.
    ///
    /// # Errors
    /// If the device has executed a command that was not sent.
    pub(crate) fn learn(&mut self, client: &str, report: &Report) -> Result<(), String> {
        // One entry is for the command itself, others are for collections that it did not change.
        let is_whole =
            |done: &&CommandReport| done.command != "wipeAll" || done.collection.is_none();
        for done in report.commands.iter().filter(is_whole) {
            let task = (client.to_owned(), done.command.clone());
            self.certain.remove(&task);
            // A second logout, after an uncertain first one, is harmless.
            if done.command == "logout" {
                continue;
            }
            let open = self.open.entry(task).or_default();
            *open = open
                .checked_sub(1)
                .ok_or_else(|| format!("{client} executed {}, which was not sent", done.command))?;
        }
        // Commands after a logout are ignored. A device that does not know whether its record was written may take a new
        // command for the one that it has executed.
        let is_unsure = !report.commands.is_empty() && matches!(report.ending, Ending::Stopped(_));
        if is_unsure || report.ending == Ending::LoggedOut {
            self.certain.retain(|(other, _)| other != client);
        }
        Ok(())
    }

    /// Checks that all commands were executed.
    ///
    /// # Errors
    /// The first command that was not.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.certain.first() {
            None => Ok(()),
            Some((client, command)) => Err(format!("{client} has not executed {command}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_core::sync::CommandOutcome;

    use super::*;

    fn done(command: &str) -> Report {
        let command = CommandReport {
            command: command.into(),
            collection: None,
            outcome: CommandOutcome::Done,
            unsent: 0,
        };
        Report {
            commands: vec![command],
            ..Report::default()
        }
    }

    #[test]
    fn commands_that_are_missing_or_executed_too_often_are_detected() {
        let mut pending_commands = PendingCommands::default();
        pending_commands.send("a", "resetAll", 1, true);
        assert!(pending_commands.check().is_err());
        assert!(pending_commands.learn("b", &done("resetAll")).is_err());
        assert!(pending_commands.learn("a", &done("resetAll")).is_ok());
        assert!(pending_commands.check().is_ok());
        assert!(pending_commands.learn("a", &done("resetAll")).is_err());
    }
}
