//! The items of this device, and dogear's local tree of them (collections.md §2.4).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use dogear::Tree as DogearTree;

use super::mirror::Mirror;
use super::remote::content;
use super::{LocalRecord, MergeError, Notice};
use crate::ids::{Guid, MakeGuid, ROOT_GUID, is_root};
use crate::item::{Item, Kind, Validity};
use crate::record::Reading;
use crate::tree::Tree;

/// What is known of a local item beside its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) modified: i64,
    pub(super) changed: bool,
}

/// The items of this device.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) tree: Tree,
    pub(super) states: HashMap<Guid, State>,
    pub(super) tombstones: BTreeSet<Guid>,
    /// Items whose stored record is not what the tree has.
    pub(super) repaired: BTreeSet<Guid>,
    /// Ids of stored items that are in the tree under another id.
    pub(super) renamed: BTreeSet<Guid>,
    /// Whether items that the server has stay in the folders that it has them in.
    pub(super) yields: bool,
    /// Now on this device.
    pub(super) now: i64,
}

impl Local {
    pub(super) fn new(records: Vec<LocalRecord>, now: i64, mirror: &Mirror) -> Self {
        let mut states = HashMap::with_capacity(records.len());
        let mut tombstones = BTreeSet::new();
        let mut items = Vec::with_capacity(records.len());
        let mut replaced_values = BTreeSet::new();
        for LocalRecord {
            reading,
            modified,
            changed,
        } in records
        {
            match reading {
                Reading::Item(received) => {
                    states.insert(received.item.id.clone(), State { modified, changed });
                    if received.validity == Validity::Reupload {
                        replaced_values.insert(received.item.id.clone());
                    }
                    items.push(received.item);
                }
                Reading::Tombstone(id) if !is_root(&id) => {
                    tombstones.insert(id);
                }
                // Not items of the tree: they stay in the store as they are.
                Reading::Tombstone(_) | Reading::Forbidden(_) | Reading::Refused(..) => {}
            }
        }
        let (tree, mut repaired) = Tree::build(items);
        repaired.extend(replaced_values);
        for id in &repaired {
            let state = states.entry(id.clone()).or_insert(State {
                modified: 0,
                changed: false,
            });
            // A root that this device had not stored yet is no change where the server has one.
            let new_root = is_root(id) && state.modified == 0 && !state.changed;
            let known = mirror.rows.get(id).is_some_and(|row| row.on_server);
            state.changed |= !(new_root && known);
        }
        Self {
            tree,
            states,
            tombstones,
            repaired,
            renamed: BTreeSet::new(),
            yields: false,
            now,
        }
    }

    /// Whether the server has had an item from this device or another, as far as this device knows.
    pub(super) fn was_synced(mirror: &Mirror, id: &Guid) -> bool {
        mirror.merged_before.contains(id)
    }

    /// Whether an id is one of this device's.
    pub(super) fn mentions(&self, id: &Guid) -> bool {
        self.states.contains_key(id) || self.tombstones.contains(id)
    }

    /// Whether an item counts as changed here.
    pub(super) fn is_changed(&self, mirror: &Mirror, id: &Guid) -> bool {
        let changed = self.states.get(id).is_some_and(|state| state.changed);
        if is_root(id) && !Self::was_synced(mirror, id) {
            // The first sync: the server's order of a root comes first, and its record is not written without need.
            return mirror.rows.get(id).is_none_or(|row| !row.on_server);
        }
        changed || !Self::was_synced(mirror, id)
    }

