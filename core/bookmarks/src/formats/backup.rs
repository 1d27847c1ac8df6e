//! Firefox's own backups: JSON, and the same compressed as `.jsonlz4`. Dates there are microseconds.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Outline, ReadError};
use crate::ids::{Guid, MENU_GUID, MOBILE_GUID, ROOT_GUID, TOOLBAR_GUID, UNFILED_GUID};
use crate::item::{Item, Kind};
use crate::record::clean_tags;
use crate::tree::{NewItem, Tree};

/// What a compressed backup starts with.
const MAGIC: &[u8] = b"mozLz40\0";
const DESCRIPTION: &str = "bookmarkProperties/description";
const ROOT_NAMES: [(Guid, &str); 4] = [
    (MENU_GUID, "bookmarksMenuFolder"),
    (TOOLBAR_GUID, "toolbarFolder"),
    (UNFILED_GUID, "unfiledBookmarksFolder"),
    (MOBILE_GUID, "mobileFolder"),
];

/// Writes a backup as JSON.
///
/// ```
/// use selvedge_bookmarks::formats::backup::{read, write};
/// use selvedge_bookmarks::formats::Outline;
/// use selvedge_bookmarks::tree::Tree;
///
/// let mut json = Vec::new();
/// write(&Tree::empty(), &mut json)?;
/// assert_eq!(read(&json)?, Outline::of(&Tree::empty()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of `out`.
pub fn write(tree: &Tree, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "{{\"guid\":\"{}\",\"title\":\"\",\"index\":0,\"dateAdded\":0,\"lastModified\":0,\"id\":1,\"typeCode\":2,\
         \"type\":\"text/x-moz-place-container\",\"root\":\"placesRoot\",\"children\":[",
        ROOT_GUID.as_str()
    )?;
    // For each open folder the index of its next child; the first one is the Places root.
    let mut open: Vec<u64> = vec![0];
    for (id, (item, depth)) in (2_u64..).zip(tree.walk()) {
        while open.len() > depth + 1 {
            open.pop();
            out.write_all(b"]}")?;
        }
        let Some(index) = open.last_mut() else { break };
        if *index > 0 {
            out.write_all(b",")?;
        }
        let mut text = entry(item, *index, id).to_string();
        *index += 1;
        if item.is_folder() {
            // The folder's object stays open for its children.
            text.pop();
            write!(out, "{text},\"children\":[")?;
            open.push(0);
        } else {
            out.write_all(text.as_bytes())?;
        }
    }
    for _ in open {
        out.write_all(b"]}")?;
    }
    Ok(())
}

fn entry(item: &Item, index: u64, id: u64) -> Value {
    let date = item.date_added.max(0).saturating_mul(1000);
    let mut entry = json!({
        "guid": item.id.as_str(), "title": item.title, "index": index, "dateAdded": date, "lastModified": date, "id": id,
    });
    let mut set = |name: &str, value: Value| {
        if let Value::Object(members) = &mut entry {
            members.insert(name.to_owned(), value);
        }
    };
    let (code, kind) = match item.kind {
        Kind::Folder | Kind::Livemark => (2, "text/x-moz-place-container"),
        Kind::Bookmark | Kind::Query => (1, "text/x-moz-place"),
        Kind::Separator => (3, "text/x-moz-place-separator"),
    };
    set("typeCode", json!(code));
    set("type", json!(kind));
    if let Some(url) = &item.url {
        set("uri", json!(url));
    }
    if !item.tags.is_empty() {
        set("tags", json!(item.tags.join(",")));
    }
    if let Some(keyword) = &item.keyword {
        set("keyword", json!(keyword));
    }
    if let Some(description) = &item.description {
        set(
            "annos",
            json!([{"name": DESCRIPTION, "flags": 0, "expires": 4, "value": description}]),
        );
    }
    if let Some((_, root)) = ROOT_NAMES.iter().find(|(root, _)| *root == item.id) {
        set("root", json!(root));
    }
    entry
}

