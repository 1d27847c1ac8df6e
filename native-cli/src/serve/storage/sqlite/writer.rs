//! The one thread that writes: it gathers what waits, commits it together and only then answers.
//!
//! A commit costs a disk flush, whoever shares it. A user's writes must have strictly increasing times in hundredths, so
//! a write that comes within the hundredth of the one before waits for its turn; the writes of others go ahead.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use selvedge_core::time::ServerTime;
use tokio::sync::oneshot;

use super::purge;
use super::records::user_modified;
use super::writes::{Bounds, Turn};
use crate::serve::clock;
use crate::serve::conditions::Conditions;
use crate::serve::storage::{StorageError, Uid, Write, WriteError, Written};

/// At most so many tasks in one transaction.
const GROUP: usize = 256;
/// A transaction takes no further task after this time.
const GROUP_TIME: Duration = Duration::from_millis(50);
/// At most so many writes of one user wait for their turn; that is some five seconds' worth.
const WAITING_PER_USER: usize = 500;
/// At most so many tasks wait; the others stay in the queue.
const WAITING: usize = 8192;
/// What nobody can see any more is looked for this often,
const PURGE_INTERVAL: Duration = Duration::from_secs(1);
/// and while there is some, a little is removed this often: that leaves nine tenths of the time to writes.
const PURGE_PAUSE: Duration = Duration::from_millis(20);
/// A clock that was set back by more than this is not waited for; times then run ahead of it, still increasing.
const CLOCK_STEP: u64 = 100;
/// Last times remembered; a user beyond them costs one look into the database.
const REMEMBERED: usize = 10_000;

/// One write of a user.
pub(super) struct UserWrite {
    pub(super) uid: Uid,
    pub(super) conditions: Conditions,
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<Result<Written, WriteError>>,
}

/// Sends an answer once it is known whether the commit succeeded.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// Any other change: done at once, answered after the commit.
pub(super) type Other = Box<dyn FnOnce(&Connection) -> Answer + Send>;

pub(super) enum Task {
    User(UserWrite),
    Other(Other),
}

/// The writer's state.
pub(super) struct Writer {
    db: Connection,
    bounds: Bounds,
    tasks: Receiver<Task>,
    waiting: VecDeque<Task>,
    last: HashMap<Uid, ServerTime>,
    last_purge: Instant,
    purge_again: bool,
}

/// Whether a write may be done now.
#[derive(Debug, PartialEq, Eq)]
enum Slot {
    /// With this time.
    Now(ServerTime),
    /// In a later hundredth.
    Later,
}

/// The time of a user's next write.
fn slot(last: ServerTime, now: ServerTime) -> Slot {
    let next = ServerTime::from_hundredths(last.hundredths().saturating_add(1));
    if now >= next {
        Slot::Now(now)
    } else if next.hundredths() - now.hundredths() > CLOCK_STEP {
        Slot::Now(next)
    } else {
        Slot::Later
    }
}

impl Writer {
    pub(super) fn new(db: Connection, bounds: Bounds, tasks: Receiver<Task>) -> Self {
        Self {
            db,
            bounds,
            tasks,
            waiting: VecDeque::new(),
            last: HashMap::new(),
            last_purge: Instant::now(),
            purge_again: true,
        }
    }

    /// Works until nobody can send tasks any more and all are done.
    pub(super) fn run(mut self) {
        while self.gather() {
            let ready = self.take_ready();
            if !ready.is_empty() {
                self.commit(ready);
            }
            self.purge();
        }
        // Leaves one file behind instead of three; it is no matter if it fails.
        let _ = self.db.pragma_update(None, "wal_checkpoint", "TRUNCATE");
    }

    /// Waits for tasks. False when there will be none.
    fn gather(&mut self) -> bool {
        let patience = if !self.waiting.is_empty() {
            clock::until_next_hundredth()
        } else if self.purge_again {
            PURGE_PAUSE
        } else {
            PURGE_INTERVAL
        };
        match self.tasks.recv_timeout(patience) {
            Ok(task) => self.queue(task),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if self.waiting.is_empty() => return false,
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
        }
        while self.waiting.len() < WAITING
            && let Ok(task) = self.tasks.try_recv()
        {
            self.queue(task);
        }
        true
    }

    fn queue(&mut self, task: Task) {
        if let Task::User(write) = &task {
            let same = |other: &&Task| matches!(other, Task::User(other) if other.uid == write.uid);
            if self.waiting.len() >= WAITING_PER_USER
                && self.waiting.iter().filter(same).count() >= WAITING_PER_USER
            {
                let Task::User(write) = task else { return };
                let _ = write.reply.send(Err(WriteError::TooManyWrites));
                return;
            }
        }
        self.waiting.push_back(task);
    }