    /// Items whose kind the other side changed, at which dogear gives up: one that was synced gets its kind back, and one
    /// that has another item's id, or was given another kind here, gets another id.
    pub(super) fn settle_kinds(
        &mut self,
        mirror: &mut Mirror,
        ids: &mut dyn MakeGuid,
        notices: &mut Vec<Notice>,
    ) {
        let mismatched: BTreeSet<Guid> = self
            .tree
            .items()
            .filter(|item| {
                mirror
                    .rows
                    .get(&item.id)
                    .is_some_and(|row| !row.item.kind.is_compatible_with(item.kind))
            })
            .map(|item| item.id.clone())
            .collect();
        for id in mismatched {
            let Some(kind) = self.tree.get(&id).map(|item| item.kind) else {
                continue;
            };
            let former = mirror
                .base(&id)
                .map(|item| (item.kind, item.children.clone()));
            if let Some((_, children)) =
                former.filter(|(former, _)| former.is_compatible_with(kind))
            {
                if let Some(row) = mirror.rows.get_mut(&id) {
                    let item = Arc::make_mut(&mut row.item);
                    item.kind = kind;
                    item.children = children;
                    row.validity = Validity::Replace;
                    row.needs_merge = true;
                }
                if let Some(state) = self.states.get_mut(&id) {
                    state.changed = true;
                }
                notices.push(Notice::KindRestored(id));
            } else {
                self.rename(&id, mirror, ids, notices);
            }
        }
    }

    fn rename(
        &mut self,
        old: &Guid,
        mirror: &Mirror,
        ids: &mut dyn MakeGuid,
        notices: &mut Vec<Notice>,
    ) {
        let free = |id: &Guid| !self.tree.contains(id) && !mirror.rows.contains_key(id);
        let Some(new) = (0..16).map(|_| ids.make_guid()).find(free) else {
            return;
        };
        let mut items =
            std::mem::replace(&mut self.tree, Tree::of_complete(HashMap::new())).into_items();
        if let Some(mut item) = items.remove(old) {
            Arc::make_mut(&mut item).id = new.clone();
            for child in &item.children {
                if let Some(child) = items.get_mut(child) {
                    Arc::make_mut(child).parent = Some(new.clone());
                    self.repaired.insert(child.id.clone());
                }
            }
            if let Some(folder) = item
                .parent
                .as_ref()
                .and_then(|parent| items.get_mut(parent))
            {
                let children = &mut Arc::make_mut(folder).children;
                for child in children.iter_mut().filter(|child| *child == old) {
                    *child = new.clone();
                }
                self.repaired.insert(folder.id.clone());
            }
            items.insert(new.clone(), item);
        }
        self.tree = Tree::of_complete(items);
        let state = self.states.remove(old).unwrap_or(State {
            modified: 0,
            changed: true,
        });
        self.states.insert(
            new.clone(),
            State {
                changed: true,
                ..state
            },
        );
        self.repaired.insert(new.clone());
        self.renamed.insert(old.clone());
        notices.push(Notice::IdTaken {
            old: old.clone(),
            new,
        });
    }

    /// dogear's tree of this device, which is always complete.
    pub(super) fn dogear_tree(&self, mirror: &Mirror) -> Result<DogearTree, MergeError> {
        let mut builder = DogearTree::with_root(dogear::Item::new(ROOT_GUID, dogear::Kind::Folder));
        for (item, _) in self.tree.walk() {
            let modified = self.states.get(&item.id).map_or(0, |state| state.modified);
            let mut added = builder.item(dogear::Item {
                guid: item.id.clone(),
                kind: item.kind.for_dogear(),
                age: self.now.saturating_sub(modified).max(0),
                needs_merge: self.is_changed(mirror, &item.id)
                    && !(self.yields && mirror.rows.contains_key(&item.id)),
                validity: validity(item),
            })?;
            let new = !Self::was_synced(mirror, &item.id) && !is_root(&item.id);
            if let Some(content) = content(item).filter(|_| new) {
                added.content(content);
            }
            builder
                .parent_for(&item.id)
                .by_structure(item.parent.as_ref().unwrap_or(&ROOT_GUID))?;
        }
        for id in self.tombstones.iter().filter(|id| !self.tree.contains(id)) {
            builder.deletion(id.clone());
        }
        Ok(builder.into_tree()?)
    }
}

fn validity(item: &Item) -> Validity {
    let unusable = matches!(item.kind, Kind::Bookmark | Kind::Query) && item.url.is_none();
    if unusable {
        Validity::Replace
    } else {
        Validity::Valid
    }
}
