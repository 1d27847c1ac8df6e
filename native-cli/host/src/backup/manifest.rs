//! What a backup contains, with counts and checksums.

use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;
use serde::{Deserialize, Serialize};

/// The version of the format that this program writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
/// Maximum number of unreadable records that are named for each collection.
pub const MAX_NAMED: usize = 100;

/// The content of `manifest.json`, or the last line of a backup in one file.
///
/// ```
/// use selvedge_host::backup::manifest::Manifest;
///
/// let manifest = Manifest::new("https://sync.example/1.5/7", 1_796_122_244);
/// assert_eq!(Manifest::parse(&manifest.to_json()).unwrap(), manifest);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Seconds since 1970 when the backup began.
    pub created: i64,
    /// The account's storage on its server.
    pub endpoint: String,
    /// The time of the server's list of collections: the condition of the next backup's request.
    #[serde(default)]
    pub last_modified: Option<ServerTime>,
    /// The time of the account's keys on the server.
    #[serde(default)]
    pub keys_modified: Option<ServerTime>,
    /// The collections in the order of their names.
    pub collections: Vec<Entry>,
    /// Readable copies.
    #[serde(default)]
    pub readable: Vec<Copy>,
}

/// One collection of a backup.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::time::ServerTime;
/// use selvedge_host::backup::manifest::Entry;
///
/// let entry = Entry::new(CollectionName::new("notes").unwrap(), ServerTime::ZERO);
/// assert_eq!(entry.file(), "records/notes.jsonl");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its name.
    pub name: CollectionName,
    /// When it was last modified on the server.
    pub modified: ServerTime,
    /// Number of records, without tombstones.
    pub records: u64,
    /// Number of tombstones: records that devices have deleted.
    pub tombstones: u64,
    /// Length of its lines.
    pub bytes: u64,
    /// SHA-256 of its lines, in hexadecimal.
    pub sha256: String,
    /// Number of records that could not be read.
    #[serde(default)]
    pub damaged: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged_records: Vec<Damaged>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    /// Its id.
    pub id: String,
    /// Why it could not be read.
    pub reason: String,
}

/// A file for people that is made from the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Its path in the backup.
    pub file: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Why a manifest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadManifest {
    /// Not JSON, or a member is missing.
    #[error("it is not the manifest of a backup, or it is damaged: use another backup")]
    Unreadable,
    /// Written by a newer program.
    #[error("the backup has format {0}, and this program reads format {FORMAT}: update it")]
    Newer(u32),
}

impl Manifest {
    /// A manifest without collections.
    #[must_use]
    pub fn new(endpoint: &str, created: i64) -> Self {
        Self {
            format: FORMAT,
            created,
            endpoint: endpoint.into(),
            last_modified: None,
            keys_modified: None,
            collections: Vec::new(),
            readable: Vec::new(),
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`BadManifest`].
    pub fn parse(json: &str) -> Result<Self, BadManifest> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_str(json).map_err(|_| BadManifest::Unreadable)?;
        if format != FORMAT {
            return Err(BadManifest::Newer(format));
        }
        serde_json::from_str(json).map_err(|_| BadManifest::Unreadable)
    }

    /// The manifest as JSON in one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names and numbers are JSON")
    }

    /// The entry of a collection.
    #[must_use]
    pub fn entry(&self, name: &CollectionName) -> Option<&Entry> {
        self.collections.iter().find(|entry| entry.name == *name)
    }

    /// Number of records of all collections.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.collections.iter().map(|entry| entry.records).sum()
    }

    /// Length of all records.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.collections.iter().map(|entry| entry.bytes).sum()
    }

    /// Number of records that could not be read.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.collections.iter().map(|entry| entry.damaged).sum()
    }
}

impl Entry {
    /// A collection without records.
    #[must_use]
    pub const fn new(name: CollectionName, modified: ServerTime) -> Self {
        Self {
            name,
            modified,
            records: 0,
            tombstones: 0,
            bytes: 0,
            sha256: String::new(),
            damaged: 0,
            damaged_records: Vec::new(),
        }
    }

    /// The path of its file in a backup.
    #[must_use]
    pub fn file(&self) -> String {
        file_of(&self.name)
    }

    /// Counts a record that could not be read, and names it if not too many are named already.
    pub fn add_damaged(&mut self, id: &str, reason: &str) {
        self.damaged += 1;
        if self.damaged_records.len() < MAX_NAMED {
            self.damaged_records.push(Damaged {
                id: id.into(),
                reason: reason.into(),
            });
        }
    }
}

/// The path of a collection's file in a backup.
#[must_use]
pub fn file_of(name: &CollectionName) -> String {
    format!("records/{name}.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        let good = Manifest::new("https://x.example", 5).to_json();
        for (json, expected) in [
            (good.clone(), None),
            (
                good.replace("\"format\":1", "\"format\":2"),
                Some(BadManifest::Newer(2)),
            ),
            (
                good.replace("\"created\":5,", ""),
                Some(BadManifest::Unreadable),
            ),
            (good.replace('}', ""), Some(BadManifest::Unreadable)),
            (String::new(), Some(BadManifest::Unreadable)),
        ] {
            assert_eq!(Manifest::parse(&json).err(), expected, "{json}");
        }
        // A name leads to no other directory.
        let mut manifest = Manifest::new("", 0);
        let name = CollectionName::new("notes").unwrap();
        manifest
            .collections
            .push(Entry::new(name, ServerTime::ZERO));
        let bad = manifest.to_json().replace("\"notes\"", "\"../x\"");
        assert_eq!(Manifest::parse(&bad), Err(BadManifest::Unreadable));
    }

    #[test]
    fn not_all_damaged_records_are_named() {
        let mut entry = Entry::new(CollectionName::new("notes").unwrap(), ServerTime::ZERO);
        for n in 0..MAX_NAMED + 7 {
            entry.add_damaged(&n.to_string(), "why");
        }
        assert_eq!(entry.damaged, 107);
        assert_eq!(entry.damaged_records.len(), MAX_NAMED);
    }
}
