//! The results of the commands of other clients.

use alloc::string::String;

use crate::ids::CollectionName;

/// The result of a command that another client sent.
///
/// ```
/// use selvedge_core::sync::{CommandOutcome, CommandReport};
///
/// let report = CommandReport {
///     command: "resetAll".into(), collection: None, outcome: CommandOutcome::Done, unsent: 0,
/// };
/// assert_eq!(serde_json::to_value(&report).unwrap()["outcome"], "done");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CommandReport {
    /// Its name.
    pub command: String,
    /// The collection that it applied to; if it applied to all, there is a report for each that was not wiped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<CollectionName>,
    /// The outcome.
    pub outcome: CommandOutcome,
    /// Number of changes made here that the server had not received by then. Those that a wipe removed are in the
    /// journal; after a reset they are still sent, after a sign-out they stay here.
    pub unsent: u64,
}

/// The outcome of a command.
///
/// ```
/// use selvedge_core::sync::CommandOutcome;
///
/// assert_eq!(CommandOutcome::Unknown.to_string(), "it is not known here, so it was dropped");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum CommandOutcome {
    /// It was carried out.
    #[error("done")]
    Done,
    /// The records were not deleted here: the server has no records to replace them.
    #[error("nothing was deleted here, because the server has no record of it")]
    KeptEmpty,
    /// The records were not deleted here: those on the server cannot be read.
    #[error("nothing was deleted here, because the newest record on the server cannot be read")]
    KeptUnreadable,
    /// The records were not deleted here: no records would replace them, because the account has declined the
    /// collection, or its records are of a newer format.
    #[error("nothing was deleted here, because this device does not sync it now")]
    KeptUnsynced,
    /// Its name or its arguments are not known here.
    #[error("it is not known here, so it was dropped")]
    Unknown,
}
