//! One item of a bookmark tree.

use serde_json::{Map, Value};

pub use dogear::Validity;

use crate::ids::Guid;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A page's address.
    Bookmark,
    /// A saved search: a bookmark whose URL starts with `place:`.
    Query,
    /// A folder with ordered children.
    Folder,
    /// An old folder filled from a feed; no current client has them, and a merge deletes them.
    Livemark,
    /// A line between items.
    Separator,
}

impl Kind {
    /// The `type` member of records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bookmark => "bookmark",
            Self::Query => "query",
            Self::Folder => "folder",
            Self::Livemark => "livemark",
            Self::Separator => "separator",
        }
    }

    /// Whether a change between the two kinds is possible: only the URL decides between bookmark and query.
    #[must_use]
    pub fn is_compatible_with(self, other: Self) -> bool {
        let has_url = |kind| matches!(kind, Self::Bookmark | Self::Query);
        self == other || (has_url(self) && has_url(other))
    }

    pub(crate) fn for_dogear(self) -> dogear::Kind {
        match self {
            Self::Bookmark => dogear::Kind::Bookmark,
            Self::Query => dogear::Kind::Query,
            Self::Folder => dogear::Kind::Folder,
            Self::Livemark => dogear::Kind::Livemark,
            Self::Separator => dogear::Kind::Separator,
        }
    }
}

/// One item of a bookmark tree, with everything its record contains.
///
/// ```
/// use selvedge_bookmarks::ids::{Guid, MENU_GUID};
/// use selvedge_bookmarks::item::{Item, Kind};
///
/// let mut item = Item::new(Guid::from("k3Zb0dPqL1xA"), Kind::Bookmark, MENU_GUID);
/// item.url = Some("https://example.org/".to_owned());
/// assert!(item.children.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The item's GUID; a root has its local one (`menu________`).
    pub id: Guid,
    /// What it is.
    pub kind: Kind,
    /// The folder that it says it is in (`parentid`).
    pub parent: Option<Guid>,
    /// The title; empty for separators.
    pub title: String,
    /// The URL of a bookmark or query, normalised. `None` if the record had no usable one.
    pub url: Option<String>,
    /// The tags of the URL.
    pub tags: Vec<String>,
    /// The keyword of the URL.
    pub keyword: Option<String>,
    /// The tag that a query shows, as an old client wrote it.
    pub folder_name: Option<String>,
    /// A description, written by old clients and by imports.
    pub description: Option<String>,
    /// When it was created, in milliseconds since 1970; 0 if unknown.
    pub date_added: i64,
    /// A folder's children in order, each once.
    pub children: Vec<Guid>,
    /// All other members of the record, sent back as they came.
    pub unknown: Map<String, Value>,
}

impl Item {
    /// An empty item.
    #[must_use]
    pub fn new(id: Guid, kind: Kind, parent: Guid) -> Self {
        Self {
            id,
            kind,
            parent: Some(parent),
            title: String::new(),
            url: None,
            tags: Vec::new(),
            keyword: None,
            folder_name: None,
            description: None,
            date_added: 0,
            children: Vec::new(),
            unknown: Map::new(),
        }
    }

    /// Whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// Whether it has a URL: bookmarks and queries.
    #[must_use]
    pub fn has_url(&self) -> bool {
        matches!(self.kind, Kind::Bookmark | Kind::Query)
    }

    /// Whether both have the same value: everything but id, place and children.
    #[must_use]
    pub fn same_value(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.title == other.title
            && self.url == other.url
            && self.tags == other.tags
            && self.keyword == other.keyword
            && self.folder_name == other.folder_name
            && self.description == other.description
            && self.date_added == other.date_added
            && self.unknown == other.unknown
    }
}
