//! `backup diff`: what was added, changed and deleted between two backups.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::ids::CollectionName;
use selvedge_core::reconcile::TombstoneFinder;
use serde::Serialize;

use super::grammar::DiffArgs;
use super::open::{Backup, Which, find};
use super::sealed::Key;
use crate::device::Device;
use crate::output::{JsonArray, Output, Rows as _, Stdout, printable};
use selvedge_host::backup::diff::{Change, Earlier};
use selvedge_host::backup::digest::Digest;
use selvedge_host::backup::line::Line;
use selvedge_host::backup::read::Event;
use selvedge_host::backup::title::title;
use selvedge_host::exit::{HostError, Result};

/// One difference.
#[derive(Serialize)]
struct Row<'a> {
    change: Change,
    collection: &'a CollectionName,
    id: &'a str,
    title: Option<String>,
}

/// Prints differences as they are found, and counts them.
struct Printer {
    output: Output,
    array: Option<JsonArray<Stdout>>,
    counts: [u64; 3],
}

impl Printer {
    fn print(&mut self, row: &Row<'_>) -> Result<()> {
        if let Some(count) = self.counts.get_mut(row.change as usize) {
            *count += 1;
        }
        if let Some(array) = &mut self.array {
            return array.element(row).map_err(HostError::Output);
        }
        let name = row.title.as_deref();
        let name = name.map_or_else(|| row.id.to_owned(), |name| format!("{name} ({})", row.id));
        let line = format!("{:<7}  {}  {name}", row.change.word(), row.collection);
        self.output.print(&format!("{}\n", printable(&line)))
    }
}

/// Compares two backups.
pub(super) fn run(device: &Device, args: &DiffArgs) -> Result<()> {
    let mut key = Key::new(&device.output, &args.unlock);
    let which = if args.later.join("manifest.json").is_file() || !args.later.is_dir() {
        Which::Newest
    } else {
        Which::at(args.at)
    };
    let earlier = Backup::open(find(&args.earlier, Which::Oldest)?)?;
    let later = Backup::open(find(&args.later, which)?)?;
    let wanted: Option<BTreeSet<CollectionName>> =
        (!args.collection.is_empty()).then(|| args.collection.iter().cloned().collect());
    let mut before: BTreeMap<CollectionName, Earlier> = BTreeMap::new();
    each(&earlier, &mut key, wanted.as_ref(), |name, line| {
        let digest = Digest::of(line.payload.get());
        before
            .entry(name.clone())
            .or_default()
            .add(&line.id, digest);
        Ok(())
    })?;
    let mut printer = Printer {
        output: device.output,
        array: device.output.json.then(|| device.output.array()),
        counts: [0; 3],
    };
    each(&later, &mut key, wanted.as_ref(), |name, line| {
        let digest = Digest::of(line.payload.get());
        let earlier = before.entry(name.clone()).or_default();
        match earlier.later(&line.id, digest) {
            Some(change) => printer.print(&row(change, name, line)),
            None => Ok(()),
        }
    })?;
    if before.values().any(|earlier| !earlier.is_empty()) {
        each(&earlier, &mut key, wanted.as_ref(), |name, line| {
            let is_deleted = before
                .get(name)
                .is_some_and(|earlier| earlier.is_deleted(&line.id));
            if is_deleted {
                printer.print(&row(Change::Deleted, name, line))?;
            }
            Ok(())
        })?;
    }
    let [added, changed, deleted] = printer.counts;
    if let Some(array) = printer.array {
        return array.finish("").map_err(HostError::Output);
    }
    let sum = format!("{added} added, {changed} changed, {deleted} deleted\n");
    device.output.print(&sum)
}

fn row<'a>(change: Change, collection: &'a CollectionName, line: &'a Line<'_>) -> Row<'a> {
    Row {
        change,
        collection,
        id: &line.id,
        title: title(collection.as_str(), line.payload.get()),
    }
}

/// Hands over every record that is no tombstone.
fn each(
    backup: &Backup,
    key: &mut Key<'_>,
    wanted: Option<&BTreeSet<CollectionName>>,
    mut take: impl FnMut(&CollectionName, &Line<'_>) -> Result<()>,
) -> Result<()> {
    let tombstones = TombstoneFinder::default();
    let mut reader = backup.read(key, wanted.cloned())?;
    let mut current: Option<CollectionName> = None;
    while let Some(event) = reader.next()? {
        match (event, &current) {
            (Event::Collection(name), _) => current = Some(name),
            (Event::Record(text), Some(name)) => {
                let line = Line::parse(text.trim_end()).map_err(|bad| HostError::BadFile {
                    path: backup.path.clone(),
                    detail: format!(
                        "{name}: {bad}: `selvedge backup verify` names the damaged files"
                    ),
                })?;
                if !tombstones.is_tombstone(line.payload.get()) {
                    take(name, &line)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
