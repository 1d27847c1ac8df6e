//! Bookmarks as lists and as a tree.

use std::io::{self, BufWriter, IsTerminal as _, Write as _};

use selvedge_bookmarks::ids::to_record_id;
use selvedge_bookmarks::item::{Item, Kind};
use selvedge_bookmarks::tree::Tree;
use selvedge_host::exit::{HostError, Result};
use serde_json::{Value, json};

use super::grammar::Listing;
use super::tree::{find, tree};
use crate::commands::records::Format;
use crate::commands::typed::{contains, csv_line, print, time};
use crate::device::Device;
use crate::output::{Align, Rows as _, printable};

const TITLES: [&str; 5] = ["title", "url", "folder", "tags", "id"];

/// Lists the bookmarks of a folder, with a tag or with a text.
pub(super) async fn list(
    device: &Device,
    folder: Option<&str>,
    tag: Option<&str>,
    wanted: &str,
    listing: Listing,
) -> Result<()> {
    let tree = tree(device, listing.remote).await?;
    let start = folder.map(|folder| find(&tree, folder)).transpose()?;
    let walk = match start {
        Some(folder) => tree.walk_from(&folder.id),
        None => tree.walk(),
    };
    let is_wanted = |item: &Item| {
        let texts = [Some(&item.title), item.url.as_ref(), item.keyword.as_ref()];
        let mut texts = texts.into_iter().flatten().chain(&item.tags);
        item.has_url()
            && tag.is_none_or(|tag| item.tags.iter().any(|known| known == tag))
            && (wanted.is_empty() || texts.any(|text| contains(text, wanted)))
    };
    let mut found = walk
        .map(|(item, _)| item)
        .filter(|item| is_wanted(item))
        .take(listing.limit.unwrap_or(usize::MAX));
    let format = match listing.format {
        Some(format) => format,
        None if device.output.json => Format::Json,
        None if io::stdout().is_terminal() => Format::Table,
        None => Format::Jsonl,
    };
    let written = match format {
        Format::Json => {
            let mut array = device.output.array();
            found
                .try_for_each(|item| array.element(&row(&tree, item)))
                .and_then(|()| array.finish(""))
        }
        Format::Table => {
            let columns = [
                ("TITLE", Align::Left),
                ("URL", Align::Left),
                ("FOLDER", Align::Left),
                ("TAGS", Align::Left),
                ("ID", Align::Left),
            ];
            let mut table = device.output.table(&columns);
            found
                .try_for_each(|item| table.row(cells(&tree, item).into()))
                .and_then(|()| table.finish())
        }
        Format::Jsonl | Format::Csv | Format::Tsv => {
            let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            let line = |cells: [&str; 5]| match format {
                Format::Csv => csv_line(&cells),
                _ => {
                    cells
                        .map(|cell| cell.replace(['\t', '\n', '\r'], " "))
                        .join("\t")
                        + "\n"
                }
            };
            let titles = match format {
                Format::Jsonl => Ok(()),
                _ => out.write_all(line(TITLES).as_bytes()),
            };
            titles
                .and_then(|()| {
                    found.try_for_each(|item| match format {
                        Format::Jsonl => writeln!(out, "{}", row(&tree, item)),
                        _ => out.write_all(
                            line(cells(&tree, item).each_ref().map(String::as_str)).as_bytes(),
                        ),
                    })
                })
                .and_then(|()| out.flush())
        }
    };
    written.map_err(HostError::Output)
}

/// The path of an item's folder.
fn folder(tree: &Tree, item: &Item) -> String {
    tree.parent(&item.id)
        .map(|parent| tree.path(&parent.id))
        .unwrap_or_default()
}

fn cells(tree: &Tree, item: &Item) -> [String; 5] {
    [
        item.title.clone(),
        item.url.clone().unwrap_or_default(),
        folder(tree, item),
        item.tags.join(", "),
        to_record_id(&item.id).to_owned(),
    ]
}

fn row(tree: &Tree, item: &Item) -> Value {
    let added = u64::try_from(item.date_added).unwrap_or_default();
    json!({
        "id": to_record_id(&item.id), "type": item.kind.as_str(), "title": item.title, "url": item.url,
        "folder": folder(tree, item), "position": tree.position(&item.id), "tags": item.tags,
        "keyword": item.keyword, "added": time(added),
    })
}

/// Shows one item.
pub(super) async fn show(device: &Device, item: &str, remote: bool) -> Result<()> {
    let tree = tree(device, remote).await?;
    let item = find(&tree, item)?;
    let mut shown = row(&tree, item);
    shown["path"] = tree.path(&item.id).into();
    if item.is_folder() {
        shown["children"] = item
            .children
            .iter()
            .map(to_record_id)
            .collect::<Vec<_>>()
            .into();
    }
    print(&format!("{shown}\n"))
}

/// Prints the tree, or one folder of it.
pub(super) async fn outline(device: &Device, folder: Option<&str>, remote: bool) -> Result<()> {
    let tree = tree(device, remote).await?;
    let start = folder.map(|folder| find(&tree, folder)).transpose()?;
    let walk = match start {
        Some(folder) => tree.walk_from(&folder.id),
        None => tree.walk(),
    };
    if device.output.json {
        let mut array = device.output.array();
        for (item, depth) in walk {
            let mut row = row(&tree, item);
            row["depth"] = depth.into();
            array.element(&row).map_err(HostError::Output)?;
        }
        return array.finish("").map_err(HostError::Output);
    }
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    for (item, depth) in walk {
        let text = match item.kind {
            Kind::Separator => "----".to_owned(),
            _ if item.is_folder() => format!("{}/", folder_name(&tree, item)),
            _ => format!(
                "{}  {}",
                item.title,
                item.url.as_deref().unwrap_or_default()
            ),
        };
        writeln!(out, "{}{}", "  ".repeat(depth), printable(&text)).map_err(HostError::Output)?;
    }
    out.flush().map_err(HostError::Output)
}

/// A root's name in paths, or a folder's title.
fn folder_name(tree: &Tree, item: &Item) -> String {
    if selvedge_bookmarks::ids::is_root(&item.id) {
        tree.path(&item.id)
    } else {
        item.title.clone()
    }
}
