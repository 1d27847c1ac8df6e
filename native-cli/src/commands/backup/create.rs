//! `backup create`: reads what has changed from the server, and takes the rest from the last backup.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use selvedge_core::ids::CollectionName;
use selvedge_core::server::Conditional;
use selvedge_core::time::ServerTime;

use super::bases::Bases;
use super::collection::read_to_file;
use super::create_sealed::sealed;
use super::grammar::CreateArgs;
use super::outcome::Outcome;
use super::readable;
use super::rotate::{now, rotate};
use super::sealed::Lock;
use crate::device::Device;
use crate::output::{printable, records};
use crate::progress::Progress;
use crate::remote::Remote;
use selvedge_host::backup::folder::{self, Folder, MANIFEST, READABLE, RECORDS, link, make_dir};
use selvedge_host::backup::manifest::{Entry, Manifest, file_of};
use selvedge_host::backup::plan::{KEYS, Plan, Step, plan};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::paths::shown;

/// Makes a backup.
pub(super) async fn run(device: &Device, args: &CreateArgs) -> Result<()> {
    let lock = Lock::of(&device.output, args)?;
    let (made, outcome) = match &lock {
        Some(lock) => sealed(device, args, lock).await?,
        None => in_folder(device, args).await?,
    };
    for entry in made.iter().flat_map(|manifest| &manifest.collections) {
        name_damaged(device, entry);
    }
    device.output.answer(&outcome)?;
    match outcome.damaged {
        0 => Ok(()),
        count => Err(HostError::Partial(format!(
            "{} cannot be read and {} not in the backup; the others are",
            records(count),
            if count == 1 { "is" } else { "are" }
        ))),
    }
}

/// Names the records that could not be read, even with --quiet.
fn name_damaged(device: &Device, entry: &Entry) {
    let output = crate::output::Output {
        quiet: false,
        ..device.output
    };
    for record in &entry.damaged_records {
        output.note(printable(&format!(
            "{}: record {}: {}",
            entry.name, record.id, record.reason
        )));
    }
    let more = entry.damaged - entry.damaged_records.len() as u64;
    if more > 0 {
        output.note(format_args!("{}: {} more", entry.name, records(more)));
    }
}

