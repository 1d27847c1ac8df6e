//! The SQLite database of a machine: rules, pending events, and sync state.
//!
//! A commit is one transaction that is synced to the disk before it returns, so the process may be killed at any time.

mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use selvedge_core::host::{StoreError, StoreErrorKind};
use selvedge_santa::{
    Change, Commit, Committed, EventId, Occurrence, PendingEvent, Rule, RuleCounts, RuleKey,
    RuleState, RuleStore, Wipe,
};

use crate::expression::check_changes;
use rows::Table;
use selvedge_host::schema::{self as sqlite, store_error};

/// The store of a machine. Clones share one connection. Calls block, and futures are ready immediately. Several
/// processes can use one file concurrently.
#[derive(Clone)]
pub struct SantaStore {
    connection: Arc<Mutex<Connection>>,
    /// Rules of the configuration, which are only counted.
    configured: Arc<[Rule]>,
}

impl fmt::Debug for SantaStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SantaStore").finish_non_exhaustive()
    }
}

impl SantaStore {
    /// Opens the store in a file. A new file is created with access for its owner only.
    ///
    /// # Errors
    /// When the file cannot be created or opened, is corrupt, or belongs to another program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        sqlite::open(path, &schema::SANTA).map(Self::with_connection)
    }

    /// Opens a store in memory.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        sqlite::open_in_memory(&schema::SANTA).map(Self::with_connection)
    }

    fn with_connection(connection: Connection) -> Self {
        Self {
            connection: Arc::new(Mutex::new(connection)),
            configured: Arc::default(),
        }
    }

    /// The same store that also counts these rules of the configuration.
    #[must_use]
    pub fn with_configured(self, rules: &[Rule]) -> Self {
        Self {
            configured: rules.into(),
            ..self
        }
    }

    /// The rules of the configuration.
    #[must_use]
    pub fn configured(&self) -> &[Rule] {
        &self.configured
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        read(&self.connection()).map_err(|error| store_error(&error))
    }

    /// Runs `write` in one transaction, which is rolled back on an error.
    fn write<T>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.connection();
        let all = || {
            let transaction =
                Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            let written = write(&transaction)?;
            transaction.commit()?;
            Ok(written)
        };
        all().map_err(|error| store_error(&error))
    }

    /// A poisoned mutex is usable: a panic has dropped the transaction, which rolls it back.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores events until a server has accepted them. An event is dropped if one with the same key is pending: its
    /// element in the result is `None` (spec §2.4).
    ///
    /// # Errors
    /// When nothing was stored.
    pub fn add_events(&self, events: &[Occurrence]) -> Result<Vec<Option<EventId>>, StoreError> {
        self.write(|connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO event (key, body) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING RETURNING id",
            )?;
            let add = |event: &Occurrence| {
                let body = serde_json::to_string(event)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let id: Option<u64> = insert
                    .query_row(params![event.key(), body], |row| row.get(0))
                    .optional()?;
                Ok(id.map(EventId))
            };
            events.iter().map(add).collect()
        })
    }

    /// The pending events with these keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn waiting(&self, keys: &[String]) -> Result<Vec<PendingEvent>, StoreError> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT id, body FROM event WHERE key = ?1")?;
            let mut found = Vec::new();
            for key in keys {
                let mut rows = select.query([key])?;
                while let Some(row) = rows.next()? {
                    found.push(pending_event(row)?);
                }
            }
            Ok(found)
        })
    }

    /// The number of pending events.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn pending_events(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0))
        })
    }

    /// At most `limit` rules that were added on this machine with keys after `after`, in the order of their keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn local_rules(
        &self,
        after: Option<&RuleKey>,
        limit: usize,
    ) -> Result<Vec<Rule>, StoreError> {
        self.read(|connection| Table::Local.page(connection, after, limit))
    }

    /// Changes the rules that were added on this machine, which servers do not change. Returns the number of effective
    /// changes.
    ///
    /// # Errors
    /// When nothing was changed.
    pub fn change_local(&self, changes: &[Change]) -> Result<usize, StoreError> {
        self.write(|connection| {
            let mut changed = 0;
            for change in changes {
                match change {
                    Change::Put(rule) => {
                        Table::Local.put(connection, rule)?;
                        changed += 1;
                    }
                    Change::Remove(key) => {
                        changed += usize::from(Table::Local.remove(connection, key)?);
                    }
                }
            }
            Ok(changed)
        })
    }

    /// Stores the report of the last sync as JSON.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn keep_last_sync(&self, report: &str) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute("UPDATE machine SET last_sync = ?1", [report])?;
            Ok(())
        })
    }

    /// The report of the last sync as JSON.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn last_sync(&self) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            connection.query_row("SELECT last_sync FROM machine", [], |row| row.get(0))
        })
    }
}

