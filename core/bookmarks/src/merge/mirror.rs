//! The mirror: all records of the server, old and new, and what is to be corrected in them (collections.md §2.3).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{Notice, ServerRecord};
use crate::ids::{Guid, ROOT_GUID, ROOTS, is_root, root_title};
use crate::item::{Item, Kind, Validity};
use crate::record::Reading;

/// One item as the server has it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) item: Arc<Item>,
    pub(super) validity: Validity,
    pub(super) modified: i64,
    /// Whether it changed since the last merge.
    pub(super) needs_merge: bool,
    /// Whether the server has the record: a new mirror also holds roots that it lacks.
    pub(super) on_server: bool,
}

/// All records of the server.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    pub(super) rows: HashMap<Guid, Row>,
    /// Items as they were at the last merge, if they changed since.
    pub(super) before: HashMap<Guid, Arc<Item>>,
    pub(super) deletions: BTreeSet<Guid>,
    pub(super) forbidden: BTreeSet<Guid>,
    /// Items that the last merge knew.
    pub(super) merged_before: HashSet<Guid>,
    /// Now on the server.
    pub(super) now: i64,
}

impl Mirror {
    pub(super) fn new(
        base: Vec<ServerRecord>,
        incoming: Vec<ServerRecord>,
        now: i64,
        notices: &mut Vec<Notice>,
    ) -> Self {
        let mut mirror = Self {
            now,
            ..Self::default()
        };
        mirror.rows.reserve(base.len().max(incoming.len()));
        mirror.merged_before.reserve(base.len());
        for ServerRecord { reading, modified } in base {
            if let Reading::Item(received) = reading {
                mirror.merged_before.insert(received.item.id.clone());
                mirror.insert(received.item, received.validity, modified, false);
            }
        }
        for ServerRecord { reading, modified } in incoming {
            match reading {
                Reading::Item(received) => {
                    mirror.deletions.remove(&received.item.id);
                    if let Some(before) =
                        mirror.insert(received.item, received.validity, modified, true)
                    {
                        mirror.before.entry(before.id.clone()).or_insert(before);
                    }
                }
                Reading::Tombstone(id) if is_root(&id) => {
                    // A root cannot be deleted: its record is written again.
                    if let Some(row) = mirror.rows.get_mut(&id) {
                        row.needs_merge = true;
                        row.validity = Validity::Reupload;
                    }
                }
                Reading::Tombstone(id) => {
                    if let Some(row) = mirror.rows.remove(&id) {
                        mirror.before.entry(id.clone()).or_insert(row.item);
                    }
                    mirror.deletions.insert(id);
                }
                Reading::Forbidden(id) => {
                    notices.push(Notice::Forbidden(id.clone()));
                    mirror.forbidden.insert(id);
                }
                Reading::Refused(id, reason) => notices.push(Notice::Refused { id, reason }),
            }
        }
        for root in ROOTS {
            let row = mirror.rows.get_mut(&root);
            match row {
                Some(row) if row.item.is_folder() => {}
                other => {
                    let modified = other.map_or(0, |row| row.modified);
                    let mut item = Item::new(root.clone(), Kind::Folder, ROOT_GUID);
                    root_title(&root).clone_into(&mut item.title);
                    mirror.insert(item, Validity::Reupload, modified, true);
                    if let Some(row) = mirror.rows.get_mut(&root) {
                        row.on_server = false;
                    }
                }
            }
        }
        mirror
    }

    /// Sets an item's row and returns its former item.
    fn insert(
        &mut self,
        item: Item,
        validity: Validity,
        modified: i64,
        needs_merge: bool,
    ) -> Option<Arc<Item>> {
        let row = Row {
            item: Arc::new(item),
            validity,
            modified,
            needs_merge,
            on_server: true,
        };
        self.rows
            .insert(row.item.id.clone(), row)
            .map(|row| row.item)
    }

    /// Takes the places of items that are in the Places root itself, so that they go to "Other Bookmarks".
    pub(super) fn adopt_outsiders(&mut self) {
        for item in self.rows.values_mut().map(|row| &mut row.item) {
            if item.parent == Some(ROOT_GUID) && !is_root(&item.id) {
                Arc::make_mut(item).parent = None;
            }
        }
    }

    /// The rows in the order of their ids, which decides the order of orphans.
    pub(super) fn sorted_rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.values().collect();
        rows.sort_unstable_by(|one, other| one.item.id.cmp(&other.item.id));
        rows
    }

    /// Whether an id is one of the server's.
    pub(super) fn mentions(&self, id: &Guid) -> bool {
        self.rows.contains_key(id) || self.deletions.contains(id)
    }

    /// The item as the last merge left it on the server.
    pub(super) fn base(&self, id: &Guid) -> Option<&Item> {
        if !self.merged_before.contains(id) {
            return None;
        }
        self.before
            .get(id)
            .or_else(|| self.rows.get(id).map(|row| &row.item))
            .map(Arc::as_ref)
    }

    /// Flags the records of a URL that have different tags or keywords, and of a keyword that two URLs have
    /// (collections.md §2.3 rule 9).
    pub(super) fn flag_urls(&mut self) {
        let mut first: HashMap<&str, &Item> = HashMap::new();
        let mut keywords: HashMap<&str, &str> = HashMap::new();
        let (mut urls, mut shared) = (HashSet::new(), HashSet::new());
        for item in self
            .rows
            .values()
            .map(|row| &row.item)
            .filter(|item| item.kind == Kind::Bookmark)
        {
            let Some(url) = item.url.as_deref() else {
                continue;
            };
            let other = first.entry(url).or_insert(item);
            if other.keyword != item.keyword || !same_tags(&other.tags, &item.tags) {
                urls.insert(url.to_owned());
            }
            if let Some(keyword) = item.keyword.as_deref()
                && *keywords.entry(keyword).or_insert(url) != url
            {
                shared.insert(keyword.to_owned());
            }
        }
        for row in self
            .rows
            .values_mut()
            .filter(|row| row.validity == Validity::Valid)
        {
            let flagged = |text: &Option<String>, set: &HashSet<String>| {
                text.as_ref().is_some_and(|text| set.contains(text))
            };
            if row.item.kind == Kind::Bookmark
                && (flagged(&row.item.url, &urls) || flagged(&row.item.keyword, &shared))
            {
                row.validity = Validity::Reupload;
            }
        }
    }
}

/// Whether two lists have the same tags, in any order.
pub(super) fn same_tags(one: &[String], other: &[String]) -> bool {
    if one == other {
        return true;
    }
    let set = |tags: &[String]| tags.iter().cloned().collect::<BTreeSet<_>>();
    one.len() == other.len() && set(one) == set(other)
}
