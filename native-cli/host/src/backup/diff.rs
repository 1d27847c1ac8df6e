//! What was added, changed and deleted between two backups.

use std::collections::BTreeMap;

use super::digest::Digest;

/// A difference of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Only the later backup has it.
    Added,
    /// Both have it, with different contents.
    Changed,
    /// Only the earlier backup has it.
    Deleted,
}

impl Change {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

/// The records of one collection in the earlier backup that were not found in the later one yet. Memory: an id and 16
/// bytes for each.
///
/// ```
/// use selvedge_host::backup::diff::{Change, Earlier};
/// use selvedge_host::backup::digest::Digest;
///
/// let mut earlier = Earlier::default();
/// earlier.add("a", Digest::of("{}"));
/// assert_eq!(earlier.later("b", Digest::of("{}")), Some(Change::Added));
/// assert!(earlier.is_deleted("a"));
/// ```
#[derive(Debug, Default)]
pub struct Earlier(BTreeMap<String, Digest>);

impl Earlier {
    /// Adds a record of the earlier backup.
    pub fn add(&mut self, id: &str, digest: Digest) {
        self.0.insert(id.into(), digest);
    }

    /// Compares a record of the later backup; `None` if it is unchanged.
    pub fn later(&mut self, id: &str, digest: Digest) -> Option<Change> {
        match self.0.remove(id) {
            None => Some(Change::Added),
            Some(before) if before == digest => None,
            Some(_) => Some(Change::Changed),
        }
    }

    /// After all records of the later backup: whether this one is only in the earlier.
    #[must_use]
    pub fn is_deleted(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The number of records that only the earlier backup has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the later backup has all of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        let mut earlier = Earlier::default();
        let digest = |n: u32| Digest::of(&n.to_string());
        for id in ["same", "changed", "deleted"] {
            earlier.add(id, digest(1));
        }
        for (id, n, expected) in [
            ("same", 1, None),
            ("changed", 2, Some(Change::Changed)),
            ("added", 1, Some(Change::Added)),
        ] {
            assert_eq!(earlier.later(id, digest(n)), expected, "{id}");
        }
        assert!(earlier.is_deleted("deleted") && !earlier.is_deleted("same"));
        assert_eq!((earlier.len(), earlier.is_empty()), (1, false));
    }
}
