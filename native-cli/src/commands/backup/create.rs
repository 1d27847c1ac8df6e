//! `backup create`: reads what has changed from the server, and takes the rest from the last backup.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use selvedge_core::engine::FIREFOX_ENGINES;
use selvedge_core::error::Error;
use selvedge_core::host::Clock as _;
use selvedge_core::ids::CollectionName;
use selvedge_core::server::Conditional;
use selvedge_core::time::ServerTime;
use serde::Serialize;

use super::download::download;
use super::grammar::CreateArgs;
use super::readable;
use super::sealed::{Lock, Writer};
use crate::device::Device;
use crate::output::{bytes, printable, records};
use crate::progress::Progress;
use crate::remote::Remote;
use selvedge_host::SystemClock;
use selvedge_host::backup::folder::{
    self, Folder, MANIFEST, READABLE, RECORDS, intact, link, list, make_dir, new_file, sync,
};
use selvedge_host::backup::keep::Keep;
use selvedge_host::backup::line;
use selvedge_host::backup::manifest::{Entry, Manifest};
use selvedge_host::backup::name::SEALED;
use selvedge_host::backup::plan::{KEYS, Plan, Step, plan};
use selvedge_host::backup::read::{collection_line, first_line, last_line, manifest};
use selvedge_host::backup::verify::Tally;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::paths::shown;

/// Maximum number of attempts to read what another device changes meanwhile.
const ATTEMPTS: u32 = 3;

/// What became of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    /// The new backup; null if none was made.
    backup: Option<PathBuf>,
    /// Whether the last backup has all that the server has.
    nothing_new: bool,
    /// The collections that were read from the server.
    read: Vec<CollectionName>,
    /// The collections that were taken from an earlier backup.
    unchanged: Vec<CollectionName>,
    records: u64,
    bytes: u64,
    damaged: u64,
    /// The backups that the rotation deleted.
    deleted: Vec<String>,
    dry_run: bool,
}

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

/// Earlier backups in a directory, reduced to what is intact.
struct Bases {
    /// The newest finished backup, then the interrupted one.
    found: Vec<(PathBuf, Manifest)>,
    /// Whether the first one is finished.
    is_complete: bool,
    /// The condition of the first request, if the first base is a whole backup.
    condition: Option<ServerTime>,
}