    /// Takes the tasks whose turn it is. Of one user's new times, one per hundredth; their order stays.
    fn take_ready(&mut self) -> Vec<Task> {
        let now = clock::now();
        let mut taken: HashMap<Uid, ()> = HashMap::new();
        let mut ready = Vec::new();
        for task in std::mem::take(&mut self.waiting) {
            let is_ready = ready.len() < GROUP
                && match &task {
                    Task::Other(_) => true,
                    Task::User(write) if matches!(write.write, Write::Append { .. }) => true,
                    Task::User(write) => {
                        let free = !taken.contains_key(&write.uid)
                            && slot(self.last_write(write.uid), now) != Slot::Later;
                        taken.insert(write.uid, ());
                        free
                    }
                };
            if is_ready {
                ready.push(task);
            } else {
                self.waiting.push_back(task);
            }
        }
        ready
    }

    /// Zero if the database does not say; then the write itself fails.
    fn last_write(&mut self, uid: Uid) -> ServerTime {
        if let Some(last) = self.last.get(&uid) {
            return *last;
        }
        let last = user_modified(&self.db, uid).unwrap_or_default();
        if self.last.len() >= REMEMBERED {
            self.last.clear();
        }
        self.last.insert(uid, last);
        last
    }

    /// One transaction for all; each task within its own savepoint.
    fn commit(&mut self, tasks: Vec<Task>) {
        let started = Instant::now();
        let begun = self
            .db
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(StorageError::from);
        let mut answers: Vec<Answer> = Vec::with_capacity(tasks.len());
        let mut tasks = tasks.into_iter();
        if begun.is_ok() {
            for task in tasks.by_ref() {
                answers.push(self.perform(task));
                // A full disk ends the whole transaction; nothing more may be done outside of one.
                if self.db.is_autocommit() || started.elapsed() > GROUP_TIME {
                    break;
                }
            }
        }
        let committed =
            begun.and_then(|()| self.db.execute_batch("COMMIT").map_err(StorageError::from));
        if let Err(error) = &committed {
            eprintln!("selvedge serve: nothing was written: {error}");
            let _ = self.db.execute_batch("ROLLBACK");
            // What could not begin is answered too, and times taken in vain are read again.
            self.last.clear();
            for task in tasks.by_ref() {
                if let Task::User(write) = task {
                    let _ = write.reply.send(Err(StorageError::Busy.into()));
                }
            }
        }
        tasks.rev().for_each(|task| self.waiting.push_front(task));
        for answer in answers {
            answer(committed.clone());
        }
    }

    fn perform(&mut self, task: Task) -> Answer {
        match task {
            Task::Other(other) => other(&self.db),
            Task::User(UserWrite {
                uid,
                conditions,
                write,
                reply,
            }) => {
                let at = match slot(self.last_write(uid), clock::now()) {
                    Slot::Now(at) => at,
                    // Only appends come here out of turn; they take no time of their own.
                    Slot::Later => clock::now(),
                };
                let turn = Turn {
                    db: &self.db,
                    bounds: &self.bounds,
                    uid,
                    conditions,
                    at,
                };
                let done = within_savepoint(&self.db, || turn.perform(&write));
                if matches!(&done, Ok(written) if written.modified == at) {
                    self.last.insert(uid, at);
                }
                Box::new(move |committed| {
                    let answer = match committed {
                        Ok(()) => done,
                        Err(error) => Err(error.into()),
                    };
                    let _ = reply.send(answer);
                })
            }
        }
    }

    fn purge(&mut self) {
        let pause = if self.purge_again {
            PURGE_PAUSE
        } else {
            PURGE_INTERVAL
        };
        if self.last_purge.elapsed() < pause {
            return;
        }
        self.purge_again = match purge::step(&self.db, clock::now()) {
            Ok(more) => more,
            Err(error) => {
                eprintln!("selvedge serve: expired records could not be purged: {error}");
                false
            }
        };
        self.last_purge = Instant::now();
    }
}

fn within_savepoint<T>(
    db: &Connection,
    work: impl FnOnce() -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    db.prepare_cached("SAVEPOINT task")?.execute([])?;
    let done = work();
    if done.is_err() {
        db.prepare_cached("ROLLBACK TO task")?.execute([])?;
    }
    db.prepare_cached("RELEASE task")?.execute([])?;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_write_of_a_user_has_its_own_hundredth() {
        let time = ServerTime::from_hundredths;
        for (last, now, expected) in [
            (0, 1000, Slot::Now(time(1000))),
            (999, 1000, Slot::Now(time(1000))),
            (1000, 1000, Slot::Later),
            (1001, 1000, Slot::Later),
            (1099, 1000, Slot::Later),
            (1100, 1000, Slot::Now(time(1101))),
        ] {
            assert_eq!(slot(time(last), time(now)), expected, "{last} {now}");
        }
    }
}
