//! Copies of a backup's records for people and browsers.
//!
//! Only bookmarks: the HTML that every browser imports. Passwords get no readable copy, because a file of them in clear is
//! what password managers warn of; the records have all that a restore needs.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use selvedge_bookmarks::formats::netscape;
use selvedge_bookmarks::item::Item;
use selvedge_bookmarks::record::{Reading, read};
use selvedge_bookmarks::tree::Tree;
use selvedge_host::backup::folder::{READABLE, checksum, new_file};
use selvedge_host::backup::line::Line;
use selvedge_host::backup::manifest::{Copy, Manifest};
use selvedge_host::backup::read::{Event, Reader};
use selvedge_host::exit::{HostError, Result};

/// The collection that has a readable copy.
pub(super) const BOOKMARKS: &str = "bookmarks";

/// Writes the bookmarks of a backup as HTML; the whole tree is in memory. `None` if the backup has none.
pub(super) fn bookmarks(dir: &Path, manifest: &Manifest) -> Result<Option<Copy>> {
    let mut entries = manifest.collections.iter();
    let Some(entry) = entries.find(|entry| entry.name.as_str() == BOOKMARKS) else {
        return Ok(None);
    };
    let wanted = BTreeSet::from([entry.name.clone()]);
    let mut reader = Reader::of_folder(dir, manifest.clone(), Some(wanted));
    let mut items: Vec<Item> = Vec::new();
    while let Some(event) = reader.next()? {
        if let Event::Record(text) = event
            && let Ok(line) = Line::parse(text.trim_end())
            && let Ok(value) = serde_json::from_str(line.payload.get())
        {
            let modified = i64::try_from(line.modified.millis()).unwrap_or(i64::MAX);
            if let Reading::Item(received) = read(&line.id, value, modified) {
                items.push(received.item);
            }
        }
    }
    let (tree, _) = Tree::build(items);
    let file = format!("{READABLE}/bookmarks.html");
    let path = dir.join(&file);
    let mut out = BufWriter::with_capacity(1 << 16, new_file(&path)?);
    netscape::write(&tree, &mut out)
        .and_then(|()| out.flush())
        .and_then(|()| out.get_ref().sync_all())
        .map_err(HostError::file(&path))?;
    Ok(Some(Copy {
        sha256: checksum(&path)?,
        file,
    }))
}
