//! The decision on a collection's entry in meta/global (spec §4.4).
//!
//! ```text
//! its entry                         decision
//! none, and declined                declined: change nothing
//! none                              merge what the collection has, new syncID; nothing is deleted
//! version cannot be read            unreadable: change nothing
//! version higher                    out of date: change nothing
//! version lower, or no syncID       merge what the collection has, new syncID; nothing is deleted
//! version equal, syncID equal       proceed
//! version equal, syncID differs     reset here, adopt the syncID
//! ```

use alloc::string::String;

use crate::engines::{Engine as _, Generic};
use crate::ids::CollectionName;
use crate::metadata::{EngineEntry, MetaGlobal};
use crate::version::Version;

/// The decision on a collection's entry in meta/global.
///
/// ```
/// use selvedge_core::sync::{Association, EngineEntry};
///
/// let entry = EngineEntry { version: Some(2.into()), sync_id: Some("ApPN6v8VY42s".into()) };
/// let association = Association::judge(1, None, Some(&entry), false);
/// assert_eq!(association, Association::OutOfDate { server: 2.into() });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Association {
    /// Version and sync ID match.
    Proceed,
    /// Another client restarted the collection: discard what is known of it, adopt its sync ID.
    ResetLocalAndAdopt {
        /// The new sync ID.
        sync_id: String,
    },
    /// An older format, or a collection that is not listed: merge its records, and list it under a new sync ID. No
    /// record of it is deleted.
    MergeAndAdopt,
    /// A version that cannot be read: change nothing.
    Unreadable,
    /// A newer format: change nothing.
    OutOfDate {
        /// The server's version.
        server: Version,
    },
    /// Declined for the whole account: change nothing.
    Declined,
}

impl Association {
    /// Judges an entry against the version and sync ID of this device.
    #[must_use]
    pub fn judge(
        version: u64,
        sync_id: Option<&str>,
        entry: Option<&EngineEntry>,
        is_declined: bool,
    ) -> Self {
        let ours = Version::from(version);
        match entry {
            None if is_declined => Self::Declined,
            None => Self::MergeAndAdopt,
            Some(EngineEntry { version: None, .. }) => Self::Unreadable,
            Some(EngineEntry {
                version: Some(server),
                ..
            }) if *server > ours => Self::OutOfDate { server: *server },
            Some(EngineEntry {
                version: Some(server),
                sync_id: Some(found),
            }) if *server == ours => match Some(found.as_str()) == sync_id {
                true => Self::Proceed,
                false => Self::ResetLocalAndAdopt {
                    sync_id: found.clone(),
                },
            },
            Some(_) => Self::MergeAndAdopt,
        }
    }
}

/// Whether this device must not change a collection, because of the account or the format of its records.
pub(super) fn is_closed(meta: &MetaGlobal, name: &CollectionName) -> bool {
    let version = Generic::new(name.clone()).map(|engine| engine.version());
    let is_newer = |ours| {
        let entry = meta.engine(name.as_str());
        entry.is_some_and(|entry| {
            entry
                .version
                .is_none_or(|found| found > Version::from(ours))
        })
    };
    meta.is_declined(name.as_str()) || version.map_or(true, is_newer)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use serde::Deserialize;

    use super::*;
    use crate::sync::{Listed, MetaGlobal, Seen, Verdict};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Deserialize)]
    struct Vectors {
        engine: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        local: Entry,
        remote: Option<serde_json::Value>,
        expect: String,
    }

    #[derive(Deserialize)]
    struct Entry {
        version: u64,
        #[serde(rename = "syncID")]
        sync_id: String,
    }

    const fn word(association: &Association) -> &'static str {
        match association {
            Association::Proceed => "proceed",
            Association::ResetLocalAndAdopt { .. } => "reset-local-and-adopt",
            Association::MergeAndAdopt => "merge-and-adopt",
            Association::Unreadable => "engine-unreadable",
            Association::OutOfDate { .. } => "engine-version-out-of-date",
            Association::Declined => "declined",
        }
    }

    /// The meta/global engine entry that this JSON makes.
    fn entry(entry: &serde_json::Value) -> Option<EngineEntry> {
        let payload =
            serde_json::json!({"syncID": "x", "storageVersion": 5, "engines": {"a": entry}});
        match MetaGlobal::judge(Listed::Meta, Seen::Payload(&payload.to_string()), None) {
            Verdict::ResetAllAndAdopt(meta) => meta.engine("a"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_row_of_the_vectors() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../tests/vectors/meta_global.json")).unwrap();
        assert!(vectors.engine.len() > 8);
        for case in vectors.engine {
            let remote = case.remote.as_ref().and_then(entry);
            let local = Some(case.local.sync_id.as_str());
            let association = Association::judge(case.local.version, local, remote.as_ref(), false);
            assert_eq!(word(&association), case.expect, "{}", case.name);
        }
    }

    #[test]
    fn rows_that_the_vectors_lack() {
        let rows = [
            ("2", "merge-and-adopt"),
            ("[]", "merge-and-adopt"),
            ("null", "merge-and-adopt"),
            ("{}", "merge-and-adopt"),
            (r#"{"version":2.0,"syncID":"x"}"#, "proceed"),
            (r#"{"version":"2.0","syncID":"x"}"#, "proceed"),
            (r#"{"version":20e-1,"syncID":"x"}"#, "proceed"),
            (
                r#"{"version":2.5,"syncID":"x"}"#,
                "engine-version-out-of-date",
            ),
            (
                r#"{"version":1e1,"syncID":"x"}"#,
                "engine-version-out-of-date",
            ),
            (r#"{"version":1.5,"syncID":"x"}"#, "merge-and-adopt"),
            (r#"{"version":-1,"syncID":"x"}"#, "merge-and-adopt"),
            (r#"{"version":"two","syncID":"x"}"#, "engine-unreadable"),
            (r#"{"version":null,"syncID":"x"}"#, "engine-unreadable"),
            (r#"{"version":true,"syncID":"x"}"#, "engine-unreadable"),
            (r#"{"version":[]}"#, "engine-unreadable"),
            (r#"{"version":3}"#, "engine-version-out-of-date"),
            (r#"{"version":2,"syncID":7}"#, "merge-and-adopt"),
            (r#"{"version":2,"syncID":""}"#, "merge-and-adopt"),
            (
                r#"{"version":3,"syncID":"y"}"#,
                "engine-version-out-of-date",
            ),
            (r#"{"version":2,"syncID":"y"}"#, "reset-local-and-adopt"),
        ];
        for (json, expected) in rows {
            let found = entry(&serde_json::from_str(json).unwrap());
            for is_declined in [false, true] {
                // A name that is both listed and declined counts as listed.
                let association = Association::judge(2, Some("x"), found.as_ref(), is_declined);
                assert_eq!(word(&association), expected, "{json}");
            }
        }
        assert_eq!(
            Association::judge(2, None, None, true),
            Association::Declined
        );
        let found = entry(&serde_json::json!({"version": 2, "syncID": "x"}));
        assert_eq!(
            Association::judge(2, None, found.as_ref(), false),
            Association::ResetLocalAndAdopt {
                sync_id: "x".into()
            },
            "never synced"
        );
    }
}
