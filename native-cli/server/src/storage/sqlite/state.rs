//! Reads the state of a store, and single records.

use rusqlite::{Connection, OptionalExtension};
use selvedge_core::ids::{CollectionName, RecordId};

use super::ids;
use super::records::{find_collection, sql, time, user_modified};
use super::schema::NO_SORTINDEX;
use crate::model::{CollectionState, Record, StoreState, Uid};
use crate::storage::wall_clock;

pub(super) fn state(db: &Connection, uid: Uid, exact: bool) -> rusqlite::Result<StoreState> {
    let _snapshot = db.unchecked_transaction()?;
    let user = sql(uid.number());
    let mut select = db.prepare_cached(
        "SELECT id, name, modified, records, bytes FROM collections WHERE uid = ?1",
    )?;
    let rows = select.query_map([user], |row| {
        let collection = CollectionState {
            name: row.get(1)?,
            modified: time(row.get(2)?),
            records: row.get::<_, i64>(3)?.unsigned_abs(),
            bytes: row.get::<_, i64>(4)?.unsigned_abs(),
        };
        Ok((row.get::<_, i64>(0)?, collection))
    })?;
    let mut collections = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    if exact {
        let mut expired = db.prepare_cached(
            "SELECT r.collection, COUNT(*), SUM(octet_length(r.payload)) FROM records r INDEXED BY records_by_expiry
             JOIN collections c ON c.id = r.collection
             WHERE r.expiry IS NOT NULL AND r.expiry <= ?1 AND c.uid = ?2 GROUP BY r.collection",
        )?;
        let mut rows = expired.query([sql(wall_clock::now().hundredths()), user])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if let Some((_, collection)) = collections.iter_mut().find(|(found, _)| *found == id) {
                collection.records = collection
                    .records
                    .saturating_sub(row.get::<_, i64>(1)?.unsigned_abs());
                collection.bytes = collection
                    .bytes
                    .saturating_sub(row.get::<_, i64>(2)?.unsigned_abs());
            }
        }
    }
    Ok(StoreState {
        modified: user_modified(db, uid)?,
        collections: collections
            .into_iter()
            .map(|(_, collection)| collection)
            .collect(),
    })
}

pub(super) fn record(
    db: &Connection,
    uid: Uid,
    collection: &CollectionName,
    id: &RecordId,
) -> rusqlite::Result<Option<Record>> {
    let _snapshot = db.unchecked_transaction()?;
    let Some(collection) = find_collection(db, uid, collection.as_str())? else {
        return Ok(None);
    };
    let Some(number) = ids::find(db, collection.id, id.as_str())? else {
        return Ok(None);
    };
    db.prepare_cached(
        "SELECT modified, sortindex, payload FROM records
         WHERE number = ?1 AND (expiry IS NULL OR expiry > ?2)",
    )?
    .query_row([number, sql(wall_clock::now().hundredths())], |row| {
        let sortindex: i64 = row.get(1)?;
        Ok(Record {
            id: id.to_string(),
            modified: time(row.get(0)?),
            sortindex: (sortindex != NO_SORTINDEX).then_some(sortindex),
            payload: row.get(2)?,
        })
    })
    .optional()
}
