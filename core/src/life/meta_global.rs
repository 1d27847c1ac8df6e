//! Chapter 4: meta/global says whose data these are and in which format (spec §4.4).
//!
//! ```text
//! meta not in info/collections ───────────→ fresh start
//! time in info = time of the cached record → the cached record is judged
//! else GET: 404 ──────────────────────────→ fresh start
//!           401 ──────────────────────────→ authentication failed
//!           other failure ────────────────→ stop, retry later
//!           200, no JSON object ──────────→ stop: undecodable
//!                storageVersion > 5 ──────→ stop: upgrade required
//!                no storageVersion, < 5, or no syncID → fresh start
//!                syncID ≠ ours ───────────→ reset all engines, adopt it
//!                else ────────────────────→ proceed
//! ```

mod record;

use alloc::string::ToString;

pub use self::record::{EngineEntry, MetaGlobal};
use super::session::Session;
use super::state::{Cached, remember};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::Value;
use crate::reconcile::has_same_content;

/// The storage format that this crate reads and writes.
pub(super) const STORAGE_VERSION: u64 = 5;

/// What came of looking for meta/global.
///
/// ```
/// use selvedge_core::life::{MetaGlobal, Seen, Verdict};
///
/// assert_eq!(MetaGlobal::judge(Seen::Missing, None), Verdict::FreshStart);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Not in info/collections, or 404.
    Missing,
    /// 401.
    Unauthorised,
    /// Any other failure.
    Failure,
    /// The payload of the record.
    Payload(&'a str),
}

/// What meta/global means for this sync.
///
/// ```
/// use selvedge_core::life::{MetaGlobal, Seen, Verdict};
///
/// let newer = r#"{"syncID":"7vO3Zcdu6V4I","storageVersion":6}"#;
/// assert_eq!(MetaGlobal::judge(Seen::Payload(newer), None), Verdict::UpgradeRequired { server: 6 });
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Our format, our sync ID: carry on.
    Proceed(MetaGlobal),
    /// Another client started over: forget what we knew of the server, keep local data.
    ResetAllAndAdopt(MetaGlobal),
    /// Nobody has synced to this account in our format.
    FreshStart,
    /// It is there but cannot be read: stop and say so, never wipe.
    StopUndecodable,
    /// Written by a newer client: touch nothing.
    UpgradeRequired {
        /// The server's storage version.
        server: u64,
    },
    /// The credentials are refused.
    AuthFailure,
    /// The server is in trouble.
    StopRetryLater,
}

impl MetaGlobal {
    /// Judges what was seen against the sync ID that was synced with before.
    #[must_use]
    pub fn judge(seen: Seen<'_>, known_sync_id: Option<&str>) -> Verdict {
        let payload = match seen {
            Seen::Missing => return Verdict::FreshStart,
            Seen::Unauthorised => return Verdict::AuthFailure,
            Seen::Failure => return Verdict::StopRetryLater,
            Seen::Payload(payload) => payload,
        };
        let Ok(Value::Object(members)) = payload.parse() else {
            return Verdict::StopUndecodable;
        };
        let meta = Self(members);
        match (meta.storage_version(), meta.sync_id()) {
            (Some(server), _) if server > STORAGE_VERSION => Verdict::UpgradeRequired { server },
            (Some(STORAGE_VERSION), Some(sync_id)) if Some(sync_id) == known_sync_id => {
                Verdict::Proceed(meta)
            }
            (Some(STORAGE_VERSION), Some(_)) => Verdict::ResetAllAndAdopt(meta),
            _ => Verdict::FreshStart,
        }
    }
}

/// Where this chapter leads.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// On to the keys.
    CryptoKeys,
    /// The account has to be set up.
    FreshStart,
}

/// Gets meta/global if it is not the cached one, judges it, and adopts its sync ID.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Next> {
    let in_info = session.modified_of("meta");
    let cached = session
        .state
        .meta
        .clone()
        .filter(|cached| Some(cached.modified) == in_info);
    let fetched = match (cached, in_info) {
        (Some(cached), _) => Ok(Some(cached)),
        (None, None) => Ok(None),
        (None, Some(_)) => session.get("meta", "global").await,
    };
    let seen = match &fetched {
        Ok(Some(record)) => Seen::Payload(&record.payload),
        Ok(None) => Seen::Missing,
        Err(Error::SignedOut { .. }) => Seen::Unauthorised,
        Err(_) => Seen::Failure,
    };
    match (
        MetaGlobal::judge(seen, session.state.sync_id.as_deref()),
        fetched,
    ) {
        (_, Err(error)) => Err(error),
        (Verdict::Proceed(meta), Ok(record)) => {
            remember(&mut session.state, &meta);
            session.state.meta = record;
            session.meta = Some(meta);
            Ok(Next::CryptoKeys)
        }
        (Verdict::ResetAllAndAdopt(meta), Ok(record)) => {
            remember(&mut session.state, &meta);
            session.state.sync_id = meta.sync_id().map(ToString::to_string);
            session.state.meta = record;
            session.state.replace_keys(None);
            session.reset_all().await?;
            session.meta = Some(meta);
            Ok(Next::CryptoKeys)
        }
        (Verdict::FreshStart, Ok(_)) => Ok(Next::FreshStart),
        (Verdict::UpgradeRequired { server }, Ok(_)) => Err(Error::UpgradeNeeded { server }),
        // The two failures come with an error, which the first row has returned.
        (Verdict::StopUndecodable | Verdict::AuthFailure | Verdict::StopRetryLater, Ok(_)) => {
            Err(Error::Undecodable {
                record: "meta/global",
            })
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
