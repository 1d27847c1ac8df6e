//! What a file contains, as a flat list.

use crate::ids::{Guid, is_guid, is_root};
use crate::tree::{MAX_DEPTH, NewItem, Tree};

/// One item of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How many of the file's folders it is in.
    pub depth: usize,
    /// Its values.
    pub item: NewItem,
    /// When it was created, in milliseconds; 0 if unknown.
    pub date_added: i64,
    /// Its id, from a backup.
    pub id: Option<Guid>,
    /// The root that it is, for the folders that Firefox always has.
    pub root: Option<Guid>,
}

/// A file's items in order, each folder before what it contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The items. Depths rise by at most one.
    pub entries: Vec<Entry>,
}

impl Outline {
    /// The outline of a tree: what reading an export of it returns.
    ///
    /// ```
    /// use selvedge_bookmarks::formats::Outline;
    /// use selvedge_bookmarks::tree::Tree;
    ///
    /// assert_eq!(Outline::of(&Tree::empty()).entries.len(), 4);
    /// ```
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let entries = tree.walk().map(|(item, depth)| Entry {
            depth,
            item: NewItem {
                kind: item.kind,
                title: item.title.clone(),
                url: item.url.clone(),
                tags: item.tags.clone(),
                keyword: item.keyword.clone(),
                description: item.description.clone(),
            },
            date_added: item.date_added,
            id: Some(item.id.clone()),
            root: is_root(&item.id).then(|| item.id.clone()),
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// Adds an item; one that is nested too deeply goes to the deepest folder possible.
    pub(super) fn push(&mut self, depth: usize, item: NewItem, date_added: i64) -> &mut Entry {
        let deepest = self.entries.last().map_or(0, |last| last.depth + 1);
        self.entries.push_mut(Entry {
            depth: depth.min(deepest).min(MAX_DEPTH - 2),
            item,
            date_added,
            id: None,
            root: None,
        })
    }
}

impl Entry {
    /// Sets the id if it is one.
    pub(super) fn set_id(&mut self, id: &str) {
        if is_guid(id) {
            self.id = Some(Guid::from(id));
        }
    }
}
