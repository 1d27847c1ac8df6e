//! A profile: the directory of one device's account, its store, its secrets and its settings.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use selvedge_core::ids::CollectionName;
use selvedge_core::schedule::Schedule;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::SqliteStore;
use crate::exit::{HostError, Result};
use crate::key_cache::KeyCache;
use crate::keyring::{Keyring, SystemKeyring};
use crate::private::{self, Kind};

/// The directory of one device's account.
///
/// | file | what for |
/// |---|---|
/// | `store.sqlite` | records and sync state |
/// | `credentials.json` | secrets: the sync key and what gets a token |
/// | `account.json` | secret: what a sign-in to an accounts server keeps and renews |
/// | `token.json` | secret: the storage token, until it expires |
/// | `settings.json` | what a person chose: the collections to follow, the device's name |
/// | `store-….sqlite` | records and sync state of another account that this profile had before |
/// | `copy-….sqlite` | how far a copy of the account to another one is |
/// | `schedule.json` | when the daemon syncs next |
/// | `daemon.lock` | held by the one daemon |
/// | `lock` | held by the one process that syncs |
///
/// The files of secrets may be encrypted with a key in the system keyring: see [`Profile::encrypt_secrets`].
#[derive(Debug, Clone)]
pub struct Profile {
    dir: PathBuf,
    keyring: Arc<dyn Keyring>,
    key: Arc<KeyCache>,
}

/// How often the daemon's lock is tried, and the time between two attempts.
#[cfg(unix)]
const LOCK_ATTEMPTS: u32 = 5;
#[cfg(unix)]
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// The settings of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The collections that a sync without names syncs; `None` for all of the account.
    pub collections: Option<Vec<CollectionName>>,
    /// What the account's other devices call this one; `None` for the machine's name.
    pub device_name: Option<String>,
    /// Whether the program's version is sent to the server, at most once a day.
    pub tells_version: bool,
    /// A file of certificates in PEM that are trusted beside the system's, by its absolute path.
    pub ca_file: Option<PathBuf>,
    /// Whether connections to other machines may be without TLS.
    pub insecure_http: bool,
}