/// Reads a backup, compressed or not.
///
/// # Errors
/// A [`ReadError`] that says what the file is not.
pub fn read(file: &[u8]) -> Result<Outline, ReadError> {
    let plain;
    let json = if file.starts_with(MAGIC) {
        plain = decompress(file)?;
        &plain
    } else {
        file
    };
    let backup: Value = serde_json::from_slice(json).map_err(ReadError::Json)?;
    let children = backup
        .get("children")
        .and_then(Value::as_array)
        .ok_or(ReadError::NotABackup)?;
    let mut outline = Outline::default();
    // Firefox keeps tags in a folder of their own as well.
    let mut stack: Vec<(&Value, usize)> = children
        .iter()
        .rev()
        .filter(|child| text(child, "root") != Some("tagsFolder"))
        .map(|child| (child, 0))
        .collect();
    while let Some((value, depth)) = stack.pop() {
        let root = ROOT_NAMES.iter().find(|(guid, name)| {
            depth == 0
                && (text(value, "root") == Some(*name)
                    || text(value, "guid") == Some(guid.as_str()))
        });
        let Some(item) = new_item(value) else {
            continue;
        };
        let date = value
            .get("dateAdded")
            .and_then(Value::as_i64)
            .unwrap_or(0)
            .max(0)
            / 1000;
        let entry = outline.push(depth, item, date);
        entry.root = root.map(|(guid, _)| guid.clone());
        entry.set_id(text(value, "guid").unwrap_or_default());
        let depth = entry.depth + 1;
        let children = value.get("children").and_then(Value::as_array);
        stack.extend(
            children
                .into_iter()
                .flatten()
                .rev()
                .map(|child| (child, depth)),
        );
    }
    Ok(outline)
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

fn new_item(value: &Value) -> Option<NewItem> {
    let title = text(value, "title").unwrap_or_default();
    let mut item = match value.get("typeCode").and_then(Value::as_i64)? {
        1 => NewItem::bookmark(title, text(value, "uri").unwrap_or_default()),
        2 => NewItem::folder(title),
        3 => return Some(NewItem::separator()),
        _ => return None,
    };
    if item
        .url
        .as_deref()
        .is_some_and(|url| url.starts_with("place:"))
    {
        item.kind = Kind::Query;
    }
    item.tags = clean_tags(text(value, "tags").unwrap_or_default().split(','));
    item.keyword = text(value, "keyword").map(str::to_owned);
    let annotations = value.get("annos").and_then(Value::as_array);
    item.description = annotations
        .into_iter()
        .flatten()
        .find(|annotation| text(annotation, "name") == Some(DESCRIPTION))
        .and_then(|annotation| text(annotation, "value"))
        .map(str::to_owned);
    Some(item)
}

/// Compresses a backup: Firefox's `.jsonlz4`.
///
/// ```
/// use selvedge_bookmarks::formats::backup::{compress, decompress};
///
/// assert_eq!(decompress(&compress(b"{}"))?, b"{}");
/// # Ok::<(), selvedge_bookmarks::formats::ReadError>(())
/// ```
#[must_use]
pub fn compress(json: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend(u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
    file.extend(lz4_flex::block::compress(json));
    file
}

/// Decompresses a `.jsonlz4` file.
///
/// # Errors
/// [`ReadError::Lz4`] if it is none or is damaged.
pub fn decompress(file: &[u8]) -> Result<Vec<u8>, ReadError> {
    let (size, block) = file
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.split_first_chunk::<4>())
        .ok_or(ReadError::Lz4)?;
    let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| ReadError::Lz4)?;
    // A byte of lz4 makes at most 255: a larger size is made up, and its memory must not be reserved.
    if size > block.len().saturating_mul(255).saturating_add(64) {
        return Err(ReadError::Lz4);
    }
    lz4_flex::block::decompress(block, size).map_err(|_| ReadError::Lz4)
}
