//! The engine of collections that need no rules of their own.

use super::catalog::FIREFOX_ENGINES;
use super::engine::{Engine, Merge, RecordMerge};
use crate::error::{Error, Result};
use crate::ids::CollectionName;
use crate::journal;
use crate::reconcile::{Ours, Outcome, Side, Theirs, reconcile};

/// The engine for any collection of JSON records: three-way merge by top-level field; unknown fields are kept.
///
/// ```
/// use selvedge_core::engines::{Engine, Generic};
/// use selvedge_core::ids::CollectionName;
///
/// let bookmarks = Generic::new(CollectionName::new("bookmarks").unwrap())?;
/// assert_eq!(bookmarks.version(), 2);
/// assert!(Generic::new(CollectionName::new("crypto").unwrap()).is_err());
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generic {
    collection: CollectionName,
    version: u64,
    ttl: Option<u32>,
    first_download: Option<u32>,
}

impl Generic {
    /// The engine of a collection; one of Firefox's collections gets Firefox's version and time to live.
    ///
    /// # Errors
    /// [`Error::Input`] for `meta`, `crypto` and `clients`, which the sync itself manages, and for the journal.
    pub fn new(collection: CollectionName) -> Result<Self> {
        if matches!(
            collection.as_str(),
            "meta" | "crypto" | "clients" | journal::COLLECTION
        ) {
            return Err(Error::Input(alloc::format!(
                "the collection {collection} is reserved for the sync itself: use another one"
            )));
        }
        let known = FIREFOX_ENGINES
            .iter()
            .find(|engine| engine.name == collection.as_str());
        Ok(Self {
            collection,
            version: known.map_or(1, |engine| engine.version),
            ttl: known.and_then(|engine| engine.ttl),
            first_download: known.and_then(|engine| engine.first_download),
        })
    }
}

impl Engine for Generic {
    fn collection(&self) -> &CollectionName {
        &self.collection
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn ttl(&self) -> Option<u32> {
        self.ttl
    }

    fn first_download(&self) -> Option<u32> {
        self.first_download
    }

    fn merge(&self) -> Merge<'_> {
        Merge::PerRecord(self)
    }
}

impl RecordMerge for Generic {
    fn merge(&self, ours: Ours<'_>, theirs: Theirs<'_>, newer: Side) -> Outcome {
        reconcile(ours, theirs, newer)
    }
}
