//! Why a server does not start, and the steps of its start that name what fails.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::cors::NoOrigin;
use super::limits::Limits;
use super::lock::{DirectoryLock, LockError};
use super::storage::StorageError;
use super::storage::sqlite::{Place, SqliteStorage, make_private};
use super::www;

/// Why a server does not start, or an invitation is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Others could listen to what clients send.
    #[error(
        "{0} can be reached from other machines: give --tls-cert and --tls-key, or --public-url of a reverse proxy that \
         speaks TLS, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// The public URL is none.
    #[error(
        "the public URL must be http:// or https:// with a host, and without user, query and fragment"
    )]
    PublicUrl,
    /// An origin to allow is none.
    #[error(transparent)]
    Origin(#[from] NoOrigin),
    /// The file of allowed origins cannot be read.
    #[error("cannot read the origins in {}: {source}", .file.display())]
    OriginsFile {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The database cannot be opened.
    #[error("cannot open the database in {}: {source}", .directory.display())]
    Data {
        /// The data directory.
        directory: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Another server runs on the data directory.
    #[error(
        "another `selvedge serve`{} uses {}: stop it, or give this one a --data directory of its own",
        holder(*.pid),
        .directory.display()
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// The process that uses it.
        pid: Option<u32>,
    },
    /// The master secret cannot be read or made.
    #[error("cannot use the master secret {}: {source}", .file.display())]
    Secret {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The token of local programs cannot be read or made.
    #[error("cannot use the token of local programs in {}: {source}", .directory.display())]
    LocalToken {
        /// The data directory.
        directory: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The backup cannot be written.
    #[error("no backup is made at {}: {source}", .file.display())]
    Backup {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// There is no page to serve.
    #[error(transparent)]
    Www(#[from] www::NoPage),
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The certificate or its key cannot be read.
    #[error("cannot use the TLS certificate: {0}")]
    Tls(#[source] io::Error),
    /// The invitation was not kept.
    #[error("the invitation was not kept: {0}")]
    Invite(#[source] StorageError),
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

pub(super) fn data_error(place: &Place, source: io::Error) -> ServeError {
    let directory = match place {
        Place::Directory(directory) => directory.clone(),
        Place::Memory => std::env::temp_dir(),
    };
    ServeError::Data { directory, source }
}

pub(super) fn open_storage(
    place: &Place,
    limits: Limits,
    quota_bytes: Option<u64>,
) -> Result<SqliteStorage, ServeError> {
    SqliteStorage::open(place, limits, quota_bytes).map_err(|source| data_error(place, source))
}

pub(super) async fn lock_directory(directory: &Path) -> Result<DirectoryLock, ServeError> {
    let failed = |source| data_error(&Place::Directory(directory.to_owned()), source);
    make_private(directory).map_err(failed)?;
    DirectoryLock::take(directory)
        .await
        .map_err(|error| match error {
            LockError::Held(pid) => ServeError::InUse {
                directory: directory.to_owned(),
                pid,
            },
            LockError::Io(source) => failed(source),
        })
}
