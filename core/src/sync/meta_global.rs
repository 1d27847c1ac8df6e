//! Chapter 4: meta/global says whose data these are and in which format (spec §4.4).
//!
//! ```text
//! time in info = time of the cached record → the cached record is judged
//! else GET: 401 ──────────────────────────→ authentication failed
//!           404 of a proxy, other failure → stop, retry later
//!           404, and info lists
//!                nothing at all ──────────→ fresh start
//!                meta ────────────────────→ contradiction: stop
//!                other collections alone ─→ look once more after 2 seconds; then needs consent
//!           200, and info lists no meta ──→ read info once more; then contradiction: stop
//!           200, no JSON object ──────────→ stop: undecodable
//!                storageVersion > 5 ──────→ stop: upgrade required
//!                no storageVersion, or none that can be read, or no syncID → stop: undecodable
//!                storageVersion < 5 ──────→ needs consent
//!                syncID ≠ ours ───────────→ reset all engines, adopt it
//!                else ────────────────────→ proceed
//! ```
//!
//! Nothing is ever deleted because a record is missing, cannot be read or holds an unusual value: only an empty account
//! is set up without a person's consent.

mod record;

use alloc::string::ToString;

pub use self::record::{EngineEntry, MetaGlobal};
use super::consent::Reason;
use super::info_collections;
use super::session::Session;
use super::state::{Cached, remember};
use super::version::Version;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::Value;
use crate::reconcile::has_same_content;

/// The storage format that this crate reads and writes.
pub(super) const STORAGE_VERSION: u64 = 5;

/// What info/collections lists, as far as it matters for meta/global.
///
/// ```
/// use selvedge_core::sync::Listed;
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
/// use selvedge_core::sync::{Listed, MetaGlobal, Seen, Verdict};
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
/// use selvedge_core::sync::{Listed, MetaGlobal, Seen, Verdict, Version};
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

/// Where this chapter leads.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// On to the keys.
    CryptoKeys,
    /// The account is empty and has to be set up.
    FreshStart,
    /// Only a person may decide how it goes on.
    NeedsConsent(Reason),
}

/// Gets meta/global, unless the cached one is as new as info/collections says.
async fn fetch<H: Host>(session: &mut Session<'_, H>) -> Result<Option<Cached>> {
    let in_info = session.modified_of("meta");
    let cached = session.state.meta.as_ref();
    if let Some(cached) = cached.filter(|cached| Some(cached.modified) == in_info) {
        return Ok(Some(cached.clone()));
    }
    let record = session.get("meta", "global").await?;
    if record.is_some() && in_info.is_none() {
        // Another client may have written it since info/collections was read.
        info_collections::read_again(session).await?;
    }
    Ok(record)
}

/// Gets meta/global if it is not the cached one, judges it, and adopts its sync ID.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Next> {
    let record = fetch(session).await?;
    let seen = record
        .as_ref()
        .map_or(Seen::Missing, |record| Seen::Payload(&record.payload));
    let verdict = MetaGlobal::judge(session.listed(), seen, session.state.sync_id.as_deref());
    match verdict {
        Verdict::Proceed(meta) => {
            remember(&mut session.state, &meta);
            session.state.meta = record;
            session.meta = Some(meta);
            Ok(Next::CryptoKeys)
        }
        Verdict::ResetAllAndAdopt(meta) => {
            remember(&mut session.state, &meta);
            session.state.sync_id = meta.sync_id().map(ToString::to_string);
            session.state.meta = record;
            session.state.replace_keys(None);
            session.reset_all().await?;
            session.meta = Some(meta);
            Ok(Next::CryptoKeys)
        }
        Verdict::FreshStart => Ok(Next::FreshStart),
        Verdict::NeedsConsent(None) => {
            session.look_again("meta/global").await?;
            Ok(Next::NeedsConsent(Reason::MetaMissing))
        }
        Verdict::NeedsConsent(Some(_)) => Ok(Next::NeedsConsent(Reason::OlderFormat)),
        other => Err(other.into_error()),
    }
}

impl Verdict {
    /// Why a sync stops at this verdict. Those that let it go on, or ask a person, are no errors.
    pub(super) fn into_error(self) -> Error {
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

/// Uploads meta/global if this sync changed it, and if nobody else did since it was read.
pub(super) async fn upload<H: Host>(session: &mut Session<'_, H>) -> Result<()> {
    let (Some(meta), Some(read)) = (&session.meta, &session.state.meta) else {
        return Ok(());
    };
    let payload = meta.to_payload();
    if has_same_content(&payload, &read.payload) {
        return Ok(());
    }
    let modified = session
        .put("meta", "global", &payload, read.modified)
        .await?;
    session.state.meta = Some(Cached { payload, modified });
    session.save().await
}

#[cfg(test)]
mod tests;
