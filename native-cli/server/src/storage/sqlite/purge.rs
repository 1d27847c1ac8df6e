//! Maintenance in small steps: deletes what is no longer visible (expired records, deleted collections, closed batches,
//! expired invitations, the stores of replaced keys) and moves ids to the second level of their index.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use selvedge_core::time::ServerTime;

use super::batches;
use super::ids;
use super::records::{drop_store, remove, sql, time, touch_collection};
use crate::model::Uid;
use crate::storage::batches::LIFETIME;

/// Maximum number of records in one step, so that writes wait only for milliseconds.
const STEP: i64 = 500;
/// How long a replaced key's store is kept: longer than any token for it is valid.
const REPLACED_LIFE: u64 = 24 * 60 * 60 * 100;

/// One step. True if there is more to do. Nothing waits for a flush: after a power failure the next step deletes again what
/// came back.
pub(super) fn step(db: &Connection, now: ServerTime) -> rusqlite::Result<bool> {
    // A transaction that reads first and then writes fails at once if another process, as `serve invite`, wrote in between;
    // one that takes the lock first waits for it.
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    let removed = expired_records(db, now)?
        + dropped_collections(db)?
        + old_batches(db, now)?
        + dropped_batches(db)?
        + ids::age(db)?
        + replaced_stores(db, now)?;
    db.prepare_cached("DELETE FROM invitations WHERE expires <= ?1")?
        .execute([sql(now.hundredths())])?;
    db.prepare_cached("DELETE FROM entries WHERE expires <= ?1")?
        .execute([sql(now.hundredths())])?;
    transaction.commit()?;
    Ok(removed > 0)
}

