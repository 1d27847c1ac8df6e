//! The time of a new backup, and which older ones are deleted after it.

use selvedge_core::host::Clock as _;

use selvedge_host::SystemClock;
use selvedge_host::backup::folder::{Folder, list};
use selvedge_host::backup::keep::Keep;
use selvedge_host::exit::Result;

/// Deletes the backups that are not kept, and returns their names.
pub(super) fn rotate(folder: &Folder, keep: Keep) -> Result<Vec<String>> {
    let found = list(folder.dir())?;
    let times: Vec<i64> = found.iter().map(|found| found.time).collect();
    let mut deleted = Vec::new();
    for at in keep.surplus(&times) {
        if let Some(surplus) = found.get(at) {
            folder.delete(surplus)?;
            deleted.push(surplus.name.clone());
        }
    }
    Ok(deleted)
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    i64::try_from(SystemClock.now().millis() / 1000).unwrap_or(i64::MAX)
}
