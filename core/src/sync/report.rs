//! The result of a sync, as data: for a table, for JSON, for JavaScript.

mod command;
mod json;

use alloc::vec::Vec;

pub use command::{CommandOutcome, CommandReport};

use super::consent::Consent;
use super::precheck::Obstacle;
use super::state::Mode;
use crate::error::Error;
use crate::ids::{CollectionName, RecordId};
use crate::metadata::ReceivedTab;
use crate::repository::{Pulled, Pushed};
use crate::server::{Alert, Backoff, Traffic};
use crate::version::Version;

/// The result of a sync.
///
/// ```
/// use selvedge_core::sync::{Ending, Report};
///
/// let report = Report { ending: Ending::NothingToDo, ..Report::default() };
/// assert!(report.is_success());
/// assert_eq!(serde_json::to_value(&report).unwrap()["ending"], "nothing-to-do");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// Whether the account was set up in this sync.
    pub fresh_start: bool,
    /// Whether a missing record of the whole account was written again from this device's memory.
    pub restored: bool,
    /// The mode of a first sync that this sync carried out.
    pub first_sync: Option<Mode>,
    /// Collections whose records this sync removed here, because a decision named them.
    pub wiped_here: Vec<CollectionName>,
    /// Collections that this sync deleted on the server, because a decision named them.
    pub wiped_there: Vec<CollectionName>,
    /// Collections that were to be deleted on the server, but were changed there after a person agreed to it: they were
    /// kept.
    pub kept_there: Vec<CollectionName>,
    /// The collections that were processed, in that order.
    pub collections: Vec<CollectionReport>,
    /// The result for the account's clients.
    pub clients: ClientsReport,
    /// The commands of other clients to this one, in their order.
    pub commands: Vec<CommandReport>,
    /// The pages that people sent from other devices, for the host to show.
    pub tabs: Vec<ReceivedTab>,
    /// The network traffic.
    pub traffic: Traffic,
    /// The duration, in milliseconds.
    pub millis: u64,
    /// Until when the server requests no traffic.
    pub backoff: Backoff,
    /// Messages of the server's operators to people.
    pub alerts: Vec<Alert>,
}

impl Report {
    /// Whether everything that was requested is done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self.ending, Ending::Done | Ending::NothingToDo)
            && !matches!(self.clients.status, CollectionStatus::Failed(_))
            && self.collections.iter().all(|collection| {
                // Skipping a collection that the account has declined is the expected result.
                matches!(
                    collection.status,
                    CollectionStatus::Ok | CollectionStatus::Skipped(Skip::Declined)
                )
            })
    }
}

impl Report {
    /// Whether the sync should be repeated after [`SECOND_LOOK_SECONDS`](super::SECOND_LOOK_SECONDS): a record was
    /// missing that another device may be writing at this moment.
    #[must_use]
    pub const fn looks_again(&self) -> bool {
        matches!(self.ending, Ending::Stopped(Error::LookAgain { .. }))
    }

    /// The overall result in one word (spec §4.10).
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &self.ending {
            Ending::Blocked(Obstacle::SignedOut) | Ending::LoggedOut => Outcome::LoginNeeded,
            Ending::Blocked(Obstacle::Wait { .. }) | Ending::CutShort => Outcome::Backoff,
            Ending::Blocked(_) => Outcome::Failed,
            Ending::Stopped(Error::SignedOut { .. } | Error::WrongKey | Error::OtherAccount) => {
                Outcome::LoginNeeded
            }
            Ending::Stopped(Error::UpgradeNeeded { .. } | Error::ClientRefused { .. }) => {
                Outcome::UpgradeNeeded
            }
            Ending::Stopped(Error::Wait { .. }) => Outcome::Backoff,
            Ending::NeedsConsent(_) | Ending::Stopped(Error::NeedsConsent { .. }) => {
                Outcome::NeedsConsent
            }
            Ending::Stopped(_) => Outcome::Failed,
            Ending::Done | Ending::NothingToDo if self.is_success() => Outcome::Success,
            Ending::Done | Ending::NothingToDo => {
                let is_failed = |report: &CollectionReport| {
                    matches!(report.status, CollectionStatus::Failed(_))
                };
                match self.collections.iter().all(is_failed) {
                    true => Outcome::Failed,
                    false => Outcome::Partial,
                }
            }
        }
    }
}

/// The overall result of a sync.
///
/// ```
/// use selvedge_core::sync::{Ending, Obstacle, Outcome, Report};
///
/// let report = Report { ending: Ending::Blocked(Obstacle::SignedOut), ..Report::default() };
/// assert_eq!(report.outcome(), Outcome::LoginNeeded);
/// assert_eq!(report.outcome().word(), "login-needed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was transferred.
    Success,
    /// Some records or collections could not be transferred.
    Partial,
    /// Nothing was transferred.
    Failed,
    /// The server requested a pause.
    Backoff,
    /// A person has to sign in, or join, again.
    LoginNeeded,
    /// The program is too old for this account or this server.
    UpgradeNeeded,
    /// Continuing would delete data of others: only a person may decide that. Nothing was written.
    NeedsConsent,
}

