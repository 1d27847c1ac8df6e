//! Where a machine's Santa state is kept.

use std::path::{Path, PathBuf};

use selvedge_host::exit::{HostError, Result};
use selvedge_host::profile::{Lock, Profile};

/// The directory of a machine's Santa state, which is that of its profile.
///
/// | file | what for |
/// |---|---|
/// | `santa.toml` | configuration, written by its administrator |
/// | `santa.sqlite` | rules, events that wait, sync state |
/// | `santa-machine-id` | the machine's id, once it was derived |
/// | `santa.sock` | the daemon's socket, unless the configuration says another |
/// | `santa.notify` | where a supervisor hears that its daemon lives |
/// | `santa.lock` | held by the one process that syncs |
/// | `santa-daemon.lock` | held by the one daemon |
#[derive(Debug, Clone)]
pub struct Paths {
    profile: Profile,
}

impl Paths {
    /// The place of a profile.
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

    /// Where the configuration is, unless a command says otherwise.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.dir().join("santa.toml")
    }

    /// Where rules, events and sync state are.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.dir().join("santa.sqlite")
    }

    /// Where the daemon listens, unless the configuration says otherwise.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.dir().join("santa.sock")
    }

    /// Where a supervisor hears that its daemon lives.
    #[must_use]
    pub fn notify_path(&self) -> PathBuf {
        self.dir().join("santa.notify")
    }

    /// Where a derived machine id is kept.
    #[must_use]
    pub fn machine_id_path(&self) -> PathBuf {
        self.dir().join("santa-machine-id")
    }

    /// The files in which the state is kept, whether they are there or not; the configuration is not one of them.
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

    /// Makes the directory, for its owner alone, if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_dir(&self) -> Result<()> {
        self.profile.make_dir()
    }

    /// Writes a file whole or not at all, readable by the owner alone.
    ///
    /// # Errors
    /// When it cannot be written; the old one is then as it was.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.profile.write(path, content)
    }

    /// Keeps other processes from syncing as long as the value lives.
    ///
    /// # Errors
    /// [`HostError::InUse`] when another process has it.
    pub fn lock(&self) -> Result<Lock> {
        self.profile.lock_file("santa.lock", HostError::InUse)
    }

    /// Keeps other daemons away as long as the value lives; commands may sync all the same.
    ///
    /// # Errors
    /// [`HostError::Served`] when another daemon has it.
    pub fn daemon_lock(&self) -> Result<Lock> {
        self.profile
            .lock_file("santa-daemon.lock", HostError::Served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_syncs_and_one_daemon_may_run_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::of(&Profile::find("default", Some(dir.path())).unwrap());
        let held = paths.lock().unwrap();
        assert!(matches!(paths.lock(), Err(HostError::InUse)));
        let serving = paths.daemon_lock().unwrap();
        assert!(matches!(paths.daemon_lock(), Err(HostError::Served)));
        drop((held, serving));
        paths.lock().unwrap();
    }
}
