//! The same rows in SQLite alone: what no server on it can beat, short of sharing commits.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::client::fresh;
use crate::load::{Summary, payload, scattered};

pub(crate) fn print(directory: &Path, time: Duration) {
    let mut db = Connection::open(directory.join("floor.sqlite")).expect("a database");
    db.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    db.pragma_update(None, "synchronous", "FULL").expect("FULL");
    let table = "CREATE TABLE records (id TEXT PRIMARY KEY, modified INTEGER NOT NULL, payload BLOB NOT NULL)";
    db.execute_batch(table).expect("a table");
    insert(&mut db, 0..1000);
    show("read one record", time, || {
        let id = scattered(fresh() % 1000);
        let mut select = db
            .prepare_cached("SELECT modified, payload FROM records WHERE id = ?1")
            .expect("SQL");
        select
            .query_row([id], |row| row.get::<_, Vec<u8>>(1))
            .expect("a record");
    });
    show("read 1,000 records", time, || {
        let mut select = db
            .prepare_cached("SELECT id, modified, payload FROM records LIMIT 1000")
            .expect("SQL");
        let mut rows = select.query([]).expect("rows");
        let mut bytes = 0;
        while let Some(row) = rows.next().expect("a row") {
            bytes += row
                .get_ref(2)
                .expect("a payload")
                .as_blob()
                .expect("a blob")
                .len();
        }
        assert!(bytes > 500_000);
    });
    show("write one record", time, || {
        let number = fresh() % 1000;
        insert(&mut db, number..number + 1);
    });
    show("write 100 new records", time, || {
        let first = 1_000_000 + fresh() * 100;
        insert(&mut db, first..first + 100);
    });
    show("overwrite 100 records", time, || {
        let first = fresh() % 10 * 100;
        insert(&mut db, first..first + 100);
    });
    show("write 1,000 new records", time, || {
        let first = 500_000_000 + fresh() * 1000;
        insert(&mut db, first..first + 1000);
    });
}

fn insert(db: &mut Connection, numbers: std::ops::Range<u64>) {
    let payload = payload();
    let transaction = db.transaction().expect("a transaction");
    for number in numbers {
        transaction
            .prepare_cached("INSERT INTO records VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET modified = ?2, payload = ?3")
            .expect("SQL")
            .execute(params![scattered(number), 170_000_000_000_i64, payload.as_bytes()])
            .expect("a row");
    }
    transaction.commit().expect("a commit");
}

fn show(name: &str, time: Duration, mut work: impl FnMut()) {
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < time {
        let begun = Instant::now();
        work();
        times.push(begun.elapsed());
    }
    println!("{name:<34} {}", Summary::of(times));
}