fn count(connection: &Connection) -> rusqlite::Result<RuleCounts> {
    let mut counts = RuleCounts::default();
    let mut groups = connection.prepare_cached(
        "SELECT type, state, count(*) FROM rule GROUP BY type, state
         UNION ALL SELECT type, state, count(*) FROM local_rule GROUP BY type, state",
    )?;
    let mut rows = groups.query([])?;
    while let Some(row) = rows.next()? {
        let rule_type = rows::type_of(row.get(0)?, 0)?;
        let state = rows::state_of(row.get(1)?, 1)?;
        for _ in 0..row.get::<_, u32>(2)? {
            counts.add(rule_type, state);
        }
    }
    Ok(counts)
}

fn pending(
    connection: &Connection,
    after: Option<EventId>,
    limit: usize,
) -> rusqlite::Result<Vec<PendingEvent>> {
    let after = i64::try_from(after.map_or(0, |id| id.0)).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut events = connection
        .prepare_cached("SELECT id, body FROM event WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut rows = events.query(params![after, limit])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(pending_event(row)?);
    }
    Ok(page)
}

/// A row of id and body.
fn pending_event(row: &rusqlite::Row<'_>) -> rusqlite::Result<PendingEvent> {
    let body: String = row.get(1)?;
    Ok(PendingEvent {
        id: EventId(row.get(0)?),
        occurrence: serde_json::from_str(&body).map_err(|_| rows::damaged(1))?,
    })
}

fn apply(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    match commit.wipe {
        Wipe::Nothing => {}
        Wipe::NonTransitive => {
            let kept = RuleState::AllowTransitive.number();
            connection.execute("DELETE FROM rule WHERE state <> ?1", [kept])?;
        }
        Wipe::All => {
            connection.execute("DELETE FROM rule", [])?;
        }
    }
    for change in &commit.changes {
        match change {
            Change::Put(rule) => Table::Synced.put(connection, rule)?,
            Change::Remove(key) => {
                Table::Synced.remove(connection, key)?;
            }
        }
    }
    let mut remove = connection.prepare_cached("DELETE FROM event WHERE id = ?1")?;
    for id in &commit.remove_events {
        remove.execute([id.0])?;
    }
    if let Some(state) = &commit.state {
        connection.execute("UPDATE machine SET state = ?1", [state])?;
    }
    Ok(())
}

impl RuleStore for SantaStore {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            connection.query_row("SELECT state FROM machine", [], |row| row.get(0))
        })
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        let mut counts = self.read(count)?;
        for rule in self.configured.iter() {
            counts.add(rule.key.rule_type(), rule.state);
        }
        Ok(counts)
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        self.read(|connection| Table::Synced.page(connection, after, limit))
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        self.read(|connection| pending(connection, after, limit))
    }

    /// The store takes the role of the agent: it refuses rules whose expression cannot be compiled (spec §2.5).
    async fn commit(&self, mut commit: Commit) -> Result<Committed, StoreError> {
        let checked = check_changes(commit.changes)
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error.to_string()))?;
        commit.changes = checked.good;
        let refused = checked
            .bad
            .iter()
            .map(|(_, change, _)| change.key().clone());
        let refused = refused.collect();
        self.write(|connection| apply(connection, &commit))?;
        Ok(Committed { refused })
    }
}
