//! What a restore does with each record. It never deletes one.

use super::digest::Digest;

/// A record of the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// A record with this content.
    Live(Digest),
    /// A deletion. It is not restored: that would delete a record that is there again.
    Tombstone,
}

/// The record with the same id on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// It does not exist, or devices have deleted it.
    Missing,
    /// A record with this content.
    Live(Digest),
    /// It cannot be read.
    Unreadable,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is written, where there is none.
    Add,
    /// It is written over another content.
    Change,
    /// It is not written.
    Leave,
}

/// Decides for one record.
///
/// ```
/// use selvedge_host::backup::digest::Digest;
/// use selvedge_host::backup::restore::{Saved, There, Verdict, judge};
///
/// let saved = Saved::Live(Digest::of("{}"));
/// assert_eq!(judge(saved, There::Missing, true), Verdict::Add);
/// assert_eq!(judge(saved, There::Live(Digest::of("{}")), false), Verdict::Leave);
/// ```
#[must_use]
pub fn judge(saved: Saved, there: There, only_missing: bool) -> Verdict {
    match (saved, there) {
        (Saved::Tombstone, _) => Verdict::Leave,
        (Saved::Live(_), There::Missing) => Verdict::Add,
        (Saved::Live(one), There::Live(other)) if one == other => Verdict::Leave,
        (Saved::Live(_), _) if only_missing => Verdict::Leave,
        (Saved::Live(_), _) => Verdict::Change,
    }
}

/// Whether a collection is restored without being named: not those that each device writes about itself or the sync
/// about the account.
///
/// ```
/// use selvedge_host::backup::restore::is_restored_unnamed;
///
/// assert!(is_restored_unnamed("bookmarks") && !is_restored_unnamed("tabs"));
/// ```
#[must_use]
pub fn is_restored_unnamed(collection: &str) -> bool {
    is_restorable(collection) && collection != "tabs"
}

/// Whether a collection can be restored to an account at all.
#[must_use]
pub fn is_restorable(collection: &str) -> bool {
    !matches!(collection, "meta" | "crypto" | "clients" | "keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        use There::{Live, Missing, Unreadable};
        let (one, other) = (Digest::of("{\"n\":1}"), Digest::of("{\"n\":2}"));
        let saved = Saved::Live(one);
        for (saved, there, both) in [
            (saved, Missing, [Verdict::Add, Verdict::Add]),
            (saved, Live(one), [Verdict::Leave, Verdict::Leave]),
            (saved, Live(other), [Verdict::Change, Verdict::Leave]),
            (saved, Unreadable, [Verdict::Change, Verdict::Leave]),
            (Saved::Tombstone, Missing, [Verdict::Leave, Verdict::Leave]),
            (
                Saved::Tombstone,
                Live(one),
                [Verdict::Leave, Verdict::Leave],
            ),
            (
                Saved::Tombstone,
                Unreadable,
                [Verdict::Leave, Verdict::Leave],
            ),
        ] {
            let found = [judge(saved, there, false), judge(saved, there, true)];
            assert_eq!(found, both, "{saved:?} {there:?}");
        }
    }
}
