//! An item as a row of the table of records: what its columns mean, and the statements that write it.

use rusqlite::{CachedStatement, Connection, Row, params};
use selvedge_core::host::{Base, Item, Key, Pending, Revision, Stored, Write};
use selvedge_core::ids::RecordId;
use selvedge_core::time::{LocalTime, ServerTime};

pub(super) const RESEND: i64 = -1;
pub(super) const BASE_UNKNOWN: i64 = 0;
pub(super) const BASE_SAME: i64 = 1;
pub(super) const BASE_CONTENT: i64 = 2;

/// The columns that [`stored`] reads.
macro_rules! columns {
    () => {
        "id, revision, server_modified, pending, base_kind, base, cleartext, sent_kind, sent, duplicate_key"
    };
}
pub(super) use columns;

/// The same of a staged version.
macro_rules! incoming_columns {
    () => {
        "id, revision, server_modified, pending, 0, NULL, cleartext, 0, NULL, NULL"
    };
}
pub(super) use incoming_columns;

/// A row of [`columns`].
pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let damaged = |column: usize| {
        rusqlite::Error::InvalidColumnType(
            column,
            "not what a store writes".into(),
            rusqlite::types::Type::Null,
        )
    };
    let id: String = row.get(0)?;
    let version = |kind: usize, text: usize| match row.get::<_, i64>(kind)? {
        BASE_UNKNOWN => Ok(Base::Unknown),
        BASE_SAME => Ok(Base::Same),
        BASE_CONTENT => row.get(text).map(Base::Content),
        _ => Err(damaged(kind)),
    };
    let pending = match row.get::<_, Option<i64>>(3)? {
        None => Pending::Nothing,
        Some(RESEND) => Pending::Resend,
        Some(at) => Pending::Edit {
            at: LocalTime::from_millis(u64::try_from(at).map_err(|_| damaged(3))?),
        },
    };
    Ok(Stored {
        item: Item {
            id: RecordId::new(id).map_err(|_| damaged(0))?,
            cleartext: row.get(6)?,
            base: version(4, 5)?,
            sent: version(7, 8)?,
            server_modified: ServerTime::from_hundredths(row.get(2)?),
            pending,
            key: row.get::<_, Option<String>>(9)?.map(Key::new),
        },
        revision: Revision(row.get(1)?),
    })
}

/// The bytes of an item that [`PageLimit::bytes`] counts.
pub(super) fn size(item: &Item) -> usize {
    let kept = |version: &Base| match version {
        Base::Content(text) => text.len(),
        Base::Unknown | Base::Same => 0,
    };
    kept(&item.base) + kept(&item.sent) + item.cleartext.as_ref().map_or(0, String::len)
}

/// Whether an item waits for upload, as its column says it.
pub(super) fn pending(item: &Item) -> Option<i64> {
    match item.pending {
        Pending::Nothing => None,
        Pending::Resend => Some(RESEND),
        Pending::Edit { at } => Some(i64::try_from(at.millis()).unwrap_or(i64::MAX)),
    }
}

/// The prepared statements that put and remove items of one collection under one revision.
pub(super) struct Writer<'c> {
    number: i64,
    revision: u64,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
    remove: CachedStatement<'c>,
    exists: CachedStatement<'c>,
}

impl<'c> Writer<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        number: i64,
        revision: u64,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            number,
            revision,
            insert: connection.prepare_cached(
                "INSERT INTO record
                 (collection, id, revision, server_modified, pending, base_kind, base, cleartext, sent_kind, sent,
                  duplicate_key)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
            )?,
            update: connection.prepare_cached(
                "UPDATE record SET revision = ?3, server_modified = ?4, pending = ?5, base_kind = ?6, base = ?7,
                        cleartext = ?8, sent_kind = ?9, sent = ?10, duplicate_key = ?11
                 WHERE collection = ?1 AND id = ?2 AND revision = ?12",
            )?,
            remove: connection.prepare_cached(
                "DELETE FROM record WHERE collection = ?1 AND id = ?2 AND revision = ?3",
            )?,
            exists: connection
                .prepare_cached("SELECT 1 FROM record WHERE collection = ?1 AND id = ?2")?,
        })
    }

    /// Does one write; `false` when the item is not as the writer saw it.
    pub(super) fn write(&mut self, write: &Write) -> rusqlite::Result<bool> {
        let id = write.id.as_str();
        let Some(item) = &write.becomes else {
            return match write.seen {
                Some(seen) => Ok(self.remove.execute(params![self.number, id, seen.0])? == 1),
                None => Ok(!self.exists.exists(params![self.number, id])?),
            };
        };
        let version = |version| match version {
            &Base::Unknown => (BASE_UNKNOWN, None),
            Base::Same => (BASE_SAME, None),
            Base::Content(text) => (BASE_CONTENT, Some(text)),
        };
        let ((base_kind, base), (sent_kind, sent)) = (version(&item.base), version(&item.sent));
        let pending = pending(item);
        let key = item.key.as_ref().map(Key::as_str);
        let modified = item.server_modified.hundredths();
        let (number, revision) = (self.number, self.revision);
        let changed = match write.seen {
            None => self.insert.execute(params![
                number,
                id,
                revision,
                modified,
                pending,
                base_kind,
                base,
                item.cleartext,
                sent_kind,
                sent,
                key
            ])?,
            Some(seen) => self.update.execute(params![
                number,
                id,
                revision,
                modified,
                pending,
                base_kind,
                base,
                item.cleartext,
                sent_kind,
                sent,
                key,
                seen.0
            ])?,
        };
        Ok(changed == 1)
    }
}
