//! One server per data directory: two would give the same time to different writes, and neither would know what the other
//! has in memory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// The file that the running server locks. It remains after the server ends; only the lock counts.
const FILE: &str = "server.lock";
/// Number of attempts, and the pause between them: a server that was just stopped may still be closing its files.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);
/// A process id has at most ten digits.
const PID_BYTES: u64 = 32;

/// The lock, released when it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "held, not read")] File);

/// Why the lock was not taken.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process holds it; its id, if it can be read.
    Held(Option<u32>),
    /// The file cannot be created or locked.
    Io(io::Error),
}

impl DirectoryLock {
    /// Takes the lock of an existing directory, and writes this process's id into its file.
    ///
    /// # Errors
    /// When another process holds it, or the file cannot be used.
    pub(crate) async fn take(directory: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(directory.join(FILE)).map_err(LockError::Io)?;
        let mut tries = 1;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
                Err(TryLockError::WouldBlock) if tries == TRIES => {
                    return Err(LockError::Held(read_pid(&mut file)));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            }
            tries += 1;
        }
        write_pid(&mut file).map_err(LockError::Io)?;
        Ok(Self(file))
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_directory_has_one_lock_and_its_file_names_the_holder() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::take(directory.path()).await.unwrap();
        match DirectoryLock::take(directory.path()).await {
            Err(LockError::Held(pid)) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        DirectoryLock::take(directory.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_file_that_a_killed_server_left_is_no_lock() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), "4000000000 and more").unwrap();
        let lock = DirectoryLock::take(directory.path()).await.unwrap();
        let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
        drop(lock);
    }

    #[tokio::test]
    async fn a_directory_that_is_missing_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        assert!(matches!(
            DirectoryLock::take(&missing).await,
            Err(LockError::Io(_))
        ));
    }
}
