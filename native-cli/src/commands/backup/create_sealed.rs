//! `backup create` with encryption: one file, for which everything is downloaded.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use selvedge_core::error::Error;
use selvedge_core::ids::CollectionName;
use selvedge_core::server::Conditional;
use selvedge_core::time::ServerTime;

use super::collection::{ATTEMPTS, read_to};
use super::grammar::CreateArgs;
use super::outcome::Outcome;
use super::rotate::{now, rotate};
use super::sealed::{Lock, Writer};
use super::sealed_index;
use crate::device::Device;
use crate::progress::Progress;
use crate::remote::Remote;
use selvedge_host::backup::folder::{Folder, INCOMPLETE, new_file, sync};
use selvedge_host::backup::manifest::Manifest;
use selvedge_host::backup::name::SEALED;
use selvedge_host::backup::plan::{KEYS, Plan, plan};
use selvedge_host::backup::read::{collection_line, first_line, last_line};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::paths::shown;

/// Makes a backup in one encrypted file.
pub(super) async fn sealed(
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
    let dry_run = args.dry_run.dry_run;
    let folder = (is_folder && !dry_run)
        .then(|| Folder::open(&args.path))
        .transpose()?;
    let last = is_folder.then(|| sealed_index::read(&args.path, lock));
    let mut last = last.flatten();
    let progress = Progress::new(&device.output);
    let host = device.network();
    let (mut remote, info) = {
        let last = &last;
        Remote::connect_by(device, &host, async |remote| {
            let endpoint = remote.client.endpoint();
            let same = last.as_ref().filter(|last| last.endpoint == endpoint);
            let condition = same.and_then(|last| last.last_modified);
            remote.client.info_collections(condition).await
        })
        .await?
    };
    last = last.filter(|last| last.endpoint == remote.client.endpoint());
    let (steps, keys_modified, last_modified) = match info {
        Conditional::Unmodified => (Plan::NothingNew, None, None),
        Conditional::Changed {
            value,
            last_modified,
        } => {
            let times: BTreeMap<CollectionName, ServerTime> = value
                .iter()
                .map(|(name, time)| (name.clone(), time))
                .collect();
            let keys = times.iter().find(|(name, _)| name.as_str() == KEYS);
            let keys = keys.map(|(_, time)| *time);
            let last = last.as_slice();
            (
                plan(&times, last, !last.is_empty()),
                keys,
                Some(last_modified),
            )
        }
    };
    let times: Vec<(CollectionName, ServerTime)> = match steps {
        Plan::Make(steps) => steps
            .into_iter()
            .map(|(name, time, _)| (name, time))
            .collect(),
        Plan::NothingNew => {
            let mut outcome = Outcome {
                nothing_new: true,
                dry_run,
                damaged: last.as_ref().map_or(0, Manifest::damaged),
                ..Outcome::default()
            };
            if let (Some(folder), Some(keep)) = (&folder, args.keep) {
                outcome.deleted = rotate(folder, keep)?;
            }
            return Ok((last, outcome));
        }
    };
    let mut outcome = Outcome {
        read: times.iter().map(|(name, _)| name.clone()).collect(),
        dry_run,
        ..Outcome::default()
    };
    if dry_run {
        return Ok((None, outcome));
    }
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
        new.keys_modified = keys_modified;
        new.last_modified = last_modified;
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
    if is_folder {
        sealed_index::write(&args.path, &target, lock, &manifest)?;
    }
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
