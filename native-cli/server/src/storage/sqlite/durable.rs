//! Makes commits durable on a separate thread: while the disk flushes one group of writes, the writer performs the next one.
//!
//! SQLite commits into the write-ahead log without waiting for the disk (`synchronous=NORMAL`). The flusher thread then
//! flushes the log, one flush for all pending commits, and only then sends their answers. While no other write waits, the
//! writer flushes by itself, which saves a change of threads. A reader may see a commit that is
//! not flushed yet; its answer waits for the flush too, so that a power failure loses nothing that a client has seen.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::storage::error::StorageError;
use crate::storage::records::Flushes;

/// Sends an answer once the result of its commit is known.
pub(super) type Completion = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// The numbers of the last commit and of the last flushed one.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    committed: AtomicU64,
    flushed: watch::Sender<u64>,
    flushes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Progress {
    /// Statistics of the flushes.
    pub(super) fn flushes(&self) -> Flushes {
        Flushes {
            count: self.0.flushes.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.0.nanoseconds.load(Ordering::Relaxed)),
        }
    }

    fn count_flush(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.flushes.fetch_add(1, Ordering::Relaxed);
        self.0.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Waits until all commits that a read may have seen are flushed.
    pub(super) async fn catch_up(&self) {
        let seen = self.0.committed.load(Ordering::SeqCst);
        if self.has_flushed(seen) {
            return;
        }
        // `self` holds the sender, so this ends only with the number.
        let mut flushed = self.0.flushed.subscribe();
        let _ = flushed.wait_for(|flushed| *flushed >= seen).await;
    }

    /// The number of a commit that readers cannot see yet.
    fn begin(&self) -> u64 {
        self.0.committed.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn flushed(&self, number: u64) {
        self.0.flushed.send_replace(number);
    }

    /// Whether a commit and all before it are flushed.
    fn has_flushed(&self, number: u64) -> bool {
        *self.0.flushed.borrow() >= number
    }
}

/// The answers of one commit.
struct Group {
    number: u64,
    answers: Vec<Completion>,
    committed: Result<(), StorageError>,
}

/// The flusher thread.
pub(super) struct Flusher {
    /// `None` for a database that need not be durable.
    groups: Option<Sender<Group>>,
    thread: Option<JoinHandle<()>>,
    log: Arc<Log>,
}

/// The write-ahead log and what is known about its flushes.
#[derive(Debug, Default)]
struct Log {
    file: Option<File>,
    progress: Progress,
    failed: AtomicBool,
}

/// Who flushes a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlushBy {
    /// The caller, unless the thread has commits to flush: nothing else waits for the caller.
    Caller,
    /// The thread, while the caller goes on.
    Thread,
}

impl Flusher {
    /// Starts the thread for the write-ahead log of an open database, and flushes the log's directory entry.
    ///
    /// # Errors
    /// When the log cannot be opened or flushed.
    pub(super) fn start(database: &Path, progress: Progress) -> io::Result<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let file = OpenOptions::new().write(true).open(log)?;
        file.sync_all()?;
        #[cfg(unix)]
        if let Some(directory) = database.parent() {
            File::open(directory)?.sync_all()?;
        }
        let log = Arc::new(Log {
            file: Some(file),
            progress,
            failed: AtomicBool::new(false),
        });
        let (groups, queue) = channel();
        let of_thread = Arc::clone(&log);
        let thread = std::thread::Builder::new()
            .name("flusher".into())
            .spawn(move || of_thread.run(&queue))?;
        Ok(Self {
            groups: Some(groups),
            thread: Some(thread),
            log,
        })
    }

    /// For a database that need not be durable: answers at once.
    pub(super) fn none() -> Self {
        Self {
            groups: None,
            thread: None,
            log: Arc::default(),
        }
    }

    /// Whether a flush failed. An unknown part of what was written since the last one may be lost, so that nothing more may be
    /// acknowledged.
    pub(super) fn has_failed(&self) -> bool {
        self.log.failed.load(Ordering::Relaxed)
    }

    /// The number of the next commit.
    pub(super) fn begin(&self) -> u64 {
        if self.groups.is_some() {
            self.log.progress.begin()
        } else {
            0
        }
    }

    /// Sends the answers of a commit once it is durable.
    pub(super) fn answer(
        &self,
        number: u64,
        answers: Vec<Completion>,
        committed: Result<(), StorageError>,
        by: FlushBy,
    ) {
        let group = Group {
            number,
            answers,
            committed,
        };
        let Some(groups) = &self.groups else {
            return group.answer(Ok(()));
        };
        if by == FlushBy::Caller && self.log.progress.has_flushed(number - 1) {
            self.log.flush(vec![group]);
        } else if let Err(unsent) = groups.send(group) {
            unsent.0.answer(Err(lost()));
        }
    }
}

