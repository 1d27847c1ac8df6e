//! Writes records and the counters of their collections, at a cost that does not depend on the size of the collection.

use rusqlite::{Connection, OptionalExtension, params};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

use super::ids;
use super::schema::NO_SORTINDEX;
use crate::model::{Field, Uid};
use crate::storage::clock::Moment;
use crate::storage::error::{StorageError, WriteError};

/// A collection's row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Collection {
    pub(super) id: i64,
    pub(super) modified: ServerTime,
    /// Whether some of its ids are on level 1.
    pub(super) has_old_ids: bool,
}

/// A write of one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) id: &'a str,
    pub(super) payload: Field<&'a [u8]>,
    pub(super) sortindex: Field<i64>,
    pub(super) ttl: Field<u32>,
    /// Whether the record comes from a batch that other requests opened: then its time changes even if only its `ttl` is
    /// written (spec §3.1).
    pub(super) is_from_batch: bool,
}

impl Change<'_> {
    /// Whether a stored record keeps its time, so that other devices do not fetch it again.
    fn keeps_time(&self) -> bool {
        !self.is_from_batch && self.payload == Field::Keep && self.sortindex == Field::Keep
    }
}

/// How the counters of a collection change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delta {
    pub(super) records: i64,
    pub(super) bytes: i64,
    /// Ids on level 0.
    pub(super) young: i64,
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        // SQLite's messages name tables and files, never values.
        Self::Failed(error.to_string())
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

struct Stored {
    number: i64,
    modified: ServerTime,
    sortindex: i64,
    expiry: Option<i64>,
    bytes: i64,
}

impl Stored {
    fn is_alive(&self, now: i64) -> bool {
        self.expiry.is_none_or(|expiry| expiry > now)
    }
}

/// An integer of SQLite. Times and sizes are far below its maximum.
pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A time as it was stored.
pub(super) fn time(number: i64) -> ServerTime {
    ServerTime::from_hundredths(number.unsigned_abs())
}

pub(super) fn user_modified(db: &Connection, uid: Uid) -> rusqlite::Result<ServerTime> {
    let mut find = db.prepare_cached("SELECT modified FROM users WHERE uid = ?1")?;
    let modified = find
        .query_row([sql(uid.number())], |row| row.get(0))
        .optional()?;
    Ok(time(modified.unwrap_or(0)))
}

pub(super) fn set_user_modified(
    db: &Connection,
    uid: Uid,
    modified: ServerTime,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO users (uid, modified) VALUES (?1, ?2) ON CONFLICT (uid) DO UPDATE SET modified = ?2")?
        .execute([sql(uid.number()), sql(modified.hundredths())])?;
    Ok(())
}

pub(super) fn find_collection(
    db: &Connection,
    uid: Uid,
    name: &str,
) -> rusqlite::Result<Option<Collection>> {
    db.prepare_cached(
        "SELECT id, modified, records > young FROM collections WHERE uid = ?1 AND name = ?2",
    )?
    .query_row(params![sql(uid.number()), name], |row| {
        Ok(Collection {
            id: row.get(0)?,
            modified: time(row.get(1)?),
            has_old_ids: row.get(2)?,
        })
    })
    .optional()
}

/// The collection, created if it is missing.
pub(super) fn make_collection(
    db: &Connection,
    uid: Uid,
    name: &CollectionName,
) -> rusqlite::Result<Collection> {
    if let Some(found) = find_collection(db, uid, name.as_str())? {
        return Ok(found);
    }
    db.prepare_cached(
        "INSERT INTO collections (uid, name, modified, records, bytes, young) VALUES (?1, ?2, 0, 0, 0, 0)",
    )?
    .execute(params![sql(uid.number()), name.as_str()])?;
    Ok(Collection {
        id: db.last_insert_rowid(),
        modified: ServerTime::ZERO,
        has_old_ids: false,
    })
}

/// Sets a collection's time and counters.
pub(super) fn touch_collection(
    db: &Connection,
    collection: i64,
    modified: ServerTime,
    delta: Delta,
) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE collections SET modified = ?2, records = records + ?3, bytes = bytes + ?4, young = young + ?5 WHERE id = ?1")?
        .execute(params![collection, sql(modified.hundredths()), delta.records, delta.bytes, delta.young])?;
    Ok(())
}

/// Bytes of all payloads of a user, by the counters.
pub(super) fn used_bytes(db: &Connection, uid: Uid) -> rusqlite::Result<u64> {
    let bytes: i64 = db
        .prepare_cached("SELECT COALESCE(SUM(bytes), 0) FROM collections WHERE uid = ?1")?
        .query_row([sql(uid.number())], |row| row.get(0))?;
    Ok(bytes.unsigned_abs())
}