/// Held while one process works on a profile.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Profile {
    /// The profile in `data_dir`, or the one called `name` in the user's data directory.
    ///
    /// # Errors
    /// When the name is not usable as the name of a directory, or there is no home directory.
    pub fn find(name: &str, data_dir: Option<&Path>) -> Result<Self> {
        if let Some(dir) = data_dir {
            return Ok(Self::at(dir.to_owned()));
        }
        let is_plain = (1..=64).contains(&name.len())
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !is_plain {
            return Err(HostError::Usage(
                "a profile's name has 1 to 64 characters of A-Z, a-z, 0-9, '-', '_' and '.', and does not begin with '.'".into(),
            ));
        }
        Ok(Self::at(data_home()?.join("selvedge").join(name)))
    }

    fn at(dir: PathBuf) -> Self {
        Self {
            dir,
            keyring: Arc::new(SystemKeyring),
            key: Arc::default(),
        }
    }

    /// The same profile with its key in another keyring than the system's.
    #[must_use]
    pub fn with_keyring(self, keyring: Arc<dyn Keyring>) -> Self {
        Self {
            keyring,
            key: Arc::default(),
            ..self
        }
    }

    pub(crate) fn keyring(&self) -> &dyn Keyring {
        &*self.keyring
    }

    pub(crate) fn cache(&self) -> &KeyCache {
        &self.key
    }

    /// Refuses a directory, credentials, a token or a store that others can read, own or lead elsewhere.
    ///
    /// # Errors
    /// [`HostError::Exposed`], with the command that fixes it.
    pub fn check_privacy(&self) -> Result<()> {
        private::check(&self.dir, Kind::Directory)?;
        let secrets = [
            self.credentials_path(),
            self.account_path(),
            self.token_path(),
        ];
        for path in secrets.iter().chain(&self.store_files()) {
            private::check(path, Kind::File)?;
        }
        Ok(())
    }

    /// The profile's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the store is.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.dir.join("store.sqlite")
    }

    /// The store and the files that SQLite keeps beside it.
    #[must_use]
    pub fn store_files(&self) -> [PathBuf; 3] {
        ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"].map(|name| self.dir.join(name))
    }

    /// Where the records of an account are kept apart; `tag` names the account.
    #[must_use]
    pub fn apart_path(&self, tag: &str) -> PathBuf {
        self.dir.join(format!("store-{tag}.sqlite"))
    }

    /// The files of [`Profile::apart_path`] that there are.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn apart_files(&self) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(HostError::file(&self.dir))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(HostError::file(&self.dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("store-") && name.ends_with(".sqlite")) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Where a copy of the account to another one keeps how far it is; `to` names the other account.
    #[must_use]
    pub fn copy_path(&self, to: &str) -> PathBuf {
        let name: String = Sha256::digest(to)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.dir.join(format!("copy-{name}.sqlite"))
    }

    /// Where the credentials are.
    #[must_use]
    pub fn credentials_path(&self) -> PathBuf {
        self.dir.join("credentials.json")
    }

    /// Where a sign-in to an accounts server keeps its tokens.
    #[must_use]
    pub fn account_path(&self) -> PathBuf {
        self.dir.join("account.json")
    }

    /// Where the storage token is.
    #[must_use]
    pub fn token_path(&self) -> PathBuf {
        self.dir.join("token.json")
    }

    /// Opens the store, which is created if it is missing.
    ///
    /// # Errors
    /// When the directory or the store cannot be made or opened.
    pub fn open_store(&self) -> Result<SqliteStore> {
        self.make_dir()?;
        Ok(SqliteStore::open(&self.store_path())?)
    }

    /// Keeps other processes from syncing this profile as long as the value lives.
    ///
    /// # Errors
    /// [`HostError::InUse`] when another process has it.
    pub fn lock(&self) -> Result<Lock> {
        self.lock_file("lock", HostError::InUse)
    }

    /// Holds a lock of this profile, or errs with `taken`.
    pub fn lock_file(&self, name: &str, taken: HostError) -> Result<Lock> {
        self.make_dir()?;
        let path = self.dir.join(name);
        let file = open_private(&path).map_err(HostError::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(taken),
            Err(TryLockError::Error(source)) => Err(HostError::File { path, source }),
        }
    }

    /// Keeps other daemons from serving this profile as long as the value lives; commands may sync all the same.
    ///
    /// # Errors
    /// [`HostError::Served`] when another daemon has it.
    #[cfg(unix)]
    pub fn daemon_lock(&self) -> Result<Lock> {
        // A process that only checks the lock holds it briefly.
        for _ in 0..LOCK_ATTEMPTS {
            match self.lock_file("daemon.lock", HostError::Served) {
                Err(HostError::Served) => std::thread::sleep(LOCK_PAUSE),
                held => return held,
            }
        }
        Err(HostError::Served)
    }

    /// Whether a daemon serves this profile now.
    ///
    /// # Errors
    /// When its lock cannot be read.
    pub fn has_daemon(&self) -> Result<bool> {
        let path = self.dir.join("daemon.lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(HostError::file(&path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(HostError::File { path, source }),
        }
    }

    /// Where the daemon keeps when it syncs next.
    pub fn schedule_path(&self) -> PathBuf {
        self.dir.join("schedule.json")
    }

    /// When the daemon syncs next, as stored; a damaged file counts as missing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn schedule(&self) -> Result<Schedule> {
        let text = read_if_there(&self.schedule_path())?;
        let kept = text.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(kept.unwrap_or_default())
    }

    /// Keeps when the daemon syncs next.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_schedule(&self, schedule: &Schedule) -> Result<()> {
        let text =
            serde_json::to_vec(schedule).map_err(|error| HostError::Failed(error.to_string()))?;
        self.write(&self.schedule_path(), &text)
    }

    /// The settings; the defaults if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn settings(&self) -> Result<Settings> {
        let path = self.dir.join("settings.json");
        let Some(text) = read_if_there(&path)? else {
            return Ok(Settings::default());
        };
        serde_json::from_slice(&text).map_err(|error| HostError::BadFile {
            path,
            detail: format!("the settings are invalid ({error}): fix or delete the file"),
        })
    }

    /// Stores the settings.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_settings(&self, settings: &Settings) -> Result<()> {
        let text = serde_json::to_vec_pretty(settings)
            .map_err(|error| HostError::Failed(error.to_string()))?;
        self.write(&self.dir.join("settings.json"), &text)
    }

    /// Writes a file of this profile atomically, readable by the owner only.
    ///
    /// # Errors
    /// When it cannot be written; the old one is then as it was.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.write_checked(path, content, |written| written == content)
    }

    /// Writes a file as [`Profile::write`] does. The old file is only replaced if `is_right` accepts the new one as it is
    /// read back.
    pub(crate) fn write_checked(
        &self,
        path: &Path,
        content: &[u8],
        is_right: impl FnOnce(&[u8]) -> bool,
    ) -> Result<()> {
        self.make_dir()?;
        write_atomically(path, content, is_right).map_err(HostError::file(path))
    }

    /// Creates the directory with mode 0700.
    pub fn make_dir(&self) -> Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.dir)
            .map_err(HostError::file(&self.dir))
    }
}

