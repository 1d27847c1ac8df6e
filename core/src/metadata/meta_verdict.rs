//! The meaning of the record meta/global, or of its absence, for a sync (spec §4.4).

use super::meta_global::{MetaGlobal, STORAGE_VERSION};
use crate::error::Error;
use crate::json::Value;
use crate::version::Version;

/// The collections that info/collections lists, as far as relevant to meta/global.
///
/// ```
/// use selvedge_core::metadata::Listed;
///
/// assert_ne!(Listed::Nothing, Listed::OthersOnly);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// No collection at all.
    Nothing,
    /// The collection `meta`, among others or alone.
    Meta,
    /// Other collections, but not `meta`.
    OthersOnly,
}

/// The result of the request for meta/global.
///
/// ```
/// use selvedge_core::metadata::{Listed, MetaGlobal, Seen, Verdict};
///
/// assert_eq!(MetaGlobal::judge(Listed::Nothing, Seen::Missing, None), Verdict::FreshStart);
/// assert_eq!(MetaGlobal::judge(Listed::OthersOnly, Seen::Missing, None), Verdict::NeedsConsent(None));
/// assert_eq!(MetaGlobal::judge(Listed::Meta, Seen::Missing, None), Verdict::Contradiction);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A 404 of the storage server itself.
    Missing,
    /// 401.
    Unauthorised,
    /// Any other failure, including a 404 of a proxy.
    Failure,
    /// The payload of the record.
    Payload(&'a str),
}

/// The meaning of meta/global for this sync.
///
/// ```
/// use selvedge_core::metadata::{Listed, MetaGlobal, Seen, Verdict};
/// use selvedge_core::version::Version;
///
/// let judge = |payload| MetaGlobal::judge(Listed::Meta, Seen::Payload(payload), None);
/// let newer = judge(r#"{"syncID":"7vO3Zcdu6V4I","storageVersion":6}"#);
/// assert_eq!(newer, Verdict::UpgradeRequired { server: Version::from(6) });
/// let older = judge(r#"{"syncID":"7vO3Zcdu6V4I","storageVersion":4}"#);
/// assert_eq!(older, Verdict::NeedsConsent(Some(Version::from(4))));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Our format, our sync ID: continue.
    Proceed(MetaGlobal),
    /// Another client started over: discard the known state of the server, keep local data.
    ResetAllAndAdopt(MetaGlobal),
    /// The account is empty: set it up.
    FreshStart,
    /// Setting the account up would delete data: of this older format, or, without a format, data whose meta/global is
    /// missing.
    NeedsConsent(Option<Version>),
    /// info/collections and the record itself contradict each other.
    Contradiction,
    /// The record exists but cannot be read: stop and report it, never wipe.
    StopUndecodable,
    /// Written by a newer client: change nothing.
    UpgradeRequired {
        /// The server's storage version.
        server: Version,
    },
    /// The credentials are refused.
    AuthFailure,
    /// The server has failed, or a proxy responded instead.
    StopRetryLater,
}

impl MetaGlobal {
    /// Judges the result against the list in info/collections and against the sync ID of the last sync. A missing
    /// record is judged as after the second look (spec §4.4).
    #[must_use]
    pub fn judge(listed: Listed, seen: Seen<'_>, known_sync_id: Option<&str>) -> Verdict {
        let payload = match (seen, listed) {
            (Seen::Unauthorised, _) => return Verdict::AuthFailure,
            (Seen::Failure, _) => return Verdict::StopRetryLater,
            (Seen::Missing, Listed::Nothing) => return Verdict::FreshStart,
            (Seen::Missing, Listed::OthersOnly) => return Verdict::NeedsConsent(None),
            (Seen::Missing, Listed::Meta)
            | (Seen::Payload(_), Listed::Nothing | Listed::OthersOnly) => {
                return Verdict::Contradiction;
            }
            (Seen::Payload(payload), Listed::Meta) => payload,
        };
        let Ok(Value::Object(members)) = payload.parse() else {
            return Verdict::StopUndecodable;
        };
        let meta = Self(members);
        let ours = Version::from(STORAGE_VERSION);
        match (meta.storage_version(), meta.sync_id()) {
            (Some(server), _) if server > ours => Verdict::UpgradeRequired { server },
            (None, _) | (_, None) => Verdict::StopUndecodable,
            (Some(server), _) if server < ours => Verdict::NeedsConsent(Some(server)),
            (Some(_), sync_id) if sync_id == known_sync_id => Verdict::Proceed(meta),
            (Some(_), Some(_)) => Verdict::ResetAllAndAdopt(meta),
        }
    }
}

impl Verdict {
    /// The error with which a sync stops at this verdict. Verdicts that let it continue, or ask a person, are not
    /// errors.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::UpgradeRequired { server } => Error::UpgradeNeeded { server },
            Self::Contradiction => Error::Contradiction {
                detail: "info/collections and the record meta/global do not agree on whether there is one",
            },
            // The two failures are returned as errors of their own before a verdict is made.
            _ => Error::Undecodable {
                record: "meta/global",
            },
        }
    }
}
