//! The same rows in SQLite alone: a lower bound for the time of a server that does not share commits between requests.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::client::fresh;
use crate::load::{Summary, payload, scattered};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, modified INTEGER NOT NULL, payload BLOB NOT NULL)";

/// A database whose commits are durable, with the write-ahead log.
pub(crate) struct SqliteOnly {
    db: Connection,
    /// The write-ahead log, which is flushed after each commit, so that the time of the flushes can be measured.
    log: File,
    flushes: Duration,
}

impl SqliteOnly {
    /// The time of commits of one row each, with SQLite's defaults: a rollback journal and `synchronous=FULL`.
    pub(crate) fn commits_by_default(directory: &Path, count: u64) -> Duration {
        let path = directory.join("default.sqlite");
        let mut db = Connection::open(path).expect("a database");
        db.execute_batch(TABLE).expect("a table");
        let started = Instant::now();
        for _ in 0..count {
            let number = fresh();
            insert(&mut db, number..number + 1);
        }
        started.elapsed()
    }

    pub(crate) fn open(directory: &Path) -> Self {
        let path = directory.join("floor.sqlite");
        let db = Connection::open(&path).expect("a database");
        db.pragma_update(None, "journal_mode", "WAL").expect("WAL");
        db.pragma_update(None, "synchronous", "NORMAL")
            .expect("NORMAL");
        db.execute_batch(TABLE).expect("a table");
        let log = directory.join("floor.sqlite-wal");
        let log = OpenOptions::new().write(true).open(log).expect("a log");
        let flushes = Duration::ZERO;
        let mut sqlite = Self { db, log, flushes };
        sqlite.insert(0..1000);
        sqlite
    }

    /// Writes rows in one durable commit.
    pub(crate) fn insert(&mut self, numbers: Range<u64>) {
        insert(&mut self.db, numbers);
        let started = Instant::now();
        self.log.sync_data().expect("a flush");
        self.flushes += started.elapsed();
    }

    fn show_insert(&mut self, name: &str, time: Duration, numbers: impl Fn() -> Range<u64>) {
        self.flushes = Duration::ZERO;
        let started = Instant::now();
        let mut times = Vec::new();
        while started.elapsed() < time {
            let begun = Instant::now();
            self.insert(numbers());
            times.push(begun.elapsed());
        }
        let mut summary = Summary::of(times);
        let share = self.flushes.as_secs_f64() / started.elapsed().as_secs_f64();
        summary.flush_share = Some(share);
        println!("{name:<38} {summary}");
    }
}

pub(crate) fn print(sqlite: &mut SqliteOnly, time: Duration) {
    let db = &mut sqlite.db;
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
    sqlite.show_insert("write one record", time, || {
        let number = fresh() % 1000;
        number..number + 1
    });
    sqlite.show_insert("write 100 new records", time, || {
        let first = 1_000_000 + fresh() * 100;
        first..first + 100
    });
    sqlite.show_insert("overwrite 100 records", time, || {
        let first = fresh() % 10 * 100;
        first..first + 100
    });
    sqlite.show_insert("write 1,000 new records", time, || {
        let first = 500_000_000 + fresh() * 1000;
        first..first + 1000
    });
}

fn insert(db: &mut Connection, numbers: Range<u64>) {
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
    println!("{name:<38} {}", Summary::of(times));
}
