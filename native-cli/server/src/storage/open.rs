//! Opens the backend that a URL names.

use std::io;
use std::sync::Arc;

use super::accounts::Accounts;
use super::location::DatabaseUrl;
use super::records::Records;
use super::sqlite::SqliteStorage;
use crate::model::Bounds;

/// A database behind the two traits. Closed when the last clone is dropped.
#[derive(Clone)]
pub struct Storage {
    /// Records and batches.
    pub records: Arc<dyn Records>,
    /// Accounts, invitations and users.
    pub accounts: Arc<dyn Accounts>,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Storage(..)")
    }
}

impl Storage {
    /// Uses one backend for both traits.
    pub fn of(backend: impl Records + Accounts) -> Self {
        let backend = Arc::new(backend);
        Self {
            records: backend.clone(),
            accounts: backend,
        }
    }

    /// Opens a database, or creates it.
    ///
    /// # Errors
    /// When it cannot be opened or created.
    pub fn open(url: &DatabaseUrl, bounds: Bounds) -> io::Result<Self> {
        Ok(Self::of(SqliteStorage::open(url, bounds)?))
    }
}

/// Opens the database at a URL, or creates it: `sqlite:///path/to/file` or `sqlite::memory:`.
///
/// # Errors
/// When the text is not such a URL, or the database cannot be opened or created.
pub fn open(url: &str, bounds: Bounds) -> io::Result<Storage> {
    let url: DatabaseUrl = url
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Storage::open(&url, bounds)
}
