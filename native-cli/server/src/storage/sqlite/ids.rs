//! The index of ids, in two levels, so that the cost of a new record does not grow with its collection.
//!
//! Maintenance moves many neighbouring ids at once, so that each changed leaf takes several of them.

use rusqlite::{Connection, OptionalExtension, params};

use super::schema::many_young;

/// Maximum number of ids moved in one step.
const STEP: i64 = 1000;

/// Adds the id of a new record; it is young. False if there is a young one already.
pub(super) fn add(
    db: &Connection,
    collection: i64,
    id: &str,
    number: i64,
) -> rusqlite::Result<bool> {
    let added = db
        .prepare_cached(
            "INSERT INTO ids (level, collection, id, number) VALUES (0, ?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![collection, id, number])?;
    Ok(added > 0)
}

/// Whether there is an id that is not young any more.
pub(super) fn is_old(db: &Connection, collection: i64, id: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM ids WHERE level = 1 AND collection = ?1 AND id = ?2")?
        .exists(params![collection, id])
}

/// The number of the record with this id.
pub(super) fn find(db: &Connection, collection: i64, id: &str) -> rusqlite::Result<Option<i64>> {
    // One statement with `level IN (0, 1)` would build a table of the two first, which costs more than both searches.
    let mut select = db.prepare_cached(
        "SELECT number FROM ids WHERE level = ?1 AND collection = ?2 AND id = ?3",
    )?;
    for level in [0, 1] {
        let found = select.query_row(params![level, collection, id], |row| row.get(0));
        if let Some(number) = found.optional()? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Removes an id and returns how many young ones that was.
pub(super) fn remove(db: &Connection, collection: i64, id: &str) -> rusqlite::Result<i64> {
    let mut delete =
        db.prepare_cached("DELETE FROM ids WHERE level = ?1 AND collection = ?2 AND id = ?3")?;
    if delete.execute(params![0, collection, id])? > 0 {
        return Ok(1);
    }
    delete.execute(params![1, collection, id])?;
    Ok(0)
}

/// Moves some young ids of a collection that has many. Returns how many.
pub(super) fn age(db: &Connection) -> rusqlite::Result<usize> {
    let collection: Option<i64> = db
        .prepare_cached(concat!(
            "SELECT id FROM collections INDEXED BY collections_with_many_young WHERE ",
            many_young!(),
            " LIMIT 1"
        ))?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(collection) = collection else {
        return Ok(0);
    };
    let last: Option<String> = db
        .prepare_cached(
            "SELECT MAX(id) FROM (SELECT id FROM ids WHERE level = 0 AND collection = ?1 ORDER BY id LIMIT ?2)",
        )?
        .query_row([collection, STEP], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO ids (level, collection, id, number)
         SELECT 1, collection, id, number FROM ids WHERE level = 0 AND collection = ?1 AND id <= ?2",
    )?
    .execute(params![collection, last])?;
    let moved = db
        .prepare_cached("DELETE FROM ids WHERE level = 0 AND collection = ?1 AND id <= ?2")?
        .execute(params![collection, last])?;
    db.prepare_cached("UPDATE collections SET young = young - ?2 WHERE id = ?1")?
        .execute(params![
            collection,
            i64::try_from(moved).unwrap_or(i64::MAX)
        ])?;
    Ok(moved)
}

/// Removes some ids of a dropped collection. Returns how many.
pub(super) fn purge(db: &Connection, collection: i64) -> rusqlite::Result<usize> {
    let mut removed = 0;
    for level in [0, 1] {
        removed += db
            .prepare_cached(
                "DELETE FROM ids WHERE level = ?1 AND collection = ?2 AND id IN
                 (SELECT id FROM ids WHERE level = ?1 AND collection = ?2 ORDER BY id LIMIT ?3)",
            )?
            .execute([level, collection, STEP])?;
    }
    Ok(removed)
}
