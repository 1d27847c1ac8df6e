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
    let mut record = item.unknown.clone();
    let mut set = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    set("id", json!(to_record_id(&item.id)));
    set("type", json!(item.kind.as_str()));
    let parent = if is_root(&item.id) {
        &ROOT_GUID
    } else {
        item.parent.as_ref().unwrap_or(&ROOT_GUID)
    };
    set("parentid", json!(to_record_id(parent)));
    set("hasDupe", Value::Bool(true));
    let parent_name = if is_root(&item.id) { "" } else { parent_title };
    set("parentName", json!(parent_name));
    if item.date_added > 0 {
        set("dateAdded", json!(item.date_added));
    }
    if item.kind != Kind::Separator {
        set("title", json!(item.title));
    }
    if let Some(description) = &item.description {
        set("description", json!(description));
    }
    match item.kind {
        Kind::Bookmark | Kind::Query => {
            if let Some(url) = &item.url {
                set("bmkUri", json!(url));
            }
            if let Some(name) = &item.folder_name {
                set("folderName", json!(name));
            }
            if item.kind == Kind::Bookmark {
                if !item.tags.is_empty() {
                    set("tags", json!(item.tags));
                }
                if let Some(keyword) = &item.keyword {
                    set("keyword", json!(keyword));
                }
            }
        }
        Kind::Folder => {
            let children: Vec<&str> = item.children.iter().map(to_record_id).collect();
            set("children", json!(children));
        }
        Kind::Livemark => set("children", json!([])),
        Kind::Separator => set("pos", json!(position)),
    }
    record
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
