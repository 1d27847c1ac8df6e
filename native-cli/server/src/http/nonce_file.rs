//! The file of seen requests: entries of 16 bytes, appended as requests arrive.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const ENTRY: usize = 16;
/// Marks the minute of an entry that retires tokens.
const RETIRED: u64 = 1 << 63;
/// Size of the buffer for reads. A kill may lose it, and performing a read again does no harm.
const BUFFER: usize = 4096;
/// A file is rewritten when it has this many entries more than twice those that are valid.
const SLACK: usize = 64 * 1024;

/// An entry of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// A request with this MAC, whose token expires in this minute.
    Seen { minute: u64, mac: u64 },
    /// Tokens that expire in this minute or earlier are treated as expired.
    Retired { minute: u64 },
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY] {
        let (minute, mac) = match self {
            Self::Seen { minute, mac } => (minute & !RETIRED, mac),
            Self::Retired { minute } => (minute | RETIRED, 0),
        };
        (u128::from(minute) << 64 | u128::from(mac)).to_be_bytes()
    }

    fn from_bytes(bytes: [u8; ENTRY]) -> Self {
        let both = u128::from_be_bytes(bytes);
        let (minute, mac) = ((both >> 64) as u64, both as u64);
        if minute & RETIRED == 0 {
            Self::Seen { minute, mac }
        } else {
            Self::Retired {
                minute: minute & !RETIRED,
            }
        }
    }
}

/// The file, open to append.
#[derive(Debug)]
pub(super) struct NonceFile {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    entries: usize,
}

impl NonceFile {
    /// Reads the entries of a file; a missing one has none. An incomplete last entry is ignored.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(path: &Path, mut each: impl FnMut(Entry)) -> io::Result<()> {
        let mut file = match File::open(path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut bytes = [0; ENTRY];
        loop {
            match file.read_exact(&mut bytes) {
                Ok(()) => each(Entry::from_bytes(bytes)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Replaces the file by one with only these entries.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn create(path: &Path, entries: impl Iterator<Item = Entry>) -> io::Result<Self> {
        let directory = path.parent().unwrap_or(Path::new("."));
        // Made with mode 0600.
        let mut new = tempfile::NamedTempFile::new_in(directory)?;
        let mut count = 0;
        let mut writer = BufWriter::new(new.as_file_mut());
        for entry in entries {
            writer.write_all(&entry.to_bytes())?;
            count += 1;
        }
        writer.flush()?;
        drop(writer);
        new.persist(path).map_err(|error| error.error)?;
        Ok(Self {
            path: path.to_owned(),
            file: OpenOptions::new().append(true).open(path)?,
            buffer: Vec::new(),
            entries: count,
        })
    }

    /// Adds an entry, immediately or with the next ones.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn append(&mut self, entry: Entry, at_once: bool) -> io::Result<()> {
        self.buffer.extend_from_slice(&entry.to_bytes());
        self.entries += 1;
        if at_once || self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Whether most of the file is no longer valid.
    pub(super) fn is_mostly_old(&self, counting: usize) -> bool {
        self.entries > 2 * counting + SLACK
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for NonceFile {
    fn drop(&mut self) {
        // Only reads are in the buffer.
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Entry = Entry::Seen {
        minute: 30_000_000,
        mac: u64::MAX,
    };

    fn entries(path: &Path) -> Vec<Entry> {
        let mut entries = Vec::new();
        NonceFile::read(path, |entry| entries.push(entry)).unwrap();
        entries
    }

    #[test]
    fn entries_read_as_they_were_written_and_a_cut_one_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nonces");
        assert_eq!(entries(&path), []);
        let retired = Entry::Retired { minute: 7 };
        let mut file = NonceFile::create(&path, [retired].into_iter()).unwrap();
        file.append(SEEN, true).unwrap();
        assert_eq!(entries(&path), [retired, SEEN]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 1);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(entries(&path), [retired]);
    }

    #[test]
    fn entries_that_may_wait_are_written_with_the_next_and_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nonces");
        let mut file = NonceFile::create(&path, std::iter::empty()).unwrap();
        file.append(SEEN, false).unwrap();
        assert_eq!(entries(&path).len(), 0);
        file.append(SEEN, true).unwrap();
        assert_eq!(entries(&path).len(), 2);
        file.append(SEEN, false).unwrap();
        drop(file);
        assert_eq!(entries(&path).len(), 3);
    }
}
