//! What devices were asked to do: each of it is done, and not more often than it was asked.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::sync::{CommandReport, Ending, Report};

/// A client's id and the name of a command.
type Task = (String, String);

/// Remembers what was sent to whom.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// How often it may have been sent, and was not done since.
    open: BTreeMap<Task, u32>,
    /// What has certainly been sent and may not be forgotten.
    certain: BTreeSet<Task>,
}

impl Asks {
    /// A command was sent, or may have been, so often.
    pub(crate) fn send(&mut self, client: &str, command: &str, times: u32, is_certain: bool) {
        let task = (client.to_owned(), command.to_owned());
        if is_certain {
            self.certain.insert(task.clone());
        }
        *self.open.entry(task).or_default() += times;
    }

    /// What waited on the server is gone, or nobody can read it any more.
    pub(crate) fn forget(&mut self) {
        self.certain.clear();
    }

    /// A device tells what it has done.
    ///
    /// # Errors
    /// When it has done what nobody had asked for.
    pub(crate) fn learn(&mut self, client: &str, report: &Report) -> Result<(), String> {
        // One report is about the command, others about the collections that it left as they were.
        let is_whole =
            |done: &&CommandReport| done.command != "wipeAll" || done.collection.is_none();
        for done in report.commands.iter().filter(is_whole) {
            let task = (client.to_owned(), done.command.clone());
            self.certain.remove(&task);
            // To be signed out once more, when it was not certain that the first time had been told, does no harm.
            if done.command == "logout" {
                continue;
            }
            let open = self.open.entry(task).or_default();
            *open = open
                .checked_sub(1)
                .ok_or_else(|| format!("{client} did {} which nobody asked for", done.command))?;
        }
        // What stands behind a logout is not looked at. A device that cannot tell whether its record was written takes a
        // command for the one that it has done.
        let is_unsure = !report.commands.is_empty() && matches!(report.ending, Ending::Stopped(_));
        if is_unsure || report.ending == Ending::LoggedOut {
            self.certain.retain(|(other, _)| other != client);
        }
        Ok(())
    }

    /// Checks that all was done.
    ///
    /// # Errors
    /// What was not.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.certain.first() {
            None => Ok(()),
            Some((client, command)) => Err(format!("{client} has never done {command}")),
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
    fn what_was_not_done_and_what_was_done_too_often_is_found_out() {
        let mut asks = Asks::default();
        asks.send("a", "resetAll", 1, true);
        assert!(asks.check().is_err());
        assert!(asks.learn("b", &done("resetAll")).is_err());
        assert!(asks.learn("a", &done("resetAll")).is_ok());
        assert!(asks.check().is_ok());
        assert!(asks.learn("a", &done("resetAll")).is_err());
    }
}
