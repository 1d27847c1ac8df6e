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

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::state::{Cached, remember};
use super::sync::Session;
use crate::error::{Error, Result};
use crate::host::Host;
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

/// The record meta/global. Members, engines and declined names that this client does not know are kept.
///
/// ```
/// use selvedge_core::life::MetaGlobal;
///
/// let meta = MetaGlobal::new("7vO3Zcdu6V4I", [("notes", 1, "ApPN6v8VY42s")], ["tabs"]);
/// assert_eq!(meta.engine("notes").unwrap().sync_id.as_deref(), Some("ApPN6v8VY42s"));
/// assert!(meta.is_declined("tabs"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MetaGlobal(Map<String, Value>);

/// What meta/global says of one engine.
///
/// ```
/// use selvedge_core::life::EngineEntry;
///
/// assert_eq!(EngineEntry { version: 2, sync_id: None }.version, 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEntry {
    /// The version of its records' format; 0 when the entry has none.
    pub version: u64,
    /// The sync ID of the collection; `None` counts as a mismatch.
    pub sync_id: Option<String>,
}

impl MetaGlobal {
    /// The record of a fresh start.
    #[must_use]
    pub fn new<'a>(
        sync_id: &str,
        engines: impl IntoIterator<Item = (&'a str, u64, &'a str)>,
        declined: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut meta = Map::new();
        meta.insert("syncID".into(), sync_id.into());
        meta.insert("storageVersion".into(), STORAGE_VERSION.into());
        meta.insert(
            "declined".into(),
            declined.into_iter().map(Value::from).collect(),
        );
        let mut meta = Self(meta);
        for (name, version, sync_id) in engines {
            meta.set_engine(name, version, sync_id);
        }
        meta
    }

    /// Judges what was seen against the sync ID that was synced with before.
    #[must_use]
    pub fn judge(seen: Seen<'_>, known_sync_id: Option<&str>) -> Verdict {
        let payload = match seen {
            Seen::Missing => return Verdict::FreshStart,
            Seen::Unauthorised => return Verdict::AuthFailure,
            Seen::Failure => return Verdict::StopRetryLater,
            Seen::Payload(payload) => payload,
        };
        let Ok(Value::Object(members)) = serde_json::from_str(payload) else {
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

    /// The storage version; a text of an integer counts as one.
    fn storage_version(&self) -> Option<u64> {
        match self.0.get("storageVersion")? {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        }
    }

    /// The global sync ID.
    #[must_use]
    pub fn sync_id(&self) -> Option<&str> {
        self.0
            .get("syncID")?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// What it says of an engine; `None` when it does not list it.
    #[must_use]
    pub fn engine(&self, name: &str) -> Option<EngineEntry> {
        let entry = self.0.get("engines")?.as_object()?.get(name)?;
        Some(EngineEntry {
            version: entry.get("version").and_then(Value::as_u64).unwrap_or(0),
            sync_id: entry
                .get("syncID")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
        })
    }

    /// The names of all engines with their versions, known here or not.
    #[must_use]
    pub fn engines(&self) -> BTreeMap<String, u64> {
        let engines = self.0.get("engines").and_then(Value::as_object);
        let version = |entry: &Value| entry.get("version").and_then(Value::as_u64).unwrap_or(1);
        engines
            .into_iter()
            .flatten()
            .map(|(name, entry)| (name.clone(), version(entry)))
            .collect()
    }

    /// The names that some client has declined and none lists as an engine.
    #[must_use]
    pub fn declined(&self) -> Vec<&str> {
        let names = self
            .0
            .get("declined")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        names
            .filter_map(Value::as_str)
            .filter(|name| self.engine(name).is_none())
            .collect()
    }

    /// Whether an engine is declined; where it is also listed, the list counts.
    #[must_use]
    pub fn is_declined(&self, name: &str) -> bool {
        self.declined().contains(&name)
    }

    /// Lists an engine, in the place of what was listed under its name; unknown members of the entry are kept.
    pub fn set_engine(&mut self, name: &str, version: u64, sync_id: &str) {
        let engines = self
            .0
            .entry("engines")
            .or_insert_with(|| Value::Object(Map::new()));
        if !engines.is_object() {
            *engines = Value::Object(Map::new());
        }
        let Some(engines) = engines.as_object_mut() else {
            return;
        };
        let entry = engines
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
        if !entry.is_object() {
            *entry = Value::Object(Map::new());
        }
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("version".into(), version.into());
            entry.insert("syncID".into(), sync_id.into());
        }
    }

    /// Takes an engine off the list and declines it for the whole account.
    pub fn decline(&mut self, name: &str) {
        if let Some(Value::Object(engines)) = self.0.get_mut("engines") {
            engines.remove(name);
        }
        let declined = self
            .0
            .entry("declined")
            .or_insert_with(|| Value::Array(Vec::new()));
        match declined {
            Value::Array(names) if names.iter().any(|known| known == name) => {}
            Value::Array(names) => names.push(name.into()),
            other => *other = Value::Array(alloc::vec![name.into()]),
        }
    }

    /// Takes a name off the declined ones.
    pub fn undecline(&mut self, name: &str) {
        if let Some(Value::Array(names)) = self.0.get_mut("declined") {
            names.retain(|known| known != name);
        }
    }

    /// The payload of the record.
    #[must_use]
    pub fn to_payload(&self) -> String {
        Value::Object(self.0.clone()).to_string()
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
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        global: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        status: u16,
        payload: Option<String>,
        expect: String,
        local_sync_id: Option<String>,
    }

    const fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Proceed(_) => "proceed",
            Verdict::ResetAllAndAdopt(_) => "reset-all-and-adopt",
            Verdict::FreshStart => "fresh-start",
            Verdict::StopUndecodable => "stop-undecodable",
            Verdict::UpgradeRequired { .. } => "upgrade-required",
            Verdict::AuthFailure => "auth-failure",
            Verdict::StopRetryLater => "stop-retry-later",
        }
    }

    #[test]
    fn every_row_of_the_vectors() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../tests/vectors/meta_global.json")).unwrap();
        for case in vectors.global {
            let seen = match (case.status, &case.payload) {
                (200, Some(payload)) => Seen::Payload(payload),
                (404, _) => Seen::Missing,
                (401, _) => Seen::Unauthorised,
                _ => Seen::Failure,
            };
            let verdict = MetaGlobal::judge(seen, case.local_sync_id.as_deref());
            assert_eq!(word(&verdict), case.expect, "{}", case.name);
        }
    }

    #[test]
    fn rows_that_the_vectors_lack() {
        let rows = [
            (
                "version as text",
                r#"{"syncID":"x","storageVersion":"5"}"#,
                "proceed",
            ),
            (
                "newer version as text",
                r#"{"syncID":"x","storageVersion":"6"}"#,
                "upgrade-required",
            ),
            (
                "newer version without syncID",
                r#"{"storageVersion":6}"#,
                "upgrade-required",
            ),
            (
                "version is no number",
                r#"{"syncID":"x","storageVersion":[5]}"#,
                "fresh-start",
            ),
            (
                "version has a fraction",
                r#"{"syncID":"x","storageVersion":5.5}"#,
                "fresh-start",
            ),
            (
                "syncID is no text",
                r#"{"syncID":7,"storageVersion":5}"#,
                "fresh-start",
            ),
            (
                "engines is no object",
                r#"{"syncID":"x","storageVersion":5,"engines":[]}"#,
                "proceed",
            ),
        ];
        for (name, payload, expect) in rows {
            assert_eq!(
                word(&MetaGlobal::judge(Seen::Payload(payload), Some("x"))),
                expect,
                "{name}"
            );
        }
    }

    fn parse(payload: &str) -> MetaGlobal {
        match MetaGlobal::judge(Seen::Payload(payload), None) {
            Verdict::ResetAllAndAdopt(meta) => meta,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_known_here_survives_a_change() {
        let mut meta = parse(
            r#"{"syncID":"x","storageVersion":5,"future":{"a":1},"declined":["rockets"],
                "engines":{"spaceships":{"version":9,"syncID":"s","more":true}}}"#,
        );
        meta.set_engine("notes", 1, "n");
        meta.set_engine("spaceships", 9, "t");
        let expected = r#"{"syncID":"x","storageVersion":5,"future":{"a":1},"declined":["rockets"],
            "engines":{"spaceships":{"version":9,"syncID":"t","more":true},"notes":{"version":1,"syncID":"n"}}}"#;
        assert!(
            has_same_content(&meta.to_payload(), expected),
            "{}",
            meta.to_payload()
        );
    }

    #[test]
    fn a_name_that_is_listed_and_declined_is_listed() {
        let meta = parse(
            r#"{"syncID":"x","storageVersion":5,"declined":["a","b",3],"engines":{"a":{"version":1}}}"#,
        );
        assert_eq!(
            (
                meta.declined(),
                meta.is_declined("a"),
                meta.is_declined("b")
            ),
            (alloc::vec!["b"], false, true)
        );
        assert_eq!(
            meta.engine("a"),
            Some(EngineEntry {
                version: 1,
                sync_id: None
            })
        );
    }

    #[test]
    fn a_name_goes_from_one_list_to_the_other_and_back_and_the_rest_stays() {
        let payload = r#"{"syncID":"x","storageVersion":5,"declined":["rockets",3],"engines":{"a":{"version":1}}}"#;
        let mut meta = parse(payload);
        for _ in 0..2 {
            meta.decline("a");
        }
        let declined =
            r#"{"syncID":"x","storageVersion":5,"declined":["rockets",3,"a"],"engines":{}}"#;
        assert!(has_same_content(&meta.to_payload(), declined));
        meta.undecline("a");
        let back = r#"{"syncID":"x","storageVersion":5,"declined":["rockets",3],"engines":{}}"#;
        assert!(has_same_content(&meta.to_payload(), back));
        for declined in ["", r#","declined":7"#] {
            let mut meta = parse(&alloc::format!(
                r#"{{"syncID":"x","storageVersion":5{declined}}}"#
            ));
            meta.undecline("b");
            meta.decline("b");
            assert_eq!(meta.declined(), ["b"]);
        }
    }

    #[test]
    fn an_entry_that_is_no_object_has_version_0() {
        let meta = parse(r#"{"syncID":"x","storageVersion":5,"engines":{"a":7}}"#);
        assert_eq!(
            meta.engine("a"),
            Some(EngineEntry {
                version: 0,
                sync_id: None
            })
        );
    }
}
