//! Open batches: records that are not visible before their commit (spec §3.6).

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;

use super::records::{Change, Collection, Delta, Puts, sql};
use crate::model::{BatchId, Field, Incoming, Uid};
use crate::storage::batches::{BatchSize, LIFETIME, OpenBatches};
use crate::storage::clock::Moment;

const PAYLOAD_GIVEN: i64 = 1;
const SORTINDEX_GIVEN: i64 = 2;
const TTL_GIVEN: i64 = 4;

pub(super) fn open(
    db: &Connection,
    uid: Uid,
    collection: &CollectionName,
    now: ServerTime,
) -> rusqlite::Result<BatchId> {
    db.prepare_cached(
        "INSERT INTO batches (uid, collection, created, records, bytes) VALUES (?1, ?2, ?3, 0, 0)",
    )?
    .execute(params![
        sql(uid.number()),
        collection.as_str(),
        sql(now.hundredths())
    ])?;
    Ok(BatchId(db.last_insert_rowid()))
}

/// The size of a batch that the user opened in this collection and that has not expired.
pub(super) fn find(
    db: &Connection,
    uid: Uid,
    collection: &CollectionName,
    batch: BatchId,
    now: ServerTime,
) -> rusqlite::Result<Option<BatchSize>> {
    let created_after = sql(now.hundredths().saturating_sub(LIFETIME));
    db.prepare_cached(
        "SELECT records, bytes FROM batches WHERE id = ?1 AND uid = ?2 AND collection = ?3 AND created > ?4",
    )?
    .query_row(params![batch.0, sql(uid.number()), collection.as_str(), created_after], |row| {
        Ok(BatchSize {
            records: row.get::<_, i64>(0)?.unsigned_abs(),
            bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })
    .optional()
}

/// The user's open batches.
pub(super) fn all_open(
    db: &Connection,
    uid: Uid,
    now: ServerTime,
) -> rusqlite::Result<OpenBatches> {
    let created_after = sql(now.hundredths().saturating_sub(LIFETIME));
    db.prepare_cached(
        "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM batches WHERE uid = ?1 AND created > ?2",
    )?
    .query_row([sql(uid.number()), created_after], |row| {
        Ok(OpenBatches {
            count: row.get::<_, i64>(0)?.unsigned_abs(),
            bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })
}

pub(super) fn append(
    db: &Connection,
    batch: BatchId,
    records: &[Incoming],
    size: BatchSize,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO batch_records (batch, given, id, sortindex, ttl, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for record in records {
        let (payload, payload_given) = given(&record.payload, PAYLOAD_GIVEN);
        let (sortindex, sortindex_given) = given(&record.sortindex, SORTINDEX_GIVEN);
        let (ttl, ttl_given) = given(&record.ttl, TTL_GIVEN);
        let payload = payload.map(String::as_bytes);
        let fields = payload_given | sortindex_given | ttl_given;
        insert.execute(params![
            batch.0,
            fields,
            record.id.as_str(),
            sortindex,
            ttl,
            payload
        ])?;
    }
    db.prepare_cached("UPDATE batches SET records = ?2, bytes = ?3 WHERE id = ?1")?
        .execute([batch.0, sql(size.records), sql(size.bytes)])?;
    Ok(())
}

/// Writes all records of a batch, in the order in which they came, and closes it.
pub(super) fn apply(
    db: &Connection,
    batch: BatchId,
    collection: Collection,
    moment: Moment,
) -> rusqlite::Result<Delta> {
    let mut delta = Delta::default();
    let mut puts = Puts::new(db, collection, moment);
    let mut select = db.prepare_cached(
        "SELECT given, id, sortindex, ttl, payload FROM batch_records WHERE batch = ?1 ORDER BY number",
    )?;
    let mut rows = select.query([batch.0])?;
    while let Some(row) = rows.next()? {
        let fields: i64 = row.get(0)?;
        let payload = match row.get_ref(4)? {
            ValueRef::Blob(payload) => Some(payload),
            _ => None,
        };
        let change = Change {
            id: row.get_ref(1)?.as_str()?,
            payload: field(payload, fields & PAYLOAD_GIVEN),
            sortindex: field(row.get(2)?, fields & SORTINDEX_GIVEN),
            ttl: field(row.get(3)?, fields & TTL_GIVEN),
            is_from_batch: true,
        };
        delta += puts.put(change)?;
    }
    drop_one(db, batch)?;
    Ok(delta)
}

/// Closes a batch; its records are purged later.
fn drop_one(db: &Connection, batch: BatchId) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO dropped_batches (batch) VALUES (?1)")?
        .execute([batch.0])?;
    db.prepare_cached("DELETE FROM batches WHERE id = ?1")?
        .execute([batch.0])?;
    Ok(())
}

/// Closes a user's batches in one collection, or in all.
pub(super) fn drop_all(
    db: &Connection,
    uid: Uid,
    collection: Option<&CollectionName>,
) -> rusqlite::Result<()> {
    let name = collection.map(CollectionName::as_str);
    let user = sql(uid.number());
    db.prepare_cached(
        "INSERT INTO dropped_batches (batch) SELECT id FROM batches WHERE uid = ?1 AND (?2 IS NULL OR collection = ?2)",
    )?
    .execute(params![user, name])?;
    db.prepare_cached("DELETE FROM batches WHERE uid = ?1 AND (?2 IS NULL OR collection = ?2)")?
        .execute(params![user, name])?;
    Ok(())
}

fn given<T>(field: &Field<T>, bit: i64) -> (Option<&T>, i64) {
    match field {
        Field::Keep => (None, 0),
        Field::Clear => (None, bit),
        Field::Set(value) => (Some(value), bit),
    }
}

fn field<T>(value: Option<T>, given: i64) -> Field<T> {
    match value {
        _ if given == 0 => Field::Keep,
        None => Field::Clear,
        Some(value) => Field::Set(value),
    }
}
