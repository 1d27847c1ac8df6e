//! What a run of `backup create` did, in one line.

use std::fmt;
use std::path::PathBuf;

use selvedge_core::ids::CollectionName;
use serde::Serialize;

use crate::output::{bytes, records};
use selvedge_host::backup::manifest::Manifest;
use selvedge_host::paths::shown;

/// What became of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    /// The new backup; null if none was made.
    pub(super) backup: Option<PathBuf>,
    /// Whether the last backup has all that the server has.
    pub(super) nothing_new: bool,
    /// The collections that were read from the server.
    pub(super) read: Vec<CollectionName>,
    /// The collections that were taken from an earlier backup.
    pub(super) unchanged: Vec<CollectionName>,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) damaged: u64,
    /// The backups that the rotation deleted.
    pub(super) deleted: Vec<String>,
    pub(super) dry_run: bool,
}

impl Outcome {
    /// Takes over the numbers of the backup.
    pub(super) fn count(&mut self, manifest: &Manifest) {
        self.records = manifest.records();
        self.bytes = manifest.bytes();
        self.damaged = manifest.damaged();
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[CollectionName]| {
            let names: Vec<&str> = names.iter().map(CollectionName::as_str).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        match &self.backup {
            _ if self.nothing_new => {
                write!(
                    f,
                    "Nothing new: the last backup has all that the server has"
                )?;
            }
            None => write!(
                f,
                "Would read: {}; unchanged: {}",
                names(&self.read),
                names(&self.unchanged)
            )?,
            Some(path) => write!(
                f,
                "Backed up {} ({}) to {}; read: {}; unchanged: {}",
                records(self.records),
                bytes(self.bytes),
                shown(path),
                names(&self.read),
                names(&self.unchanged)
            )?,
        }
        match self.deleted.as_slice() {
            [] => writeln!(f, "."),
            deleted => writeln!(f, "; deleted older backups: {}.", deleted.join(", ")),
        }
    }
}
