//! A directory of backups: names, private files, the lock, and links to unchanged files.
//!
//! ```text
//! B/.lock                        one `backup create` at a time
//! B/.incomplete/                 a backup that is being made, or that was interrupted
//! B/2026-12-01T03-15-00Z/        manifest.json, records/NAME.jsonl, readable/…
//! B/2026-12-01T03-15-00Z.age     the same in one encrypted file
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::manifest::Manifest;
use super::name::{self, SEALED};
use super::verify::hex;
use crate::exit::{Exit, HostError, Result};
use crate::paths::shown;

/// The manifest's file in a backup.
pub const MANIFEST: &str = "manifest.json";
/// The directory of the records in a backup.
pub const RECORDS: &str = "records";
/// The directory of the readable copies in a backup.
pub const READABLE: &str = "readable";
/// The directory, or with `.age` the file, that becomes the next backup.
pub const INCOMPLETE: &str = ".incomplete";
/// The beginning of the names of backups that are being deleted.
const DELETED: &str = ".deleted-";

/// One backup in a directory of backups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Seconds since 1970 when it began.
    pub time: i64,
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// Whether it is one encrypted file.
    pub is_sealed: bool,
}

/// The backups of a directory, the oldest first.
///
/// ```
/// let dir = tempfile::tempdir().unwrap();
/// std::fs::create_dir(dir.path().join("2026-12-01T03-15-00Z")).unwrap();
/// std::fs::create_dir(dir.path().join("photos")).unwrap();
/// let found = selvedge_host::backup::folder::list(dir.path()).unwrap();
/// assert_eq!(found.len(), 1);
/// ```
///
/// # Errors
/// When the directory cannot be read.
pub fn list(dir: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(HostError::file(dir))? {
        let entry = entry.map_err(HostError::file(dir))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let Some(time) = name::time(&name) else {
            continue;
        };
        let is_sealed = name.ends_with(SEALED);
        let kind = entry.file_type().map_err(HostError::file(&entry.path()))?;
        if if is_sealed {
            kind.is_file()
        } else {
            kind.is_dir()
        } {
            found.push(Found {
                time,
                name,
                path: entry.path(),
                is_sealed,
            });
        }
    }
    found.sort();
    Ok(found)
}

/// A directory of backups that this process alone writes.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    /// The lock is released when the file is closed.
    _lock: File,
}

impl Folder {
    /// Opens a directory of backups, which is created if it is missing, and removes what an interrupted rotation left.
    ///
    /// # Errors
    /// When another process makes a backup there, or the directory cannot be written.
    pub fn open(dir: &Path) -> Result<Self> {
        match make_dir(dir) {
            Err(HostError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Err(HostError::NotFound(format!(
                    "{}: its parent directory does not exist: create it, or mount the disk that has it",
                    shown(dir)
                )));
            }
            made => made?,
        }
        let path = dir.join(".lock");
        let lock = private(OpenOptions::new().create(true).truncate(false))
            .open(&path)
            .map_err(HostError::file(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(HostError::Refused {
                    message: format!(
                        "another process is making a backup in {}: wait until it ends",
                        shown(dir)
                    ),
                    exit: Exit::Conflict,
                });
            }
            Err(fs::TryLockError::Error(error)) => return Err(HostError::file(&path)(error)),
        }
        for entry in fs::read_dir(dir).map_err(HostError::file(dir))? {
            let path = entry.map_err(HostError::file(dir))?.path();
            let is_deleted = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(DELETED));
            if is_deleted {
                remove(&path)?;
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of the backup that is being made.
    #[must_use]
    pub fn incomplete(&self) -> PathBuf {
        self.dir.join(INCOMPLETE)
    }

    /// A name for a backup that begins now: the next free second.
    ///
    /// # Errors
    /// When the clock is outside of the calendar.
    pub fn free_name(&self, mut seconds: i64) -> Result<(i64, String)> {
        loop {
            let name = name::of(seconds).ok_or_else(|| {
                HostError::Failed("the system's clock is wrong: set it".to_owned())
            })?;
            let sealed = self.dir.join(format!("{name}{SEALED}"));
            if !self.dir.join(&name).exists() && !sealed.exists() {
                return Ok((seconds, name));
            }
            seconds += 1;
        }
    }

    /// Gives the finished backup its name, so that it is found after a loss of power too.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(&self, name: &str) -> Result<PathBuf> {
        let (from, to) = (self.incomplete(), self.dir.join(name));
        for dir in [&from.join(RECORDS), &from.join(READABLE), &from] {
            if dir.exists() {
                sync(dir)?;
            }
        }
        fs::rename(&from, &to).map_err(HostError::file(&to))?;
        sync(&self.dir)?;
        Ok(to)
    }

    /// Deletes a backup. One that is deleted in part is no backup any more.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn delete(&self, found: &Found) -> Result<()> {
        let to = self.dir.join(format!("{DELETED}{}", found.name));
        fs::rename(&found.path, &to).map_err(HostError::file(&found.path))?;
        remove(&to)
    }
}

fn remove(path: &Path) -> Result<()> {
    let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_dir {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.map_err(HostError::file(path))
}

/// Options that write a file which only its owner can access.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.write(true)
}

/// Creates a file with mode 0600. An earlier file of that name is removed first, never written: another backup may be
/// linked to it.
///
/// # Errors
/// Those of the file system.
pub fn new_file(path: &Path) -> Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(HostError::file(path)(error));
        }
        _ => {}
    }
    private(OpenOptions::new().create_new(true))
        .open(path)
        .map_err(HostError::file(path))
}