fn find(db: &Connection, collection: i64, id: &str) -> rusqlite::Result<Option<Stored>> {
    let Some(number) = ids::find(db, collection, id)? else {
        return Ok(None);
    };
    db.prepare_cached(
        "SELECT modified, sortindex, expiry, octet_length(payload) FROM records WHERE number = ?1",
    )?
    .query_row([number], |row| {
        Ok(Stored {
            number,
            modified: time(row.get(0)?),
            sortindex: row.get(1)?,
            expiry: row.get(2)?,
            bytes: row.get(3)?,
        })
    })
    .optional()
}

/// The time of a record; zero if it is missing or expired.
pub(super) fn record_modified(
    db: &Connection,
    collection: i64,
    id: &RecordId,
    now: ServerTime,
) -> rusqlite::Result<ServerTime> {
    let found = find(db, collection, id.as_str())?;
    let alive = found.filter(|stored| stored.is_alive(sql(now.hundredths())));
    Ok(alive.map_or(ServerTime::ZERO, |stored| stored.modified))
}

/// Writes the records of one request. Usually all of them are new or all of them exist, so the last one predicts whether to
/// insert or to look up the next one first.
pub(super) struct Puts<'a> {
    db: &'a Connection,
    collection: Collection,
    moment: Moment,
    expects_new: bool,
}

impl<'a> Puts<'a> {
    pub(super) const fn new(db: &'a Connection, collection: Collection, moment: Moment) -> Self {
        Self {
            db,
            collection,
            moment,
            expects_new: false,
        }
    }

    /// Writes one record: absent members keep what is stored, and what expired counts as never stored. A write of nothing
    /// but `ttl` leaves the record's time as it is.
    pub(super) fn put(&mut self, change: Change<'_>) -> rusqlite::Result<Delta> {
        if self.expects_new
            && let Some(delta) = self.insert(change)?
        {
            return Ok(delta);
        }
        let found = find(self.db, self.collection.id, change.id)?;
        self.expects_new = found.is_none();
        match found {
            Some(stored) => self.update(&stored, change),
            None => {
                let inserted = self.insert(change)?;
                // It did not exist, and this is the only connection that writes records.
                inserted.ok_or(rusqlite::Error::StatementChangedRows(0))
            }
        }
    }

    fn expiry(&self, change: Change<'_>, kept: Option<i64>) -> Option<i64> {
        match change.ttl {
            Field::Keep => kept,
            Field::Clear => None,
            Field::Set(ttl) => {
                let clock = sql(self.moment.clock.hundredths());
                Some(clock.saturating_add(i64::from(ttl) * 100))
            }
        }
    }

