//! Detects whether a file has changed.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// The resolution of file times: within this time, a second change may not change the modification time.
const MTIME_RESOLUTION: Duration = Duration::from_secs(1);

/// Identifies the version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
    file: u64,
}

impl FileStamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            file,
        }
    }

    /// Whether a later change is certain to change the stamp.
    pub(super) fn is_settled(&self) -> bool {
        let age = self.modified.and_then(|modified| modified.elapsed().ok());
        age.is_some_and(|age| age > MTIME_RESOLUTION)
    }
}
