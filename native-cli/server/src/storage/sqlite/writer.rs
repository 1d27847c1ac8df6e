//! The writer thread: commits queued tasks in groups, and answers after the commit.
//!
//! A commit costs one flush to disk, however many tasks share it. The times of a user's writes increase strictly; a write
//! whose time would be too far ahead of the clock waits (`storage::clock`), and other users' writes overtake it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use selvedge_core::time::ServerTime;
use tokio::sync::oneshot;

use super::checkpoint::Checkpointer;
use super::durable::{Completion, FlushBy, Flusher};
use super::purge;
use super::records::user_modified;
use super::transaction::SqliteTransaction;
use crate::model::{Bounds, Conditions, Uid, Write, Written};
use crate::storage::clock::{Moment, NextTime, WriteTimes};
use crate::storage::error::{StorageError, WriteError};
use crate::storage::transaction::perform;
use crate::storage::wall_clock;

/// Maximum number of tasks in one transaction.
const GROUP: usize = 256;
/// A transaction takes no more tasks after this time.
const GROUP_TIME: Duration = Duration::from_millis(50);
/// Maximum number of queued writes of one user, which take some five seconds.
const WAITING_PER_USER: usize = 500;
/// Maximum number of tasks taken from the channel.
const WAITING: usize = 8192;
/// Interval of maintenance when there is nothing to purge.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);
/// When there is more, the pause between two steps is this many times as long as the last step, so that nine tenths of the
/// time are left to writes.
const PURGE_SHARE: u32 = 9;
/// Minimum pause between two steps.
const MIN_PURGE_PAUSE: Duration = Duration::from_millis(20);
/// Maximum number of users whose last times are cached; each other user costs one query.
const CACHED_TIMES: usize = 10_000;

/// One write of a user.
pub(super) struct UserWrite {
    pub(super) uid: Uid,
    pub(super) conditions: Conditions,
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<Result<Written, WriteError>>,
}

/// Any other change: performed at once, answered after the commit.
pub(super) type Other = Box<dyn FnOnce(&Connection) -> Completion + Send>;

pub(super) enum Task {
    User(UserWrite),
    Other(Other),
}

/// The clock, which tests inject.
pub(super) type Clock = Box<dyn Fn() -> ServerTime + Send>;

/// The writer's state.
pub(super) struct Writer {
    db: Connection,
    bounds: Bounds,
    tasks: Receiver<Task>,
    clock: Clock,
    flusher: Flusher,
    /// `None` where SQLite checkpoints in commits.
    checkpointer: Option<Checkpointer>,
    waiting: VecDeque<Task>,
    /// Whether all waiting tasks are ahead of the clock.
    waits_for_clock: bool,
    times: HashMap<Uid, WriteTimes>,
    last_purge: Instant,
    purge_pause: Duration,
}

/// Whether the next task of the queue is performed.
enum Turn {
    /// It is performed now; the times are those of the user after it, if it takes a time.
    Do(Moment, Option<WriteTimes>),
    Later,
    Fail(StorageError),
}

impl Writer {
    pub(super) fn new(
        db: Connection,
        bounds: Bounds,
        tasks: Receiver<Task>,
        clock: Clock,
        flusher: Flusher,
        checkpointer: Option<Checkpointer>,
    ) -> Self {
        Self {
            db,
            bounds,
            tasks,
            clock,
            flusher,
            checkpointer,
            waiting: VecDeque::new(),
            waits_for_clock: false,
            times: HashMap::new(),
            last_purge: Instant::now(),
            purge_pause: MIN_PURGE_PAUSE,
        }
    }

    /// Runs until the channel is closed and all tasks are performed.
    pub(super) fn run(mut self) {
        while self.gather() {
            self.commit();
            self.purge();
        }
        drop(self.flusher);
        if let Some(checkpointer) = self.checkpointer.take() {
            checkpointer.stop(&mut self.db);
        }
        // Closing the last connection deletes the log and its index. Where another process or a stream still reads, they
        // remain; then the log is at least empty. A failure loses nothing.
        let _ = self.db.pragma_update(None, "wal_checkpoint", "TRUNCATE");
    }

    /// Waits for tasks. False when the channel is closed.
    fn gather(&mut self) -> bool {
        let pause = if self.waits_for_clock {
            wall_clock::until_next_hundredth()
        } else if !self.waiting.is_empty() {
            Duration::ZERO
        } else {
            self.purge_pause
        };
        match self.tasks.recv_timeout(pause) {
            Ok(task) => self.queue(task),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if self.waiting.is_empty() => return false,
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(pause),
        }
        self.queue_all();
        true
    }

