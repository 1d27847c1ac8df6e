//! Copies the write-ahead log into the database on a separate thread, while the writer goes on.
//!
//! SQLite would do it in the writer's commits, which takes a third of the writer's time under load. The log can start again
//! from its beginning only when all of it is copied, which never happens while commits keep coming. So the thread copies
//! until it is nearly done, and the writer's next commit copies the small rest.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

/// Pages in the log from which it is copied. More save work, because a page that changes often is copied once.
pub(super) const START: i32 = 4000;
/// Pages in the log from which the writer waits for the thread and copies the rest by itself, so that the log stays bounded.
const MAX: i32 = 12_000;
/// Pages between two attempts. An attempt may achieve nothing, because a slow reader still needs an old snapshot.
const INTERVAL: i32 = 500;
/// Pages that the writer copies in a commit, in some milliseconds.
const NEARLY_DONE: i32 = 500;

/// The thread that copies.
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the writer's hook share.
#[derive(Debug, Default)]
struct Shared {
    /// Locked while one of them copies: SQLite refuses a second one, and the writer's would achieve nothing.
    copying: Mutex<()>,
    nearly_done: AtomicBool,
}

/// What happens to the log after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    /// The thread copies it.
    Thread,
    /// The writer copies the rest now.
    Writer,
}

/// Decides the steps.
#[derive(Debug)]
struct Steps {
    /// Pages in the log after the last commit.
    last: i32,
    /// Pages in the log at the next attempt.
    next: i32,
}

impl Steps {
    const fn new() -> Self {
        Self {
            last: 0,
            next: START,
        }
    }

    fn after_commit(&mut self, pages: i32, is_nearly_done: bool) -> Step {
        if pages < self.last {
            // The log started again.
            self.next = START;
        }
        self.last = pages;
        if pages < START || (pages < self.next && !is_nearly_done) {
            return Step::Nothing;
        }
        self.next = pages.saturating_add(INTERVAL);
        if is_nearly_done || pages >= MAX {
            Step::Writer
        } else {
            Step::Thread
        }
    }
}

impl Checkpointer {
    /// Starts the thread, for a database that `writer` has opened.
    ///
    /// # Errors
    /// When the database cannot be opened or the thread cannot be started.
    pub(super) fn start(path: &Path, writer: &mut Connection) -> io::Result<Self> {
        let db = open(path).map_err(io::Error::other)?;
        let (wake, wakes) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("checkpointer".into())
            .spawn(move || run(&db, &wakes, &of_thread))?;
        let (mut steps, wake_thread) = (Steps::new(), wake.clone());
        // Replaces the checkpoints that SQLite would do in a commit.
        writer
            .wal_hook(Some(move |wal: &mut rusqlite::hooks::Wal, pages| {
                let is_nearly_done = shared.nearly_done.swap(false, Ordering::Relaxed);
                match steps.after_commit(pages, is_nearly_done) {
                    Step::Nothing => {}
                    // If it is full, the thread is awake.
                    Step::Thread => drop(wake_thread.try_send(())),
                    // An error is not the commit's, and the next attempt shows whether it lasts: then the disk is full or
                    // broken, which commits notice as well.
                    Step::Writer => {
                        let _alone = shared.alone();
                        drop(wal.checkpoint_v2(CheckpointMode::PASSIVE));
                    }
                }
                Ok(())
            }))
            .map_err(io::Error::other)?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// Waits for the thread. The writer's connection checkpoints nothing afterwards.
    pub(super) fn stop(mut self, writer: &mut Connection) {
        // The hook has a sender, too.
        let _ = writer.wal_hook(None::<fn(&mut rusqlite::hooks::Wal, i32) -> rusqlite::Result<()>>);
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(10))?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Opens the write-ahead log.
    db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    Ok(db)
}

impl Shared {
    fn alone(&self) -> impl Drop + '_ {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(db: &Connection, wakes: &Receiver<()>, shared: &Shared) {
    while wakes.recv().is_ok() {
        let alone = shared.alone();
        let copied = copy(db);
        drop(alone);
        match copied {
            Ok(left) => shared
                .nearly_done
                .store(left <= NEARLY_DONE, Ordering::Relaxed),
            Err(error) => eprintln!(
                "selvedge serve: the write-ahead log could not be copied into the database: {error}; the server tries again"
            ),
        }
    }
}

/// Copies what no reader prevents, and returns how many pages are left.
fn copy(db: &Connection) -> rusqlite::Result<i32> {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (pages, copied): (i32, i32) = (row.get(1)?, row.get(2)?);
        Ok(pages.saturating_sub(copied))
    })
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Durability, open_writer};
    use super::*;

    #[test]
    fn the_thread_copies_and_the_writer_copies_the_rest() {
        let mut steps = Steps::new();
        for (pages, is_nearly_done, expected) in [
            (START - 1, false, Step::Nothing),
            (START - 1, true, Step::Nothing),
            (START, false, Step::Thread),
            (START + 1, false, Step::Nothing),
            (START + INTERVAL, false, Step::Thread),
            (START + INTERVAL + 1, true, Step::Writer),
            (START + INTERVAL + 2, false, Step::Nothing),
            // The log started again.
            (START - 2, false, Step::Nothing),
            (START, false, Step::Thread),
            (MAX, false, Step::Writer),
            (MAX + 1, false, Step::Nothing),
            (MAX + INTERVAL, false, Step::Writer),
        ] {
            let step = steps.after_commit(pages, is_nearly_done);
            assert_eq!(step, expected, "{pages} {is_nearly_done}");
        }
    }

    #[test]
    fn the_log_stays_bounded_while_commits_keep_coming_and_every_row_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let mut writer = open_writer(&path, Durability::Full).unwrap();
        let checkpointer = Checkpointer::start(&path, &mut writer).unwrap();
        let count: i32 = 600;
        let log_size = || {
            std::fs::metadata(directory.path().join("db-wal"))
                .unwrap()
                .len()
        };
        let mut largest = 0;
        for _ in 0..count {
            // About a hundred pages.
            writer
                .execute("INSERT INTO batch_records (batch, given, id, payload) VALUES (1, 0, 'a', zeroblob(800000))", [])
                .unwrap();
            largest = largest.max(log_size());
        }
        checkpointer.stop(&mut writer);
        let written = u64::from(count.unsigned_abs()) * 800_000;
        assert!(largest < written / 2, "{largest} of {written}");
        drop(writer);
        let rows = open_writer(&path, Durability::Full).unwrap().query_row(
            "SELECT COUNT(*) FROM batch_records",
            [],
            |row| row.get::<_, i32>(0),
        );
        assert_eq!(rows, Ok(count));
    }
}
