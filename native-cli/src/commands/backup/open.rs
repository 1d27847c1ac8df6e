//! Finds a backup, and opens it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;
use selvedge_host::backup::folder::{MANIFEST, list};
use selvedge_host::backup::line::Line;
use selvedge_host::backup::manifest::Manifest;
use selvedge_host::backup::read::{Event, Reader, manifest};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::paths::shown;

use super::sealed::Key;

/// Which backup of a directory is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Oldest,
    Newest,
    /// The newest that is not newer than this.
    At(ServerTime),
}

impl Which {
    pub(super) fn at(time: Option<ServerTime>) -> Self {
        time.map_or(Self::Newest, Self::At)
    }
}

/// The path of a backup: the path itself, or one in the directory.
pub(super) fn find(path: &Path, which: Which) -> Result<PathBuf> {
    if path.join(MANIFEST).is_file() || !path.is_dir() {
        if let Which::At(_) = which {
            return Err(HostError::Usage(format!(
                "--at chooses from a directory of backups, and {} is one backup: omit one of the two",
                shown(path)
            )));
        }
        return Ok(path.to_owned());
    }
    let mut found = list(path)?;
    if let Which::At(time) = which {
        let seconds = i64::try_from(time.hundredths() / 100).unwrap_or(i64::MAX);
        found.retain(|one| one.time <= seconds);
    }
    let chosen = match which {
        Which::Oldest => found.into_iter().next(),
        Which::Newest | Which::At(_) => found.pop(),
    };
    chosen.map(|one| one.path).ok_or_else(|| {
        HostError::NotFound(match which {
            Which::At(_) => format!(
                "{} has no backup that is so old: `selvedge backup list` shows its backups",
                shown(path)
            ),
            _ => format!(
                "{} has no backup: `selvedge backup create` makes one",
                shown(path)
            ),
        })
    })
}

/// A backup whose manifest is read.
pub(super) struct Backup {
    pub(super) path: PathBuf,
    pub(super) is_sealed: bool,
    /// `None` for an encrypted file until it was read to its end.
    pub(super) manifest: Option<Manifest>,
}

impl Backup {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let is_sealed = path.is_file();
        let manifest = if is_sealed {
            None
        } else {
            Some(manifest(&path)?)
        };
        Ok(Self {
            path,
            is_sealed,
            manifest,
        })
    }

    /// Reads these collections, or all.
    pub(super) fn read(
        &self,
        key: &mut Key<'_>,
        wanted: Option<BTreeSet<CollectionName>>,
    ) -> Result<Reader> {
        match &self.manifest {
            Some(manifest) if !self.is_sealed => {
                Ok(Reader::of_folder(&self.path, manifest.clone(), wanted))
            }
            _ => Ok(Reader::of_stream(&self.path, key.open(&self.path)?, wanted)),
        }
    }

    /// The manifest; of an encrypted file, after it was read to its end.
    pub(super) fn manifest(&mut self, key: &mut Key<'_>) -> Result<&Manifest> {
        if self.manifest.is_none() {
            let mut reader = self.read(key, Some(BTreeSet::new()))?;
            while let Some(event) = reader.next()? {
                if let Event::End(found) = event {
                    self.manifest = Some(*found);
                    break;
                }
            }
        }
        self.manifest
            .as_ref()
            .ok_or_else(|| HostError::Failed("the backup has no manifest: use another one".into()))
    }
}

/// A line of a backup that was checked before.
pub(super) fn parse<'a>(backup: &Backup, text: &'a str) -> Result<Line<'a>> {
    Line::parse(text.trim_end()).map_err(|bad| HostError::BadFile {
        path: backup.path.clone(),
        detail: format!("{bad}: the backup has changed since it was checked, use another one"),
    })
}
