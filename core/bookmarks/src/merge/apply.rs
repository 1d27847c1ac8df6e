//! The items after a merge: dogear's merged tree with the winning values.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use dogear::{CompletionOps, MergedNode, MergedRoot};

use super::local::Local;
use super::mirror::Mirror;
use super::{Replaced, Side, unknown};
use crate::ids::{Guid, ROOT_GUID};
use crate::item::Item;
use crate::record::write_text;
use crate::tree::Items;

/// Where an item comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// Its id on this device before the merge.
    pub(super) local: Option<Guid>,
    /// Its id on the server before the merge.
    pub(super) remote: Option<Guid>,
    /// Whether the server's value was taken.
    pub(super) applied: bool,
}

/// The merged items, and what a plan needs to know of them.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) items: Items,
    pub(super) origins: HashMap<Guid, Origin>,
    /// Items to upload.
    pub(super) uploads: BTreeSet<Guid>,
    /// Items to upload weakly.
    pub(super) weak: BTreeSet<Guid>,
    pub(super) replaced: Vec<Replaced>,
    /// URLs whose bookmarks were made equal.
    pub(super) joined: BTreeSet<String>,
    /// Items that both sides changed.
    pub(super) conflicts: BTreeSet<Guid>,
}

impl Outcome {
    pub(super) fn new(
        merged: &MergedRoot<'_>,
        ops: &CompletionOps<'_>,
        local: &Local,
        mirror: &Mirror,
    ) -> Self {
        let mut outcome = Self {
            items: HashMap::with_capacity(local.tree.len().max(mirror.rows.len())),
            origins: HashMap::with_capacity(local.tree.len().max(mirror.rows.len())),
            uploads: ops
                .upload_items
                .iter()
                .map(|upload| upload.merged_node.guid.clone())
                .collect(),
            weak: BTreeSet::new(),
            replaced: Vec::new(),
            joined: BTreeSet::new(),
            conflicts: BTreeSet::new(),
        };
        let mut stack = vec![(merged.node(), ROOT_GUID)];
        while let Some((node, parent)) = stack.pop() {
            if node.guid != ROOT_GUID {
                outcome.take(node, parent, local, mirror);
            }
            stack.extend(
                node.merged_children
                    .iter()
                    .map(|child| (child, node.guid.clone())),
            );
        }
        outcome
    }

    /// Takes one item into the merged tree.
    fn take(&mut self, node: &MergedNode<'_>, parent: Guid, local: &Local, mirror: &Mirror) {
        let origin = Origin {
            local: node.merge_state.local_node().map(|node| node.guid.clone()),
            remote: node.merge_state.remote_node().map(|node| node.guid.clone()),
            applied: node.merge_state.should_apply_item(),
        };
        let ours = origin.local.as_ref().and_then(|id| local.tree.shared(id));
        let row = origin.remote.as_ref().and_then(|id| mirror.rows.get(id));
        let theirs = row.map(|row| &row.item);
        let (winner, loser) = if origin.applied {
            (theirs, ours)
        } else {
            (ours, theirs)
        };
        let Some(winner) = winner else { return };
        let mut item = Arc::clone(winner);
        let children = node.merged_children.iter().map(|child| &child.guid);
        let in_place = item.id == node.guid && item.parent.as_ref() == Some(&parent);
        if !in_place || !item.children.iter().eq(children.clone()) {
            let item = Arc::make_mut(&mut item);
            item.id = node.guid.clone();
            item.parent = Some(parent);
            item.children = children.cloned().collect();
        }
        if let Some(loser) = loser {
            let base = origin.remote.as_ref().and_then(|id| mirror.base(id));
            if winner.unknown != loser.unknown {
                let base = base.map(|item| &item.unknown);
                Arc::make_mut(&mut item).unknown =
                    unknown::merge(base, &winner.unknown, &loser.unknown);
            }
            if loser.date_added > 0 && (item.date_added <= 0 || loser.date_added < item.date_added)
            {
                Arc::make_mut(&mut item).date_added = loser.date_added;
                if origin.applied {
                    self.weak.insert(item.id.clone());
                }
            }
            let both = row.is_some_and(|row| row.needs_merge)
                && origin
                    .local
                    .as_ref()
                    .is_some_and(|id| local.is_changed(mirror, id));
            let lost = both
                && !same_text(loser, winner)
                && base.is_none_or(|base| !same_text(loser, base));
            if lost {
                let side = if origin.applied {
                    Side::Local
                } else {
                    Side::Server
                };
                self.replaced.push(replaced(loser, side));
                self.conflicts.insert(item.id.clone());
            }
        }
        let kept = local.yields && !origin.applied && row.is_some();
        if kept
            && ours
                .zip(theirs)
                .is_some_and(|(ours, theirs)| !ours.same_value(theirs))
        {
            // dogear did not know that the value changed here.
            self.uploads.insert(item.id.clone());
        }
        self.origins.insert(item.id.clone(), origin);
        self.items.insert(item.id.clone(), item);
    }
}

/// A journal's entry of a value.
pub(super) fn replaced(item: &Item, side: Side) -> Replaced {
    let record = write_text(item, "", 0);
    Replaced {
        id: item.id.clone(),
        side,
        record,
    }
}

/// Whether two values are the same to a person.
fn same_text(one: &Item, other: &Item) -> bool {
    one.title == other.title
        && one.url == other.url
        && one.tags == other.tags
        && one.keyword == other.keyword
        && one.description == other.description
}
