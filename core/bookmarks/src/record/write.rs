//! Writes records as Firefox writes them: exact types, complete (collections.md §2.1).

use serde_json::{Map, Value, json};

use crate::ids::{Guid, ROOT_GUID, TOOLBAR_GUID, is_root, to_record_id};
use crate::item::{Item, Kind};

/// The cleartext of an item. `parent_title` is the title of its folder, `position` its index there.
///
/// ```
/// use selvedge_bookmarks::ids::{Guid, MENU_GUID};
/// use selvedge_bookmarks::item::{Item, Kind};
/// use selvedge_bookmarks::record::write;
///
/// let mut item = Item::new(Guid::from("k3Zb0dPqL1xA"), Kind::Bookmark, MENU_GUID);
/// item.url = Some("https://example.org/".to_owned());
/// let record = write(&item, "menu", 0);
/// assert_eq!(record["parentid"], "menu");
/// assert_eq!(record["hasDupe"], true);
/// assert!(!record.contains_key("tags"));
/// ```
#[must_use]
pub fn write(item: &Item, parent_title: &str, position: usize) -> Map<String, Value> {
    // What `write_text` returns is an object.
    serde_json::from_str(&write_text(item, parent_title, position)).unwrap_or_default()
}

/// The cleartext of an item as JSON text: like [`write()`], without a map in between.
///
/// ```
/// use selvedge_bookmarks::ids::{Guid, MENU_GUID};
/// use selvedge_bookmarks::item::{Item, Kind};
/// use selvedge_bookmarks::record::write_text;
///
/// let line = Item::new(Guid::from("k3Zb0dPqL1xA"), Kind::Separator, MENU_GUID);
/// let text = r#"{"id":"k3Zb0dPqL1xA","type":"separator","parentid":"menu","hasDupe":true,"parentName":"menu","pos":2}"#;
/// assert_eq!(write_text(&line, "menu", 2), text);
/// ```
#[must_use]
pub fn write_text(item: &Item, parent_title: &str, position: usize) -> String {
    let is_root = is_root(&item.id);
    let parent = item
        .parent
        .as_ref()
        .filter(|_| !is_root)
        .unwrap_or(&ROOT_GUID);
    let mut object = Object::new(item);
    object.text("id", to_record_id(&item.id));
    object.text("type", item.kind.as_str());
    object.text("parentid", to_record_id(parent));
    object.value("hasDupe", &true);
    object.text("parentName", if is_root { "" } else { parent_title });
    if item.date_added > 0 {
        object.value("dateAdded", &item.date_added);
    }
    if item.kind != Kind::Separator {
        object.text("title", &item.title);
    }
    object.optional("description", item.description.as_deref());
    match item.kind {
        Kind::Bookmark | Kind::Query => {
            object.optional("bmkUri", item.url.as_deref());
            object.optional("folderName", item.folder_name.as_deref());
            if item.kind == Kind::Bookmark {
                if !item.tags.is_empty() {
                    object.list("tags", item.tags.iter().map(String::as_str));
                }
                object.optional("keyword", item.keyword.as_deref());
            }
        }
        Kind::Folder => object.list("children", item.children.iter().map(to_record_id)),
        Kind::Livemark => object.list("children", []),
        Kind::Separator => object.value("pos", &position),
    }
    for (name, value) in &item.unknown {
        if !is_written(item.kind, name) {
            object.value(name, value);
        }
    }
    object.end()
}

/// Whether a member is written from an item's values: an unknown member never repeats one.
fn is_written(kind: Kind, name: &str) -> bool {
    match name {
        "bmkUri" | "folderName" | "tags" | "keyword" => {
            matches!(kind, Kind::Bookmark | Kind::Query)
        }
        "id" | "type" | "parentid" | "hasDupe" | "parentName" | "dateAdded" | "title"
        | "description" | "children" | "pos" => true,
        _ => false,
    }
}

/// A JSON object being written.
struct Object(String);

impl Object {
    fn new(item: &Item) -> Self {
        let url = item.url.as_ref().map_or(0, String::len);
        let mut text =
            String::with_capacity(200 + item.title.len() + url + item.children.len() * 15);
        text.push('{');
        Self(text)
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_json(&mut self.0, name);
        self.0.push(':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        push_json(&mut self.0, value);
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn value(&mut self, name: &str, value: &impl std::fmt::Display) {
        use std::fmt::Write as _;
        self.name(name);
        // Writing to a String cannot fail; numbers, booleans and values of serde_json display as JSON.
        let _ = write!(self.0, "{value}");
    }

    fn list<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        self.name(name);
        self.0.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            push_json(&mut self.0, value);
        }
        self.0.push(']');
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Appends a text as JSON.
fn push_json(out: &mut String, text: &str) {
    let plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// The cleartext of a deletion.
///
/// ```
/// use selvedge_bookmarks::ids::Guid;
/// use selvedge_bookmarks::record::tombstone;
///
/// let record = tombstone(&Guid::from("k3Zb0dPqL1xA"));
/// assert_eq!(record.len(), 2);
/// ```
#[must_use]
pub fn tombstone(id: &Guid) -> Map<String, Value> {
    Map::from_iter([
        ("id".to_owned(), json!(to_record_id(id))),
        ("deleted".to_owned(), Value::Bool(true)),
    ])
}

/// The envelope's `sortindex`; `None` stands for a tombstone (collections.md §1.4).
#[must_use]
pub fn sort_index(item: Option<&Item>) -> i64 {
    match item {
        Some(item) if item.is_folder() => 1_000_000,
        Some(item) if item.parent == Some(TOOLBAR_GUID) => 150,
        _ => 0,
    }
}