impl Drop for Flusher {
    /// Waits until all commits are flushed and answered.
    fn drop(&mut self) {
        drop(self.groups.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Group {
    fn answer(self, flushed: Result<(), StorageError>) {
        let done = self.committed.and(flushed);
        for answer in self.answers {
            answer(done.clone());
        }
    }
}

fn lost() -> StorageError {
    StorageError::Failed("a flush to disk failed: check the disk and restart the server".into())
}

impl Log {
    /// Flushes commits until the channel is closed.
    fn run(&self, groups: &Receiver<Group>) {
        while let Ok(first) = groups.recv() {
            let mut waiting = vec![first];
            waiting.extend(groups.try_iter());
            self.flush(waiting);
        }
        self.progress.flushed(u64::MAX);
    }

    /// Flushes the log, and answers the commits that it contains.
    fn flush(&self, groups: Vec<Group>) {
        let started = Instant::now();
        let flushed = self.flush_file();
        self.progress.count_flush(started.elapsed());
        let last = groups.last().map_or(0, |group| group.number);
        self.progress.flushed(last);
        for group in groups {
            group.answer(flushed.clone());
        }
    }

    fn flush_file(&self) -> Result<(), StorageError> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(lost());
        }
        let done = self.file.as_ref().map_or(Ok(()), File::sync_data);
        done.map_err(|error| {
            eprintln!(
                "selvedge serve: a flush to disk failed: {error}; all writes are refused until the server is restarted"
            );
            self.failed.store(true, Ordering::Relaxed);
            lost()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn answer(to: &mpsc::Sender<(u64, bool)>, number: u64) -> Completion {
        let to = to.clone();
        Box::new(move |done| to.send((number, done.is_ok())).unwrap())
    }

    #[tokio::test]
    async fn answers_and_reads_come_after_the_flush_in_the_order_of_the_commits() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("db");
        std::fs::write(directory.path().join("db-wal"), b"log").unwrap();
        let progress = Progress::default();
        let flusher = Flusher::start(&database, progress.clone()).unwrap();
        progress.catch_up().await;
        let (sender, answers) = mpsc::channel();
        for number in 1..=5 {
            assert_eq!(flusher.begin(), number);
            let committed = if number == 3 {
                Err(StorageError::Busy)
            } else {
                Ok(())
            };
            let answers = vec![answer(&sender, number)];
            flusher.answer(number, answers, committed, FlushBy::Thread);
        }
        progress.catch_up().await;
        assert_eq!(*progress.0.flushed.borrow(), 5);

        drop(flusher);
        let answered: Vec<_> = answers.try_iter().collect();
        let expected = [(1, true), (2, true), (3, false), (4, true), (5, true)];
        assert_eq!(answered, expected);
    }

    #[test]
    fn the_caller_flushes_unless_the_thread_has_an_earlier_commit() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("db");
        std::fs::write(directory.path().join("db-wal"), b"log").unwrap();
        let flusher = Flusher::start(&database, Progress::default()).unwrap();
        let (sender, answers) = mpsc::channel();
        let first = flusher.begin();
        flusher.answer(first, vec![answer(&sender, 1)], Ok(()), FlushBy::Caller);
        assert_eq!(
            answers.try_recv(),
            Ok((1, true)),
            "answered when the call returns"
        );
        // A commit that has begun and is not flushed: the next one must not be answered before it.
        let (second, third) = (flusher.begin(), flusher.begin());
        flusher.answer(third, vec![answer(&sender, 3)], Ok(()), FlushBy::Caller);
        flusher.answer(second, vec![answer(&sender, 2)], Ok(()), FlushBy::Caller);
        drop(flusher);
        let mut others: Vec<_> = answers.try_iter().collect();
        others.sort_unstable();
        assert_eq!(others, [(2, true), (3, true)]);
    }

    #[tokio::test]
    async fn a_read_waits_for_the_commit_that_it_may_have_seen() {
        let progress = Progress::default();
        assert_eq!(progress.begin(), 1);
        let waiting = progress.clone();
        let mut read = Box::pin(async move { waiting.catch_up().await });
        assert!(
            futures_util::future::poll_immediate(&mut read)
                .await
                .is_none()
        );
        progress.flushed(1);
        read.await;
    }

    #[cfg(unix)]
    #[test]
    fn after_a_refused_flush_nothing_is_acknowledged() {
        // A pipe cannot be flushed.
        let (_reader, log) = std::io::pipe().unwrap();
        let log = Log {
            file: Some(File::from(std::os::fd::OwnedFd::from(log))),
            ..Log::default()
        };
        let (groups, queue) = channel();
        let (sender, answers) = mpsc::channel();
        for number in 1..=2 {
            let group = Group {
                number,
                answers: vec![answer(&sender, number)],
                committed: Ok(()),
            };
            groups.send(group).unwrap();
        }
        drop(groups);
        log.run(&queue);
        assert!(log.failed.load(Ordering::Relaxed));
        assert_eq!(
            answers.try_iter().collect::<Vec<_>>(),
            [(1, false), (2, false)]
        );
    }
}
