//! The changes on the server since the last sync, by info/collections (spec §4.3).
//!
//! ```text
//! GET with X-If-Modified-Since = last seen; without it if a person asked, a first sync is due, a record was
//! missing the last time, or the last read without it is an hour old
//!   304, same time, nothing waits here ─→ the end: nothing to do
//!   304, same time, something waits ────→ continue with the cached times
//!   304, another time or none ──────────→ GET without it
//!   200, unchanged ─────────────────────→ like 304, which servers of dialect 1.1 do not send
//!   200 ────────────────────────────────→ continue with the new ones; compare all collections if a time went back
//!   401, 404 of the server's own ───────→ signed out (404: the user has moved to another node)
//!   404 of a proxy, {} of a proxy ──────→ stop, try again later: never a sign of an empty account
//! ```
//!
//! If the user allows the operators to learn the program's version, the first request of a day contains it (`?v=`).

use super::session::Session;
use super::state::CachedInfo;
use super::waiting::is_anything_waiting;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::server::Conditional;
use crate::time::{LocalTime, ServerTime};

/// What the response means for this sync.
///
/// ```
/// use selvedge_core::sync::Course;
///
/// assert_eq!(Course::decide(true, false), Course::NothingToDo);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Nothing changed on the server, nothing waits here.
    NothingToDo,
    /// Nothing changed on the server: the cached times are still valid.
    UseCached,
    /// Something changed on the server.
    UseNew,
}

impl Course {
    /// Decides by whether the server returns "unmodified", and whether anything here waits to be sent or fetched.
    #[must_use]
    pub const fn decide(is_unmodified: bool, is_waiting: bool) -> Self {
        match (is_unmodified, is_waiting) {
            (true, false) => Self::NothingToDo,
            (true, true) => Self::UseCached,
            (false, _) => Self::UseNew,
        }
    }
}

/// The version to send now: at most once a day.
fn version_to_tell(
    version: Option<&'static str>,
    last: Option<LocalTime>,
    now: LocalTime,
) -> Option<&'static str> {
    const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
    version.filter(|_| {
        last.is_none_or(|last| {
            now < last || now.millis().saturating_sub(last.millis()) >= DAY_MILLIS
        })
    })
}

/// Requests info/collections and keeps it for this sync.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Course> {
    let now = session.host.now();
    let version = version_to_tell(
        session.options.situation.tells_version,
        session.state.device.version_told,
        now,
    );
    let may_ask_briefly = may_ask_briefly(session, now);
    let seen = session
        .state
        .server
        .info
        .as_ref()
        .filter(|_| may_ask_briefly);
    let seen = seen.map(|info| info.modified);
    let answer = session
        .client
        .info_collections_of(seen, version)
        .await
        .map_err(|error| match error {
            Error::NotFound { request } => Error::SignedOut { request },
            error => error,
        })?;
    if version.is_some() {
        session.state.device.version_told = Some(now);
    }
    let Conditional::Changed {
        value,
        last_modified,
    } = answer
    else {
        let is_waiting = is_anything_waiting(session).await?;
        return Ok(Course::decide(true, is_waiting));
    };
    session.state.server.info_read = Some(now);
    let info = CachedInfo::new(&value, last_modified);
    let known = session.state.server.info.replace(info);
    let is_same = known.is_some() && known == session.state.server.info;
    if let (Some(known), Some(info)) = (&known, &session.state.server.info)
        && went_back(known, info)
    {
        session.compare_all().await?;
        return Ok(Course::UseNew);
    }
    // Evaluated only after the server's time is known: this device's clock may be days behind.
    let is_waiting = is_same && is_anything_waiting(session).await?;
    Ok(Course::decide(is_same, is_waiting))
}