/// Creates a directory with mode 0700, unless it exists.
///
/// # Errors
/// Those of the file system.
pub fn make_dir(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    match builder.create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(HostError::file(path)),
    }
}

/// Writes a file in one step: it has the earlier content or the new one.
///
/// # Errors
/// Those of the file system.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let mut file = new_file(&temporary)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(HostError::file(&temporary))?;
    fs::rename(&temporary, path).map_err(HostError::file(path))
}

/// Links an unchanged file of an earlier backup, or copies it where the file system has no links.
///
/// # Errors
/// Those of the file system.
pub fn link(from: &Path, to: &Path) -> Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(HostError::file(to)(error));
        }
        _ => {}
    }
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let mut source = File::open(from).map_err(HostError::file(from))?;
    let mut target = new_file(to)?;
    io::copy(&mut source, &mut target)
        .and_then(|_| target.sync_all())
        .map_err(HostError::file(to))
}

/// Waits until a directory is on the disk.
///
/// # Errors
/// Those of the file system.
pub fn sync(dir: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(HostError::file(dir))?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// Those of the file system.
pub fn checksum(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let file = File::open(path).map_err(HostError::file(path))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    loop {
        let chunk = reader.fill_buf().map_err(HostError::file(path))?;
        let length = chunk.len();
        if length == 0 {
            return Ok(hex(hasher));
        }
        hasher.update(chunk);
        reader.consume(length);
    }
}

/// A manifest without the collections and copies whose files are missing or differ from it.
#[must_use]
pub fn intact(dir: &Path, mut manifest: Manifest) -> Manifest {
    let is_intact =
        |file: &str, sha256: &str| checksum(&dir.join(file)).is_ok_and(|found| found == sha256);
    manifest
        .collections
        .retain(|entry| is_intact(&entry.file(), &entry.sha256));
    manifest
        .readable
        .retain(|copy| is_intact(&copy.file, &copy.sha256));
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_backups_are_listed_and_the_oldest_first() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "2026-12-02T00-00-00Z",
            "2026-12-01T00-00-00Z",
            ".incomplete",
            "x",
        ] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for name in ["2026-12-03T00-00-00Z.age", "2026-12-04T00-00-00Z", "y.age"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let found = list(dir.path()).unwrap();
        let days: Vec<&str> = found.iter().map(|found| &found.name[8..10]).collect();
        assert_eq!(days, ["01", "02", "03"]);
        assert!(found[2].is_sealed && !found[1].is_sealed);
    }

    #[test]
    fn one_process_writes_and_leftovers_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("B");
        fs::create_dir(&path).unwrap();
        fs::create_dir(path.join(".deleted-x")).unwrap();
        let folder = Folder::open(&path).unwrap();
        assert!(!path.join(".deleted-x").exists());
        assert_eq!(Folder::open(&path).unwrap_err().exit(), Exit::Conflict);
        let (seconds, name) = folder.free_name(0).unwrap();
        assert_eq!((seconds, name.as_str()), (0, "1970-01-01T00-00-00Z"));
        make_dir(&folder.incomplete()).unwrap();
        folder.finish(&name).unwrap();
        assert_eq!(folder.free_name(0).unwrap().0, 1);
        let found = list(&path).unwrap();
        folder.delete(&found[0]).unwrap();
        assert!(list(&path).unwrap().is_empty());
        drop(folder);
        Folder::open(&path).unwrap();
        let nowhere = dir.path().join("a/b");
        let said = Folder::open(&nowhere).unwrap_err();
        assert_eq!(said.exit(), Exit::NotFound);
    }

    #[test]
    fn a_linked_file_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        write(&one, b"first").unwrap();
        link(&one, &two).unwrap();
        new_file(&two).unwrap().write_all(b"second").unwrap();
        assert_eq!(fs::read(&one).unwrap(), b"first");
        assert_ne!(checksum(&one).unwrap(), checksum(&two).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_access_them() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let (sub, file) = (dir.path().join("d"), dir.path().join("f"));
        make_dir(&sub).unwrap();
        write(&file, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&sub), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn damaged_files_are_left_out() {
        use super::super::manifest::{Copy, Entry};
        use selvedge_core::ids::CollectionName;
        use selvedge_core::time::ServerTime;

        let dir = tempfile::tempdir().unwrap();
        make_dir(&dir.path().join(RECORDS)).unwrap();
        let mut manifest = Manifest::new("", 0);
        for name in ["good", "changed", "missing"] {
            let mut entry = Entry::new(CollectionName::new(name).unwrap(), ServerTime::ZERO);
            let path = dir.path().join(entry.file());
            write(&path, name.as_bytes()).unwrap();
            entry.sha256 = checksum(&path).unwrap();
            manifest.collections.push(entry);
        }
        let copy = |file: &str| Copy {
            file: file.into(),
            sha256: String::new(),
        };
        manifest.readable.push(copy("readable/x.html"));
        write(&dir.path().join("records/changed.jsonl"), b"?").unwrap();
        fs::remove_file(dir.path().join("records/missing.jsonl")).unwrap();
        let left = intact(dir.path(), manifest);
        assert_eq!(left.collections.len(), 1);
        assert!(left.readable.is_empty());
    }
}
