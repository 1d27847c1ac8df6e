//! The tree itself and how it is read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::ids::Guid;
use crate::item::Item;
use crate::record::write;

/// Maximum depth of folders. Firefox's merge walks folders recursively, so deeper trees are refused.
pub const MAX_DEPTH: usize = 200;

/// A bookmark tree. The four roots always exist.
///
/// ```
/// use selvedge_bookmarks::ids::{Guid, MENU_GUID};
/// use selvedge_bookmarks::tree::{NewItem, Tree};
///
/// let mut tree = Tree::empty();
/// let mut source = || [7; 9];
/// let page = NewItem::bookmark("Example", "https://example.org/");
/// let changes = tree.add(&MENU_GUID, None, page, 1_796_000_000_000, &mut source)?;
/// // The bookmark and its folder are to be uploaded together.
/// assert_eq!(changes.changed.len(), 2);
/// # Ok::<(), selvedge_bookmarks::tree::EditError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(super) items: Items,
}

/// Items by id. Trees share the items that they have in common.
pub(crate) type Items = HashMap<Guid, Arc<Item>>;

/// What an edit changed: the records to store and upload together (collections.md §2.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Items whose records changed.
    pub changed: BTreeSet<Guid>,
    /// Items that are gone and need tombstones.
    pub deleted: BTreeSet<Guid>,
}

impl Changes {
    /// Adds another edit's changes.
    pub fn extend(&mut self, other: Self) {
        for id in &other.deleted {
            self.changed.remove(id);
        }
        for id in &other.changed {
            self.deleted.remove(id);
        }
        self.changed.extend(other.changed);
        self.deleted.extend(other.deleted);
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.deleted.is_empty()
    }
}

impl Tree {
    /// A tree with the four empty roots.
    #[must_use]
    pub fn empty() -> Self {
        Self::build(Vec::new()).0
    }

    /// The item with an id.
    #[must_use]
    pub fn get(&self, id: &Guid) -> Option<&Item> {
        self.items.get(id).map(Arc::as_ref)
    }

    /// Whether an item exists.
    #[must_use]
    pub fn contains(&self, id: &Guid) -> bool {
        self.items.contains_key(id)
    }

    /// Number of items, the roots included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing but the roots exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.len() <= crate::ids::ROOTS.len()
    }

    /// All items in no order.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values().map(Arc::as_ref)
    }

    /// The folder that an item is in; `None` for a root.
    #[must_use]
    pub fn parent(&self, id: &Guid) -> Option<&Item> {
        self.get(self.get(id)?.parent.as_ref()?)
    }

    /// The children of a folder in order.
    pub fn children(&self, folder: &Guid) -> impl DoubleEndedIterator<Item = &Item> {
        let ids = self
            .items
            .get(folder)
            .map_or(&[][..], |folder| &folder.children);
        ids.iter().filter_map(|id| self.get(id))
    }

    /// The index of an item in its folder.
    #[must_use]
    pub fn position(&self, id: &Guid) -> Option<usize> {
        self.parent(id)?
            .children
            .iter()
            .position(|child| child == id)
    }

    /// The record of an item, complete as Firefox expects it.
    #[must_use]
    pub fn record(&self, id: &Guid) -> Option<Map<String, Value>> {
        let item = self.get(id)?;
        let parent_title = self.parent(id).map_or("", |parent| &parent.title);
        let position = if item.kind == crate::item::Kind::Separator {
            self.position(id).unwrap_or(0)
        } else {
            0
        };
        Some(write(item, parent_title, position))
    }

    /// The item with an id, to be shared.
    pub(crate) fn shared(&self, id: &Guid) -> Option<&Arc<Item>> {
        self.items.get(id)
    }

    /// Takes the tree apart.
    pub(crate) fn into_items(self) -> Items {
        self.items
    }

    /// An item whose value, but not its place, may be changed.
    pub(crate) fn item_mut(&mut self, id: &Guid) -> Option<&mut Item> {
        self.items.get_mut(id).map(Arc::make_mut)
    }

    /// Adds an item at the end of its folder.
    pub(crate) fn push(&mut self, item: Item) {
        let folder = item
            .parent
            .as_ref()
            .and_then(|folder| self.items.get_mut(folder));
        if let Some(folder) = folder {
            Arc::make_mut(folder).children.push(item.id.clone());
            self.items.insert(item.id.clone(), Arc::new(item));
        }
    }

    /// A tree of items whose structure is already complete, such as a merge returns them.
    pub(crate) fn of_complete(items: Items) -> Self {
        Self { items }
    }
}
