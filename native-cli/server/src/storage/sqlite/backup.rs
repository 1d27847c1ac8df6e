//! Copies of the database, and its size on disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::schema::{Durability, check, open_writer};
use crate::storage::location::DATABASE_FILE;

/// Number of attempts on a locked database, and the pause between them.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Writes a snapshot of the database in `data` to a new file that only this user can access, while a server may be running.
/// The file appears when it is complete. Returns its bytes.
///
/// # Errors
/// When there is no database, the file exists, or one cannot be read or written.
pub(crate) fn backup(data: &Path, file: &Path) -> io::Result<u64> {
    if file.try_exists()? {
        let text = "the file exists: choose another name";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let database = existing(data)?;
    let source = Connection::open(&database).map_err(io::Error::other)?;
    check(&source, &database).map_err(io::Error::other)?;
    let directory = file.parent().filter(|parent| *parent != Path::new(""));
    // Made with mode 0600.
    let copy = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    copy_all(&source, copy.path()).map_err(io::Error::other)?;
    copy.as_file().sync_all()?;
    let bytes = copy.as_file().metadata()?.len();
    copy.persist_noclobber(file).map_err(|error| error.error)?;
    Ok(bytes)
}

fn copy_all(source: &Connection, file: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(file)?;
    {
        let backup = Backup::new(source, &mut copy)?;
        let mut tries = 0;
        // All pages in one step are one moment's state.
        while backup.step(-1)? != StepResult::Done {
            tries += 1;
            if tries == TRIES {
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(code, None));
            }
            std::thread::sleep(PAUSE);
        }
    }
    // The copy is one file, without a log beside it.
    copy.pragma_update(None, "journal_mode", "DELETE")
}

/// Bytes of the database's files before and after they were made as small as they can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    pub(crate) before: u64,
    pub(crate) after: u64,
}

/// Returns the space of deleted records to the file system. No server may run on `data`.
///
/// # Errors
/// When there is no database, or it cannot be written; there must be room for a second copy.
pub(crate) fn compact(data: &Path) -> io::Result<Compacted> {
    let database = existing(data)?;
    let before = size(&database)?;
    let connection = open_writer(&database, Durability::Full).map_err(io::Error::other)?;
    connection
        .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(io::Error::other)?;
    drop(connection);
    Ok(Compacted {
        before,
        after: size(&database)?,
    })
}

fn existing(data: &Path) -> io::Result<PathBuf> {
    let database = data.join(DATABASE_FILE);
    if database.try_exists()? {
        return Ok(database);
    }
    let text = format!(
        "there is no database {}: name the server's data directory with --data",
        database.display()
    );
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

/// Bytes of the database and its log.
fn size(database: &Path) -> io::Result<u64> {
    let log = database.with_file_name(format!("{DATABASE_FILE}-wal"));
    let log = std::fs::metadata(log).map_or(0, |metadata| metadata.len());
    Ok(std::fs::metadata(database)?.len() + log)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(file: &Path) -> i64 {
        let copy = Connection::open(file).unwrap();
        copy.query_row("SELECT COUNT(*) FROM users", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_backup_has_what_is_only_in_the_log_and_is_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let writer = open_writer(&directory.path().join(DATABASE_FILE), Durability::Full).unwrap();
        for uid in 0..100 {
            writer
                .execute("INSERT INTO users VALUES (?1, 1)", [uid])
                .unwrap();
        }
        let copies = tempfile::tempdir().unwrap();
        let file = copies.path().join("backup.sqlite");
        assert!(backup(directory.path(), &file).unwrap() > 0);
        assert_eq!(users(&file), 100);
        writer
            .execute("INSERT INTO users VALUES (100, 1)", [])
            .unwrap();
        let again = backup(directory.path(), &file).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(users(&file), 100);
        assert_eq!(std::fs::read_dir(copies.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // A server opens it as it is.
        let restored = tempfile::tempdir().unwrap();
        std::fs::copy(&file, restored.path().join(DATABASE_FILE)).unwrap();
        open_writer(&restored.path().join(DATABASE_FILE), Durability::Full).unwrap();
    }

    #[test]
    fn what_is_no_database_is_not_backed_up() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("backup.sqlite");
        let missing = backup(directory.path(), &file).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        std::fs::write(directory.path().join(DATABASE_FILE), "text ".repeat(1000)).unwrap();
        assert!(backup(directory.path(), &file).is_err());
        assert!(!file.exists());
    }

    #[test]
    fn a_compacted_database_is_small_again() {
        let directory = tempfile::tempdir().unwrap();
        let writer = open_writer(&directory.path().join(DATABASE_FILE), Durability::Full).unwrap();
        let payload = vec![b'x'; 1024 * 1024];
        let insert = "INSERT INTO records (collection, modified, sortindex, id, payload) VALUES (1, 1, 0, ?1, ?2)";
        for number in 0..4 {
            writer
                .execute(insert, rusqlite::params![number.to_string(), payload])
                .unwrap();
        }
        writer.execute("DELETE FROM records", []).unwrap();
        drop(writer);
        let compacted = compact(directory.path()).unwrap();
        assert!(compacted.before > 4 * 1024 * 1024, "{compacted:?}");
        assert!(compacted.after < 512 * 1024, "{compacted:?}");
        assert_eq!(compact(directory.path()).unwrap().before, compacted.after);
    }
}
