//! Makes commits durable on a separate thread: while the disk flushes one group of writes, the writer performs the next one.
//!
//! SQLite commits into the write-ahead log without waiting for the disk (`synchronous=NORMAL`). The flusher thread then
//! flushes the log, one flush for all pending commits, and only then sends their answers. A reader may see a commit that is
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
        if *self.0.flushed.borrow() >= seen {
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
}

/// The answers of one commit.
struct Group {
    number: u64,
    answers: Vec<Completion>,
    committed: Result<(), StorageError>,
}

/// The flusher thread.
pub(super) struct Flusher {
    groups: Option<Sender<Group>>,
    thread: Option<JoinHandle<()>>,
    progress: Progress,
    failed: Arc<AtomicBool>,
}

impl Flusher {
    /// Starts the thread for the write-ahead log of an open database, and flushes the log's directory entry.
    ///
    /// # Errors
    /// When the log cannot be opened or flushed.
    pub(super) fn start(database: &Path, progress: Progress) -> io::Result<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let log = OpenOptions::new().write(true).open(log)?;
        log.sync_all()?;
        #[cfg(unix)]
        if let Some(directory) = database.parent() {
            File::open(directory)?.sync_all()?;
        }
        let (groups, queue) = channel();
        let failed = Arc::new(AtomicBool::new(false));
        let (of_thread, has_failed) = (progress.clone(), Arc::clone(&failed));
        let thread = std::thread::Builder::new()
            .name("flusher".into())
            .spawn(move || run(&log, &queue, &of_thread, &has_failed))?;
        Ok(Self {
            groups: Some(groups),
            thread: Some(thread),
            progress,
            failed,
        })
    }

    /// For a database that need not be durable: answers at once.
    pub(super) fn none() -> Self {
        Self {
            groups: None,
            thread: None,
            progress: Progress::default(),
            failed: Arc::default(),
        }
    }

    /// Whether a flush failed. An unknown part of what was written since the last one may be lost, so that nothing more may be
    /// acknowledged.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The number of the next commit.
    pub(super) fn begin(&self) -> u64 {
        if self.groups.is_some() {
            self.progress.begin()
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
    ) {
        let group = Group {
            number,
            answers,
            committed,
        };
        let left = match &self.groups {
            Some(groups) => groups.send(group).err().map(|unsent| unsent.0),
            None => Some(group),
        };
        if let Some(group) = left {
            let has_thread = self.groups.is_some();
            group.answer(if has_thread { Err(lost()) } else { Ok(()) });
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

fn run(log: &File, groups: &Receiver<Group>, progress: &Progress, failed: &AtomicBool) {
    while let Ok(first) = groups.recv() {
        let mut waiting = vec![first];
        waiting.extend(groups.try_iter());
        let mut flushed = Ok(());
        let started = Instant::now();
        if failed.load(Ordering::Relaxed) {
            flushed = Err(lost());
        } else if let Err(error) = log.sync_data() {
            eprintln!(
                "selvedge serve: a flush to disk failed: {error}; all writes are refused until the server is restarted"
            );
            failed.store(true, Ordering::Relaxed);
            flushed = Err(lost());
        }
        progress.count_flush(started.elapsed());
        let last = waiting.last().map_or(0, |group| group.number);
        progress.flushed(last);
        for group in waiting {
            group.answer(flushed.clone());
        }
    }
    progress.flushed(u64::MAX);
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
            flusher.answer(number, vec![answer(&sender, number)], committed);
        }
        progress.catch_up().await;
        assert_eq!(*progress.0.flushed.borrow(), 5);
        drop(flusher);
        let answered: Vec<_> = answers.try_iter().collect();
        let expected = [(1, true), (2, true), (3, false), (4, true), (5, true)];
        assert_eq!(answered, expected);
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
        let log = File::from(std::os::fd::OwnedFd::from(log));
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
        let (progress, failed) = (Progress::default(), AtomicBool::new(false));
        run(&log, &queue, &progress, &failed);
        assert!(failed.load(Ordering::Relaxed));
        assert_eq!(
            answers.try_iter().collect::<Vec<_>>(),
            [(1, false), (2, false)]
        );
    }
}
