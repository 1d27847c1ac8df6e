//! The tables, and how a connection is set up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::checkpoint;
use crate::model::Position;

/// The column of a record without a sort index.
pub(super) const NO_SORTINDEX: i64 = Position::NO_SORTINDEX;

const VERSION: i64 = 5;

/// The application id in SQLite's header, since [`FIRST_WITH_ID`]: "Svdg".
const APPLICATION_ID: i64 = 0x5376_6467;
const FIRST_WITH_ID: i64 = 3;

/// `collections` has the counters, so that no write and no `info/*` counts records. Deleting a collection deletes only its
/// row here; its number goes to `dropped`, and its records are purged later. Numbers are never reused.
///
/// `ids` is the index of ids. Ids are random, so each new one would change another leaf of a large collection's index, and a
/// POST of a hundred records a hundred leaves. New ids therefore go to the few leaves of level 0 (`young` counts them); when
/// a collection has many ([`MANY_YOUNG`]), maintenance moves them to level 1 in the order of their ids.
const TABLES: &str = "
CREATE TABLE users (
    uid INTEGER PRIMARY KEY,
    modified INTEGER NOT NULL
);
CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid INTEGER NOT NULL,
    name TEXT NOT NULL,
    modified INTEGER NOT NULL,
    records INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    young INTEGER NOT NULL
);
CREATE UNIQUE INDEX collections_by_name ON collections (uid, name);
CREATE TABLE records (
    number INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    sortindex INTEGER NOT NULL,
    expiry INTEGER,
    id TEXT NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE ids (
    level INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (level, collection, id)
) WITHOUT ROWID;
CREATE INDEX records_by_time ON records (collection, modified);
CREATE INDEX records_by_sortindex ON records (collection, sortindex);
CREATE INDEX records_by_expiry ON records (expiry) WHERE expiry IS NOT NULL;
CREATE TABLE dropped (
    collection INTEGER PRIMARY KEY
);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid INTEGER NOT NULL,
    collection TEXT NOT NULL,
    created INTEGER NOT NULL,
    records INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE INDEX batches_by_user ON batches (uid, collection);
CREATE INDEX batches_by_age ON batches (created);
CREATE TABLE batch_records (
    number INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    given INTEGER NOT NULL,
    id TEXT NOT NULL,
    sortindex INTEGER,
    ttl INTEGER,
    payload BLOB
);
CREATE INDEX batch_records_by_batch ON batch_records (batch);
CREATE TABLE dropped_batches (
    batch INTEGER PRIMARY KEY
);
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    access_token BLOB NOT NULL UNIQUE,
    uid INTEGER NOT NULL UNIQUE,
    keys_changed_at INTEGER NOT NULL,
    fingerprint BLOB NOT NULL
);
CREATE TABLE replaced_keys (
    account INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    uid INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL,
    purged INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, fingerprint)
);
CREATE INDEX replaced_keys_by_age ON replaced_keys (replaced_at) WHERE purged = 0;
CREATE INDEX replaced_keys_by_uid ON replaced_keys (uid);
CREATE TABLE invitations (
    invitation BLOB PRIMARY KEY,
    expires INTEGER NOT NULL
);
";

/// Users of the dialect 1.1, since version 2.
const NAMED_USERS: &str = "
CREATE TABLE named_users (
    username TEXT PRIMARY KEY,
    uid INTEGER NOT NULL UNIQUE,
    password TEXT NOT NULL,
    node TEXT
);
";

/// Whether a collection has many ids on level 0. A POST of a hundred records changes all leaves of level 0, whose number grows
/// with `young`; moving an id changes the fewer leaves of level 1, the more ids are moved together. The sum is smallest when
/// `young` is ten times the square root of `records`.
macro_rules! many_young {
    () => {
        "young >= 1024 AND young * young >= 100 * records"
    };
}
pub(super) use many_young;

/// The index of collections with many ids on level 0, since version 4. Before, "many" was a fixed number.
const MANY_YOUNG: &str = concat!(
    "DROP INDEX IF EXISTS collections_with_many_young;
     CREATE INDEX collections_with_many_young ON collections (id) WHERE ",
    many_young!()
);

