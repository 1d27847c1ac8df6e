//! Restores records to a directory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use selvedge_core::ids::CollectionName;
use selvedge_core::reconcile::TombstoneFinder;

use super::open::{Backup, parse};
use super::preview::{Counts, View};
use super::sealed::Key;
use crate::device::Device;
use selvedge_host::backup::folder::{make_dir, new_file, sync};
use selvedge_host::backup::read::Event;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::paths::shown;

/// Writes the cleartexts to a new directory.
pub(super) fn to_dir(
    device: &Device,
    backup: &Backup,
    key: &mut Key<'_>,
    wanted: Vec<CollectionName>,
    dir: &Path,
    dry_run: bool,
) -> Result<()> {
    if dir.exists() {
        return Err(HostError::Usage(format!(
            "{} exists: name a new directory with --to-dir",
            shown(dir)
        )));
    }
    if !dry_run {
        make_dir(dir)?;
    }
    let tombstones = TombstoneFinder::default();
    let mut counts: Vec<Counts> = Vec::new();
    let mut file = None;
    let mut reader = backup.read(key, Some(wanted.into_iter().collect()))?;
    while let Some(event) = reader.next()? {
        match event {
            Event::Collection(name) => {
                close(file.take(), dir)?;
                if !dry_run {
                    let path = dir.join(format!("{name}.jsonl"));
                    file = Some(BufWriter::with_capacity(1 << 16, new_file(&path)?));
                }
                counts.push(Counts::new(name));
            }
            Event::Record(text) => {
                let line = parse(backup, text)?;
                if tombstones.is_tombstone(line.payload.get()) {
                    continue;
                }
                if let Some(counts) = counts.last_mut() {
                    counts.added += 1;
                }
                if let Some(file) = &mut file {
                    writeln!(file, "{}", line.payload.get()).map_err(HostError::file(dir))?;
                }
            }
            Event::End(manifest) => {
                close(file.take(), dir)?;
                if !dry_run {
                    sync(dir)?;
                }
                return device.output.answer(&View {
                    created: manifest.created,
                    other_account: false,
                    collections: counts,
                    failed: 0,
                    dry_run,
                });
            }
        }
    }
    Ok(())
}

fn close(file: Option<BufWriter<File>>, dir: &Path) -> Result<()> {
    let Some(mut file) = file else { return Ok(()) };
    file.flush()
        .and_then(|()| file.get_ref().sync_all())
        .map_err(HostError::file(dir))
}
