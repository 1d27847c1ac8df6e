//! CSV (RFC 4180) for spreadsheets: a line for each bookmark.

use std::io::{self, Write};

use super::date_text;
use crate::tree::Tree;

/// Writes the bookmarks of a tree with their folders' paths.
///
/// ```
/// use selvedge_bookmarks::formats::csv::write;
/// use selvedge_bookmarks::tree::Tree;
///
/// let mut text = Vec::new();
/// write(&Tree::empty(), &mut text)?;
/// assert_eq!(text, b"folder,title,url,tags,keyword,description,added,id\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of `out`.
pub fn write(tree: &Tree, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"folder,title,url,tags,keyword,description,added,id\r\n")?;
    // The path of the folder of each depth.
    let mut paths: Vec<String> = Vec::new();
    for (item, depth) in tree.walk() {
        if item.is_folder() {
            paths.truncate(depth);
            let name = item.title.replace('/', "\\/");
            paths.push(match paths.last() {
                Some(parent) => format!("{parent}/{name}"),
                None => tree.path(&item.id),
            });
            continue;
        }
        let Some(url) = item.url.as_deref() else {
            continue;
        };
        let folder = paths
            .get(depth.saturating_sub(1))
            .map_or("", String::as_str);
        let added = date_text(item.date_added);
        let tags = item.tags.join(",");
        let keyword = item.keyword.as_deref().unwrap_or_default();
        let description = item.description.as_deref().unwrap_or_default();
        let fields = [
            folder,
            &item.title,
            url,
            &tags,
            keyword,
            description,
            &added,
            item.id.as_str(),
        ];
        for (index, field) in fields.into_iter().enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            if field.contains([',', '"', '\r', '\n']) {
                write!(out, "\"{}\"", field.replace('"', "\"\""))?;
            } else {
                out.write_all(field.as_bytes())?;
            }
        }
        out.write_all(b"\r\n")?;
    }
    Ok(())
}