/// Accounts of other issuers, and the entries of the accounts server, since version 5.
const IDENTITIES: &str = "
CREATE TABLE external_accounts (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account INTEGER NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE TABLE entries (
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    owner TEXT NOT NULL,
    expires INTEGER,
    revision INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX entries_by_owner ON entries (owner, kind, key);
CREATE INDEX entries_by_expiry ON entries (expires) WHERE expires IS NOT NULL;
";

/// The durability of an acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// It survives a power failure: the write-ahead log is flushed before the answer (`durable`).
    Full,
    /// Nothing survives the process.
    None,
}

/// Why a database is not opened. It is not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// It belongs to another program.
    #[error(
        "{} is no database of `selvedge serve`: choose another data directory, or move the file away",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A newer selvedge wrote it.
    #[error(
        "{} has format {found}, and this selvedge reads formats up to {VERSION}: use the newer selvedge that wrote it",
        .path.display()
    )]
    Newer { path: PathBuf, found: i64 },
    /// SQLite refuses it.
    #[error("{}: {source}", .path.display())]
    Sqlite {
        path: PathBuf,
        source: rusqlite::Error,
    },
}

/// The format of a database file.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The current format.
    Current,
    /// All or some tables are missing.
    Upgrade,
    /// A newer selvedge wrote it.
    Newer,
    /// Another program wrote it.
    Foreign,
}

/// The format by the header, by whether there are tables, and by whether they are this server's.
fn judge(application_id: i64, version: i64, has_tables: bool, has_own_tables: bool) -> Verdict {
    match (application_id, version) {
        (0, 0) if !has_tables => Verdict::Upgrade,
        // Versions 1 and 2 had no application id.
        (0, 1 | 2) if has_own_tables => Verdict::Upgrade,
        (APPLICATION_ID, VERSION) if has_own_tables => Verdict::Current,
        (APPLICATION_ID, FIRST_WITH_ID..VERSION) if has_own_tables => Verdict::Upgrade,
        (APPLICATION_ID, version) if version > VERSION => Verdict::Newer,
        _ => Verdict::Foreign,
    }
}

fn judge_file(connection: &Connection) -> rusqlite::Result<(Verdict, i64)> {
    let application_id = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = version(connection)?;
    let (tables, own): (i64, i64) = connection.query_row(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE type = 'table' AND name IN ('collections', 'records', 'ids'))
         FROM sqlite_schema",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((
        judge(application_id, version, tables > 0, own == 3),
        version,
    ))
}

/// Opens the connection for writes, and creates missing tables.
///
/// # Errors
/// When the file belongs to another program or has a newer format, or SQLite cannot open it.
pub(super) fn open_writer(path: &Path, durability: Durability) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let connection = Connection::open(path).map_err(failed)?;
    connection
        .busy_timeout(Duration::from_secs(10))
        .map_err(failed)?;
    check(&connection, path)?;
    set_up_writer(&connection, durability).map_err(failed)?;
    Ok(connection)
}

/// Checks that a database is this server's and has a known format.
///
/// # Errors
/// When it is not, or cannot be read.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let path = path.to_owned();
    match judge_file(connection) {
        Ok((Verdict::Current | Verdict::Upgrade, _)) => Ok(()),
        Ok((Verdict::Foreign, _)) => Err(OpenError::Foreign(path)),
        Ok((Verdict::Newer, found)) => Err(OpenError::Newer { path, found }),
        Err(source) if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(OpenError::Foreign(path))
        }
        Err(source) => Err(OpenError::Sqlite { path, source }),
    }
}

fn set_up_writer(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    // Applies only to a new database. Larger pages contain more records of a collection, so that reading and writing many
    // takes fewer system calls.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "NORMAL",
        Durability::None => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // The writer repeatedly changes index leaves of whole collections; 16 MiB cache them.
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    // `checkpoint` replaces this where the database must be durable.
    connection.pragma_update(None, "wal_autocheckpoint", checkpoint::START)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    if version(connection)? < VERSION {
        make_tables(connection)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Writes to the database without changing it.
pub(super) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "user_version", VERSION)
}

