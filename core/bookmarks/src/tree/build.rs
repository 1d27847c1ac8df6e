//! Builds a tree from items whose structure may be incomplete, by the rules that dogear has for the remote tree
//! (collections.md §2.4), without ages.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{Items, Tree};
use crate::ids::{Guid, ROOT_GUID, ROOTS, UNFILED_GUID, is_root, root_title};
use crate::item::{Item, Kind};

/// The items whose place or list of children had to be corrected.
pub type Repaired = BTreeSet<Guid>;

impl Tree {
    /// Builds a tree; of several items with one id the last counts.
    ///
    /// ```
    /// use selvedge_bookmarks::ids::{Guid, MENU_GUID, UNFILED_GUID};
    /// use selvedge_bookmarks::item::{Item, Kind};
    /// use selvedge_bookmarks::tree::Tree;
    ///
    /// let lost = Item::new(Guid::from("k3Zb0dPqL1xA"), Kind::Separator, Guid::from("no_such_fold"));
    /// let (tree, repaired) = Tree::build([lost]);
    /// assert_eq!(tree.parent(&Guid::from("k3Zb0dPqL1xA")).unwrap().id, UNFILED_GUID);
    /// assert!(repaired.contains(&UNFILED_GUID));
    /// ```
    #[must_use]
    pub fn build(items: impl IntoIterator<Item = Item>) -> (Self, Repaired) {
        let mut items: Items = items
            .into_iter()
            .map(|item| (item.id.clone(), Arc::new(item)))
            .collect();
        let mut repaired = Repaired::new();
        items.remove(&ROOT_GUID);
        for root in ROOTS {
            let found = items.get(&root);
            if !found.is_some_and(|item| item.is_folder()) {
                let mut folder = Item::new(root.clone(), Kind::Folder, ROOT_GUID);
                root_title(&root).clone_into(&mut folder.title);
                items.insert(root.clone(), Arc::new(folder));
                repaired.insert(root);
            }
        }
        let parents = resolve(&items);
        let mut lists: HashMap<Guid, Vec<Guid>> = HashMap::new();
        let mut listed: HashSet<&Guid> = HashSet::with_capacity(items.len());
        // Listed children keep their order; the others follow in the order of their ids.
        for item in items.values().filter(|item| item.is_folder()) {
            let kept = item
                .children
                .iter()
                .filter(|child| parents.get(child) == Some(&item.id) && listed.insert(*child));
            lists.insert(item.id.clone(), kept.cloned().collect());
        }
        let mut unlisted: Vec<(&Guid, &Guid)> = parents
            .iter()
            .filter(|(child, _)| !is_root(child))
            .filter(|(child, _)| !listed.contains(child))
            .collect();
        unlisted.sort_unstable();
        for (child, parent) in unlisted {
            lists.entry(parent.clone()).or_default().push(child.clone());
        }
        for item in items.values_mut() {
            let parent = parents.get(&item.id).cloned();
            if item.parent != parent {
                Arc::make_mut(item).parent = parent;
                repaired.insert(item.id.clone());
            }
            let children = lists.remove(&item.id).unwrap_or_default();
            if item.children != children {
                Arc::make_mut(item).children = children;
                repaired.insert(item.id.clone());
            }
        }
        (Self { items }, repaired)
    }
}

/// The folder of every item.
fn resolve(items: &Items) -> HashMap<Guid, Guid> {
    // Of the folders that list an item, the one that it names, else the one with the smallest id.
    let mut listed: HashMap<&Guid, &Guid> = HashMap::with_capacity(items.len());
    for folder in items.values().filter(|item| item.is_folder()) {
        for child in &folder.children {
            let Some(stated) = items.get(child).map(|child| child.parent.as_ref()) else {
                continue;
            };
            let best = listed.entry(child).or_insert(&folder.id);
            let is_agreed = |id: &Guid| stated == Some(id);
            if is_agreed(&folder.id) || (!is_agreed(best) && folder.id < **best) {
                *best = &folder.id;
            }
        }
    }
    let is_folder = |id: &Guid| items.get(id).is_some_and(|item| item.is_folder());
    let mut parents: HashMap<Guid, Guid> = HashMap::with_capacity(items.len());
    for item in items.values() {
        let parent = if is_root(&item.id) {
            ROOT_GUID
        } else {
            let stated = item.parent.as_ref();
            let listing = listed.get(&item.id).copied();
            listing
                .or_else(|| stated.filter(|folder| is_folder(folder)))
                .unwrap_or(&UNFILED_GUID)
                .clone()
        };
        parents.insert(item.id.clone(), parent);
    }
    break_cycles(&mut parents);
    parents
}

/// Moves one member of each cycle, the one with the smallest id, to "Other Bookmarks".
fn break_cycles(parents: &mut HashMap<Guid, Guid>) {
    for cycle in find_cycles(parents) {
        if let Some(first) = cycle.into_iter().min() {
            parents.insert(first, UNFILED_GUID);
        }
    }
}

/// The cycles in a map from item to folder, each with its members.
pub(crate) fn find_cycles(parents: &HashMap<Guid, Guid>) -> Vec<Vec<Guid>> {
    // By which walk each item was reached first.
    let mut reached: HashMap<&Guid, usize> = HashMap::with_capacity(parents.len());
    let mut cycles = Vec::new();
    for (walk, start) in parents.keys().enumerate() {
        let mut at = start;
        let closed = loop {
            match reached.get(at) {
                Some(earlier) => break *earlier == walk,
                None => reached.insert(at, walk),
            };
            match parents.get(at) {
                Some(parent) => at = parent,
                None => break false,
            }
        };
        if closed {
            let next = |id: &&Guid| parents.get(*id);
            let after = std::iter::successors(parents.get(at), next).take_while(|id| *id != at);
            cycles.push(std::iter::once(at).chain(after).cloned().collect());
        }
    }
    cycles
}
