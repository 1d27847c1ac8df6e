//! The effect of a changed configuration on a running daemon (spec §3.4).
//!
//! ```text
//! the server is the same ────→ the next sync uses the new settings
//! the server has changed ────→ the running sync is aborted, and the schedule starts again
//! the server was removed ────→ the running sync is aborted; after 10 minutes the server's settings are cleared
//! a server was added ────────→ nothing is cleared, and the schedule starts again
//! the file is invalid ───────→ an error is logged, and the old configuration stays in effect
//! ```

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Identifies the version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    modified: (i64, i64),
    inode: u64,
    length: u64,
}

impl FileStamp {
    /// The stamp of a file; `None` if it does not exist.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
            length: metadata.len(),
        })
    }
}

/// How a new configuration differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The same server, or still no server.
    Same,
    /// Another server.
    Moved,
    /// The server was removed.
    Removed,
    /// A server was added.
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
    fn the_change_of_each_pair_of_servers() {
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
    fn a_rewritten_file_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("santa.toml");
        assert_eq!(FileStamp::of(&path), None);
        std::fs::write(&path, "a").unwrap();
        let first = FileStamp::of(&path);
        assert_eq!(first, FileStamp::of(&path));
        std::fs::write(dir.path().join("new"), "b").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert_ne!(first, FileStamp::of(&path));
    }
}
