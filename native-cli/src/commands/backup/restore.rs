//! `backup restore`: shows what would change, asks, and writes.

use std::collections::{BTreeSet, HashMap};

use selvedge_core::ids::CollectionName;
use selvedge_core::reconcile::TombstoneFinder;
use selvedge_core::time::ServerTime;

use super::download::download;
use super::grammar::RestoreArgs;
use super::open::{Backup, Which, find, parse};
use super::preview::{Counts, View};
use super::restore_local::to_dir;
use super::sealed::Key;
use super::upload::Writer;
use super::verify::check;
use crate::confirm::agree;
use crate::device::Device;
use crate::output::{Output, printable, records};
use crate::progress::Progress;
use crate::remote::Remote;
use selvedge_host::backup::digest::Digest;
use selvedge_host::backup::line::Line;
use selvedge_host::backup::manifest::Manifest;
use selvedge_host::backup::read::Event;
use selvedge_host::backup::restore::{
    Saved, There, Verdict, is_restorable, is_restored_unnamed, judge,
};
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::paths::shown;

/// A collection as it is on the server.
struct OnServer {
    /// Records by id, without tombstones.
    found: HashMap<String, There>,
    /// The condition of the writes.
    modified: ServerTime,
}

/// Restores to the account or to a directory.
pub(super) async fn run(device: &Device, args: &RestoreArgs) -> Result<()> {
    let mut key = Key::new(&device.output, &args.unlock);
    let mut backup = Backup::open(find(&args.path, Which::at(args.at))?)?;
    let is_local = args.to_dir.is_some();
    let manifest = backup.manifest(&mut key)?.clone();
    let wanted = choose(&manifest, &args.collection, is_local)?;
    if backup.is_sealed {
        // It is read to its end once more, so that nothing is written from a damaged one.
        backup.manifest = None;
    }
    let checked = check(&mut backup, &mut key, Some(&wanted))?;
    if !checked.problems.is_empty() {
        return Err(HostError::Refused {
            message: format!(
                "{} is damaged, so nothing was restored: `selvedge backup verify` names the damaged collections; restore the others with --collection",
                shown(&backup.path)
            ),
            exit: Exit::BadData,
        });
    }
    match &args.to_dir {
        Some(dir) => to_dir(device, &backup, &mut key, wanted, dir, args.dry_run.dry_run),
        None => to_account(device, args, &backup, &manifest, &mut key, wanted).await,
    }
}