/// Deletes expired records and updates the counters; the times of their collections stay (spec §3.1).
fn expired_records(db: &Connection, now: ServerTime) -> rusqlite::Result<usize> {
    let mut find = db.prepare_cached(
        "SELECT r.number, r.collection, r.id, octet_length(r.payload), COALESCE(c.modified, 0)
         FROM records r INDEXED BY records_by_expiry LEFT JOIN collections c ON c.id = r.collection
         WHERE r.expiry IS NOT NULL AND r.expiry <= ?1 LIMIT ?2",
    )?;
    let found = find.query_map([sql(now.hundredths()), STEP], |row| {
        let of: (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok((of, row.get::<_, String>(2)?, row.get(3)?, row.get(4)?))
    })?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    for ((number, collection), id, bytes, modified) in &found {
        let delta = remove(db, *collection, id, *number, *bytes)?;
        // Does nothing if the collection was dropped.
        touch_collection(db, *collection, time(*modified), delta)?;
    }
    Ok(found.len())
}

/// Deletes some records of a dropped collection; a collection without records leaves the list.
fn dropped_collections(db: &Connection) -> rusqlite::Result<usize> {
    let dropped = db
        .prepare_cached("SELECT collection FROM dropped LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(collection) = dropped else {
        return Ok(0);
    };
    let removed = ids::purge(db, collection)? + rows(db, "records", "collection", collection)?;
    if removed == 0 {
        db.prepare_cached("DELETE FROM dropped WHERE collection = ?1")?
            .execute([collection])?;
    }
    Ok(removed + 1)
}

/// The same for a batch.
fn dropped_batches(db: &Connection) -> rusqlite::Result<usize> {
    let dropped = db
        .prepare_cached("SELECT batch FROM dropped_batches LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(batch) = dropped else {
        return Ok(0);
    };
    let removed = rows(db, "batch_records", "batch", batch)?;
    if removed == 0 {
        db.prepare_cached("DELETE FROM dropped_batches WHERE batch = ?1")?
            .execute([batch])?;
    }
    Ok(removed + 1)
}

fn rows(db: &Connection, table: &str, owner: &str, number: i64) -> rusqlite::Result<usize> {
    let delete = format!(
        "DELETE FROM {table} WHERE number IN (SELECT number FROM {table} WHERE {owner} = ?1 LIMIT ?2)"
    );
    db.prepare_cached(&delete)?.execute([number, STEP])
}

fn old_batches(db: &Connection, now: ServerTime) -> rusqlite::Result<usize> {
    let created_before = sql(now.hundredths().saturating_sub(LIFETIME));
    db.prepare_cached(
        "INSERT INTO dropped_batches (batch) SELECT id FROM batches WHERE created <= ?1",
    )?
    .execute([created_before])?;
    db.prepare_cached("DELETE FROM batches WHERE created <= ?1")?
        .execute([created_before])
}

fn replaced_stores(db: &Connection, now: ServerTime) -> rusqlite::Result<usize> {
    let before = sql(now.hundredths().saturating_sub(REPLACED_LIFE));
    let mut find = db.prepare_cached(
        "SELECT uid FROM replaced_keys WHERE purged = 0 AND replaced_at <= ?1 LIMIT 1",
    )?;
    let uid = find
        .query_row([before], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(uid) = uid.and_then(|uid| Uid::new(uid.unsigned_abs())) else {
        return Ok(0);
    };
    batches::drop_all(db, uid, None)?;
    drop_store(db, uid)?;
    db.execute(
        "UPDATE replaced_keys SET purged = 1 WHERE uid = ?1",
        [sql(uid.number())],
    )
}

#[cfg(test)]
mod tests {
    use selvedge_core::ids::CollectionName;

    use super::super::records::{Change, Puts, find_collection, make_collection, used_bytes};
    use super::super::schema::{Durability, open_writer};
    use super::*;
    use crate::model::Field;
    use crate::storage::clock::Moment;

    fn at(hundredths: u64) -> Moment {
        let time = ServerTime::from_hundredths(hundredths);
        Moment {
            at: time,
            clock: time,
        }
    }

    fn purge_all(db: &Connection, now: u64) {
        while step(db, ServerTime::from_hundredths(now)).unwrap() {}
    }

    fn rows(db: &Connection) -> i64 {
        db.query_row("SELECT COUNT(*) FROM records", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn expired_records_go_and_are_counted_out() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("db"), Durability::None).unwrap();
        let uid = Uid::new(1).unwrap();
        let name = CollectionName::new("tabs").unwrap();
        let collection = make_collection(&db, uid, &name).unwrap();
        for (id, ttl) in [
            ("a", Field::Set(10)),
            ("b", Field::Keep),
            ("c", Field::Set(1000)),
        ] {
            let change = Change {
                id,
                payload: Field::Set(b"12345"),
                sortindex: Field::Keep,
                ttl,
                is_from_batch: false,
            };
            let delta = Puts::new(&db, collection, at(100)).put(change).unwrap();
            touch_collection(&db, collection.id, ServerTime::from_hundredths(100), delta).unwrap();
        }
        purge_all(&db, 1099);
        assert_eq!((rows(&db), used_bytes(&db, uid).unwrap()), (3, 15));
        purge_all(&db, 1100);
        assert_eq!((rows(&db), used_bytes(&db, uid).unwrap()), (2, 10));
        let modified = find_collection(&db, uid, "tabs").unwrap().unwrap().modified;
        assert_eq!(modified.hundredths(), 100);
    }

    #[test]
    fn upkeep_waits_for_another_process_that_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let db = open_writer(&path, Durability::None).unwrap();
        let other = open_writer(&path, Durability::None).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
            .execute("INSERT INTO invitations VALUES (x'00', 100)", [])
            .unwrap();
        std::thread::scope(|scope| {
            let step = scope.spawn(move || step(&db, ServerTime::from_hundredths(100)));
            std::thread::sleep(std::time::Duration::from_millis(100));
            other.execute_batch("COMMIT").unwrap();
            assert_eq!(step.join().unwrap(), Ok(false));
        });
        let left = other.query_row("SELECT COUNT(*) FROM invitations", [], |row| row.get(0));
        assert_eq!(left, Ok(0));
    }

    #[test]
    fn the_records_of_a_dropped_store_go_in_steps() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("db"), Durability::None).unwrap();
        let uid = Uid::new(1).unwrap();
        let collection = make_collection(&db, uid, &CollectionName::new("tabs").unwrap()).unwrap();
        for number in 0..1200 {
            let change = Change {
                id: &number.to_string(),
                payload: Field::Set(b"x"),
                sortindex: Field::Keep,
                ttl: Field::Keep,
                is_from_batch: false,
            };
            Puts::new(&db, collection, at(100)).put(change).unwrap();
        }
        drop_store(&db, uid).unwrap();
        assert_eq!((rows(&db), used_bytes(&db, uid).unwrap()), (1200, 0));
        step(&db, ServerTime::from_hundredths(200)).unwrap();
        assert_eq!(rows(&db), 700);
        purge_all(&db, 200);
        assert_eq!(rows(&db), 0);
    }
}
