//! Chapter 3: info/collections tells what changed since the last time (spec §4.3).
//!
//! ```text
//! GET with X-If-Modified-Since = last seen, or without while a first sync is to be done
//!   304, nothing waits here ─→ the end: nothing to do
//!   304, something waits ────→ go on with the cached times
//!   200, all as it was ──────→ like 304, which servers of the dialect 1.1 do not have
//!   200 ─────────────────────→ go on with the new ones
//!   401, 404 ────────────────→ signed out (404: the user has moved to another node)
//! ```
//!
//! Where the user lets the operators know the program's version, the first request in a day says it (`?v=`).

use super::session::Session;
use super::state::CachedInfo;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::server::Conditional;
use crate::time::LocalTime;

/// What the answer means for this sync.
///
/// ```
/// use selvedge_core::life::Course;
///
/// assert_eq!(Course::decide(true, false), Course::NothingToDo);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Nothing changed there, nothing waits here.
    NothingToDo,
    /// Nothing changed there: the cached times are still true.
    UseCached,
    /// Something changed there.
    UseNew,
}

impl Course {
    /// Decides by whether the server says "unmodified", and whether anything here waits to be sent or asked for.
    #[must_use]
    pub const fn decide(is_unmodified: bool, is_waiting: bool) -> Self {
        match (is_unmodified, is_waiting) {
            (true, false) => Self::NothingToDo,
            (true, true) => Self::UseCached,
            (false, _) => Self::UseNew,
        }
    }
}

/// The version to tell now: at most once a day.
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

/// Asks for info/collections and keeps it for this sync.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Course> {
    let is_waiting = session.is_anything_waiting().await?;
    let now = session.host.now();
    let version = version_to_tell(
        session.options.situation.tells_version,
        session.state.version_told,
        now,
    );
    // What is done once, and may remove records, is done on nothing but the server's own word.
    let is_intent = session.state.first_sync.is_some();
    let seen = session.state.info.as_ref().filter(|_| !is_intent);
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
        session.state.version_told = Some(now);
    }
    let Conditional::Changed {
        value,
        last_modified,
    } = answer
    else {
        return Ok(Course::decide(true, is_waiting));
    };
    let info = CachedInfo::new(&value, last_modified);
    let known = session.state.info.replace(info);
    let is_same = known.is_some_and(|known| Some(known) == session.state.info);
    Ok(Course::decide(is_same, is_waiting))
}

#[cfg(test)]
mod tests {
    use super::*;
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