/// `$XDG_DATA_HOME`, or `~/.local/share`.
fn data_home() -> Result<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    variable("XDG_DATA_HOME")
        .or_else(|| Some(std::env::home_dir()?.join(".local").join("share")))
        .filter(|path| path.is_absolute())
        .ok_or_else(|| {
            HostError::Usage("there is no home directory for the profile: set --data-dir".into())
        })
}

/// A file's bytes, or `None` when there is no such file.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NO_FOLLOW);
    let read = options.open(path).and_then(|mut file| {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HostError::file(path)(error)),
    }
}

/// Removes a file; answers whether there was one.
pub fn remove_if_there(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(HostError::file(path)(error)),
    }
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        options.mode(0o600).custom_flags(NO_FOLLOW);
    }
    options.open(path)
}

/// A symbolic link in the place of a file is refused, also one that came since the directory was checked.
#[cfg(unix)]
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

fn write_atomically(
    path: &Path,
    content: &[u8],
    is_right: impl FnOnce(&[u8]) -> bool,
) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new.{}", std::process::id()));
    let new = path.with_file_name(name);
    // What a killed process of this number left would keep its mode: begin with a new file.
    let _ = fs::remove_file(&new);
    let written = open_private(&new).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let checked = written.and_then(|()| {
        let read = Zeroizing::new(fs::read(&new)?);
        if is_right(&read) {
            Ok(())
        } else {
            Err(std::io::Error::other(
                "the file that was written reads back differently, so the old one was kept: check the disk",
            ))
        }
    });
    let renamed = checked.and_then(|()| fs::rename(&new, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&new);
    }
    renamed?;
    #[cfg(unix)]
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> (tempfile::TempDir, Profile) {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::find("default", Some(&dir.path().join("deep/profile"))).unwrap();
        (dir, profile)
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "..", ".hidden", "a/b", "a\\b", "ä", &"x".repeat(65)] {
            assert!(
                matches!(Profile::find(name, None), Err(HostError::Usage(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn one_process_at_a_time_holds_the_lock() {
        let (_dir, profile) = profile();
        let held = profile.lock().unwrap();
        assert!(matches!(profile.lock(), Err(HostError::InUse)));
        drop(held);
        profile.lock().unwrap();
    }

    #[test]
    fn settings_last() {
        let (_dir, profile) = profile();
        assert_eq!(profile.settings().unwrap(), Settings::default());
        let chosen = Settings {
            collections: Some(vec![CollectionName::new("notes").unwrap()]),
            device_name: Some("Attic".into()),
            tells_version: true,
            ca_file: Some("/etc/ca.pem".into()),
            insecure_http: true,
        };
        profile.keep_settings(&chosen).unwrap();
        assert_eq!(profile.settings().unwrap(), chosen);
    }

    #[test]
    fn damaged_settings_are_said() {
        let (_dir, profile) = profile();
        profile
            .write(
                &profile.dir().join("settings.json"),
                b"{\"collections\":[\"a b\"]}",
            )
            .unwrap();
        assert!(matches!(profile.settings(), Err(HostError::BadFile { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_the_owner_alone_even_over_an_open_one() {
        use std::os::unix::fs::PermissionsExt as _;

        let (_dir, profile) = profile();
        let path = profile.credentials_path();
        profile.write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        profile.write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::metadata(profile.dir()).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(fs::read_dir(profile.dir()).unwrap().count(), 1);
    }
}
