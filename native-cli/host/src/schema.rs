//! The tables of a store, their versions, and the pragmas that make a commit durable.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use selvedge_core::host::{StoreError, StoreErrorKind};

use crate::paths::shown;

/// How long a write waits for another program's.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A kind of store, and the tables that it has.
pub struct Format {
    /// Identifies the database for `file` and for this program.
    pub application_id: i32,
    /// One step a version, each from the version before: a new program brings an old store up to date.
    pub steps: &'static [&'static str],
}

/// The store of a profile: "Selv" in ASCII.
///
/// Records have a rowid, so that a new one is appended to the table whatever its id is: a table in the order of random
/// ids would rewrite a page of large rows for each of them.
pub(super) const PROFILE: Format = Format {
    application_id: 0x5365_6C76,
    steps: &["
    CREATE TABLE account (
        only     INTEGER PRIMARY KEY CHECK (only = 1),
        state    TEXT,
        revision INTEGER NOT NULL
    ) STRICT;
    INSERT INTO account (only, state, revision) VALUES (1, NULL, 0);
    CREATE TABLE collection (
        number INTEGER PRIMARY KEY,
        name   TEXT NOT NULL UNIQUE,
        state  TEXT
    ) STRICT;
    CREATE TABLE record (
        collection      INTEGER NOT NULL,
        id              TEXT NOT NULL,
        revision        INTEGER NOT NULL,
        server_modified INTEGER NOT NULL, -- hundredths of a second
        pending         INTEGER,          -- NULL: nothing, -1: resend, else an edit at this millisecond
        base_kind       INTEGER NOT NULL, -- 0: unknown, 1: same, 2: the text in base
        base            TEXT,
        cleartext       TEXT,             -- NULL: deleted here
        UNIQUE (collection, id)
    ) STRICT;
    CREATE INDEX record_pending ON record (collection, id) WHERE pending IS NOT NULL;
", "
    ALTER TABLE record ADD COLUMN sent_kind INTEGER NOT NULL DEFAULT 0; -- 0: nothing, 1: same, 2: the text in sent
    ALTER TABLE record ADD COLUMN sent TEXT;
", "
    ALTER TABLE record ADD COLUMN duplicate_key TEXT; -- NULL: no other record can be a duplicate
    CREATE INDEX record_duplicate ON record (collection, duplicate_key) WHERE duplicate_key IS NOT NULL;
    CREATE TABLE incoming (                           -- the server's versions, until they are merged
        collection      INTEGER NOT NULL,
        id              TEXT NOT NULL,
        revision        INTEGER NOT NULL,
        server_modified INTEGER NOT NULL,
        pending         INTEGER,
        cleartext       TEXT,                         -- NULL: a tombstone
        UNIQUE (collection, id)
    ) STRICT;
"],
};

/// Opens the store in a file, which is created with mode 0600 if it is missing.
///
/// # Errors
/// When the file cannot be made or opened, is damaged, or is not a store of this program or an older one.
pub fn open(path: &Path, format: &Format) -> Result<Connection, StoreError> {
    create_private(path).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                StoreErrorKind::Full
            }
            _ => StoreErrorKind::Unavailable,
        };
        StoreError::new(kind, format!("{}: {error}", shown(path)))
    })?;
    let located = |error: StoreError| {
        StoreError::new(error.kind, format!("{} in {}", error.detail, shown(path)))
    };
    let mut connection = Connection::open(path).map_err(|error| located(store_error(&error)))?;
    prepare(&mut connection, format).map_err(located)?;
    Ok(connection)
}

/// Opens a store that lasts as long as the connection.
pub fn open_in_memory(format: &Format) -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory().map_err(|error| store_error(&error))?;
    prepare(&mut connection, format)?;
    Ok(connection)
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Brings a connection and its database into the state that a store expects.
fn prepare(connection: &mut Connection, format: &Format) -> Result<(), StoreError> {
    connection
        .busy_timeout(TIMEOUT)
        .map_err(|error| store_error(&error))?;
    set_up(connection).map_err(|error| store_error(&error))?;
    let found = migrate(connection, format).map_err(|error| store_error(&error))?;
    match found {
        Found::Ours => Ok(()),
        Found::Foreign => Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "the file is the database of another program",
        )),
        Found::Newer(version) => Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!("its format {version} is newer than this program: upgrade selvedge"),
        )),
    }
}

enum Found {
    Ours,
    Foreign,
    Newer(usize),
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Secrets have their own file, but a deleted record should be gone all the same.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -4096)
}

fn migrate(connection: &mut Connection, format: &Format) -> rusqlite::Result<Found> {
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, usize>(0))
    };
    if version(connection)? == format.steps.len() && is_ours(connection, format)? {
        return Ok(Found::Ours);
    }
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have migrated meanwhile.
    let version = version(&transaction)?;
    if !is_ours(&transaction, format)? {
        let objects: u64 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if version != 0 || objects != 0 {
            return Ok(Found::Foreign);
        }
        transaction.pragma_update(None, "application_id", format.application_id)?;
    }
    let Some(steps) = format.steps.get(version..) else {
        return Ok(Found::Newer(version));
    };
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", format.steps.len())?;
    transaction.commit()?;
    Ok(Found::Ours)
}

fn is_ours(connection: &Connection, format: &Format) -> rusqlite::Result<bool> {
    connection.pragma_query_value(None, "application_id", |row| {
        Ok(row.get::<_, i32>(0)? == format.application_id)
    })
}

/// Sorts an error of SQLite by what can be done about it.
pub fn store_error(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;

    let kind = match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreErrorKind::Full,
            // The index that processes share could not be made larger, for which there is no other reason.
            _ if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => {
                StoreErrorKind::Full
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreErrorKind::Busy,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreErrorKind::Damaged,
            _ => StoreErrorKind::Unavailable,
        },
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::QueryReturnedNoRows => StoreErrorKind::Damaged,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error.to_string())
}
