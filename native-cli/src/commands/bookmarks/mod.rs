//! `selvedge bookmarks`: a device's bookmarks as a tree, whose changes keep it complete.

mod grammar;
mod list;
mod tree;

pub use self::grammar::{BookmarksCommand, FileFormat};

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use selvedge_bookmarks::check::check;
use selvedge_bookmarks::formats::{Outline, ReadError, backup, csv, markdown, netscape};
use selvedge_bookmarks::import::{Step, import};
use selvedge_bookmarks::tree::{Changes, Edit, EditError, NewItem, Tree};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::random_id;

use self::tree::{find, readings, save, tree, tree_and_new_roots};
use super::typed::{now, print, read_file};
use crate::device::Device;

/// Runs it.
///
/// # Errors
/// When an item does not exist, the input is invalid, or the store or the server fails.
pub async fn run(device: &Device, command: BookmarksCommand) -> Result<()> {
    match command {
        BookmarksCommand::List {
            folder,
            tag,
            listing,
        } => list::list(device, folder.as_deref(), tag.as_deref(), "", listing).await,
        BookmarksCommand::Search { text, listing } => {
            list::list(device, None, None, &text, listing).await
        }
        BookmarksCommand::Tree { folder, remote } => {
            list::outline(device, folder.as_deref(), remote).await
        }
        BookmarksCommand::Show { item, remote } => list::show(device, &item, remote).await,
        BookmarksCommand::Add {
            url,
            new_folder,
            separator,
            title,
            folder,
            position,
            tags,
            keyword,
            dry_run,
        } => {
            let title = title.unwrap_or_default();
            let new = match url {
                Some(url) => NewItem {
                    tags,
                    keyword,
                    ..NewItem::bookmark(if title.is_empty() { &url } else { &title }, &url)
                },
                None if new_folder => NewItem::folder(&title),
                None => NewItem::separator(),
            };
            debug_assert!(new_folder || separator || new.url.is_some());
            change(device, dry_run.dry_run, |tree| {
                let folder = find(tree, &folder)?.id.clone();
                tree.add(&folder, position, new, milliseconds(), &mut random_id)
                    .map_err(usage)
            })
            .await
        }
        BookmarksCommand::Edit {
            item,
            title,
            url,
            tags,
            keyword,
            dry_run,
        } => {
            let tags = tags.map(|tags| tags.into_iter().filter(|tag| !tag.is_empty()).collect());
            let edit = Edit {
                title,
                url,
                tags,
                keyword,
                description: None,
            };
            if edit == Edit::default() {
                return Err(HostError::Usage(
                    "say what to change: --title, --url, --tags or --keyword".into(),
                ));
            }
            change(device, dry_run.dry_run, |tree| {
                let id = find(tree, &item)?.id.clone();
                tree.edit(&id, edit).map_err(usage)
            })
            .await
        }
        BookmarksCommand::Move {
            item,
            folder,
            position,
            dry_run,
        } => {
            change(device, dry_run.dry_run, |tree| {
                let (id, folder) = (
                    find(tree, &item)?.id.clone(),
                    find(tree, &folder)?.id.clone(),
                );
                tree.move_to(&id, &folder, position).map_err(usage)
            })
            .await
        }
        BookmarksCommand::Delete { item, dry_run } => {
            change(device, dry_run.dry_run, |tree| {
                let id = find(tree, &item)?.id.clone();
                tree.delete(&id).map_err(usage)
            })
            .await
        }
        BookmarksCommand::Dedupe { dry_run } => {
            change(device, dry_run.dry_run, |tree| {
                let mut changes = Changes::default();
                for id in tree.duplicates().into_iter().flat_map(|found| found.others) {
                    changes.extend(tree.delete(&id).map_err(usage)?);
                }
                Ok(changes)
            })
            .await
        }
        BookmarksCommand::Import { file, dry_run } => {
            import_file(device, &file, dry_run.dry_run).await
        }
        BookmarksCommand::Export { to, remote } => {
            let tree = tree(device, remote).await?;
            let mut out = BufWriter::new(io::stdout().lock());
            match to {
                FileFormat::Html => netscape::write(&tree, &mut out),
                FileFormat::Json => backup::write(&tree, &mut out),
                FileFormat::Markdown => markdown::write(&tree, &mut out),
                FileFormat::Csv => csv::write(&tree, &mut out),
            }
            .and_then(|()| out.flush())
            .map_err(HostError::Output)
        }
        BookmarksCommand::Check { remote } => {
            let readings = readings(device, remote).await?;
            let problems: Vec<String> = check(readings.iter())
                .iter()
                .map(ToString::to_string)
                .collect();
            if device.output.json {
                print(&format!("{}\n", serde_json::json!(problems)))?;
            } else {
                for problem in &problems {
                    print(&format!("{}\n", crate::output::printable(problem)))?;
                }
            }
            match problems.len() {
                0 => {
                    device.output.note(format!(
                        "{} checked: no problems.",
                        crate::output::records(readings.len() as u64)
                    ));
                    Ok(())
                }
                count => Err(HostError::Partial(format!(
                    "{count} problems: the next sync of a Firefox corrects what it can"
                ))),
            }
        }
    }
}

/// Milliseconds since 1970, as the tree counts them.
fn milliseconds() -> i64 {
    i64::try_from(now()).unwrap_or_default()
}

fn usage(error: EditError) -> HostError {
    HostError::Usage(error.to_string())
}

/// Changes the tree of this device, and stores what changed.
async fn change(
    device: &Device,
    is_dry_run: bool,
    edit: impl FnOnce(&mut Tree) -> Result<Changes>,
) -> Result<()> {
    let (mut tree, new_roots) = tree_and_new_roots(device, false).await?;
    let mut changes = edit(&mut tree)?;
    if !changes.is_empty() {
        changes.changed.extend(new_roots.changed);
    }
    save(device, &tree, &changes, is_dry_run).await
}

async fn import_file(device: &Device, file: &Path, is_dry_run: bool) -> Result<()> {
    let bytes = read_file(file)?;
    let outline = read_outline(&bytes).map_err(|error| HostError::BadFile {
        path: file.to_owned(),
        detail: error.to_string(),
    })?;
    let (tree, new_roots) = tree_and_new_roots(device, false).await?;
    let mut imported = import(&tree, &outline, milliseconds(), &mut random_id);
    if !imported.changes.is_empty() {
        imported.changes.changed.extend(new_roots.changed);
    }
    if is_dry_run {
        for step in &imported.steps {
            print(&format!(
                "{}\n",
                crate::output::printable(&step.to_string())
            ))?;
        }
    } else {
        for step in imported
            .steps
            .iter()
            .filter(|step| matches!(step, Step::Skipped { .. }))
        {
            device
                .output
                .note(crate::output::printable(&step.to_string()));
        }
    }
    save(device, &imported.tree, &imported.changes, is_dry_run).await
}

/// A file of bookmarks, whatever its format.
fn read_outline(bytes: &[u8]) -> std::result::Result<Outline, ReadError> {
    let first = bytes.trim_ascii_start().first();
    if bytes.starts_with(b"mozLz40\0") || matches!(first, Some(b'{' | b'[')) {
        return backup::read(bytes);
    }
    netscape::read(&String::from_utf8_lossy(bytes))
}