async fn in_folder(device: &Device, args: &CreateArgs) -> Result<(Option<Manifest>, Outcome)> {
    if args.path.is_file() {
        return Err(HostError::Usage(format!(
            "{} is a file: a backup without encryption is a directory; name another path, or encrypt with --passphrase-file or --encrypt",
            shown(&args.path)
        )));
    }
    let dry_run = args.dry_run.dry_run;
    let folder = (!dry_run).then(|| Folder::open(&args.path)).transpose()?;
    let mut bases = Bases::of(&args.path)?;
    let progress = Progress::new(&device.output);
    progress.say("reading the list of collections");
    let host = device.network();
    let (mut remote, info) = {
        let bases = &bases;
        Remote::connect_by(device, &host, async |remote| {
            let first = bases.found.first();
            let is_same = first.is_some_and(|(_, base)| base.endpoint == remote.client.endpoint());
            let condition = bases.condition.filter(|_| is_same);
            remote.client.info_collections(condition).await
        })
        .await?
    };
    bases.only_of(remote.client.endpoint());
    let manifests: Vec<Manifest> = bases.found.iter().map(|(_, base)| base.clone()).collect();
    let (steps, times, last_modified) = match info {
        Conditional::Unmodified => (Plan::NothingNew, BTreeMap::new(), None),
        Conditional::Changed {
            value,
            last_modified,
        } => {
            let times: BTreeMap<CollectionName, ServerTime> = value
                .iter()
                .map(|(name, time)| (name.clone(), time))
                .collect();
            let steps = plan(&times, &manifests, bases.is_complete);
            (steps, times, Some(last_modified))
        }
    };
    let steps = match steps {
        Plan::Make(steps) => steps,
        Plan::NothingNew => {
            let base = manifests.into_iter().next();
            let mut outcome = Outcome {
                nothing_new: true,
                dry_run,
                damaged: base.as_ref().map_or(0, Manifest::damaged),
                ..Outcome::default()
            };
            if let (Some(folder), Some(keep)) = (&folder, args.keep) {
                outcome.deleted = rotate(folder, keep)?;
            }
            return Ok((base, outcome));
        }
    };
    let named = |is_read: bool| {
        let steps = steps
            .iter()
            .filter(move |(.., step)| (*step == Step::Read) == is_read);
        steps.map(|(name, ..)| name.clone()).collect()
    };
    let mut outcome = Outcome {
        read: named(true),
        unchanged: named(false),
        dry_run,
        ..Outcome::default()
    };
    let Some(folder) = folder else {
        return Ok((None, outcome));
    };
    let (created, name) = folder.free_name(now())?;
    let dir = folder.incomplete();
    make_dir(&dir)?;
    make_dir(&dir.join(RECORDS))?;
    make_dir(&dir.join(READABLE))?;
    let mut new = Manifest::new(remote.client.endpoint(), created);
    new.keys_modified = times
        .iter()
        .find(|(name, _)| name.as_str() == KEYS)
        .map(|(_, time)| *time);
    // What the interrupted run had is in the manifest until the new one is complete, so that nothing is read twice.
    let before = bases.found.iter().find(|(path, _)| *path == dir);
    let before = before.map(|(_, manifest)| manifest.collections.clone());
    let before = before.unwrap_or_default();
    for (name, time, step) in steps {
        let path = dir.join(file_of(&name));
        let reused = match step {
            Step::Reuse(base) => bases.found.get(base),
            Step::Read => None,
        };
        let entry = reused.and_then(|(from, base)| Some((from, base.entry(&name)?.clone())));
        if let Some((from, entry)) = entry {
            if *from != dir {
                link(&from.join(entry.file()), &path)?;
            }
            new.collections.push(entry);
        } else {
            progress.say(format!("reading {name}"));
            let entry = read_to_file(&mut remote, &name, time, &path).await?;
            new.collections.push(entry);
            keep_interim(&dir, &new, &before)?;
        }
    }
    copy_readable(&bases, &outcome, &dir, &mut new)?;
    remove_others(&dir, &new)?;
    new.last_modified = last_modified;
    folder::write(&dir.join(MANIFEST), new.to_json().as_bytes())?;
    outcome.backup = Some(folder.finish(&name)?);
    outcome.count(&new);
    if let Some(keep) = args.keep {
        outcome.deleted = rotate(&folder, keep)?;
    }
    Ok((Some(new), outcome))
}

/// Writes down which files of an unfinished backup are complete.
fn keep_interim(dir: &Path, new: &Manifest, before: &[Entry]) -> Result<()> {
    let mut interim = new.clone();
    let others = before
        .iter()
        .filter(|entry| new.entry(&entry.name).is_none());
    interim.collections.extend(others.cloned());
    folder::write(&dir.join(MANIFEST), interim.to_json().as_bytes())
}

/// Makes the copy of the bookmarks, or links it if the bookmarks are those of the last backup.
fn copy_readable(bases: &Bases, outcome: &Outcome, dir: &Path, new: &mut Manifest) -> Result<()> {
    let is_unchanged = outcome
        .unchanged
        .iter()
        .any(|name| name.as_str() == readable::BOOKMARKS);
    let last = bases
        .found
        .first()
        .filter(|(path, _)| is_unchanged && path != dir);
    if let Some((from, base)) = last
        && let Some(copy) = base.readable.first()
    {
        link(&from.join(&copy.file), &dir.join(&copy.file))?;
        new.readable.push(copy.clone());
        return Ok(());
    }
    new.readable.extend(readable::bookmarks(dir, new)?);
    Ok(())
}

/// Removes files of an interrupted run that are not part of the backup.
fn remove_others(dir: &Path, new: &Manifest) -> Result<()> {
    let files = new.collections.iter().map(Entry::file);
    let copies = new.readable.iter().map(|copy| copy.file.clone());
    let wanted: Vec<PathBuf> = files.chain(copies).map(|file| dir.join(file)).collect();
    for part in [RECORDS, READABLE] {
        let part = dir.join(part);
        for entry in fs::read_dir(&part).map_err(HostError::file(&part))? {
            let path = entry.map_err(HostError::file(&part))?.path();
            if !wanted.contains(&path) {
                fs::remove_file(&path).map_err(HostError::file(&path))?;
            }
        }
    }
    Ok(())
}
