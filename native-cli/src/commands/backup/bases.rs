//! The earlier backups that a new one can take collections from.

use std::path::{Path, PathBuf};

use selvedge_core::time::ServerTime;

use selvedge_host::backup::folder::{INCOMPLETE, intact, list};
use selvedge_host::backup::manifest::Manifest;
use selvedge_host::backup::read::manifest;
use selvedge_host::exit::Result;

/// Earlier backups in a directory, reduced to what is intact.
pub(super) struct Bases {
    /// The newest finished backup, then the interrupted one.
    pub(super) found: Vec<(PathBuf, Manifest)>,
    /// Whether the first one is finished.
    pub(super) is_complete: bool,
    /// The condition of the first request, if the first base is a whole backup.
    pub(super) condition: Option<ServerTime>,
}

impl Bases {
    pub(super) fn of(dir: &Path) -> Result<Self> {
        let mut bases = Self {
            found: Vec::new(),
            is_complete: false,
            condition: None,
        };
        if !dir.is_dir() {
            return Ok(bases);
        }
        let newest = list(dir)?.into_iter().rfind(|found| !found.is_sealed);
        // A damaged manifest is no base: all is read again.
        if let Some(newest) = newest
            && let Ok(whole) = manifest(&newest.path)
        {
            let good = intact(&newest.path, whole.clone());
            bases.condition = good.last_modified.filter(|_| good == whole);
            bases.is_complete = true;
            bases.found.push((newest.path, good));
        }
        let interrupted = dir.join(INCOMPLETE);
        if let Ok(whole) = manifest(&interrupted) {
            let good = intact(&interrupted, whole);
            bases.found.push((interrupted, good));
        }
        Ok(bases)
    }

    /// Removes those of another account.
    pub(super) fn only_of(&mut self, endpoint: &str) {
        let first = self.found.first().map(|(path, _)| path.clone());
        self.found
            .retain(|(_, manifest)| manifest.endpoint == endpoint);
        self.is_complete &= self.found.first().map(|(path, _)| path) == first.as_ref();
    }
}