/// The collections to restore.
fn choose(
    manifest: &Manifest,
    named: &[CollectionName],
    is_local: bool,
) -> Result<Vec<CollectionName>> {
    for name in named {
        if manifest.entry(name).is_none() {
            return Err(HostError::NotFound(format!(
                "the backup has no collection {name}: it has {}",
                manifest
                    .collections
                    .iter()
                    .map(|entry| entry.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
        if !is_local && !is_restorable(name.as_str()) {
            return Err(HostError::Usage(format!(
                "{name} cannot be restored to an account, because devices write it themselves: --to-dir writes it to a directory"
            )));
        }
    }
    let names = manifest.collections.iter().map(|entry| entry.name.clone());
    Ok(if named.is_empty() {
        names
            .filter(|name| is_local || is_restored_unnamed(name.as_str()))
            .collect()
    } else {
        names.filter(|name| named.contains(name)).collect()
    })
}

async fn to_account(
    device: &Device,
    args: &RestoreArgs,
    backup: &Backup,
    manifest: &Manifest,
    key: &mut Key<'_>,
    wanted: Vec<CollectionName>,
) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    remote.keys()?;
    let progress = Progress::new(&device.output);
    let mut there = HashMap::new();
    for name in &wanted {
        progress.say(format!("reading {name}"));
        there.insert(name.clone(), on_server(&remote, name).await?);
    }
    let mut view = View {
        created: manifest.created,
        other_account: manifest.endpoint != remote.client.endpoint(),
        collections: count(backup, key, &wanted, &there, args.only_missing)?,
        failed: 0,
        dry_run: true,
    };
    drop(progress);
    let writes: u64 = view
        .collections
        .iter()
        .map(|counts| counts.added + counts.changed)
        .sum();
    if args.dry_run.dry_run || writes == 0 {
        view.dry_run = args.dry_run.dry_run;
        return device.output.answer(&view);
    }
    device
        .output
        .note(format_args!("{}", view.to_string().trim_end()));
    let changed: u64 = view.collections.iter().map(|counts| counts.changed).sum();
    let loss = format!(
        "{} would be written to the account, {changed} of them over newer or other contents{}",
        records(writes),
        if view.other_account {
            "; the backup is of another account"
        } else {
            ""
        }
    );
    agree(&device.output, &loss, args.yes)?;
    let changed: BTreeSet<CollectionName> = view
        .collections
        .iter()
        .filter(|counts| counts.added + counts.changed > 0)
        .map(|counts| counts.name.clone())
        .collect();
    view.failed = write(
        device,
        &remote,
        backup,
        key,
        changed,
        &there,
        args.only_missing,
    )
    .await?;
    view.dry_run = false;
    device.output.answer(&view)?;
    match view.failed {
        0 => Ok(()),
        failed => Err(HostError::Partial(format!(
            "the server did not accept {}; the others are restored",
            records(failed)
        ))),
    }
}

async fn on_server(remote: &Remote<'_>, name: &CollectionName) -> Result<OnServer> {
    let tombstones = TombstoneFinder::default();
    let mut found = HashMap::new();
    let modified = download(remote, name, |record| {
        let there = match record.cleartext {
            Ok(text) if tombstones.is_tombstone(text) => return Ok(()),
            Ok(text) => There::Live(Digest::of(text)),
            Err(_) => There::Unreadable,
        };
        found.insert(record.id.to_owned(), there);
        Ok(())
    })
    .await?;
    Ok(OnServer {
        found,
        modified: modified.unwrap_or(ServerTime::ZERO),
    })
}

/// What happens with a record of the backup.
fn verdict(
    line: &Line<'_>,
    there: &OnServer,
    tombstones: &TombstoneFinder,
    only_missing: bool,
) -> Verdict {
    let text = line.payload.get();
    let saved = if tombstones.is_tombstone(text) {
        Saved::Tombstone
    } else {
        Saved::Live(Digest::of(text))
    };
    let there = there.found.get(line.id.as_ref()).copied();
    judge(saved, there.unwrap_or(There::Missing), only_missing)
}

fn count(
    backup: &Backup,
    key: &mut Key<'_>,
    wanted: &[CollectionName],
    there: &HashMap<CollectionName, OnServer>,
    only_missing: bool,
) -> Result<Vec<Counts>> {
    let tombstones = TombstoneFinder::default();
    let mut all: Vec<Counts> = Vec::new();
    let mut reader = backup.read(key, Some(wanted.iter().cloned().collect()))?;
    while let Some(event) = reader.next()? {
        match event {
            Event::Collection(name) => {
                let mut counts = Counts::new(name);
                let there = there.get(&counts.name);
                counts.only_on_server = there.map_or(0, |there| there.found.len() as u64);
                all.push(counts);
            }
            Event::Record(text) => {
                let line = parse(backup, text)?;
                let Some(counts) = all.last_mut() else {
                    continue;
                };
                let Some(there) = there.get(&counts.name) else {
                    continue;
                };
                if tombstones.is_tombstone(line.payload.get()) {
                    continue;
                }
                if there.found.contains_key(line.id.as_ref()) {
                    counts.only_on_server = counts.only_on_server.saturating_sub(1);
                }
                match verdict(&line, there, &tombstones, only_missing) {
                    Verdict::Add => counts.added += 1,
                    Verdict::Change => counts.changed += 1,
                    Verdict::Leave => counts.left += 1,
                }
            }
            Event::End(_) => {}
        }
    }
    Ok(all)
}

/// Writes the records, and returns how many the server did not accept.
async fn write(
    device: &Device,
    remote: &Remote<'_>,
    backup: &Backup,
    key: &mut Key<'_>,
    wanted: BTreeSet<CollectionName>,
    there: &HashMap<CollectionName, OnServer>,
    only_missing: bool,
) -> Result<u64> {
    let limits = remote.client.info_configuration().await?;
    let progress = Progress::new(&device.output);
    let tombstones = TombstoneFinder::default();
    let mut current: Option<(CollectionName, &OnServer, Writer<'_, '_>)> = None;
    let mut failed = 0;
    let mut reader = backup.read(key, Some(wanted))?;
    while let Some(event) = reader.next()? {
        match event {
            Event::Collection(name) => {
                if let Some((name, _, writer)) = current.take() {
                    failed += finish(device, &name, writer).await?;
                }
                progress.say(format!("writing {name}"));
                if let Some(there) = there.get(&name) {
                    let writer = Writer::new(remote, name.clone(), limits, there.modified)?;
                    current = Some((name, there, writer));
                }
            }
            Event::Record(text) => {
                if let Some((_, there, writer)) = &mut current {
                    let line = parse(backup, text)?;
                    if verdict(&line, there, &tombstones, only_missing) != Verdict::Leave {
                        writer.add(&line).await?;
                    }
                }
            }
            Event::End(_) => {
                if let Some((name, _, writer)) = current.take() {
                    failed += finish(device, &name, writer).await?;
                }
            }
        }
    }
    Ok(failed)
}

async fn finish(device: &Device, name: &CollectionName, mut writer: Writer<'_, '_>) -> Result<u64> {
    writer.finish().await?;
    let output = Output {
        quiet: false,
        ..device.output
    };
    for (id, reason) in &writer.failed {
        output.note(printable(&format!("{name}: record {id}: {reason}")));
    }
    Ok(writer.failed.len() as u64)
}

#[cfg(test)]
mod tests {
    use selvedge_host::backup::manifest::Entry;

    use super::*;

    #[test]
    fn every_row() {
        let name = |text: &str| CollectionName::new(text).unwrap();
        let mut manifest = Manifest::new("", 0);
        for text in ["bookmarks", "clients", "meta", "notes", "tabs"] {
            manifest
                .collections
                .push(Entry::new(name(text), ServerTime::ZERO));
        }
        type Row<'a> = (&'a [&'a str], bool, Result<&'a [&'a str], Exit>);
        let rows: [Row<'_>; 7] = [
            (&[], false, Ok(&["bookmarks", "notes"])),
            (
                &[],
                true,
                Ok(&["bookmarks", "clients", "meta", "notes", "tabs"]),
            ),
            (&["tabs"], false, Ok(&["tabs"])),
            (&["notes", "bookmarks"], false, Ok(&["bookmarks", "notes"])),
            (&["meta"], false, Err(Exit::Usage)),
            (&["meta"], true, Ok(&["meta"])),
            (&["forms"], false, Err(Exit::NotFound)),
        ];
        for (named, is_local, expected) in rows {
            let named: Vec<_> = named.iter().map(|text| name(text)).collect();
            let found = choose(&manifest, &named, is_local).map_err(|error| error.exit());
            let expected = expected.map(|names| names.iter().map(|text| name(text)).collect());
            assert_eq!(found, expected, "{named:?} {is_local}");
        }
    }
}
