//! What the last encrypted backup of a directory contains, so that the next run need not decrypt it to see that nothing
//! is new: names, times and counts, no contents.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sealed::Lock;
use selvedge_host::backup::folder::{self, checksum, list};
use selvedge_host::backup::manifest::Manifest;
use selvedge_host::exit::{HostError, Result};

/// Its name in the directory of the backups.
const FILE: &str = ".last-encrypted.json";

#[derive(Serialize, Deserialize)]
struct Index {
    /// The name of the backup.
    name: String,
    sha256: String,
    /// The public keys; empty for a passphrase.
    recipients: Vec<String>,
    manifest: Manifest,
}

/// The manifest of the newest encrypted backup if it is intact and this lock's keys open it.
pub(super) fn read(dir: &Path, lock: &Lock) -> Option<Manifest> {
    let json = fs::read_to_string(dir.join(FILE)).ok()?;
    let index: Index = serde_json::from_str(&json).ok()?;
    let newest = list(dir).ok()?.into_iter().rfind(|found| found.is_sealed)?;
    let is_same = newest.name == index.name
        && lock.recipients() == index.recipients
        && checksum(&newest.path).is_ok_and(|found| found == index.sha256)
        && lock.may_open(&newest.path);
    is_same.then_some(index.manifest)
}

/// Keeps the manifest of a new encrypted backup.
pub(super) fn write(dir: &Path, backup: &Path, lock: &Lock, manifest: &Manifest) -> Result<()> {
    let name = backup.file_name().and_then(|name| name.to_str());
    let index = Index {
        name: name.unwrap_or_default().into(),
        sha256: checksum(backup)?,
        recipients: lock.recipients(),
        manifest: manifest.clone(),
    };
    let json = serde_json::to_vec(&index).map_err(|error| HostError::Failed(error.to_string()))?;
    folder::write(&dir.join(FILE), &json)
}
