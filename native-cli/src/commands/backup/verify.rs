//! `backup verify` and `backup list`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use selvedge_core::ids::CollectionName;
use serde::Serialize;

use super::grammar::VerifyArgs;
use super::open::{Backup, Which, find};
use super::sealed::Key;
use crate::device::Device;
use crate::output::{Align, Table, bytes, records};
use selvedge_host::backup::folder::{checksum, list as backups};
use selvedge_host::backup::manifest::Manifest;
use selvedge_host::backup::read::{Event, Reader, manifest};
use selvedge_host::backup::verify::{Problem, Tally};
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::paths::shown;

/// What was found in one backup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checked {
    backup: PathBuf,
    records: u64,
    pub(super) problems: Vec<Found>,
}

/// Something that is wrong.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// The file in the backup, or the collection of an encrypted one.
    file: String,
    problem: String,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct View(Vec<Checked>);

/// Checks one backup, or all of a directory.
pub(super) fn run(device: &Device, args: &VerifyArgs) -> Result<()> {
    let paths: Vec<PathBuf> = if args.all {
        backups(&args.path)?
            .into_iter()
            .map(|one| one.path)
            .collect()
    } else {
        vec![find(&args.path, Which::Newest)?]
    };
    let mut key = Key::new(&device.output, &args.unlock);
    let mut checked = Vec::new();
    for path in paths {
        checked.push(check(&mut Backup::open(path)?, &mut key, None)?);
    }
    let count: usize = checked.iter().map(|one| one.problems.len()).sum();
    device.output.answer(&View(checked))?;
    match count {
        0 => Ok(()),
        _ => Err(HostError::Refused {
            message: "the backup is damaged: the collections that are not named are good; use an older backup for the others".into(),
            exit: Exit::BadData,
        }),
    }
}

/// Checks these collections of a backup, or all.
pub(super) fn check(
    backup: &mut Backup,
    key: &mut Key<'_>,
    wanted: Option<&[CollectionName]>,
) -> Result<Checked> {
    let is_wanted = |name: &CollectionName| wanted.is_none_or(|wanted| wanted.contains(name));
    let mut problems = Vec::new();
    let mut add = |file: String, found: Vec<Problem>| {
        problems.extend(found.into_iter().map(|problem| Found {
            file: file.clone(),
            problem: problem.to_string(),
        }));
    };
    if let Some(manifest) = &backup.manifest {
        for entry in manifest
            .collections
            .iter()
            .filter(|entry| is_wanted(&entry.name))
        {
            let only = [entry.name.clone()].into();
            let mut reader = Reader::of_folder(&backup.path, manifest.clone(), Some(only));
            let found = match tallies(&mut reader) {
                Ok((mut tallies, _)) => {
                    tallies.remove(&entry.name).unwrap_or_default().judge(entry)
                }
                Err(error) => vec![Problem::Unreadable(error.to_string())],
            };
            add(entry.file(), found);
        }
        for copy in manifest.readable.iter().filter(|_| wanted.is_none()) {
            let found = match checksum(&backup.path.join(&copy.file)) {
                Ok(found) if found == copy.sha256 => Vec::new(),
                Ok(_) => vec![Problem::Checksum],
                Err(error) => vec![Problem::Unreadable(error.to_string())],
            };
            add(copy.file.clone(), found);
        }
    } else {
        // The encryption is also a checksum: a damaged file is refused while it is read.
        let mut reader = backup.read(key, None)?;
        match tallies(&mut reader) {
            Ok((mut tallies, manifest)) => {
                for entry in manifest
                    .collections
                    .iter()
                    .filter(|entry| is_wanted(&entry.name))
                {
                    let tally = tallies.remove(&entry.name).unwrap_or_default();
                    add(entry.name.to_string(), tally.judge(entry));
                }
                backup.manifest = Some(manifest);
            }
            Err(error) => add(
                shown(&backup.path).to_string(),
                vec![Problem::Unreadable(error.to_string())],
            ),
        }
    }
    Ok(Checked {
        records: backup.manifest.as_ref().map_or(0, Manifest::records),
        backup: backup.path.clone(),
        problems,
    })
}

/// Reads all lines.
fn tallies(reader: &mut Reader) -> Result<(BTreeMap<CollectionName, Tally>, Manifest)> {
    let mut tallies = BTreeMap::new();
    let mut current: Option<(CollectionName, Tally)> = None;
    while let Some(event) = reader.next()? {
        match event {
            Event::Collection(name) => {
                tallies.extend(current.replace((name, Tally::default())));
            }
            Event::Record(line) => {
                if let Some((_, tally)) = &mut current {
                    tally.add(line);
                }
            }
            Event::End(manifest) => {
                tallies.extend(current);
                return Ok((tallies, *manifest));
            }
        }
    }
    Err(HostError::Failed("the backup has no end".into()))
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.0 {
            let path = shown(&one.backup);
            if one.problems.is_empty() {
                writeln!(f, "{path}: {}, all good", records(one.records))?;
            }
            for found in &one.problems {
                writeln!(f, "{path}: {}: {}", found.file, found.problem)?;
            }
        }
        Ok(())
    }
}

/// One row of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    created: i64,
    encrypted: bool,
    /// The manifest of an encrypted backup is encrypted too.
    collections: Option<usize>,
    records: Option<u64>,
    bytes: u64,
    damaged: Option<u64>,
    /// Why the manifest cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

/// Lists the backups of a directory.
pub(super) fn list(device: &Device, dir: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for found in backups(dir)? {
        let read = (!found.is_sealed).then(|| manifest(&found.path));
        let (manifest, problem) = match read {
            Some(Ok(manifest)) => (Some(manifest), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        rows.push(Row {
            created: found.time,
            encrypted: found.is_sealed,
            collections: manifest.as_ref().map(|manifest| manifest.collections.len()),
            records: manifest.as_ref().map(Manifest::records),
            bytes: match &manifest {
                Some(manifest) => manifest.bytes(),
                None => fs::metadata(&found.path).map_or(0, |metadata| metadata.len()),
            },
            damaged: manifest.as_ref().map(Manifest::damaged),
            name: found.name,
            problem,
        });
    }
    device.output.answer(&Rows(rows))
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            ("BACKUP", Align::Left),
            ("COLLECTIONS", Align::Right),
            ("RECORDS", Align::Right),
            ("SIZE", Align::Right),
            ("NOTE", Align::Left),
        ]);
        for row in &self.0 {
            let number = |number: Option<u64>| number.map_or("-".into(), |n| n.to_string());
            let note = match (&row.problem, row.damaged) {
                (Some(problem), _) => problem.clone(),
                (None, Some(damaged @ 1..)) => format!("{} could not be read", records(damaged)),
                _ if row.encrypted => "encrypted".into(),
                _ => String::new(),
            };
            table.row(vec![
                row.name.clone(),
                number(row.collections.map(|count| count as u64)),
                number(row.records),
                bytes(row.bytes),
                note,
            ]);
        }
        write!(f, "{table}")
    }
}
