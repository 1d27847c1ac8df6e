//! What a person enters: a new item, and new values of one.

use crate::item::Kind;

/// An item to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// What it is; a URL with `place:` makes a bookmark a query.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// Its URL, of bookmarks.
    pub url: Option<String>,
    /// Its tags; none: those that the URL already has.
    pub tags: Vec<String>,
    /// Its keyword; none: the one that the URL already has.
    pub keyword: Option<String>,
    /// Its description.
    pub description: Option<String>,
}

impl NewItem {
    /// A bookmark.
    #[must_use]
    pub fn bookmark(title: &str, url: &str) -> Self {
        Self {
            url: Some(url.to_owned()),
            ..Self::of(Kind::Bookmark, title)
        }
    }

    /// A folder.
    #[must_use]
    pub fn folder(title: &str) -> Self {
        Self::of(Kind::Folder, title)
    }

    /// A separator.
    #[must_use]
    pub fn separator() -> Self {
        Self::of(Kind::Separator, "")
    }

    fn of(kind: Kind, title: &str) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            url: None,
            tags: Vec::new(),
            keyword: None,
            description: None,
        }
    }
}

/// New values of an item; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// The title.
    pub title: Option<String>,
    /// The URL.
    pub url: Option<String>,
    /// All tags of the URL.
    pub tags: Option<Vec<String>>,
    /// The keyword; an empty one removes it.
    pub keyword: Option<String>,
    /// The description; an empty one removes it.
    pub description: Option<String>,
}
