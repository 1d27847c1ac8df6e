//! Opens the data of a server.

use std::io;
use std::path::Path;

use super::error::AdminError;
use super::lock::{DirectoryLock, LockError};
use crate::model::Bounds;
use crate::storage::sqlite::files::make_private;
use crate::storage::{Location, Storage};

pub(crate) fn data_error(location: &Location, source: io::Error) -> AdminError {
    let directory = location.directory().map(Path::to_owned);
    AdminError::Data {
        directory: directory.unwrap_or_else(std::env::temp_dir),
        source,
    }
}

pub(crate) fn open_storage(location: &Location, bounds: Bounds) -> Result<Storage, AdminError> {
    Storage::open(&location.database(), bounds).map_err(|source| data_error(location, source))
}

/// Creates the directory if it is missing, and locks it.
pub(crate) async fn lock_directory(directory: &Path) -> Result<DirectoryLock, AdminError> {
    let failed = |source| data_error(&Location::Directory(directory.to_owned()), source);
    make_private(directory).map_err(failed)?;
    DirectoryLock::take(directory)
        .await
        .map_err(|error| match error {
            LockError::Held(pid) => AdminError::InUse {
                directory: directory.to_owned(),
                pid,
            },
            LockError::Io(source) => failed(source),
        })
}
