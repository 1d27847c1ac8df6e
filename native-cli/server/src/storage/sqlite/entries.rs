//! Entries of the accounts server in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use selvedge_core::time::ServerTime;

use super::records::{sql, time};
use crate::model::{EntryChange, EntryKey, EntryKind, Expected, StoredEntry};

const COLUMNS: &str = "key, owner, expires, revision, value";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
    Ok(StoredEntry {
        name: row.get(0)?,
        owner: row.get(1)?,
        expires: row.get::<_, Option<i64>>(2)?.map(time),
        revision: row.get::<_, i64>(3)?.unsigned_abs(),
        value: row.get(4)?,
    })
}

pub(super) fn find(
    db: &Connection,
    key: &EntryKey,
    now: ServerTime,
) -> rusqlite::Result<Option<StoredEntry>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entries WHERE kind = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)"
    ))?
    .query_row(params![key.kind as u8, key.name, sql(now.hundredths())], read)
    .optional()
}

pub(super) fn owned(
    db: &Connection,
    owner: &str,
    kind: EntryKind,
    now: ServerTime,
) -> rusqlite::Result<Vec<StoredEntry>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entries
         WHERE owner = ?1 AND kind = ?2 AND (expires IS NULL OR expires > ?3) ORDER BY key"
    ))?
    .query_map(params![owner, kind as u8, sql(now.hundredths())], read)?
    .collect()
}

/// Performs all changes, or none.
pub(super) fn change(
    db: &Connection,
    changes: &[EntryChange],
    now: ServerTime,
) -> rusqlite::Result<bool> {
    for change in changes {
        if !holds(db, change, now)? {
            return Ok(false);
        }
    }
    db.prepare_cached("SAVEPOINT entries")?.execute([])?;
    let done = changes.iter().try_for_each(|change| perform(db, change));
    if done.is_err() {
        db.prepare_cached("ROLLBACK TO entries")?.execute([])?;
    }
    db.prepare_cached("RELEASE entries")?.execute([])?;
    done.map(|()| true)
}

fn holds(db: &Connection, change: &EntryChange, now: ServerTime) -> rusqlite::Result<bool> {
    let (key, expected) = match change {
        EntryChange::Put { key, expected, .. } | EntryChange::Delete { key, expected } => {
            (key, *expected)
        }
        EntryChange::DeleteOwned { .. } => return Ok(true),
        EntryChange::UseInvitation(invitation) => {
            return db
                .prepare_cached("SELECT 1 FROM invitations WHERE invitation = ?1 AND expires > ?2")?
                .exists(params![invitation, sql(now.hundredths())]);
        }
    };
    if expected == Expected::Any {
        return Ok(true);
    }
    let found = find(db, key, now)?;
    Ok(match expected {
        Expected::Any => true,
        Expected::Absent => found.is_none(),
        Expected::Present => found.is_some(),
        Expected::Revision(revision) => found.is_some_and(|entry| entry.revision == revision),
    })
}

fn perform(db: &Connection, change: &EntryChange) -> rusqlite::Result<()> {
    match change {
        EntryChange::Put {
            key,
            owner,
            expires,
            value,
            ..
        } => db
            .prepare_cached(
                "INSERT INTO entries (kind, key, owner, expires, revision, value) VALUES (?1, ?2, ?3, ?4, 1, ?5)
                 ON CONFLICT (kind, key) DO UPDATE
                 SET owner = ?3, expires = ?4, revision = revision + 1, value = ?5",
            )?
            .execute(params![
                key.kind as u8,
                key.name,
                owner,
                expires.map(|expires| sql(expires.hundredths())),
                value
            ])?,
        EntryChange::Delete { key, .. } => db
            .prepare_cached("DELETE FROM entries WHERE kind = ?1 AND key = ?2")?
            .execute(params![key.kind as u8, key.name])?,
        EntryChange::DeleteOwned { owner, kind } => db
            .prepare_cached("DELETE FROM entries WHERE owner = ?1 AND kind = ?2")?
            .execute(params![owner, *kind as u8])?,
        EntryChange::UseInvitation(invitation) => db
            .prepare_cached("DELETE FROM invitations WHERE invitation = ?1")?
            .execute([invitation])?,
    };
    Ok(())
}
