//! The tables, and how a connection is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

/// A number below every sort index of nine digits: records without one come last in `sort=index`.
pub(super) const NO_SORTINDEX: i64 = -1_000_000_000;

const VERSION: i64 = 2;

/// `collections` keeps the counters, so that no write and no `info/*` counts records. A deleted collection only loses its
/// row here; its number goes to `dropped` and its records are purged by and by. Numbers are never used again.
///
/// `ids` finds a record by its id. Ids are random, so each new one would change another leaf of a large collection's index,
/// and a POST of a hundred records a hundred leaves. New ids therefore go to the few leaves of level 0, the young ones;
/// when a collection has many (`young` counts them), they are moved to level 1 by and by, in the order of their ids.
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
CREATE INDEX collections_with_many_young ON collections (id) WHERE young >= 4096;
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

/// How much an acknowledged write promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// It survives a power failure: the write-ahead log is flushed before the answer (`durable`).
    Full,
    /// Nothing need survive the process.
    None,
}

/// Opens the connection that writes, and makes the tables that are missing.
pub(super) fn open_writer(path: &Path, durability: Durability) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    // Only a new database takes it. Larger pages hold more records of a collection, so that reading and writing many takes
    // fewer system calls.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "NORMAL",
        Durability::None => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // The writer touches the index leaves of whole collections again and again; 16 MiB keep them at hand.
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    if version(&connection)? < VERSION {
        make_tables(&connection)?;
    }
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Another process, as `serve invite`, may be making them at this moment: who has the lock looks what is left to do.
fn make_tables(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let found = version(connection)?;
    if found == 0 {
        transaction.execute_batch(TABLES)?;
    }
    if found < VERSION {
        transaction.execute_batch(NAMED_USERS)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

/// Opens a connection that reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    // A page of records is read once, from front to back: a cache holds little more than the tops of the trees.
    connection.pragma_update(None, "cache_size", -512)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Opens the write-ahead log too, not only the database.
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_the_first_version_gets_the_tables_that_it_lacks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(TABLES).unwrap();
        old.execute("INSERT INTO users VALUES (7, 100)", [])
            .unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);
        for _again in 0..2 {
            let db = open_writer(&path, Durability::None).unwrap();
            let count = |table: &str| {
                let query = format!("SELECT COUNT(*) FROM {table}");
                db.query_row(&query, [], |row| row.get::<_, i64>(0))
                    .unwrap()
            };
            assert_eq!((count("users"), count("named_users")), (1, 0));
        }
    }
}