impl Bases {
    fn of(dir: &Path) -> Result<Self> {
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
    fn only_of(&mut self, endpoint: &str) {
        let first = self.found.first().map(|(path, _)| path.clone());
        self.found
            .retain(|(_, manifest)| manifest.endpoint == endpoint);
        self.is_complete &= self.found.first().map(|(path, _)| path) == first.as_ref();
    }
}

const INCOMPLETE: &str = ".incomplete";

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
        let path = dir.join(selvedge_host::backup::manifest::file_of(&name));
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

fn rotate(folder: &Folder, keep: Keep) -> Result<Vec<String>> {
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

fn now() -> i64 {
    i64::try_from(SystemClock.now().millis() / 1000).unwrap_or(i64::MAX)
}

/// Reads a collection into a file, again if another device writes to it meanwhile.
async fn read_to_file(
    remote: &mut Remote<'_>,
    name: &CollectionName,
    time: ServerTime,
    path: &Path,
) -> Result<Entry> {
    let mut attempt = 1;
    loop {
        let mut out = BufWriter::with_capacity(1 << 16, new_file(path)?);
        match read_to(remote, name, time, &mut out, path).await {
            Err(HostError::Core(Error::Conflict { .. })) if attempt < ATTEMPTS => attempt += 1,
            read => {
                let entry = read?;
                out.flush()
                    .and_then(|()| out.get_ref().sync_all())
                    .map_err(HostError::file(path))?;
                return Ok(entry);
            }
        }
    }
}

/// Writes the lines of a collection, each of which is checked as `backup verify` does.
async fn read_to(
    remote: &mut Remote<'_>,
    name: &CollectionName,
    time: ServerTime,
    out: &mut impl Write,
    path: &Path,
) -> Result<Entry> {
    if name.as_str() != "meta" {
        remote.fetch_keys().await?;
    }
    let engine = FIREFOX_ENGINES
        .iter()
        .find(|engine| engine.name == name.as_str());
    let ttl = engine.and_then(|engine| engine.ttl);
    let mut entry = Entry::new(name.clone(), time);
    let mut tally = Tally::default();
    let mut text = String::new();
    let modified = download(remote, name, |record| {
        match record.cleartext {
            Ok(cleartext) => {
                let (id, modified) = (record.id, record.modified);
                line::write(&mut text, id, modified, record.sortindex, ttl, cleartext);
                match line::Line::parse(text.trim_end()) {
                    Ok(_) => {
                        tally.add(&text);
                        out.write_all(text.as_bytes())
                            .map_err(HostError::file(path))?;
                    }
                    Err(bad) => entry.add_damaged(record.id, &bad.to_string()),
                }
            }
            Err(reason) => entry.add_damaged(record.id, &reason),
        }
        Ok(())
    })
    .await?;
    // If it was written after the list of collections was read, the next backup reads it again.
    entry.modified = modified.map_or(time, |modified| modified.max(time));
    tally.fill(&mut entry);
    Ok(entry)
}

async fn sealed(
    device: &Device,
    args: &CreateArgs,
    lock: &Lock,
) -> Result<(Option<Manifest>, Outcome)> {
    let is_folder = args.path.is_dir();
    if args.keep.is_some() && !is_folder {
        return Err(HostError::Usage(format!(
            "--keep needs a directory of backups, and {} is not one: create it first",
            shown(&args.path)
        )));
    }
    let progress = Progress::new(&device.output);
    let host = device.network();
    let (mut remote, info) = Remote::connect_by(device, &host, async |remote| {
        remote.client.info_collections(None).await
    })
    .await?;
    let times: Vec<(CollectionName, ServerTime)> = match &info {
        Conditional::Changed { value, .. } => value
            .iter()
            .filter(|(name, _)| name.as_str() != KEYS)
            .map(|(name, time)| (name.clone(), time))
            .collect(),
        Conditional::Unmodified => Vec::new(),
    };
    let mut outcome = Outcome {
        read: times.iter().map(|(name, _)| name.clone()).collect(),
        dry_run: args.dry_run.dry_run,
        ..Outcome::default()
    };
    if outcome.dry_run {
        return Ok((None, outcome));
    }
    let folder = is_folder.then(|| Folder::open(&args.path)).transpose()?;
    let (created, target, temporary) = match &folder {
        Some(folder) => {
            let (created, name) = folder.free_name(now())?;
            let temporary = args.path.join(format!("{INCOMPLETE}{SEALED}"));
            (
                created,
                args.path.join(format!("{name}{SEALED}")),
                temporary,
            )
        }
        None => {
            let mut temporary = args.path.as_os_str().to_owned();
            temporary.push(".incomplete");
            (now(), args.path.clone(), PathBuf::from(temporary))
        }
    };
    let mut attempt = 1;
    let manifest = loop {
        let mut new = Manifest::new(remote.client.endpoint(), created);
        let written = seal(&mut remote, &times, lock, &temporary, &mut new, &progress).await;
        match written {
            Err(HostError::Core(Error::Conflict { .. })) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => {
                // A part of an encrypted file is of no use; if it cannot be removed, the next run does.
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
            Ok(()) => break new,
        }
    };
    fs::rename(&temporary, &target).map_err(HostError::file(&target))?;
    let parent = target.parent().filter(|path| !path.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))?;
    outcome.backup = Some(target);
    outcome.count(&manifest);
    if let (Some(folder), Some(keep)) = (&folder, args.keep) {
        outcome.deleted = rotate(folder, keep)?;
    }
    Ok((Some(manifest), outcome))
}

/// Writes all collections into an encrypted file.
async fn seal(
    remote: &mut Remote<'_>,
    times: &[(CollectionName, ServerTime)],
    lock: &Lock,
    path: &Path,
    new: &mut Manifest,
    progress: &Progress,
) -> Result<()> {
    let mut out: Writer = lock.wrap(new_file(path)?, path)?;
    let write = |out: &mut Writer, text: String| {
        out.write_all(text.as_bytes())
            .map_err(HostError::file(path))
    };
    write(&mut out, first_line())?;
    for (name, time) in times {
        progress.say(format!("reading {name}"));
        write(&mut out, collection_line(name))?;
        let entry = read_to(remote, name, *time, &mut out, path).await?;
        new.collections.push(entry);
    }
    write(&mut out, last_line(new))?;
    let buffer = out.finish().map_err(HostError::file(path))?;
    let file = buffer
        .into_inner()
        .map_err(|error| HostError::file(path)(error.into_error()))?;
    file.sync_all().map_err(HostError::file(path))
}

impl Outcome {
    fn count(&mut self, manifest: &Manifest) {
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
