//! The result of a sync, by stage, and its status number (spec §2.9, §3.3).

use alloc::string::ToString;
use core::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::client::Traffic;
use super::error::{Error, Result};
use super::eventupload::Uploaded;
use super::kind::Kind;
use super::ruledownload::{Downloaded, MAX_LISTED};
use super::timing::Preflighted;
use super::wire::ClientMode;

/// The status of a sync: a stable number for scripts.
///
/// ```
/// use selvedge_santa::Status;
///
/// assert_eq!(Status::RuleDownload.number(), 3);
/// assert_eq!(Status::TooManySyncs.to_string(), "too many syncs are already waiting: try again later");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Successful.
    Success,
    /// The server did not respond to preflight correctly.
    Preflight,
    /// Not used for a sync, which continues without its events.
    EventUpload,
    /// Rules could not be downloaded or applied.
    RuleDownload,
    /// Not used for a sync, which counts as successful.
    Postflight,
    /// One sync runs and one is already waiting.
    TooManySyncs,
    /// No server is set.
    NoServer,
    /// The machine has no id.
    NoMachineId,
    /// The local store reported an error.
    Agent,
    /// The sync has started.
    Started,
    /// No program listens on the socket.
    Connection,
    /// Any other status.
    Unknown,
}

impl Status {
    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Success,
        Self::Preflight,
        Self::EventUpload,
        Self::RuleDownload,
        Self::Postflight,
        Self::TooManySyncs,
        Self::NoServer,
        Self::NoMachineId,
        Self::Agent,
        Self::Started,
        Self::Connection,
        Self::Unknown,
    ];

    /// Its number, which is also an exit code.
    #[must_use]
    pub fn number(self) -> u8 {
        let place = Self::ALL.iter().position(|status| *status == self);
        place
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(11)
    }

    /// The status with a number; an unknown number is [`Status::Unknown`].
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        let place = usize::try_from(number).ok();
        let status = place.and_then(|place| Self::ALL.get(place).copied());
        status.unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "the sync is done",
            Self::Preflight => "the server did not answer preflight correctly",
            Self::EventUpload => "events could not be uploaded",
            Self::RuleDownload => "rules could not be downloaded or applied",
            Self::Postflight => "the result of the sync could not be sent to the server",
            Self::TooManySyncs => "too many syncs are already waiting: try again later",
            Self::NoServer => "no server is set: write SyncBaseURL into santa.toml",
            Self::NoMachineId => "the machine has no id: set one",
            Self::Agent => "the local store reported an error",
            Self::Started => "the sync has started",
            Self::Connection => "no program listens on the socket: start the daemon",
            Self::Unknown => "the sync ended in an unknown way",
        })
    }
}

/// The result of one stage.
///
/// ```
/// use selvedge_santa::StageReport;
///
/// assert!(!StageReport::NotRun.has_failed());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StageReport {
    /// It was not reached, or not needed.
    #[default]
    NotRun,
    /// Successful.
    Done,
    /// Failed.
    Failed(Error),
}

impl StageReport {
    /// Whether it failed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    pub(super) fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(error) => Self::Failed(error.clone()),
        }
    }
}

/// `"not run"`, `"done"`, or the error.
impl Serialize for StageReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NotRun => serializer.serialize_str("not run"),
            Self::Done => serializer.serialize_str("done"),
            Self::Failed(error) => {
                let mut fields = serializer.serialize_struct("Failed", 2)?;
                fields.serialize_field("code", error.code())?;
                fields.serialize_field("error", &error.to_string())?;
                fields.end()
            }
        }
    }
}

