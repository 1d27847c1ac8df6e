//! Markdown: a heading for each root and nested lists below it.

use std::io::{self, Write};

use crate::item::{Item, Kind};
use crate::tree::Tree;

/// Writes a tree.
///
/// ```
/// use selvedge_bookmarks::formats::markdown::write;
/// use selvedge_bookmarks::tree::Tree;
///
/// let mut text = Vec::new();
/// write(&Tree::empty(), &mut text)?;
/// assert!(text.starts_with(b"# Bookmarks\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of `out`.
pub fn write(tree: &Tree, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"# Bookmarks\n")?;
    for (item, depth) in tree.walk() {
        if depth == 0 {
            write!(out, "\n## {}\n\n", tree.path(&item.id))?;
            continue;
        }
        write!(out, "{:1$}- ", "", (depth - 1) * 2)?;
        entry(item, out)?;
    }
    Ok(())
}

fn entry(item: &Item, out: &mut impl Write) -> io::Result<()> {
    match item.kind {
        Kind::Separator => return out.write_all(b"---\n"),
        Kind::Folder | Kind::Livemark => write!(out, "**{}**", escape(&item.title))?,
        Kind::Bookmark | Kind::Query => {
            let url = item.url.as_deref().unwrap_or_default();
            let title = if item.title.is_empty() {
                url
            } else {
                &item.title
            };
            write!(
                out,
                "[{}](<{}>)",
                escape(title),
                url.replace('<', "%3C").replace('>', "%3E")
            )?;
            for tag in &item.tags {
                write!(out, " `#{}`", tag.replace('`', "'"))?;
            }
        }
    }
    if let Some(description) = &item.description {
        write!(out, " — {}", escape(description))?;
    }
    out.write_all(b"\n")
}

/// Text on one line without Markdown's meaning.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '[' | ']' | '*' | '_' | '`' | '<' | '>' | '#' => escaped.extend(['\\', letter]),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}