/// Whether to request only changes since the last time. On some servers "unmodified" hides a change until the next
/// write (spec §3.9), so the condition is not used for long, nor before a person is informed that all is in sync.
fn may_ask_briefly<H: Host>(session: &Session<'_, H>, now: LocalTime) -> bool {
    const HOUR_MILLIS: u64 = 60 * 60 * 1000;
    let state = &session.state;
    let is_recent = state.server.info_read.is_some_and(|read| {
        read <= now && now.millis().saturating_sub(read.millis()) < HOUR_MILLIS
    });
    // A first sync may remove records, so it requires a response without a condition.
    is_recent
        && state.device.first_sync.is_none()
        && state.server.doubt.is_none()
        && session.agreement.is_none()
        && !session.options.situation.is_asked_for
}

/// Whether the server was restored to an earlier time: a collection that still exists has an earlier modification time
/// than before (spec §5.3). A collection that is gone may have been deleted by another device.
fn went_back(known: &CachedInfo, info: &CachedInfo) -> bool {
    known.collections.iter().any(|(name, before)| {
        let now = info.collections.get(name);
        // Zero represents a time that could not be read.
        now.is_some_and(|now| now < before && *now > ServerTime::ZERO)
    })
}

/// Reads info/collections again, in the middle of a sync.
pub(super) async fn read_again<H: Host>(session: &mut Session<'_, H>) -> Result<()> {
    let answer = session.client.info_collections(None).await?;
    let Conditional::Changed {
        value,
        last_modified,
    } = answer
    else {
        return Err(Error::Contradiction {
            detail: "info/collections is unmodified, though no time was given",
        });
    };
    session.state.server.info = Some(CachedInfo::new(&value, last_modified));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CollectionName;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_version_is_told_once_a_day_and_only_if_it_may_be() {
        let at = |hours: u64| LocalTime::from_millis(hours * 60 * 60 * 1000);
        let rows = [
            ("not wanted", None, None, None),
            ("never told", Some("1"), None, Some("1")),
            ("told an hour ago", Some("1"), Some(at(47)), None),
            ("told a day ago", Some("1"), Some(at(24)), Some("1")),
            ("told in the future", Some("1"), Some(at(49)), Some("1")),
        ];
        for (name, version, last, expected) in rows {
            assert_eq!(version_to_tell(version, last, at(48)), expected, "{name}");
        }
    }

    #[test]
    fn a_server_went_back_if_a_collection_is_older_than_it_was() {
        let info = |collections: &[(&str, u64)]| CachedInfo {
            collections: collections
                .iter()
                .map(|(name, time)| {
                    let name = CollectionName::new(*name).unwrap();
                    (name, ServerTime::from_hundredths(*time))
                })
                .collect(),
            ..CachedInfo::default()
        };
        let known = info(&[("meta", 5), ("notes", 9)]);
        let rows = [
            ("the same", info(&[("meta", 5), ("notes", 9)]), false),
            ("newer", info(&[("meta", 5), ("notes", 10)]), false),
            (
                "one more",
                info(&[("meta", 5), ("notes", 9), ("tabs", 1)]),
                false,
            ),
            ("one less", info(&[("meta", 5)]), false),
            ("empty", info(&[]), false),
            ("older", info(&[("meta", 5), ("notes", 8)]), true),
            (
                "a time that cannot be read",
                info(&[("meta", 5), ("notes", 0)]),
                false,
            ),
            (
                "one newer, one older",
                info(&[("meta", 4), ("notes", 20)]),
                true,
            ),
        ];
        for (name, found, expected) in rows {
            assert_eq!(went_back(&known, &found), expected, "{name}");
        }
    }

    #[test]
    fn every_row() {
        let rows = [
            ("304, nothing waits", true, false, Course::NothingToDo),
            ("304, something waits", true, true, Course::UseCached),
            ("200, nothing waits", false, false, Course::UseNew),
            ("200, something waits", false, true, Course::UseNew),
        ];
        for (name, is_unmodified, is_waiting, expected) in rows {
            assert_eq!(
                Course::decide(is_unmodified, is_waiting),
                expected,
                "{name}"
            );
        }
    }
}
