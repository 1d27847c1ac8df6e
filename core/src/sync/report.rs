//! What came of a sync, as data: for a table, for JSON, for JavaScript.

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

/// What came of a sync.
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
    /// Whether a record of the whole account that was missing was written again as this device remembered it.
    pub restored: bool,
    /// The mode of a first sync that this sync carried out.
    pub first_sync: Option<Mode>,
    /// Collections whose records this sync removed here, because a decision named them.
    pub wiped_here: Vec<CollectionName>,
    /// Collections that this sync deleted on the server, because a decision named them.
    pub wiped_there: Vec<CollectionName>,
    /// Collections that were to be deleted on the server, but were changed there since a person agreed to it: they were
    /// kept.
    pub kept_there: Vec<CollectionName>,
    /// The collections that had their turn, in that order.
    pub collections: Vec<CollectionReport>,
    /// What became of the account's clients.
    pub clients: ClientsReport,
    /// What other clients asked of this one, in the order in which they did.
    pub commands: Vec<CommandReport>,
    /// The pages that people sent from other devices, for the host to show.
    pub tabs: Vec<ReceivedTab>,
    /// What went over the network.
    pub traffic: Traffic,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Until when the server wants to be left alone.
    pub backoff: Backoff,
    /// What the server's operators want people to know.
    pub alerts: Vec<Alert>,
}

impl Report {
    /// Whether everything that was asked for is done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self.ending, Ending::Done | Ending::NothingToDo)
            && !matches!(self.clients.status, CollectionStatus::Failed(_))
            && self.collections.iter().all(|collection| {
                // Leaving what the account has declined is what was agreed.
                matches!(
                    collection.status,
                    CollectionStatus::Ok | CollectionStatus::Skipped(Skip::Declined)
                )
            })
    }
}

impl Report {
    /// Whether the sync is to be run once more after [`SECOND_LOOK_SECONDS`](super::SECOND_LOOK_SECONDS): a record was missing
    /// that another device may be writing at this moment.
    #[must_use]
    pub const fn looks_again(&self) -> bool {
        matches!(self.ending, Ending::Stopped(Error::LookAgain { .. }))
    }

    /// The whole of it in one word (spec §4.10).
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

/// A sync as a whole.
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
    /// Everything passed.
    Success,
    /// Some records or collections could not pass.
    Partial,
    /// Nothing passed.
    Failed,
    /// The server wants to be left alone.
    Backoff,
    /// A person has to sign in, or join, again.
    LoginNeeded,
    /// The program is too old for this account or this server.
    UpgradeNeeded,
    /// Going on would delete data of others: only a person may decide that. Nothing was written.
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
    /// It came to its end.
    #[default]
    Done,
    /// Nothing changed there, nothing waited here.
    NothingToDo,
    /// It did not start.
    Blocked(Obstacle),
    /// The server asked to be left alone before all collections had their turn. What was done by then stays done.
    CutShort,
    /// Another client told this one to stop syncing. It is for the host to forget the account's secrets; records stay.
    LoggedOut,
    /// Only a person may decide how it goes on. Nothing was written.
    NeedsConsent(Consent),
    /// It had to stop. What was done by then stays done.
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

/// What became of the account's clients, this one among them.
///
/// ```
/// use selvedge_core::sync::ClientsReport;
///
/// assert_eq!(serde_json::to_value(ClientsReport::default()).unwrap()["status"], "skipped");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClientsReport {
    /// How it went; skipped as not reached when the sync had nothing to do.
    pub status: CollectionStatus,
    /// How many clients are known.
    pub known: usize,
    /// The records that are encrypted with another key. They are left there: a device with other keys may need them.
    pub unreadable: Vec<RecordId>,
    /// How many records were damaged otherwise, and left alone.
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

/// What came of one collection.
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
    /// How it went.
    pub status: CollectionStatus,
    /// What came from the server.
    pub pulled: Pulled,
    /// What went to the server.
    pub pushed: Pushed,
    /// Whether all records were compared with the server's, because its time went back (spec §5.3).
    pub compared: bool,
    /// Of a comparison: how many records the server lacked, and are sent again.
    pub lacking: u64,
    /// What went over the network for it.
    pub traffic: Traffic,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

impl CollectionReport {
    /// The report of a collection that has not had its turn.
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

/// How it went with one collection.
///
/// ```
/// use selvedge_core::sync::CollectionStatus;
///
/// assert_eq!(CollectionStatus::Partial.word(), "partial");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum CollectionStatus {
    /// All records passed.
    Ok,
    /// Some records could not pass; the others did.
    Partial,
    /// It had to stop; the next sync goes on from there.
    Failed(Error),
    /// It was left alone.
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

/// Why a collection was left alone.
///
/// ```
/// use selvedge_core::sync::Skip;
///
/// assert_eq!(Skip::Declined.to_string(), "the account's devices have agreed not to sync this collection");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// The sync stopped before.
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
