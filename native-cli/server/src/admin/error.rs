//! Errors of the operator's tasks.

use std::io;
use std::path::PathBuf;

use crate::storage::error::StorageError;

/// Why a task on a data directory failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The database cannot be opened.
    #[error("cannot open the database in {}: {source}", .directory.display())]
    Data {
        /// The data directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another server uses the data directory.
    #[error(
        "another `selvedge serve`{} uses {}: stop it, or use another --data directory",
        holder(*.pid),
        .directory.display()
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// The process that uses it.
        pid: Option<u32>,
    },
    /// The backup cannot be written.
    #[error("cannot write the backup {}: {source}", .file.display())]
    Backup {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The invitation was not stored.
    #[error("the invitation was not stored: {0}")]
    Invite(#[source] StorageError),
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}