impl Outcome {
    /// The outcome in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Backoff => "backoff",
            Self::LoginNeeded => "login-needed",
            Self::UpgradeNeeded => "upgrade-needed",
            Self::NeedsConsent => "needs-consent",
        }
    }
}

/// How a sync ended.
///
/// ```
/// use selvedge_core::sync::{Ending, Obstacle};
///
/// assert_eq!(Ending::Blocked(Obstacle::Offline).word(), "blocked");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Ending {
    /// It completed.
    #[default]
    Done,
    /// Nothing changed on the server, nothing waited here.
    NothingToDo,
    /// It did not start.
    Blocked(Obstacle),
    /// The server requested a pause before all collections were processed. Completed work is kept.
    CutShort,
    /// Another client sent a command to stop syncing. The host deletes the account's secrets; records stay.
    LoggedOut,
    /// Only a person may decide how to continue. Nothing was written.
    NeedsConsent(Consent),
    /// It had to stop. Completed work is kept.
    Stopped(Error),
}

impl Ending {
    /// The ending in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NothingToDo => "nothing-to-do",
            Self::Blocked(_) => "blocked",
            Self::CutShort => "cut-short",
            Self::LoggedOut => "logged-out",
            Self::NeedsConsent(_) => "needs-consent",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// The result for the account's clients, including this one.
///
/// ```
/// use selvedge_core::sync::ClientsReport;
///
/// assert_eq!(serde_json::to_value(ClientsReport::default()).unwrap()["status"], "skipped");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClientsReport {
    /// The status; skipped as not reached when the sync had nothing to do.
    pub status: CollectionStatus,
    /// The number of known clients.
    pub known: usize,
    /// The records that are encrypted with another key. They are left there: a device with other keys may need them.
    pub unreadable: Vec<RecordId>,
    /// The number of records that were damaged in another way, and skipped.
    pub passed_over: u64,
}

impl Default for ClientsReport {
    fn default() -> Self {
        Self {
            status: CollectionStatus::Skipped(Skip::NotReached),
            known: 0,
            unreadable: Vec::new(),
            passed_over: 0,
        }
    }
}

/// The result for one collection.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::{CollectionReport, CollectionStatus, Skip};
///
/// let report = CollectionReport::new(CollectionName::new("notes").unwrap());
/// assert_eq!(report.status, CollectionStatus::Skipped(Skip::NotReached));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionReport {
    /// Its name.
    pub name: CollectionName,
    /// The status.
    pub status: CollectionStatus,
    /// Records received from the server.
    pub pulled: Pulled,
    /// Records sent to the server.
    pub pushed: Pushed,
    /// Whether all records were compared with the server's, because its time went back (spec §5.3).
    pub compared: bool,
    /// Number of records that a comparison found missing on the server, and that are sent again.
    pub lacking: u64,
    /// The network traffic for it.
    pub traffic: Traffic,
    /// The duration, in milliseconds.
    pub millis: u64,
}

impl CollectionReport {
    /// The report of a collection that has not been processed.
    #[must_use]
    pub fn new(name: CollectionName) -> Self {
        let (pulled, pushed, traffic) = (Pulled::default(), Pushed::default(), Traffic::default());
        Self {
            name,
            status: CollectionStatus::Skipped(Skip::NotReached),
            pulled,
            pushed,
            compared: false,
            lacking: 0,
            traffic,
            millis: 0,
        }
    }
}

/// The status of one collection.
///
/// ```
/// use selvedge_core::sync::CollectionStatus;
///
/// assert_eq!(CollectionStatus::Partial.word(), "partial");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum CollectionStatus {
    /// All records were transferred.
    Ok,
    /// Some records could not be transferred; the others were.
    Partial,
    /// It had to stop; the next sync continues from there.
    Failed(Error),
    /// It was skipped.
    Skipped(Skip),
}

impl CollectionStatus {
    /// The status in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }
}

/// Why a collection was skipped.
///
/// ```
/// use selvedge_core::sync::Skip;
///
/// assert_eq!(Skip::Declined.to_string(), "the account's devices have agreed not to sync this collection");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// The sync stopped before it.
    #[error("the sync stopped before it had its turn")]
    NotReached,
    /// The account's devices have agreed not to sync it.
    #[error("the account's devices have agreed not to sync this collection")]
    Declined,
    /// Its version in meta/global cannot be read.
    #[error(
        "its version in meta/global cannot be read: another program damaged it; nothing was changed"
    )]
    Unreadable,
    /// A newer client writes its records.
    #[error(
        "its records have version {server}, newer than this program's {ours}: upgrade the program"
    )]
    OutOfDate {
        /// The server's version.
        server: Version,
        /// This program's.
        ours: u64,
    },
}
