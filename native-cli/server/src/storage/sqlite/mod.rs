//! The storage in SQLite: one thread writes in groups, a few connections read snapshots beside it.

mod accounts;
pub(crate) mod backup;
mod batches;
mod durable;
mod ids;
mod page;
mod purge;
mod readers;
mod records;
mod schema;
mod select;
mod users;
mod writer;
mod writes;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, OptionalExtension};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;
use tokio::sync::oneshot;

use self::durable::{Flusher, Progress};
use self::readers::Readers;
use self::records::{find_collection, sql, time, user_modified};
use self::schema::{Durability, NO_SORTINDEX};
use self::writer::{Answer as WriterAnswer, Task, UserWrite, Writer};
use self::writes::Bounds;
use super::{
    Account, AccountError, Answer, CollectionState, Flushes, Page, PageRequest, Record, SecretHash,
    Storage, StorageError, StoreState, Uid, User, UserChange, Write, WriteError, Written,
};
use crate::clock;
use crate::conditions::Conditions;
use crate::key_id::KeyId;
use crate::limits::Limits;

/// Tasks that may wait for the writer; beyond them clients are asked to come again.
const QUEUE: usize = 4096;

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this directory, in the file `server.sqlite`.
    Directory(PathBuf),
    /// Nowhere: in files of the temporary directory that have no name any more once they are open, so that nothing is
    /// left behind however the process ends.
    Memory,
}

/// The storage in SQLite.
pub struct SqliteStorage {
    tasks: Mutex<Option<SyncSender<Task>>>,
    readers: Readers,
    progress: Progress,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStorage {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// When the directory or the database cannot be made or opened.
    pub fn open(place: &Place, limits: Limits, quota_bytes: Option<u64>) -> std::io::Result<Self> {
        let bounds = Bounds {
            limits,
            quota_bytes,
        };
        match place {
            Place::Directory(directory) => {
                make_private(directory)?;
                Self::open_file(&directory.join("server.sqlite"), Durability::Full, bounds)
            }
            Place::Memory => {
                let directory = Temporary::make()?;
                Self::open_file(&directory.0.join("server.sqlite"), Durability::None, bounds)
            }
        }
    }

    fn open_file(path: &Path, durability: Durability, bounds: Bounds) -> std::io::Result<Self> {
        make_private_file(path)?;
        let writer = schema::open_writer(path, durability).map_err(std::io::Error::other)?;
        let progress = Progress::default();
        let flusher = match durability {
            Durability::Full => Flusher::start(path, progress.clone())?,
            Durability::None => Flusher::none(),
        };
        let readers = Readers::open(path, durability == Durability::None, progress.clone())
            .map_err(std::io::Error::other)?;
        let (tasks, queue) = sync_channel(QUEUE);
        let writer = Writer::new(writer, bounds, queue, Box::new(clock::now), flusher);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || writer.run())?;
        Ok(Self {
            tasks: Mutex::new(Some(tasks)),
            readers,
            progress,
            writer: Mutex::new(Some(thread)),
        })
    }

    fn send(&self, task: Task) -> Result<(), StorageError> {
        let tasks = self
            .tasks
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let sender = tasks.as_ref().ok_or(StorageError::Busy)?;
        sender.try_send(task).map_err(|_| StorageError::Busy)
    }

    /// Has the writer do something besides users' writes, and waits for its commit.
    async fn change<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Task::Other(Box::new(move |db| {
            let done = work(db);
            let answer: WriterAnswer = Box::new(move |committed| {
                let _ = reply.send(committed.map_err(E::from).and(done));
            });
            answer
        })))?;
        answer
            .await
            .unwrap_or_else(|_| Err(StorageError::Busy.into()))
    }
}

impl Drop for SqliteStorage {
    /// Waits until the writer has done what was asked of it.
    fn drop(&mut self) {
        drop(self.tasks.lock().map(|mut tasks| tasks.take()));
        let thread = self.writer.lock().map(|mut writer| writer.take());
        if let Ok(Some(thread)) = thread {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStorage")
    }
}

impl Storage for SqliteStorage {
    fn state(&self, uid: Uid, exact: bool) -> Answer<'_, Result<StoreState, StorageError>> {
        Box::pin(self.readers.read(move |db| Ok(state(db, uid, exact)?)))
    }

