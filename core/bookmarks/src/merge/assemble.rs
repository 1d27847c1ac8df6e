//! Turns merged items into a plan: records to store and to upload, in order.

use std::collections::{BTreeSet, HashMap, HashSet};

use dogear::{CompletionOps, Problem, Tree as DogearTree};
use serde_json::Value;

use super::apply::{Outcome, replaced};
use super::local::Local;
use super::mirror::Mirror;
use super::{Notice, Plan, Served, Side, Upload, Upsert};
use crate::ids::{Guid, ROOT_GUID};
use crate::item::{Kind, Validity};
use crate::record::{sort_index, tombstone, write_text};
use crate::tree::Tree;

/// What was merged.
pub(super) struct Sides<'a> {
    pub(super) ops: CompletionOps<'a>,
    pub(super) local: &'a Local,
    pub(super) mirror: &'a Mirror,
    pub(super) remote_tree: &'a DogearTree,
}

pub(super) fn make(mut outcome: Outcome, sides: &Sides<'_>, mut notices: Vec<Notice>) -> Plan {
    let mut replaced_values = std::mem::take(&mut outcome.replaced);
    let deletions = deletions(&outcome, sides, &mut replaced_values);
    tell(&outcome, sides, &deletions, &mut notices);
    let tree = Tree::of_complete(std::mem::take(&mut outcome.items));
    let positions = separator_positions(&tree);
    let (mut upserts, mut uploads, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for (item, _) in tree.walk() {
        let uploaded = outcome.uploads.contains(&item.id);
        let weak = !uploaded && outcome.weak.contains(&item.id);
        let local_id = outcome
            .origins
            .get(&item.id)
            .and_then(|origin| origin.local.as_ref());
        let stored = local_id
            .filter(|id| **id == item.id)
            .and_then(|id| sides.local.tree.get(id));
        let was_changed = stored.is_some()
            && sides
                .local
                .states
                .get(&item.id)
                .is_some_and(|state| state.changed);
        let differs = !stored.is_some_and(|stored| std::ptr::eq(stored, item) || stored == item)
            || sides.local.repaired.contains(&item.id);
        let store = differs || (uploaded && !was_changed);
        if !uploaded && was_changed {
            settled.push(item.id.clone());
        }
        if !(store || uploaded || weak) {
            continue;
        }
        let parent_title = tree.parent(&item.id).map_or("", |folder| &folder.title);
        let position = positions.get(&item.id).copied().unwrap_or(0);
        let record = write_text(item, parent_title, position);
        if uploaded || weak {
            let remote = outcome
                .origins
                .get(&item.id)
                .and_then(|origin| origin.remote.as_ref());
            uploads.push(Upload {
                id: item.id.clone(),
                record: record.clone(),
                parent: item.parent.clone(),
                sort_index: sort_index(Some(item)),
                weak,
                served: remote
                    .filter(|id| **id == item.id)
                    .map_or_else(Served::default, |id| served(id, sides)),
            });
        }
        if store {
            upserts.push(Upsert {
                id: item.id.clone(),
                record,
                changed: uploaded,
            });
        }
    }
    let buried: BTreeSet<&Guid> = sides
        .ops
        .upload_tombstones
        .iter()
        .map(|op| op.guid())
        .collect();
    uploads.extend(buried.into_iter().map(|id| Upload {
        id: id.clone(),
        record: Value::Object(tombstone(id)).to_string(),
        parent: None,
        sort_index: sort_index(None),
        weak: false,
        served: served(id, sides),
    }));
    let stored: BTreeSet<Guid> = sides
        .ops
        .insert_local_tombstones
        .iter()
        .map(|op| op.remote_node().guid.clone())
        .collect();
    let forgotten: BTreeSet<Guid> = sides
        .ops
        .delete_local_tombstones
        .iter()
        .map(|op| op.guid().clone())
        .collect();
    Plan {
        upserts,
        deletions: deletions.into_iter().collect(),
        tombstones: stored.into_iter().collect(),
        forgotten_tombstones: forgotten.into_iter().collect(),
        settled,
        uploads,
        hard_deletions: sides.mirror.forbidden.iter().cloned().collect(),
        replaced: replaced_values,
        notices,
        tree,
    }
}

/// The stored items that are gone, and the changed values among them and among the server's deleted items.
fn deletions(
    outcome: &Outcome,
    sides: &Sides<'_>,
    values: &mut Vec<super::Replaced>,
) -> BTreeSet<Guid> {
    let mut gone: BTreeSet<Guid> = sides
        .ops
        .delete_local_items
        .iter()
        .map(|op| op.local_node().guid.clone())
        .collect();
    for id in &gone {
        let changed = sides.local.is_changed(sides.mirror, id);
        if let Some(item) = sides.local.tree.get(id).filter(|_| changed) {
            values.push(replaced(item, Side::Local));
        }
    }
    let former = former_ids(outcome, &sides.ops);
    for op in &sides.ops.upload_tombstones {
        let id = op.guid();
        let row = sides
            .mirror
            .rows
            .get(id)
            .filter(|row| row.needs_merge && !former.contains(id));
        // What was deleted here and unchanged there is gone because a person wanted it.
        if let Some(row) = row {
            values.push(replaced(&row.item, Side::Server));
        }
    }
    gone.extend(
        sides
            .ops
            .change_guids
            .iter()
            .map(|op| op.local_node().guid.clone()),
    );
    gone.extend(sides.local.renamed.iter().cloned());
    gone.retain(|id| !outcome.items.contains_key(id));
    gone
}

fn served(id: &Guid, sides: &Sides<'_>) -> Served {
    let on_server = sides.mirror.rows.get(id).is_some_and(|row| row.on_server);
    let Some(node) = sides.remote_tree.node_for_guid(id).filter(|_| on_server) else {
        return Served::default();
    };
    Served {
        parent: node
            .parent()
            .map(|parent| parent.guid.clone())
            .filter(|parent| *parent != ROOT_GUID),
        children: node.children().map(|child| child.guid.clone()).collect(),
    }
}

fn separator_positions(tree: &Tree) -> HashMap<Guid, usize> {
    let separators = tree.items().filter(|item| item.kind == Kind::Separator);
    let folders: BTreeSet<&Guid> = separators.filter_map(|item| item.parent.as_ref()).collect();
    folders
        .into_iter()
        .flat_map(|folder| tree.children(folder).enumerate())
        .filter(|(_, child)| child.kind == Kind::Separator)
        .map(|(position, child)| (child.id.clone(), position))
        .collect()
}

/// Collects what a person should be told.
fn tell(
    outcome: &Outcome,
    sides: &Sides<'_>,
    deletions: &BTreeSet<Guid>,
    notices: &mut Vec<Notice>,
) {
    let mut found = Vec::new();
    let buried: HashSet<&Guid> = sides
        .ops
        .upload_tombstones
        .iter()
        .map(|op| op.guid())
        .collect();
    for op in &sides.ops.upload_tombstones {
        let id = op.guid();
        if sides.local.tombstones.contains(id) || outcome.items.contains_key(id) {
            continue;
        }
        match sides.mirror.rows.get(id) {
            Some(row) if row.validity == Validity::Replace => {
                found.push(Notice::InvalidDeleted(id.clone()))
            }
            Some(row) if matches!(row.item.kind, Kind::Livemark | Kind::Query) => {
                found.push(Notice::NotSyncable(id.clone()));
            }
            _ => {}
        }
    }
    let revived = sides.mirror.deletions.iter().chain(&sides.local.tombstones);
    found.extend(
        revived
            .filter(|id| outcome.items.contains_key(*id))
            .map(|id| Notice::Revived(id.clone())),
    );
    if !(deletions.is_empty() && buried.is_empty()) {
        rescued(outcome, sides, deletions, &buried, &mut found);
    }
    for problem in sides.remote_tree.problems().summarize() {
        let placed = matches!(
            problem.problem(),
            Problem::Orphan | Problem::DivergedParents(_) | Problem::MisparentedRoot(_)
        );
        let item = outcome.items.get(problem.guid()).filter(|_| placed);
        if let Some(folder) = item.and_then(|item| item.parent.clone()) {
            found.push(Notice::Placed {
                id: problem.guid().clone(),
                folder,
            });
        }
    }
    found.extend(
        outcome
            .joined
            .iter()
            .map(|url| Notice::UrlJoined(url.clone())),
    );
    found.extend(
        outcome
            .conflicts
            .iter()
            .map(|id| Notice::Conflict(id.clone())),
    );
    found.sort_by_cached_key(|notice| notice.to_string());
    found.dedup();
    notices.extend(found);
}

/// Finds items that left a deleted folder.
fn rescued(
    outcome: &Outcome,
    sides: &Sides<'_>,
    deletions: &BTreeSet<Guid>,
    buried: &HashSet<&Guid>,
    found: &mut Vec<Notice>,
) {
    let former = former_ids(outcome, &sides.ops);
    for (id, origin) in &outcome.origins {
        let Some(folder) = outcome.items.get(id).and_then(|item| item.parent.clone()) else {
            continue;
        };
        let ours = origin
            .local
            .as_ref()
            .and_then(|id| sides.local.tree.get(id));
        let theirs = origin
            .remote
            .as_ref()
            .and_then(|id| sides.remote_tree.node_for_guid(id));
        let their_folder = theirs.and_then(|node| node.parent().map(|folder| folder.guid.clone()));
        let our_folder = ours.and_then(|item| item.parent.clone());
        let left = |parent: Option<Guid>| {
            parent.filter(|parent| {
                *parent != folder
                    && (deletions.contains(parent) || buried.contains(parent))
                    && !former.contains(parent)
            })
        };
        if left(our_folder).is_some() || left(their_folder).is_some() {
            found.push(Notice::Rescued {
                id: id.clone(),
                folder,
            });
        }
    }
}

/// The ids that the items had on either side: one that is gone lives on under another id.
fn former_ids(outcome: &Outcome, ops: &CompletionOps<'_>) -> HashSet<Guid> {
    if ops.upload_tombstones.is_empty() && ops.change_guids.is_empty() {
        return HashSet::new();
    }
    outcome
        .origins
        .values()
        .flat_map(|origin| [&origin.local, &origin.remote])
        .flatten()
        .cloned()
        .collect()
}
