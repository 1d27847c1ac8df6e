//! The paths of a machine's Santa state.

use std::path::{Path, PathBuf};

use selvedge_host::exit::{HostError, Result};
use selvedge_host::profile::{Lock, Profile};

/// The directory of a machine's Santa state: the directory of its profile.
///
/// | file | purpose |
/// |---|---|
/// | `santa.toml` | configuration, written by the administrator |
/// | `santa.sqlite` | rules, pending events, sync state |
/// | `santa-machine-id` | the machine id, after it has been derived |
/// | `santa.sock` | the daemon's socket, unless the configuration sets another path |
/// | `santa.notify` | notification socket on which the supervisor receives the daemon's keep-alive messages |
/// | `santa.lock` | lock of the process that syncs |
/// | `santa-daemon.lock` | lock of the daemon |
#[derive(Debug, Clone)]
pub struct Paths {
    profile: Profile,
}

impl Paths {
    /// The paths of a profile.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        Self {
            profile: profile.clone(),
        }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.profile.dir()
    }

    /// The default path of the configuration.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.dir().join("santa.toml")
    }

    /// The database with rules, events and sync state.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.dir().join("santa.sqlite")
    }

    /// The default path of the daemon's socket.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.dir().join("santa.sock")
    }

    /// The notification socket of a supervisor.
    #[must_use]
    pub fn notify_path(&self) -> PathBuf {
        self.dir().join("santa.notify")
    }

    /// The file that stores a derived machine id.
    #[must_use]
    pub fn machine_id_path(&self) -> PathBuf {
        self.dir().join("santa-machine-id")
    }

    /// The files of the state, whether or not they exist. The configuration is not included.
    #[must_use]
    pub fn kept_files(&self) -> Vec<PathBuf> {
        let names = [
            "santa.sqlite",
            "santa.sqlite-wal",
            "santa.sqlite-shm",
            "santa-machine-id",
            "santa.notify",
            "santa.lock",
            "santa-daemon.lock",
        ];
        names.map(|name| self.dir().join(name)).into()
    }

    /// Creates the directory with access for its owner only, if it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn make_dir(&self) -> Result<()> {
        self.profile.make_dir()
    }

    /// Writes a file atomically, readable by the owner only.
    ///
    /// # Errors
    /// When it cannot be written. The old file is then unchanged.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.profile.write(path, content)
    }

    /// Prevents other processes from syncing until the value is dropped.
    ///
    /// # Errors
    /// [`HostError::InUse`] when another process holds the lock.
    pub fn lock(&self) -> Result<Lock> {
        self.profile.lock_file("santa.lock", HostError::InUse)
    }

    /// Prevents a second daemon from starting until the value is dropped. Commands can still sync.
    ///
    /// # Errors
    /// [`HostError::Served`] when another daemon holds the lock.
    pub fn daemon_lock(&self) -> Result<Lock> {
        self.profile
            .lock_file("santa-daemon.lock", HostError::Served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sync_lock_and_the_daemon_lock_are_exclusive_and_independent() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::of(&Profile::find("default", Some(dir.path())).unwrap());
        let held = paths.lock().unwrap();
        assert!(matches!(paths.lock(), Err(HostError::InUse)));
        let daemon_lock = paths.daemon_lock().unwrap();
        assert!(matches!(paths.daemon_lock(), Err(HostError::Served)));
        drop((held, daemon_lock));
        paths.lock().unwrap();
    }
}
