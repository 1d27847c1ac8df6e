//! Reads records as other clients wrote them, complete or not.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::members::{
    EARLIEST_DATE, QueryFix, clean_keyword, clean_tags, clean_title, clean_url, fix_query,
};
use crate::ids::{Guid, ROOT_GUID, TAGS_GUID, from_record_id, is_root};
use crate::item::{Item, Kind, Validity};

/// Why a record is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not a JSON object.
    #[error("it is not a JSON object: write it again on the device that made it")]
    NotAnObject,
    /// The id inside differs from the record's.
    #[error(
        "it contains the id {0:?}, which is not its own: write it again on the device that made it"
    )]
    OtherId(String),
    /// No type, or one that is not known.
    #[error("it has the unknown type {0:?}: update this program or correct the record")]
    UnknownType(String),
    /// The id is one that devices use for Firefox's own folders; on the server these have names.
    #[error(
        "its id is reserved for one of Firefox's own folders: delete the record from the server"
    )]
    ReservedId,
    /// The type `item`, which Firefox ignores.
    #[error("it has the type \"item\", which no client uses")]
    Ignored,
}

/// A record that is an item, and whether its writer made it right.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The item with normalised values.
    pub item: Item,
    /// `Valid`; `Reupload`: applied, and written again corrected; `Replace`: of no use, the own copy replaces it, else a
    /// tombstone.
    pub validity: Validity,
}

/// What a record is.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// An item.
    Item(Box<Received>),
    /// A deletion.
    Tombstone(Guid),
    /// A record that must not exist; it is not applied, and is deleted from the server without a tombstone.
    Forbidden(Guid),
    /// A record that is not applied, for this reason.
    Refused(Guid, Refusal),
}

impl Reading {
    /// The id of the record.
    #[must_use]
    pub fn id(&self) -> &Guid {
        match self {
            Self::Item(received) => &received.item.id,
            Self::Tombstone(id) | Self::Forbidden(id) | Self::Refused(id, _) => id,
        }
    }
}

/// Reads a record. `id` is the envelope's, `modified` the server's time in milliseconds.
///
/// ```
/// use selvedge_bookmarks::record::{Reading, read};
/// use serde_json::json;
///
/// let record = json!({
///     "id": "k3Zb0dPqL1xA", "type": "bookmark", "parentid": "menu", "title": "Example",
///     "bmkUri": "https://example.org", "loadInSidebar": true,
/// });
/// let Reading::Item(received) = read("k3Zb0dPqL1xA", record, 1_796_000_000_000) else { panic!() };
/// assert_eq!(received.item.url.as_deref(), Some("https://example.org/"));
/// assert_eq!(received.item.date_added, 1_796_000_000_000);
/// assert_eq!(received.item.unknown["loadInSidebar"], true);
/// ```
#[must_use]
pub fn read(id: &str, cleartext: Value, modified: i64) -> Reading {
    let guid = from_record_id(id);
    let Value::Object(mut members) = cleartext else {
        return Reading::Refused(guid, Refusal::NotAnObject);
    };
    match members.remove("id") {
        None => {}
        Some(Value::String(inside)) if inside == id => {}
        Some(other) => {
            let inside = other
                .as_str()
                .map_or_else(|| other.to_string(), str::to_owned);
            return Reading::Refused(guid, Refusal::OtherId(inside));
        }
    }
    if members
        .remove("deleted")
        .is_some_and(|value| is_truthy(&value))
    {
        return Reading::Tombstone(guid);
    }
    let parent = members.remove("parentid");
    let parent = parent.as_ref().and_then(Value::as_str);
    if matches!(id, "places" | "pinned" | "readinglist")
        || matches!(parent, Some("pinned" | "readinglist"))
    {
        return Reading::Forbidden(guid);
    }
    let is_own = is_root(&guid) || guid == ROOT_GUID || guid == TAGS_GUID;
    if is_own && guid.as_str() == id {
        // It would be a second record of that folder.
        return Reading::Refused(guid, Refusal::ReservedId);
    }
    let mut fix = Fix {
        members,
        validity: Validity::Valid,
    };
    let kind = match fix.members.remove("type") {
        Some(Value::String(name)) => match name.as_str() {
            "bookmark" => Kind::Bookmark,
            "microsummary" => {
                fix.reupload();
                Kind::Bookmark
            }
            "query" => Kind::Query,
            "folder" => Kind::Folder,
            "livemark" => Kind::Livemark,
            "separator" => Kind::Separator,
            "item" => return Reading::Refused(guid, Refusal::Ignored),
            _ => return Reading::Refused(guid, Refusal::UnknownType(name)),
        },
        other => {
            let text = other.map(|value| value.to_string()).unwrap_or_default();
            return Reading::Refused(guid, Refusal::UnknownType(text));
        }
    };
    let item = fix.item(guid, kind, parent.map(from_record_id), modified);
    Reading::Item(Box::new(Received {
        item,
        validity: fix.validity,
    }))
}

