//! Backup and compaction of a data directory.

use std::path::Path;

use super::data::{data_error, lock_directory};
use super::error::AdminError;
use crate::storage::{Location, sqlite};

/// Copies the database of `data` to a new file while a server may be running. Returns its bytes.
///
/// # Errors
/// When there is no database, the file exists, or one of them cannot be read or written.
pub fn backup(data: &Path, file: &Path) -> Result<u64, AdminError> {
    sqlite::backup::backup(data, file).map_err(|source| AdminError::Backup {
        file: file.to_owned(),
        source,
    })
}

/// Makes the database of `data` as small as possible. Returns its bytes before and after.
///
/// # Errors
/// When a server runs on `data`, there is no database, or it cannot be written.
pub async fn compact(data: &Path) -> Result<(u64, u64), AdminError> {
    let failed = |source| data_error(&Location::Directory(data.to_owned()), source);
    // A missing directory is not created.
    std::fs::metadata(data).map_err(failed)?;
    let _lock = lock_directory(data).await?;
    let compacted = sqlite::backup::compact(data).map_err(failed)?;
    Ok((compacted.before, compacted.after))
}
