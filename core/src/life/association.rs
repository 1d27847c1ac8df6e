//! What a collection's entry in meta/global means for this device (spec §4.4).
//!
//! ```text
//! its entry                         decision
//! none, and declined                declined: touch nothing
//! none                              wipe the server's collection, new syncID
//! version equal, syncID equal       proceed
//! version equal, syncID differs     reset here, adopt the syncID
//! version lower                     wipe the server's collection, new syncID
//! version higher                    out of date: touch nothing
//! ```

use alloc::string::String;

use super::meta_global::EngineEntry;

/// What a collection's entry in meta/global means.
///
/// ```
/// use selvedge_core::life::{Association, EngineEntry};
///
/// let entry = EngineEntry { version: 2, sync_id: Some("ApPN6v8VY42s".into()) };
/// assert_eq!(Association::judge(1, None, Some(&entry), false), Association::OutOfDate { server: 2 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Association {
    /// Our version, our sync ID.
    Proceed,
    /// Another client started the collection over: forget what we knew of it, adopt its sync ID.
    ResetLocalAndAdopt {
        /// The new sync ID; `None` when the entry has none, and one is to be made.
        sync_id: Option<String>,
    },
    /// An older format, or a collection that nobody listed: start it over on the server.
    WipeServerCollectionAndNewSyncId,
    /// A newer format: touch nothing.
    OutOfDate {
        /// The server's version.
        server: u64,
    },
    /// Declined for the whole account: touch nothing.
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
        match entry {
            None if is_declined => Self::Declined,
            None => Self::WipeServerCollectionAndNewSyncId,
            Some(entry) if entry.version > version => Self::OutOfDate {
                server: entry.version,
            },
            Some(entry) if entry.version < version => Self::WipeServerCollectionAndNewSyncId,
            Some(entry) if entry.sync_id.is_some() && entry.sync_id.as_deref() == sync_id => {
                Self::Proceed
            }
            Some(entry) => Self::ResetLocalAndAdopt {
                sync_id: entry.sync_id.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use serde::Deserialize;

    use super::*;
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
        remote: Entry,
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
            Association::WipeServerCollectionAndNewSyncId => {
                "wipe-server-collection-and-new-syncID"
            }
            Association::OutOfDate { .. } => "engine-version-out-of-date",
            Association::Declined => "declined",
        }
    }

    #[test]
    fn every_row_of_the_vectors() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../tests/vectors/meta_global.json")).unwrap();
        for Case {
            name,
            local,
            remote,
            expect,
        } in vectors.engine
        {
            let entry = EngineEntry {
                version: remote.version,
                sync_id: Some(remote.sync_id),
            };
            let association =
                Association::judge(local.version, Some(&local.sync_id), Some(&entry), false);
            assert_eq!(word(&association), expect, "{name}");
        }
    }

    #[test]
    fn rows_that_the_vectors_lack() {
        let entry = |version, sync_id: Option<&str>| EngineEntry {
            version,
            sync_id: sync_id.map(ToString::to_string),
        };
        let rows = [
            (
                "no entry",
                None,
                false,
                "wipe-server-collection-and-new-syncID",
            ),
            ("no entry, declined", None, true, "declined"),
            (
                "listed and declined",
                Some(entry(1, Some("x"))),
                true,
                "proceed",
            ),
            (
                "no version",
                Some(entry(0, Some("x"))),
                false,
                "wipe-server-collection-and-new-syncID",
            ),
            (
                "no syncID",
                Some(entry(1, None)),
                false,
                "reset-local-and-adopt",
            ),
            (
                "newer, other syncID",
                Some(entry(2, Some("y"))),
                false,
                "engine-version-out-of-date",
            ),
        ];
        for (name, entry, is_declined, expected) in rows {
            assert_eq!(
                word(&Association::judge(
                    1,
                    Some("x"),
                    entry.as_ref(),
                    is_declined
                )),
                expected,
                "{name}"
            );
        }
        let never_synced = Association::judge(1, None, Some(&entry(1, Some("x"))), false);
        assert_eq!(
            never_synced,
            Association::ResetLocalAndAdopt {
                sync_id: Some("x".into())
            }
        );
        assert_eq!(
            word(&Association::judge(1, None, Some(&entry(1, None)), false)),
            "reset-local-and-adopt"
        );
    }
}