/// The members of a record that are not read yet, and what was wrong with the others.
struct Fix {
    members: Map<String, Value>,
    validity: Validity,
}

impl Fix {
    fn reupload(&mut self) {
        if self.validity == Validity::Valid {
            self.validity = Validity::Reupload;
        }
    }

    /// A text member; one of another type counts as absent and is corrected.
    fn text(&mut self, name: &str) -> Option<String> {
        match self.members.remove(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.reupload();
                None
            }
        }
    }

    fn item(&mut self, id: Guid, kind: Kind, parent: Option<Guid>, modified: i64) -> Item {
        for derived in ["hasDupe", "parentName", "pos", "queryId", "modified"] {
            self.members.remove(derived);
        }
        let mut item = Item::new(id, kind, ROOT_GUID);
        item.parent = parent;
        item.date_added = date(self.members.remove("dateAdded").as_ref(), modified);
        if kind == Kind::Separator {
            // Old clients write an empty title.
            self.members.remove("title");
        } else {
            item.title = clean_title(self.text("title").unwrap_or_default());
        }
        item.description = self.text("description").filter(|text| !text.is_empty());
        match kind {
            Kind::Bookmark | Kind::Query => {
                self.members.remove("children");
                self.addressed(&mut item);
            }
            Kind::Folder => item.children = self.children(&item.id),
            // A livemark's children come from its feed.
            Kind::Livemark | Kind::Separator => drop(self.members.remove("children")),
        }
        item.unknown = std::mem::take(&mut self.members);
        item
    }

    /// The members of a bookmark or query.
    fn addressed(&mut self, item: &mut Item) {
        item.folder_name = self.text("folderName");
        item.url = self.text("bmkUri").and_then(|url| clean_url(&url));
        let tags = self.members.remove("tags");
        let keyword = self.text("keyword");
        if item.kind == Kind::Bookmark {
            match tags {
                None => {}
                Some(Value::Array(tags)) => {
                    item.tags = clean_tags(tags.iter().filter_map(Value::as_str));
                    if item.tags.len() != tags.len() {
                        self.reupload();
                    }
                }
                Some(_) => self.reupload(),
            }
            item.keyword = keyword.as_deref().and_then(clean_keyword);
        }
        match item
            .url
            .as_deref()
            .map(|url| fix_query(url, item.folder_name.as_deref()))
        {
            Some(QueryFix::Keep) => {}
            Some(QueryFix::Rewrite(url)) if item.kind == Kind::Query => {
                item.url = Some(url);
                self.reupload();
            }
            Some(QueryFix::Invalid) if item.kind == Kind::Query => {
                item.url = None;
                self.validity = Validity::Replace;
            }
            Some(_) => {}
            None => self.validity = Validity::Replace,
        }
    }

    /// A folder's children, each once. A repeated id stops Firefox's sync, so it is corrected.
    fn children(&mut self, folder: &Guid) -> Vec<Guid> {
        let children = match self.members.remove("children") {
            None => return Vec::new(),
            Some(Value::Array(children)) => children,
            Some(_) => {
                self.reupload();
                return Vec::new();
            }
        };
        let mut seen = HashSet::with_capacity(children.len());
        let clean: Vec<Guid> = children
            .iter()
            .filter_map(Value::as_str)
            .map(from_record_id)
            .filter(|child| child != folder && *child != ROOT_GUID && *child != TAGS_GUID)
            .filter(|child| seen.insert(child.clone()))
            .collect();
        if clean.len() != children.len() {
            self.reupload();
        }
        clean
    }
}

/// The smallest believable date of the record and the server; the server's if there is none.
fn date(sent: Option<&Value>, modified: i64) -> i64 {
    let sent = match sent {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    [sent, Some(modified)]
        .into_iter()
        .flatten()
        .filter(|date| *date > EARLIEST_DATE)
        .min()
        .unwrap_or(0)
}

/// What JavaScript takes for true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
