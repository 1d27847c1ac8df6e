//! Records and sync state in SQLite.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use selvedge_core::host::{
    BulkChange, Commit, Committed, Counts, Key, PageLimit, Part, Selection, Store, StoreError,
    StoreErrorKind, Stored, Uploaded, Write,
};
use selvedge_core::ids::{CollectionName, RecordId};

use super::row::{
    BASE_CONTENT, BASE_SAME, BASE_UNKNOWN, RESEND, Writer, columns, incoming_columns, pending,
    size, stored,
};
use super::schema;

/// A profile's records and sync state in one SQLite file, or in memory.
///
/// Its calls block; its futures are ready at once. Several processes may use one file at the same time.
pub struct SqliteStore {
    connection: Connection,
    /// The numbers of collections seen so far: a collection keeps its number for ever.
    numbers: RefCell<HashMap<CollectionName, i64>>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in a file, which is created with mode 0600 if it is missing.
    ///
    /// # Errors
    /// When the file cannot be made or opened, is damaged, or is not a store of this program or an older one.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open(path, &schema::PROFILE)?;
        Ok(Self::over(connection))
    }

    /// Opens a store that lasts as long as the value.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        schema::open_in_memory(&schema::PROFILE).map(Self::over)
    }

    fn over(connection: Connection) -> Self {
        Self {
            connection,
            numbers: RefCell::default(),
        }
    }

    /// Bounds the file to a number of pages of 4 KiB, for tests of a full disk.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.connection
            .pragma_update(None, "max_page_count", pages)
            .map_err(|error| schema::store_error(&error))
    }

    /// Writes all that the store keeps into its one file. Side files that are left when it is closed belong to other processes.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub fn fold(&self) -> Result<(), StoreError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| schema::store_error(&error))
    }

    /// A number that changes when another connection writes to the file, and costs nothing to ask for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn data_version(&self) -> Result<u64, StoreError> {
        self.connection
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|error| schema::store_error(&error))
    }

    /// The number of a collection, or `None` when nothing was ever stored of it.
    fn number(&self, collection: &CollectionName) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.numbers.borrow().get(collection) {
            return Ok(Some(*number));
        }
        let found = self
            .connection
            .prepare_cached("SELECT number FROM collection WHERE name = ?")?
            .query_row([collection.as_str()], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            self.numbers.borrow_mut().insert(collection.clone(), number);
        }
        Ok(found)
    }

    fn number_or_new(&self, collection: &CollectionName) -> rusqlite::Result<i64> {
        if let Some(number) = self.number(collection)? {
            return Ok(number);
        }
        // Not remembered here: the transaction may yet be rolled back.
        self.connection
            .prepare_cached("INSERT INTO collection (name) VALUES (?) RETURNING number")?
            .query_row([collection.as_str()], |row| row.get(0))
    }

    fn read_all(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> rusqlite::Result<Vec<Option<Stored>>> {
        let absent = || vec![None; ids.len()];
        let Some(number) = self.number(collection)? else {
            return Ok(absent());
        };
        // One transaction, so that all items are of one moment and the lock is taken once.
        let transaction = self.connection.unchecked_transaction()?;
        let is_empty = self
            .connection
            .prepare_cached("SELECT 1 FROM record WHERE collection = ? LIMIT 1")?
            .query_row([number], |_| Ok(()))
            .optional()?
            .is_none();
        let found = if is_empty {
            absent()
        } else {
            let mut one = self.connection.prepare_cached(concat!(
                "SELECT ",
                columns!(),
                " FROM record WHERE collection = ?1 AND id = ?2"
            ))?;
            ids.iter()
                .map(|id| {
                    one.query_row(params![number, id.as_str()], stored)
                        .optional()
                })
                .collect::<rusqlite::Result<_>>()?
        };
        transaction.commit()?;
        Ok(found)
    }

    fn read_page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> rusqlite::Result<Vec<Stored>> {
        let Some(number) = self.number(collection)? else {
            return Ok(Vec::new());
        };
        let mut statement = self.connection.prepare_cached(match selection {
            Selection::Live => concat!(
                "SELECT ", columns!(),
                " FROM record WHERE collection = ?1 AND id > ?2 AND cleartext IS NOT NULL ORDER BY id"
            ),
            Selection::Pending => concat!(
                "SELECT ", columns!(),
                " FROM record WHERE collection = ?1 AND id > ?2 AND pending IS NOT NULL ORDER BY id"
            ),
            Selection::Incoming => concat!(
                "SELECT ", incoming_columns!(),
                " FROM incoming WHERE collection = ?1 AND id > ?2 ORDER BY id"
            ),
        })?;
        let mut rows = statement.query(params![number, after.map_or("", RecordId::as_str)])?;
        let mut page = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let stored = stored(row)?;
            bytes += size(&stored.item);
            page.push(stored);
            if page.len() >= limit.records || bytes >= limit.bytes {
                break;
            }
        }
        Ok(page)
    }

    fn read_duplicates(
        &self,
        collection: &CollectionName,
        keys: &[Key],
    ) -> rusqlite::Result<Vec<Stored>> {
        let mut found = Vec::new();
        let Some(number) = self.number(collection)? else {
            return Ok(found);
        };
        let transaction = self.connection.unchecked_transaction()?;
        let mut select = self.connection.prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM record WHERE collection = ?1 AND duplicate_key = ?2 AND cleartext IS NOT NULL"
        ))?;
        for key in keys {
            for one in select.query_map(params![number, key.as_str()], stored)? {
                found.push(one?);
            }
        }
        drop(select);
        transaction.commit()?;
        found.sort_by(|one, other| one.item.id.cmp(&other.item.id));
        found.dedup_by(|one, other| one.item.id == other.item.id);
        Ok(found)
    }

    fn count(&self, collection: &CollectionName) -> rusqlite::Result<Counts> {
        let Some(number) = self.number(collection)? else {
            return Ok(Counts::default());
        };
        // All by the index on ids, deletions by the much smaller index of pending items: the table is not read.
        self.connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM record WHERE collection = ?1),
                        count(*), count(*) FILTER (WHERE cleartext IS NULL)
                 FROM record WHERE collection = ?1 AND pending IS NOT NULL",
            )?
            .query_row([number], |row| {
                let (all, pending, deleted): (u64, u64, u64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Counts {
                    live: all.saturating_sub(deleted),
                    pending,
                })
            })
    }

    fn write_all(&self, commit: &Commit) -> rusqlite::Result<Committed> {
        let transaction =
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        let revision: u64 = transaction
            .prepare_cached("UPDATE account SET revision = revision + 1 RETURNING revision")?
            .query_row([], |row| row.get(0))?;
        for part in &commit.parts {
            if self.write_part(part, revision)? == Committed::Stale {
                // Dropping the transaction rolls it back.
                return Ok(Committed::Stale);
            }
        }
        if let Some(global) = &commit.global {
            transaction
                .prepare_cached("UPDATE account SET state = ?")?
                .execute([global])?;
        }
        transaction.commit()?;
        Ok(Committed::Done)
    }

    fn write_part(&self, part: &Part, revision: u64) -> rusqlite::Result<Committed> {
        let number = self.number_or_new(&part.collection)?;
        if let Some(sweep) = part.sweep {
            self.sweep(number, sweep, revision)?;
        }
        if !part.writes.is_empty() {
            let mut writer = Writer::new(&self.connection, number, revision)?;
            for write in &part.writes {
                if !writer.write(write)? {
                    return Ok(Committed::Stale);
                }
            }
        }
        self.stage(number, &part.incoming, revision)?;
        if !part.uploaded.is_empty() {
            self.mark_uploaded(number, &part.uploaded, revision)?;
        }
        if let Some(state) = &part.state {
            self.connection
                .prepare_cached("UPDATE collection SET state = ?2 WHERE number = ?1")?
                .execute(params![number, state])?;
        }
        Ok(Committed::Done)
    }

    /// Puts and removes staged versions.
    fn stage(&self, number: i64, incoming: &[Write], revision: u64) -> rusqlite::Result<()> {
        for Write { id, seen, becomes } in incoming {
            let id = id.as_str();
            let Some(item) = becomes else {
                self.connection
                    .prepare_cached(
                        "DELETE FROM incoming WHERE collection = ?1 AND id = ?2 AND revision = ?3",
                    )?
                    .execute(params![number, id, seen.map(|seen| seen.0)])?;
                continue;
            };
            let modified = item.server_modified.hundredths();
            self.connection
                .prepare_cached(
                    "REPLACE INTO incoming (collection, id, revision, server_modified, pending, cleartext)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    number,
                    id,
                    revision,
                    modified,
                    pending(item),
                    item.cleartext
                ])?;
        }
        Ok(())
    }

    fn sweep(&self, number: i64, sweep: BulkChange, revision: u64) -> rusqlite::Result<()> {
        self.connection
            .execute("DELETE FROM incoming WHERE collection = ?1", [number])?;
        match sweep {
            BulkChange::Wipe => self
                .connection
                .execute("DELETE FROM record WHERE collection = ?1", [number])?,
            // What a reset would leave as it is, is not written: before a first sync that is everything. An error rolls
            // the whole commit back, so that SQLite need not keep a copy of each row in memory to undo this statement.
            BulkChange::Reset => self.connection.execute(
                "UPDATE OR ROLLBACK record SET revision = ?2, server_modified = 0, pending = coalesce(pending, ?3),
                        base_kind = ?4, base = NULL,
                        sent_kind = iif(sent_kind = ?4 AND base_kind = ?5, ?5, sent_kind),
                        sent = iif(sent_kind = ?4 AND base_kind = ?5, base, sent)
                 WHERE collection = ?1 AND (pending IS NULL OR base_kind <> ?4 OR server_modified <> 0)",
                params![number, revision, RESEND, BASE_UNKNOWN, BASE_CONTENT],
            )?,
        };
        Ok(())
    }

    fn mark_uploaded(
        &self,
        number: i64,
        uploaded: &[Uploaded],
        revision: u64,
    ) -> rusqlite::Result<()> {
        let mut keep = self.connection.prepare_cached(
            "UPDATE record SET revision = ?4, server_modified = ?5, pending = NULL, base_kind = ?6, base = NULL,
                    sent_kind = 0, sent = NULL
             WHERE collection = ?1 AND id = ?2 AND revision = ?3 AND cleartext IS NOT NULL",
        )?;
        let mut remove = self.connection.prepare_cached(
            "DELETE FROM record WHERE collection = ?1 AND id = ?2 AND revision = ?3 AND cleartext IS NULL",
        )?;
        // What was sent is on the server, though it is not what the item says by now.
        let mut know = self.connection.prepare_cached(
            "UPDATE record SET server_modified = ?3, base_kind = sent_kind, base = sent, sent_kind = 0, sent = NULL
             WHERE collection = ?1 AND id = ?2 AND sent_kind = ?4",
        )?;
        for Uploaded {
            id,
            revision: seen,
            modified,
        } in uploaded
        {
            let (id, modified) = (id.as_str(), modified.hundredths());
            let row = params![number, id, seen.0, revision, modified, BASE_SAME];
            if keep.execute(row)? == 0 && remove.execute(params![number, id, seen.0])? == 0 {
                know.execute(params![number, id, modified, BASE_CONTENT])?;
            }
        }
        Ok(())
    }
}

