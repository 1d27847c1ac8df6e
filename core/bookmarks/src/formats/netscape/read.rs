//! Reads bookmarks in HTML as browsers and services write them: tags of any case, missing end tags, unknown attributes.

use super::super::{Outline, ReadError};
use super::write::ROOT_FOLDERS;
use crate::ids::MENU_GUID;
use crate::record::clean_tags;
use crate::tree::NewItem;

/// Reads a file. Items outside of the folders that Firefox always has belong to the menu.
///
/// ```
/// use selvedge_bookmarks::formats::netscape::read;
///
/// let html = r#"<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><p><DT><A HREF="https://example.org/">Me &amp; you</A></DL>"#;
/// let outline = read(html)?;
/// assert_eq!(outline.entries[1].item.title, "Me & you");
/// # Ok::<(), selvedge_bookmarks::formats::ReadError>(())
/// ```
///
/// # Errors
/// [`ReadError::NotNetscape`] if nothing in it looks like bookmarks.
pub fn read(html: &str) -> Result<Outline, ReadError> {
    let mut reader = Reader::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tagged) = rest.split_at(at);
        reader.text(text);
        if let Some(comment) = tagged.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let end = tag_end(tagged);
        let (tag, after) = tagged.split_at(end);
        reader.tag(tag.trim_start_matches('<').trim_end_matches('>'));
        rest = after;
    }
    reader.text(rest);
    reader.finish_title();
    reader.finish_description();
    if reader.is_bookmarks {
        Ok(reader.outline)
    } else {
        Err(ReadError::NotNetscape)
    }
}

/// The index after a tag's `>`; one in quotes does not count.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (index, letter) in tag.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if letter == '>' => return index + 1,
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None => {}
        }
    }
    // A quote that never ends: the tag ends at the first `>`.
    tag.find('>').map_or(tag.len(), |index| index + 1)
}

#[derive(Default)]
struct Reader {
    outline: Outline,
    is_bookmarks: bool,
    /// For each open list the depth of its items; the outermost list holds the menu's items.
    lists: Vec<usize>,
    /// The folder whose list comes next.
    heading: Option<usize>,
    /// The item whose title is being read.
    pending: Option<Pending>,
    title: String,
    /// Whether the last item's description is being read.
    description: Option<String>,
    menu_open: bool,
}

struct Pending {
    item: NewItem,
    date_added: i64,
    root: Option<crate::ids::Guid>,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if self.pending.is_some() {
            self.title.push_str(text);
        } else if let Some(description) = &mut self.description {
            description.push_str(text);
        }
    }

    fn tag(&mut self, tag: &str) {
        let (name, attributes) = tag
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((tag, ""));
        let name = name.trim_end_matches('/').to_ascii_lowercase();
        match name.as_str() {
            "!doctype" => {
                self.is_bookmarks |= attributes
                    .to_ascii_lowercase()
                    .contains("netscape-bookmark")
            }
            "br" => self.text("\n"),
            "a" => self.start(
                |attribute| NewItem {
                    tags: clean_tags(attribute("tags").unwrap_or_default().split(',')),
                    keyword: attribute("shortcuturl").filter(|keyword| !keyword.is_empty()),
                    ..NewItem::bookmark("", &attribute("href").unwrap_or_default())
                },
                attributes,
            ),
            "h3" => self.start(|_| NewItem::folder(""), attributes),
            "/a" | "/h3" => self.finish_title(),
            "hr" => {
                self.end_item();
                let depth = self.depth();
                self.outline.push(depth, NewItem::separator(), 0);
            }
            "dt" => self.end_item(),
            "dd" => {
                self.finish_title();
                self.description = Some(String::new());
            }
            "dl" => {
                self.end_item();
                self.is_bookmarks = true;
                let depth = match self.heading.take() {
                    Some(folder) => folder + 1,
                    None => self.lists.last().copied().unwrap_or(0),
                };
                self.lists.push(depth);
            }
            "/dl" => {
                self.end_item();
                self.heading = None;
                self.lists.pop();
            }
            _ => {}
        }
    }

    fn end_item(&mut self) {
        self.finish_title();
        self.finish_description();
    }

    /// The depth of an item of the innermost list. Items of the outermost one are in the menu.
    fn depth(&mut self) -> usize {
        let depth = self.lists.last().copied().unwrap_or(0);
        if depth > 0 {
            return depth;
        }
        if !self.menu_open {
            self.menu_open = true;
            self.outline.push(0, NewItem::folder("menu"), 0).root = Some(MENU_GUID);
        }
        1
    }

    fn start(
        &mut self,
        item: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> NewItem,
        attributes: &str,
    ) {
        self.end_item();
        let attribute = |name: &str| attribute(attributes, name);
        let seconds: i64 = attribute("add_date")
            .and_then(|date| date.trim().parse().ok())
            .unwrap_or(0);
        // Some services write milliseconds or microseconds.
        let date_added = match seconds {
            0..100_000_000_000 => seconds * 1000,
            100_000_000_000..100_000_000_000_000 => seconds,
            _ => seconds / 1000,
        };
        let root = ROOT_FOLDERS
            .iter()
            .find(|(_, name, _)| {
                attribute(&name.to_ascii_lowercase()).is_some_and(|value| value == "true")
            })
            .map(|(root, ..)| root.clone());
        self.pending = Some(Pending {
            item: item(&attribute),
            date_added: date_added.max(0),
            root,
        });
    }

    fn finish_title(&mut self) {
        let Some(Pending {
            mut item,
            date_added,
            root,
        }) = self.pending.take()
        else {
            return;
        };
        item.title = decode(self.title.trim());
        self.title.clear();
        let is_folder = item.url.is_none();
        let depth = if root.is_some() { 0 } else { self.depth() };
        if root.is_some() {
            // The menu's items may go on after it.
            self.menu_open = false;
        }
        let entry = self.outline.push(depth, item, date_added);
        entry.root = root;
        let depth = entry.depth;
        self.heading = is_folder.then_some(depth);
    }

    fn finish_description(&mut self) {
        let Some(text) = self.description.take() else {
            return;
        };
        let text = decode(text.trim());
        if let Some(last) = self.outline.entries.last_mut().filter(|_| !text.is_empty()) {
            last.item.description = Some(text);
        }
    }
}

/// The value of an attribute.
fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            rest = after;
            if name.is_empty() {
                break;
            }
            continue;
        };
        let quote = value
            .chars()
            .next()
            .filter(|quote| matches!(quote, '"' | '\''));
        let (text, after) = match quote {
            Some(quote) => {
                let inner = value.get(1..).unwrap_or_default();
                inner.split_once(quote).unwrap_or((inner, ""))
            }
            None => value.split_at(
                value
                    .find(|c: char| c.is_ascii_whitespace())
                    .unwrap_or(value.len()),
            ),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(decode(text));
        }
        rest = after.trim_start();
    }
    None
}

/// Replaces character references.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (plain, reference) = rest.split_at(at);
        decoded.push_str(plain);
        let found = reference
            .find(';')
            .filter(|end| *end <= 10)
            .and_then(|end| {
                let letter = character(reference.get(1..end)?)?;
                Some((letter, reference.get(end + 1..)?))
            });
        match found {
            Some((letter, after)) => {
                decoded.push(letter);
                rest = after;
            }
            None => {
                decoded.push('&');
                rest = reference.get(1..).unwrap_or_default();
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
