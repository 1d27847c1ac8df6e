//! The backend: passes writes to the writer and reads to the readers.

use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;
use tokio::sync::oneshot;

use super::checkpoint::Checkpointer;
use super::durable::{Completion, Flusher, Progress};
use super::files::{Temporary, make_private, make_private_file};
use super::readers::Readers;
use super::schema::{self, Durability};
use super::writer::{Task, UserWrite, Writer};
use super::{accounts, entries, external, state, users};
use crate::model::{
    Account, Bounds, Conditions, EntryChange, EntryKey, EntryKind, ExternalAccount,
    ExternalIdentity, KeyId, Record, SecretHash, StoreState, StoredEntry, Uid, User, UserChange,
    Write, Written,
};
use crate::storage::accounts::Accounts;
use crate::storage::error::{AccountError, StorageError, WriteError};
use crate::storage::location::{DATABASE_FILE, DatabaseUrl};
use crate::storage::page::{PageRequest, PageSink};
use crate::storage::records::{Answer, Flushes, Records};
use crate::storage::wall_clock;

/// Maximum number of tasks in the writer's queue; further ones are refused as busy.
const QUEUE: usize = 4096;

/// A SQLite database.
pub struct SqliteStorage {
    tasks: Mutex<Option<SyncSender<Task>>>,
    readers: Readers,
    progress: Progress,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStorage {
    /// Opens a database, or creates it.
    ///
    /// # Errors
    /// When the directory or the database cannot be created or opened.
    pub fn open(url: &DatabaseUrl, bounds: Bounds) -> std::io::Result<Self> {
        match url {
            DatabaseUrl::SqliteFile(file) => {
                if let Some(directory) = file.parent().filter(|parent| *parent != Path::new("")) {
                    make_private(directory)?;
                }
                Self::open_file(file, Durability::Full, bounds)
            }
            DatabaseUrl::SqliteMemory => {
                let directory = Temporary::make()?;
                Self::open_file(&directory.0.join(DATABASE_FILE), Durability::None, bounds)
            }
        }
    }

    fn open_file(path: &Path, durability: Durability, bounds: Bounds) -> std::io::Result<Self> {
        make_private_file(path)?;
        let mut writer = schema::open_writer(path, durability).map_err(std::io::Error::other)?;
        let progress = Progress::default();
        let (flusher, checkpointer) = match durability {
            Durability::Full => (
                Flusher::start(path, progress.clone())?,
                Some(Checkpointer::start(path, &mut writer)?),
            ),
            Durability::None => (Flusher::none(), None),
        };
        let readers = Readers::open(path, durability == Durability::None, progress.clone())
            .map_err(std::io::Error::other)?;
        let (tasks, queue) = sync_channel(QUEUE);
        let clock = Box::new(wall_clock::now);
        let writer = Writer::new(writer, bounds, queue, clock, flusher, checkpointer);
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

    /// Performs a change that is not a user's write, on the writer's thread, and waits for its commit.
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
            let answer: Completion = Box::new(move |committed| {
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
    /// Waits until the writer has performed all queued tasks and closed the database.
    fn drop(&mut self) {
        // Read-only connections cannot delete the log, so the writer must be the last one.
        self.readers.close();
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

impl Records for SqliteStorage {
    fn state(&self, uid: Uid, exact: bool) -> Answer<'_, Result<StoreState, StorageError>> {
        Box::pin(
            self.readers
                .read(move |db| Ok(state::state(db, uid, exact)?)),
        )
    }

    fn record(
        &self,
        uid: Uid,
        collection: CollectionName,
        id: RecordId,
    ) -> Answer<'_, Result<Option<Record>, StorageError>> {
        Box::pin(
            self.readers
                .read(move |db| Ok(state::record(db, uid, &collection, &id)?)),
        )
    }

    fn page(
        &self,
        request: PageRequest,
        sink: Box<dyn PageSink>,
    ) -> Answer<'_, Result<(), StorageError>> {
        Box::pin(self.readers.page(request, sink))
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

    fn flushes(&self) -> Flushes {
        self.progress.flushes()
    }

    fn heartbeat(&self) -> Answer<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let read =
                |db: &Connection| Ok(db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?);
            self.readers.read(read).await?;
            // Writes the stored number again, which fails on a full disk or a read-only file.
            self.change(|db| Ok::<_, StorageError>(schema::touch(db)?))
                .await
        })
    }
}

impl Accounts for SqliteStorage {
    fn create_account(
        &self,
        access_token: SecretHash,
        key_id: KeyId,
        invitation: Option<SecretHash>,
    ) -> Answer<'_, Result<Account, AccountError>> {
        Box::pin(self.change(move |db| {
            accounts::create(db, access_token, key_id, invitation, wall_clock::now())
        }))
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
        Box::pin(
            self.change(move |db| Ok(accounts::rekey(db, &account, key_id, wall_clock::now())?)),
        )
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

    fn external_account(
        &self,
        identity: ExternalIdentity,
        key_id: KeyId,
    ) -> Answer<'_, Result<Option<ExternalAccount>, StorageError>> {
        Box::pin(
            self.readers
                .read(move |db| Ok(external::find(db, &identity, key_id)?)),
        )
    }

    fn create_external_account(
        &self,
        identity: ExternalIdentity,
        generation: u64,
        key_id: KeyId,
        invitation: Option<SecretHash>,
    ) -> Answer<'_, Result<(), AccountError>> {
        Box::pin(self.change(move |db| {
            let now = wall_clock::now();
            external::create(db, &identity, generation, key_id, invitation, now)
        }))
    }

    fn raise_generation(
        &self,
        identity: ExternalIdentity,
        generation: u64,
    ) -> Answer<'_, Result<(), StorageError>> {
        Box::pin(self.change(move |db| Ok(external::raise(db, &identity, generation)?)))
    }

    fn entry(&self, key: EntryKey) -> Answer<'_, Result<Option<StoredEntry>, StorageError>> {
        Box::pin(
            self.readers
                .read(move |db| Ok(entries::find(db, &key, wall_clock::now())?)),
        )
    }

    fn entries(
        &self,
        owner: String,
        kind: EntryKind,
    ) -> Answer<'_, Result<Vec<StoredEntry>, StorageError>> {
        Box::pin(
            self.readers
                .read(move |db| Ok(entries::owned(db, &owner, kind, wall_clock::now())?)),
        )
    }

    fn change_entries(&self, changes: Vec<EntryChange>) -> Answer<'_, Result<bool, StorageError>> {
        Box::pin(self.change(move |db| Ok(entries::change(db, &changes, wall_clock::now())?)))
    }
}
