//! What a record meta/global, or its absence, means for a sync (spec §4.4).

use super::meta_global::{MetaGlobal, STORAGE_VERSION};
use crate::error::Error;
use crate::json::Value;
use crate::version::Version;

/// What info/collections lists, as far as it matters for meta/global.
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

/// What came of looking for meta/global.
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
    /// A 404 of the storage server's own.
    Missing,
    /// 401.
    Unauthorised,
    /// Any other failure, a 404 of a proxy among them.
    Failure,
    /// The payload of the record.
    Payload(&'a str),
}

/// What meta/global means for this sync.
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
    /// Our format, our sync ID: carry on.
    Proceed(MetaGlobal),
    /// Another client started over: forget what we knew of the server, keep local data.
    ResetAllAndAdopt(MetaGlobal),
    /// The account is empty: set it up.
    FreshStart,
    /// Setting the account up would delete data: of this older format, or, without one, data whose meta/global is missing.
    NeedsConsent(Option<Version>),
    /// info/collections and the record itself do not agree.
    Contradiction,
    /// It is there but cannot be read: stop and say so, never wipe.
    StopUndecodable,
    /// Written by a newer client: touch nothing.
    UpgradeRequired {
        /// The server's storage version.
        server: Version,
    },
    /// The credentials are refused.
    AuthFailure,
    /// The server is in trouble, or something else answered in its place.
    StopRetryLater,
}

impl MetaGlobal {
    /// Judges what was seen against what info/collections lists, and against the sync ID that was synced with before. A
    /// missing record is judged as after the second look (spec §4.4).
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
    /// Why a sync stops at this verdict. Those that let it go on, or ask a person, are no errors.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::UpgradeRequired { server } => Error::UpgradeNeeded { server },
            Self::Contradiction => Error::Contradiction {
                detail: "info/collections and the record meta/global do not agree on whether there is one",
            },
            // The two failures come as errors of their own before anything is judged.
            _ => Error::Undecodable {
                record: "meta/global",
            },
        }
    }
}