    fn record(
        &self,
        uid: Uid,
        collection: CollectionName,
        id: RecordId,
    ) -> Answer<'_, Result<Option<Record>, StorageError>> {
        Box::pin(
            self.readers
                .read(move |db| Ok(record(db, uid, &collection, &id)?)),
        )
    }

    fn page(&self, request: PageRequest) -> Answer<'_, Result<Page, StorageError>> {
        Box::pin(self.readers.page(request))
    }

    fn write(
        &self,
        uid: Uid,
        conditions: Conditions,
        write: Write,
    ) -> Answer<'_, Result<Written, WriteError>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.send(Task::User(UserWrite {
            uid,
            conditions,
            write,
            reply,
        }));
        Box::pin(async move {
            sent?;
            answer
                .await
                .unwrap_or_else(|_| Err(StorageError::Busy.into()))
        })
    }

    fn create_account(
        &self,
        access_token: SecretHash,
        key_id: KeyId,
        invitation: Option<SecretHash>,
    ) -> Answer<'_, Result<Account, AccountError>> {
        Box::pin(
            self.change(move |db| {
                accounts::create(db, access_token, key_id, invitation, clock::now())
            }),
        )
    }

    fn account(
        &self,
        access_token: SecretHash,
        key_id: KeyId,
    ) -> Answer<'_, Result<Option<(Account, bool)>, StorageError>> {
        Box::pin(
            self.readers
                .read(move |db| Ok(accounts::find(db, access_token, key_id)?)),
        )
    }

    fn rekey(&self, account: Account, key_id: KeyId) -> Answer<'_, Result<Account, StorageError>> {
        Box::pin(self.change(move |db| Ok(accounts::rekey(db, &account, key_id, clock::now())?)))
    }

    fn invite(
        &self,
        invitation: SecretHash,
        expires: ServerTime,
    ) -> Answer<'_, Result<(), StorageError>> {
        Box::pin(self.change(move |db| Ok(accounts::invite(db, invitation, expires)?)))
    }

    fn user(&self, username: String) -> Answer<'_, Result<Option<User>, StorageError>> {
        Box::pin(self.readers.read(move |db| Ok(users::find(db, &username)?)))
    }

    fn add_user(
        &self,
        username: String,
        password: String,
    ) -> Answer<'_, Result<bool, StorageError>> {
        Box::pin(self.change(move |db| Ok(users::add(db, &username, &password)?)))
    }

    fn change_user(
        &self,
        username: String,
        change: UserChange,
    ) -> Answer<'_, Result<bool, StorageError>> {
        Box::pin(self.change(move |db| Ok(users::change(db, &username, &change)?)))
    }

    fn flushes(&self) -> Flushes {
        self.progress.flushes()
    }

    fn heartbeat(&self) -> Answer<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let read =
                |db: &Connection| Ok(db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?);
            self.readers.read(read).await?;
            // Writes the number that is there already: a full disk or a file that cannot be written shows.
            self.change(|db| Ok::<_, StorageError>(schema::touch(db)?))
                .await
        })
    }
}

fn state(db: &Connection, uid: Uid, exact: bool) -> rusqlite::Result<StoreState> {
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
        let mut rows = expired.query([sql(clock::now().hundredths()), user])?;
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

fn record(
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
    .query_row([number, sql(clock::now().hundredths())], |row| {
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

/// A directory that only this user may look into.
pub(crate) fn make_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// A file that only this user may read; SQLite gives its log and its index the same mode.
fn make_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// A directory of its own that loses its name when the database is open.
struct Temporary(PathBuf);

impl Temporary {
    fn make() -> std::io::Result<Self> {
        let number = getrandom::u64().map_err(std::io::Error::other)?;
        let path = std::env::temp_dir().join(format!("selvedge-serve-{number:016x}"));
        make_private(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
