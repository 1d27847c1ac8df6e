//! SQLite alone: inserts the rows that a sync has written into the same tables again, as a baseline.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use selvedge_host::SqliteStore;

/// The rows of a store's records.
pub(crate) fn rows(store: &Path) -> Vec<Vec<Value>> {
    let database = Connection::open(store).unwrap();
    let mut select = database
        .prepare("SELECT * FROM record ORDER BY rowid")
        .unwrap();
    let columns = select.column_count();
    let rows = select
        .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Inserts the rows into the table of a new store, `batch` rows per transaction.
pub(crate) fn insert(rows: &[Vec<Value>], batch: usize) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    drop(SqliteStore::open(&path).unwrap());
    let mut database = Connection::open(&path).unwrap();
    // The same settings as the store's.
    for (name, value) in [
        ("synchronous", "FULL"),
        ("secure_delete", "FAST"),
        ("temp_store", "MEMORY"),
        ("cache_size", "-4096"),
    ] {
        database.pragma_update(None, name, value).unwrap();
    }
    let marks = vec!["?"; rows[0].len()].join(", ");
    let began = Instant::now();
    for rows in rows.chunks(batch) {
        let transaction = database.transaction().unwrap();
        let mut insert = transaction
            .prepare_cached(&format!("INSERT INTO record VALUES ({marks})"))
            .unwrap();
        for row in rows {
            insert.execute(params_from_iter(row)).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }
    began.elapsed()
}
