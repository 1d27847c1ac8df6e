//! Writes bookmarks as Firefox exports them: the menu's items first, then the other roots as folders.

use std::io::{self, Write};

use crate::ids::{Guid, MENU_GUID, MOBILE_GUID, TOOLBAR_GUID, UNFILED_GUID};
use crate::item::{Item, Kind};
use crate::tree::Tree;

/// The attribute by which a root is recognised, and its title in exports.
pub(super) const ROOT_FOLDERS: [(Guid, &str, &str); 3] = [
    (TOOLBAR_GUID, "PERSONAL_TOOLBAR_FOLDER", "Bookmarks Toolbar"),
    (UNFILED_GUID, "UNFILED_BOOKMARKS_FOLDER", "Other Bookmarks"),
    (MOBILE_GUID, "MOBILE_BOOKMARKS_FOLDER", "Mobile Bookmarks"),
];

const HEAD: &str = "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n\
    <!-- This is an automatically generated file.\n     It will be read and overwritten.\n     DO NOT EDIT! -->\n\
    <META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=UTF-8\">\n\
    <TITLE>Bookmarks</TITLE>\n<H1>Bookmarks Menu</H1>\n\n<DL><p>\n";

/// Writes a tree.
///
/// ```
/// use selvedge_bookmarks::formats::netscape::write;
/// use selvedge_bookmarks::tree::Tree;
///
/// let mut html = Vec::new();
/// write(&Tree::empty(), &mut html)?;
/// assert!(html.starts_with(b"<!DOCTYPE NETSCAPE-Bookmark-file-1>"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of `out`.
pub fn write(tree: &Tree, out: &mut impl Write) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    folder(tree, &MENU_GUID, 1, out)?;
    for (root, attribute, title) in &ROOT_FOLDERS {
        let Some(item) = tree.get(root) else { continue };
        write!(out, "    <DT><H3")?;
        date(item, out)?;
        writeln!(out, " {attribute}=\"true\">{title}</H3>\n    <DL><p>")?;
        folder(tree, root, 2, out)?;
        out.write_all(b"    </DL><p>\n")?;
    }
    out.write_all(b"</DL>\n")
}

/// What is in a folder, without the folder.
fn folder(tree: &Tree, id: &Guid, indent: usize, out: &mut impl Write) -> io::Result<()> {
    let mut open = 0;
    let close = |open: &mut usize, depth: usize, out: &mut dyn Write| {
        while *open > depth {
            *open -= 1;
            writeln!(out, "{:1$}</DL><p>", "", (indent + *open) * 4)?;
        }
        io::Result::Ok(())
    };
    for (item, depth) in tree.walk_from(id).skip(1) {
        // The children of the folder have the depth 1.
        close(&mut open, depth - 1, out)?;
        write!(out, "{:1$}", "", (indent + open) * 4)?;
        entry(item, out)?;
        if item.is_folder() {
            writeln!(out, "{:1$}<DL><p>", "", (indent + open) * 4)?;
            open += 1;
        }
    }
    close(&mut open, 0, out)
}

fn entry(item: &Item, out: &mut impl Write) -> io::Result<()> {
    match item.kind {
        Kind::Separator => return out.write_all(b"<HR>\n"),
        Kind::Folder | Kind::Livemark => {
            out.write_all(b"<DT><H3")?;
            date(item, out)?;
            write!(out, ">{}</H3>", Escaped(&item.title))?;
        }
        Kind::Bookmark | Kind::Query => {
            write!(
                out,
                "<DT><A HREF=\"{}\"",
                Escaped(item.url.as_deref().unwrap_or_default())
            )?;
            date(item, out)?;
            if let Some(keyword) = &item.keyword {
                write!(out, " SHORTCUTURL=\"{}\"", Escaped(keyword))?;
            }
            if !item.tags.is_empty() {
                write!(out, " TAGS=\"{}\"", Escaped(&item.tags.join(",")))?;
            }
            write!(out, ">{}</A>", Escaped(&item.title))?;
        }
    }
    out.write_all(b"\n")?;
    if let Some(description) = &item.description {
        writeln!(out, "<DD>{}", Escaped(description))?;
    }
    Ok(())
}

fn date(item: &Item, out: &mut impl Write) -> io::Result<()> {
    if item.date_added > 0 {
        write!(out, " ADD_DATE=\"{}\"", item.date_added / 1000)
    } else {
        Ok(())
    }
}

/// Text in HTML.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '\n', '\r', '\t']) {
            let (plain, special) = rest.split_at(at);
            f.write_str(plain)?;
            let mut letters = special.chars();
            f.write_str(match letters.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                Some('\'') => "&#39;",
                // Line ends of titles and descriptions would be lost as white space.
                Some('\n') => "&#10;",
                Some('\t') => "&#9;",
                _ => "&#13;",
            })?;
            rest = letters.as_str();
        }
        f.write_str(rest)
    }
}