    /// Adds a record, unless there is one with its id.
    fn insert(&self, change: Change<'_>) -> rusqlite::Result<Option<Delta>> {
        let collection = self.collection.id;
        if self.collection.has_old_ids && ids::is_old(self.db, collection, change.id)? {
            return Ok(None);
        }
        let sortindex = match change.sortindex {
            Field::Keep | Field::Clear => NO_SORTINDEX,
            Field::Set(sortindex) => sortindex,
        };
        let payload = match change.payload {
            Field::Keep | Field::Clear => b"",
            Field::Set(payload) => payload,
        };
        let at = sql(self.moment.at.hundredths());
        let expiry = self.expiry(change, None);
        self.db
            .prepare_cached(
                "INSERT INTO records (collection, modified, sortindex, expiry, id, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![collection, at, sortindex, expiry, change.id, payload])?;
        let number = self.db.last_insert_rowid();
        if !ids::add(self.db, collection, change.id, number)? {
            self.db
                .prepare_cached("DELETE FROM records WHERE number = ?1")?
                .execute([number])?;
            return Ok(None);
        }
        Ok(Some(Delta {
            records: 1,
            bytes: sql(payload.len() as u64),
            young: 1,
        }))
    }

    fn update(&self, stored: &Stored, change: Change<'_>) -> rusqlite::Result<Delta> {
        let at = sql(self.moment.at.hundredths());
        let kept =
            Some(stored).filter(|stored| stored.is_alive(sql(self.moment.clock.hundredths())));
        let sortindex = match change.sortindex {
            Field::Keep => kept.map_or(NO_SORTINDEX, |stored| stored.sortindex),
            Field::Clear => NO_SORTINDEX,
            Field::Set(sortindex) => sortindex,
        };
        let expiry = self.expiry(change, kept.and_then(|stored| stored.expiry));
        let db = self.db;
        if kept.is_some() && change.keeps_time() {
            if stored.expiry != expiry {
                db.prepare_cached("UPDATE records SET expiry = ?2 WHERE number = ?1")?
                    .execute(params![stored.number, expiry])?;
            }
            return Ok(Delta::default());
        }
        let payload = match change.payload {
            Field::Keep if kept.is_some() => None,
            Field::Keep | Field::Clear => Some(&b""[..]),
            Field::Set(payload) => Some(payload),
        };
        // An UPDATE rewrites the index of every column that it names, changed or not.
        let same = stored.sortindex == sortindex && stored.expiry == expiry;
        match payload {
            Some(payload) if same => db
                .prepare_cached("UPDATE records SET modified = ?2, payload = ?3 WHERE number = ?1")?
                .execute(params![stored.number, at, payload])?,
            Some(payload) => db
                .prepare_cached("UPDATE records SET modified = ?2, sortindex = ?3, expiry = ?4, payload = ?5 WHERE number = ?1")?
                .execute(params![stored.number, at, sortindex, expiry, payload])?,
            None => db
                .prepare_cached("UPDATE records SET modified = ?2, sortindex = ?3, expiry = ?4 WHERE number = ?1")?
                .execute(params![stored.number, at, sortindex, expiry])?,
        };
        let bytes = payload.map_or(stored.bytes, |payload| sql(payload.len() as u64));
        Ok(Delta {
            records: 0,
            bytes: bytes - stored.bytes,
            young: 0,
        })
    }
}

/// Deletes one record. None if it is missing or expired; the purge deletes an expired one and updates the counters.
pub(super) fn delete(
    db: &Connection,
    collection: i64,
    id: &RecordId,
    now: ServerTime,
) -> rusqlite::Result<Option<Delta>> {
    let found = find(db, collection, id.as_str())?;
    let Some(stored) = found.filter(|stored| stored.is_alive(sql(now.hundredths()))) else {
        return Ok(None);
    };
    remove(db, collection, id.as_str(), stored.number, stored.bytes).map(Some)
}

/// Removes a record that exists.
pub(super) fn remove(
    db: &Connection,
    collection: i64,
    id: &str,
    number: i64,
    bytes: i64,
) -> rusqlite::Result<Delta> {
    db.prepare_cached("DELETE FROM records WHERE number = ?1")?
        .execute([number])?;
    Ok(Delta {
        records: -1,
        bytes: -bytes,
        young: -ids::remove(db, collection, id)?,
    })
}

/// Deletes a collection's row at once; its records are purged later.
pub(super) fn drop_collection(db: &Connection, uid: Uid, name: &str) -> rusqlite::Result<bool> {
    let user = sql(uid.number());
    db.execute(
        "INSERT INTO dropped (collection) SELECT id FROM collections WHERE uid = ?1 AND name = ?2",
        params![user, name],
    )?;
    let gone = db.execute(
        "DELETE FROM collections WHERE uid = ?1 AND name = ?2",
        params![user, name],
    )?;
    Ok(gone > 0)
}

/// As [`drop_collection`], for all collections of a user.
pub(super) fn drop_store(db: &Connection, uid: Uid) -> rusqlite::Result<()> {
    let user = [sql(uid.number())];
    db.execute(
        "INSERT INTO dropped (collection) SELECT id FROM collections WHERE uid = ?1",
        user,
    )?;
    db.execute("DELETE FROM collections WHERE uid = ?1", user)?;
    Ok(())
}

impl std::ops::AddAssign for Delta {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.young += other.young;
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Durability, open_writer};
    use super::*;

    fn count(db: &Connection, sql: &str) -> i64 {
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn ids_grow_old_and_stay_findable_and_counted() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("db"), Durability::None).unwrap();
        let name = CollectionName::new("notes").unwrap();
        let uid = Uid::new(1).unwrap();
        let collection = make_collection(&db, uid, &name).unwrap().id;
        let at = ServerTime::from_hundredths(100);
        let write = |number: u64| {
            let change = Change {
                id: &format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
                payload: Field::Set(b"x"),
                sortindex: Field::Keep,
                ttl: Field::Keep,
                is_from_batch: false,
            };
            let found = find_collection(&db, uid, "notes").unwrap().unwrap();
            let mut puts = Puts::new(&db, found, Moment { at, clock: at });
            let delta = puts.put(change).unwrap();
            touch_collection(&db, collection, at, delta).unwrap();
        };
        (0..6000).for_each(write);
        assert_eq!(ids::age(&db).unwrap(), 1000);
        while ids::age(&db).unwrap() > 0 {}
        // Writing them again finds them on either level and adds none.
        (0..6000).for_each(write);
        let young = "SELECT COUNT(*) FROM ids WHERE level = 0";
        assert_eq!(count(&db, "SELECT COUNT(*) FROM records"), 6000);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM ids"), 6000);
        assert_eq!(
            count(&db, "SELECT young FROM collections"),
            count(&db, young)
        );
        assert!(count(&db, young) < 4096);
        for number in 0..6000u64 {
            let id = format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let delta = delete(&db, collection, &RecordId::new(id).unwrap(), at).unwrap();
            touch_collection(&db, collection, at, delta.unwrap()).unwrap();
        }
        assert_eq!(count(&db, "SELECT COUNT(*) FROM ids"), 0);
        assert_eq!(
            count(&db, "SELECT young + records + bytes FROM collections"),
            0
        );
    }
}