/// What became of a sync.
///
/// ```
/// use selvedge_santa::{Report, Status};
///
/// let report = Report::default();
/// assert_eq!(report.status(), Status::Success);
/// assert!(!report.is_degraded());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The requested kind of sync; `None` if preflight failed, and for a rule download only.
    pub requested: Option<Kind>,
    /// The kind of sync that was done; `None` if preflight failed.
    pub kind: Option<Kind>,
    /// The mode from the server that LOCKDOWN replaces, because this machine does not allow it.
    pub replaced_mode: Option<ClientMode>,
    /// preflight.
    pub preflight: StageReport,
    /// logupload.
    pub log_upload: StageReport,
    /// Whether the server requested logs for another host than its own, which was refused.
    pub has_refused_logs: bool,
    /// eventupload.
    pub event_upload: StageReport,
    /// ruledownload.
    pub rule_download: StageReport,
    /// postflight.
    pub postflight: StageReport,
    /// When preflight succeeded.
    pub preflighted: Option<Preflighted>,
    /// The result of the event upload.
    pub uploaded: Uploaded,
    /// The result of the rule download.
    pub downloaded: Downloaded,
    /// Statistics of the requests.
    pub traffic: Traffic,
    /// Duration in milliseconds.
    pub millis: u64,
}

impl Report {
    /// The requested clean sync, if the server only granted a normal one: the next sync requests it again.
    #[must_use]
    pub fn not_granted(&self) -> Option<Kind> {
        let requested = self.requested.filter(|kind| kind.is_clean())?;
        (self.kind == Some(Kind::Normal)).then_some(requested)
    }

    /// The status: rejected events and a failed postflight do not make a sync fail.
    #[must_use]
    pub const fn status(&self) -> Status {
        match (&self.preflight, &self.rule_download, &self.postflight) {
            (StageReport::Failed(Error::Store(_)), _, _)
            | (_, _, StageReport::Failed(Error::Store(_))) => Status::Agent,
            (StageReport::Failed(_), _, _) => Status::Preflight,
            (_, StageReport::Failed(_), _) => Status::RuleDownload,
            _ => Status::Success,
        }
    }

    /// Whether the sync succeeded only partially.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        let stages = [&self.log_upload, &self.event_upload, &self.postflight];
        self.status() == Status::Success && stages.iter().any(|stage| stage.has_failed())
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let refused = &self.downloaded.refused;
        let mut fields = serializer.serialize_struct("Report", 21)?;
        fields.serialize_field("status", &self.status().number())?;
        fields.serialize_field("message", &self.status().to_string())?;
        fields.serialize_field("degraded", &self.is_degraded())?;
        fields.serialize_field("kind", &self.kind)?;
        fields.serialize_field("requested", &self.requested)?;
        fields.serialize_field("performed", &self.kind)?;
        fields.serialize_field("replaced_mode", &self.replaced_mode)?;
        fields.serialize_field("preflight", &self.preflight)?;
        fields.serialize_field("log_upload", &self.log_upload)?;
        fields.serialize_field("event_upload", &self.event_upload)?;
        fields.serialize_field("rule_download", &self.rule_download)?;
        fields.serialize_field("postflight", &self.postflight)?;
        fields.serialize_field("preflighted", &self.preflighted)?;
        fields.serialize_field("events_uploaded", &self.uploaded.events)?;
        fields.serialize_field("events_deleted_unsent", &self.uploaded.deleted_unsent)?;
        fields.serialize_field("rules_received", &self.downloaded.received)?;
        fields.serialize_field("rules_processed", &self.downloaded.processed)?;
        fields.serialize_field("rules_refused", &refused.len())?;
        fields.serialize_field("refused", &refused[..refused.len().min(MAX_LISTED)])?;
        fields.serialize_field("traffic", &self.traffic)?;
        fields.serialize_field("millis", &self.millis)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use Kind::{Clean, CleanAll, Normal};

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_requested_clean_sync_that_was_not_done_is_not_granted() {
        for (requested, kind, expected) in [
            (None, None, None),
            (None, Some(Normal), None),
            (Some(Normal), Some(Normal), None),
            (Some(Normal), Some(Clean), None),
            (Some(Clean), Some(Normal), Some(Clean)),
            (Some(CleanAll), Some(Normal), Some(CleanAll)),
            (Some(Clean), Some(Clean), None),
            (Some(CleanAll), Some(CleanAll), None),
            (Some(Clean), None, None),
        ] {
            let report = Report {
                requested,
                kind,
                ..Report::default()
            };
            assert_eq!(report.not_granted(), expected, "{requested:?} {kind:?}");
        }
    }
}
