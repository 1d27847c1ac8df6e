//! The changes that arriving records made to a repository.

use serde::{Deserialize, Serialize};

/// The changes that arriving records made to a repository.
///
/// ```
/// use selvedge_core::sync::Applied;
///
/// assert_eq!(Applied { added: 2, deleted: 1, ..Applied::default() }.total(), 3);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// New here.
    pub added: u64,
    /// Replaced by the arriving version.
    pub changed: u64,
    /// Deleted.
    pub deleted: u64,
    /// Merged with a change made here; the result is sent back.
    pub merged: u64,
}

impl Applied {
    /// All changes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.added + self.changed + self.deleted + self.merged
    }

    pub(super) const fn add(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.deleted += other.deleted;
        self.merged += other.merged;
    }
}
