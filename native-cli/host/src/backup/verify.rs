//! What is wrong with the records of a backup.

use std::fmt;

use selvedge_core::reconcile::TombstoneFinder;
use sha2::{Digest as _, Sha256};

use super::line::{BadLine, Line};
use super::manifest::Entry;

/// Maximum number of invalid lines that are named for each collection.
const MAX_NAMED: usize = 20;

/// Counts the lines of one collection as they are written or read.
///
/// ```
/// use selvedge_host::backup::verify::Tally;
///
/// let mut tally = Tally::default();
/// tally.add("{\"id\":\"a\",\"modified\":1,\"payload\":{\"id\":\"a\",\"deleted\":true}}\n");
/// assert_eq!((tally.records(), tally.tombstones()), (0, 1));
/// ```
#[derive(Default)]
pub struct Tally {
    hasher: Sha256,
    tombstone_finder: TombstoneFinder,
    lines: u64,
    records: u64,
    tombstones: u64,
    bytes: u64,
    invalid: u64,
    named: Vec<(u64, BadLine)>,
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("records", &self.records)
            .field("tombstones", &self.tombstones)
            .finish_non_exhaustive()
    }
}

impl Tally {
    /// Adds a line with its end; an invalid one is counted.
    pub fn add(&mut self, line: &str) {
        // What is wrong is kept for `judge`.
        let _ = self.add_checked(line);
    }

    /// Adds a line with its end.
    ///
    /// # Errors
    /// When it is not a record.
    pub fn add_checked(&mut self, line: &str) -> Result<(), BadLine> {
        self.lines += 1;
        self.bytes += line.len() as u64;
        self.hasher.update(line.as_bytes());
        match Line::parse(line.trim_end()) {
            Ok(line) if self.tombstone_finder.is_tombstone(line.payload.get()) => {
                self.tombstones += 1;
            }
            Ok(_) => self.records += 1,
            Err(bad) => {
                self.invalid += 1;
                if self.named.len() < MAX_NAMED {
                    self.named.push((self.lines, bad));
                }
                return Err(bad);
            }
        }
        Ok(())
    }

    /// Number of records, without tombstones.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Number of tombstones.
    #[must_use]
    pub const fn tombstones(&self) -> u64 {
        self.tombstones
    }

    /// Writes the counts and the checksum into a collection's entry.
    pub fn fill(self, entry: &mut Entry) {
        entry.records = self.records;
        entry.tombstones = self.tombstones;
        entry.bytes = self.bytes;
        entry.sha256 = hex(self.hasher);
    }

    /// Compares with what the manifest says.
    #[must_use]
    pub fn judge(self, entry: &Entry) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self
            .named
            .iter()
            .map(|(line, bad)| Problem::Line(*line, *bad))
            .collect();
        if self.invalid > self.named.len() as u64 {
            problems.push(Problem::MoreLines(self.invalid - self.named.len() as u64));
        }
        let found = self.records + self.tombstones + self.invalid;
        let expected = entry.records.saturating_add(entry.tombstones);
        if found != expected {
            problems.push(Problem::Count { expected, found });
        } else if self.bytes != entry.bytes || hex(self.hasher) != entry.sha256 {
            problems.push(Problem::Checksum);
        }
        problems
    }
}

/// The digits of a hash.
#[must_use]
pub fn hex(hasher: Sha256) -> String {
    use fmt::Write as _;

    hasher
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// What is wrong with a collection of a backup.
///
/// ```
/// use selvedge_host::backup::verify::Problem;
///
/// let problem = Problem::Count { expected: 7, found: 6 };
/// assert_eq!(problem.to_string(), "it has 6 records instead of 7");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A line is not a record.
    #[error("line {0}: {1}")]
    Line(u64, BadLine),
    /// More lines are no records.
    #[error("{0} more lines are not records")]
    MoreLines(u64),
    /// There are more or fewer records than the manifest says.
    #[error("it has {found} records instead of {expected}")]
    Count {
        /// As the manifest says.
        expected: u64,
        /// In the file.
        found: u64,
    },
    /// The content is not what was written.
    #[error("its content has changed since the backup: the SHA-256 differs from the manifest's")]
    Checksum,
    /// The file is missing or cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

#[cfg(test)]
mod tests {
    use selvedge_core::ids::CollectionName;
    use selvedge_core::time::ServerTime;

    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.add(&format!("{line}\n"));
        }
        tally
    }

    #[test]
    fn every_row() {
        let a = r#"{"id":"a","modified":1,"payload":{"id":"a"}}"#;
        let b = r#"{"id":"b","modified":1,"payload":{"id":"b","deleted":true}}"#;
        let other = r#"{"id":"a","modified":1,"payload":{"id":"a","x":1}}"#;
        let mut entry = Entry::new(CollectionName::new("notes").unwrap(), ServerTime::ZERO);
        tally(&[a, b]).fill(&mut entry);
        assert_eq!((entry.records, entry.tombstones), (1, 1));
        let rows: [(&[&str], Vec<Problem>); 6] = [
            (&[a, b], vec![]),
            (&[b, a], vec![Problem::Checksum]),
            (&[other, b], vec![Problem::Checksum]),
            (
                &[a],
                vec![Problem::Count {
                    expected: 2,
                    found: 1,
                }],
            ),
            (
                &[a, b, b],
                vec![Problem::Count {
                    expected: 2,
                    found: 3,
                }],
            ),
            (
                &[a, "x"],
                vec![Problem::Line(2, BadLine::NotARecord), Problem::Checksum],
            ),
        ];
        for (lines, expected) in rows {
            assert_eq!(tally(lines).judge(&entry), expected, "{lines:?}");
        }
        let bad = tally(&["x"; 30]).judge(&entry);
        assert_eq!(bad.len(), MAX_NAMED + 2);
        assert_eq!(bad[MAX_NAMED], Problem::MoreLines(10));
    }
}