    /// Queues what the channel has.
    fn queue_all(&mut self) {
        while self.waiting.len() < WAITING
            && let Ok(task) = self.tasks.try_recv()
        {
            self.queue(task);
        }
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

    /// The time of a user's last write.
    fn times(&mut self, uid: Uid) -> Result<WriteTimes, StorageError> {
        if let Some(times) = self.times.get(&uid) {
            return Ok(*times);
        }
        let times = WriteTimes::since(user_modified(&self.db, uid)?);
        if self.times.len() >= CACHED_TIMES {
            self.times.clear();
        }
        self.times.insert(uid, times);
        Ok(times)
    }

    /// Decides whether a task is performed now. Tasks of a user in `held` stay behind the one that waits.
    fn turn(&mut self, task: &Task, held: &HashSet<Uid>) -> Turn {
        let clock = (self.clock)();
        let out_of_turn = Turn::Do(Moment { at: clock, clock }, None);
        let Task::User(write) = task else {
            return out_of_turn;
        };
        if matches!(write.write, Write::Append { .. }) {
            // It takes no time of its own.
            return out_of_turn;
        }
        if held.contains(&write.uid) {
            return Turn::Later;
        }
        match self.times(write.uid).map(|times| times.next(clock)) {
            Ok(NextTime::Now(times)) => {
                let at = times.last;
                Turn::Do(Moment { at, clock }, Some(times))
            }
            Ok(NextTime::Later) => Turn::Later,
            Err(error) => Turn::Fail(error),
        }
    }

    /// Commits one transaction with all tasks that are due.
    fn commit(&mut self) {
        let started = Instant::now();
        let (mut later, mut held) = (Vec::new(), HashSet::new());
        let mut answers: Vec<Completion> = Vec::new();
        let mut done: Result<(), StorageError> = Ok(());
        while answers.len() < GROUP
            && let Some(task) = self.waiting.pop_front()
        {
            let (moment, times) = match self.turn(&task, &held) {
                Turn::Do(moment, times) => (moment, times),
                Turn::Later => {
                    if let Task::User(write) = &task {
                        held.insert(write.uid);
                    }
                    later.push(task);
                    continue;
                }
                Turn::Fail(error) => {
                    fail(task, error);
                    continue;
                }
            };
            if answers.is_empty() {
                done = if self.flusher.has_failed() {
                    Err(StorageError::Busy)
                } else {
                    self.db.execute_batch("BEGIN IMMEDIATE").map_err(Into::into)
                };
                if let Err(error) = &done {
                    // The database is locked or broken: the other tasks would only wait for the same error.
                    let waiting = self.waiting.drain(..).chain(later.drain(..));
                    std::iter::once(task)
                        .chain(waiting)
                        .for_each(|task| fail(task, error.clone()));
                    break;
                }
            }
            let (answer, is_partial) = self.perform(task, moment, times);
            answers.push(answer);
            if is_partial {
                done = Err(StorageError::Busy);
                break;
            }
            // A full disk ends the whole transaction; nothing more may be performed outside of one.
            if self.db.is_autocommit() || started.elapsed() > GROUP_TIME {
                break;
            }
        }
        let has_begun = !answers.is_empty();
        let number = if has_begun { self.flusher.begin() } else { 0 };
        if has_begun && done.is_ok() {
            done = self.db.execute_batch("COMMIT").map_err(Into::into);
        }
        if let Err(error) = &done {
            eprintln!("selvedge serve: nothing was written: {error}");
            let _ = self.db.execute_batch("ROLLBACK");
            // The times of what was not committed are unused.
            self.times.clear();
        }
        self.waits_for_clock = self.waiting.is_empty() && !later.is_empty();
        for task in later.into_iter().rev() {
            self.waiting.push_front(task);
        }
        if has_begun {
            self.queue_all();
            let by = if self.waiting.is_empty() || self.waits_for_clock {
                FlushBy::Caller
            } else {
                FlushBy::Thread
            };
            self.flusher.answer(number, answers, done, by);
        }
    }

    /// Performs a task, and returns whether it failed after its first change: then the transaction must not be committed.
    fn perform(
        &mut self,
        task: Task,
        moment: Moment,
        times: Option<WriteTimes>,
    ) -> (Completion, bool) {
        match task {
            Task::Other(other) => (other(&self.db), false),
            Task::User(UserWrite {
                uid,
                conditions,
                write,
                reply,
            }) => {
                let transaction = SqliteTransaction {
                    db: &self.db,
                    uid,
                    moment,
                };
                let bounds = &self.bounds;
                let work = || perform(&transaction, bounds, conditions, moment, &write);
                let changes = self.db.total_changes();
                // A savepoint copies each changed page, so it is used only if a write may be refused after its first
                // change.
                let has_savepoint = self.bounds.quota_bytes.is_some();
                let done = if has_savepoint {
                    within_savepoint(&self.db, work)
                } else {
                    work()
                };
                let is_partial =
                    done.is_err() && !has_savepoint && self.db.total_changes() != changes;
                if let (Ok(_), Some(times)) = (&done, times) {
                    self.times.insert(uid, times);
                }
                let answer: Completion = Box::new(move |committed| {
                    let answer = match committed {
                        Ok(()) => done,
                        Err(error) => Err(error.into()),
                    };
                    let _ = reply.send(answer);
                });
                (answer, is_partial)
            }
        }
    }

    fn purge(&mut self) {
        if self.last_purge.elapsed() < self.purge_pause {
            return;
        }
        let started = Instant::now();
        let has_more = purge::step(&self.db, (self.clock)()).unwrap_or_else(|error| {
            eprintln!("selvedge serve: expired records could not be purged: {error}");
            false
        });
        self.last_purge = Instant::now();
        self.purge_pause = if has_more {
            (started.elapsed() * PURGE_SHARE).max(MIN_PURGE_PAUSE)
        } else {
            PURGE_INTERVAL
        };
    }
}

/// Answers a task that cannot be performed.
fn fail(task: Task, error: StorageError) {
    // The sender of another task notices that its channel is closed.
    if let Task::User(write) = task {
        let _ = write.reply.send(Err(error.into()));
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
mod tests;
