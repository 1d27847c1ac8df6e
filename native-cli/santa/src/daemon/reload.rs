//! What a configuration that changed means for a daemon that runs (spec §3.4).
//!
//! ```text
//! the server is the same ────────→ the next sync uses what changed
//! there is another server ───────→ what runs is stopped; as if just started
//! there is no server any more ───→ what runs is stopped; after 10 minutes what the server had set is cleared
//! there is a server again ───────→ nothing is cleared; as if just started
//! the file cannot be used ───────→ said, and the old one counts until it can
//! ```

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// By which a file is known to be another one than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: (i64, i64),
    inode: u64,
    length: u64,
}

impl Stamp {
    /// Of a file; `None` when there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
            length: metadata.len(),
        })
    }
}

/// What a new configuration means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The same server, or none as before.
    Same,
    /// Another one.
    Moved,
    /// None any more.
    Removed,
    /// One again.
    Returned,
}

impl Change {
    /// Decides by the old and the new server.
    pub(super) fn decide(old: Option<&str>, new: Option<&str>) -> Self {
        match (old, new) {
            (None, Some(_)) => Self::Returned,
            (Some(_), None) => Self::Removed,
            (Some(old), Some(new)) if old != new => Self::Moved,
            (Some(_), Some(_)) | (None, None) => Self::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        let rows = [
            (None, None, Change::Same),
            (Some("a"), Some("a"), Change::Same),
            (Some("a"), Some("b"), Change::Moved),
            (Some("a"), None, Change::Removed),
            (None, Some("a"), Change::Returned),
        ];
        for (old, new, expected) in rows {
            assert_eq!(Change::decide(old, new), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn a_file_that_was_written_anew_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("santa.toml");
        assert_eq!(Stamp::of(&path), None);
        std::fs::write(&path, "a").unwrap();
        let first = Stamp::of(&path);
        assert_eq!(first, Stamp::of(&path));
        std::fs::write(dir.path().join("new"), "b").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert_ne!(first, Stamp::of(&path));
    }
}