impl Store for SqliteStore {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        self.connection
            .prepare_cached("SELECT state FROM account")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| schema::store_error(&error))
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        self.connection
            .prepare_cached("SELECT state FROM collection WHERE name = ?")
            .and_then(|mut statement| {
                statement
                    .query_row([collection.as_str()], |row| row.get(0))
                    .optional()
            })
            .map(Option::flatten)
            .map_err(|error| schema::store_error(&error))
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        let names = self
            .connection
            .prepare_cached(
                "SELECT name FROM collection WHERE state IS NOT NULL
                 OR EXISTS (SELECT 1 FROM record WHERE record.collection = collection.number) ORDER BY name",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([], |row| row.get::<_, String>(0))?
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(|error| schema::store_error(&error))?;
        names
            .into_iter()
            .map(|name| {
                CollectionName::new(name)
                    .map_err(|error| StoreError::new(StoreErrorKind::Damaged, error.to_string()))
            })
            .collect()
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        self.count(collection)
            .map_err(|error| schema::store_error(&error))
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        self.read_all(collection, ids)
            .map_err(|error| schema::store_error(&error))
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        self.read_page(collection, selection, after, limit)
            .map_err(|error| schema::store_error(&error))
    }

    async fn duplicates(
        &self,
        collection: &CollectionName,
        keys: &[Key],
    ) -> Result<Vec<Stored>, StoreError> {
        self.read_duplicates(collection, keys)
            .map_err(|error| schema::store_error(&error))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.write_all(&commit)
            .map_err(|error| schema::store_error(&error))
    }
}