/// Another process, as `serve invite`, may be creating them now, so the version is read again under the lock.
fn make_tables(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let found = version(connection)?;
    if found == 0 {
        transaction.execute_batch(TABLES)?;
    }
    if found < 2 {
        transaction.execute_batch(NAMED_USERS)?;
    }
    if found < 4 {
        transaction.execute_batch(MANY_YOUNG)?;
    }
    if found < 5 {
        transaction.execute_batch(IDENTITIES)?;
    }
    if found < VERSION {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

/// Opens a connection for reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    // A page of records is read once, in order: only the upper levels of the trees are worth caching.
    connection.pragma_update(None, "cache_size", -512)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Opens the write-ahead log as well.
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::super::ids;
    use super::*;

    #[test]
    fn older_databases_get_missing_tables_and_the_application_id() {
        for version in [1, 2, 3, 4] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("db");
            let old = Connection::open(&path).unwrap();
            old.execute_batch(TABLES).unwrap();
            old.execute_batch(
                "CREATE INDEX collections_with_many_young ON collections (id) WHERE young >= 4096",
            )
            .unwrap();
            if version >= 2 {
                old.execute_batch(NAMED_USERS).unwrap();
            }
            if version >= 4 {
                old.execute_batch(MANY_YOUNG).unwrap();
            }
            if version >= FIRST_WITH_ID {
                old.pragma_update(None, "application_id", APPLICATION_ID)
                    .unwrap();
            }
            old.execute("INSERT INTO users VALUES (7, 100)", [])
                .unwrap();
            old.pragma_update(None, "user_version", version).unwrap();
            drop(old);
            for _again in 0..2 {
                let db = open_writer(&path, Durability::None).unwrap();
                let number =
                    |query: &str| db.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
                assert_eq!(number("SELECT COUNT(*) FROM users"), 1);
                assert_eq!(number("SELECT COUNT(*) FROM named_users"), 0);
                assert_eq!(number("SELECT COUNT(*) FROM external_accounts"), 0);
                assert_eq!(number("SELECT COUNT(*) FROM entries"), 0);
                assert_eq!(number("PRAGMA application_id"), APPLICATION_ID);
                assert_eq!(number("PRAGMA user_version"), VERSION);
                assert_eq!(ids::age(&db), Ok(0), "the index is the new one");
            }
        }
    }

    #[test]
    fn a_database_is_judged_by_its_header_and_its_tables() {
        for (id, version, tables, own, verdict) in [
            (0, 0, false, false, Verdict::Upgrade),
            (0, 1, true, true, Verdict::Upgrade),
            (0, 2, true, true, Verdict::Upgrade),
            (APPLICATION_ID, 2, true, true, Verdict::Foreign),
            (APPLICATION_ID, 3, true, true, Verdict::Upgrade),
            (APPLICATION_ID, 3, true, false, Verdict::Foreign),
            (APPLICATION_ID, VERSION, true, true, Verdict::Current),
            (APPLICATION_ID, VERSION + 1, true, true, Verdict::Newer),
            (APPLICATION_ID, VERSION + 1, true, false, Verdict::Newer),
            (APPLICATION_ID, VERSION, true, false, Verdict::Foreign),
            (APPLICATION_ID, 0, false, false, Verdict::Foreign),
            (0, 0, true, false, Verdict::Foreign),
            (0, 2, true, false, Verdict::Foreign),
            (0, VERSION, true, true, Verdict::Foreign),
            (0, 52, true, false, Verdict::Foreign),
            (17, VERSION, true, true, Verdict::Foreign),
            (17, 0, false, false, Verdict::Foreign),
        ] {
            assert_eq!(
                judge(id, version, tables, own),
                verdict,
                "{id} {version} {tables} {own}"
            );
        }
    }

    #[test]
    fn a_foreign_or_newer_file_is_refused_and_not_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let make = |statements: &str| {
            let _ = std::fs::remove_file(&path);
            let db = Connection::open(&path).unwrap();
            db.execute_batch(statements).unwrap();
        };
        let refused = || {
            let before = std::fs::read(&path).unwrap();
            let error = open_writer(&path, Durability::Full).unwrap_err();
            assert_eq!(std::fs::read(&path).unwrap(), before);
            assert!(error.to_string().contains("db"), "{error}");
            error
        };
        make("CREATE TABLE moz_places (id INTEGER PRIMARY KEY); PRAGMA user_version = 77");
        assert!(matches!(refused(), OpenError::Foreign(_)));
        make("PRAGMA application_id = 1234; CREATE TABLE t (x)");
        assert!(matches!(refused(), OpenError::Foreign(_)));
        drop({
            let _ = std::fs::remove_file(&path);
            open_writer(&path, Durability::None).unwrap()
        });
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", VERSION + 1).unwrap();
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(db);
        let error = refused();
        assert!(matches!(error, OpenError::Newer { found, .. } if found == VERSION + 1));
        let format = format!("format {}", VERSION + 1);
        assert!(error.to_string().contains(&format), "{error}");
        std::fs::write(
            &path,
            "a text, and longer than the header of a database has to be: ".repeat(20),
        )
        .unwrap();
        assert!(matches!(refused(), OpenError::Foreign(_)));
    }
}
