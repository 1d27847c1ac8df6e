//! Fills dogear's remote tree from the mirror (collections.md §2.4).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dogear::{Content, ErrorKind, Tree};

use super::mirror::{Mirror, Row};
use super::{MergeError, Notice};
use crate::ids::{Guid, ROOT_GUID, UNFILED_GUID, is_root};
use crate::item::{Item, Kind, Validity};
use crate::tree::find_cycles;

/// Builds the tree. A cycle, at which dogear gives up, is broken at its oldest member, which goes to "Other Bookmarks".
pub(super) fn tree(mirror: &mut Mirror, notices: &mut Vec<Notice>) -> Result<Tree, MergeError> {
    // Each round breaks at least one cycle, and no item is moved twice.
    for _ in 0..=mirror.rows.len() {
        match fill(mirror) {
            Err(error) if matches!(error.kind(), ErrorKind::Cycle(_)) => {
                if !break_cycles(mirror, notices) {
                    return Err(error.into());
                }
            }
            result => return Ok(result?),
        }
    }
    Ok(fill(mirror)?)
}

fn fill(mirror: &Mirror) -> dogear::Result<Tree> {
    let mut builder = Tree::with_root(dogear::Item::new(ROOT_GUID, dogear::Kind::Folder));
    builder.reparent_orphans_to(&UNFILED_GUID);
    let rows = mirror.sorted_rows();
    for row in &rows {
        let item = dogear::Item {
            guid: row.item.id.clone(),
            kind: row.item.kind.for_dogear(),
            age: mirror.now.saturating_sub(row.modified).max(0),
            needs_merge: row.needs_merge,
            validity: row.validity,
        };
        let mut added = builder.item(item)?;
        if let Some(content) =
            content(&row.item).filter(|_| row.needs_merge && row.validity != Validity::Replace)
        {
            added.content(content);
        }
        if let Some(parent) = &row.item.parent {
            builder
                .parent_for(&row.item.id)
                .by_parent_guid(parent.clone())?;
        }
    }
    for id in &mirror.deletions {
        builder.deletion(id.clone());
    }
    for root in &crate::ids::ROOTS {
        builder.parent_for(root).by_children(&ROOT_GUID)?;
    }
    for row in rows.iter().filter(|row| row.item.is_folder()) {
        for child in &row.item.children {
            builder.parent_for(child).by_children(&row.item.id)?;
        }
    }
    builder.into_tree()
}

/// What dogear compares to find duplicates.
pub(super) fn content(item: &Item) -> Option<Content> {
    match item.kind {
        Kind::Bookmark | Kind::Query => Some(Content::Bookmark {
            title: item.title.clone(),
            url_href: item.url.clone()?,
        }),
        Kind::Folder => Some(Content::Folder {
            title: item.title.clone(),
        }),
        Kind::Separator => Some(Content::Separator),
        Kind::Livemark => None,
    }
}

/// Moves the oldest member of each cycle to "Other Bookmarks". Returns whether there was a cycle.
fn break_cycles(mirror: &mut Mirror, notices: &mut Vec<Notice>) -> bool {
    let parents = resolved_parents(mirror);
    let mut moved = HashSet::new();
    for cycle in find_cycles(&parents) {
        let members = cycle.iter().filter_map(|id| mirror.rows.get(id));
        let age = |row: &Row| (row.modified, row.item.id.clone());
        moved.extend(
            members
                .min_by_key(|row| age(row))
                .map(|row| row.item.id.clone()),
        );
    }
    for row in mirror.rows.values_mut() {
        if moved.contains(&row.item.id) {
            Arc::make_mut(&mut row.item).parent = None;
            notices.push(Notice::CycleBroken(row.item.id.clone()));
        }
        if row.item.children.iter().any(|child| moved.contains(child)) {
            Arc::make_mut(&mut row.item)
                .children
                .retain(|child| !moved.contains(child));
            // The folder's record on the server still lists it.
            if row.validity == Validity::Valid {
                row.validity = Validity::Reupload;
            }
        }
    }
    notices.sort_by_cached_key(ToString::to_string);
    !moved.is_empty()
}

/// The folder that dogear's builder would choose for each item: the youngest that lists it, else the stated one.
fn resolved_parents(mirror: &Mirror) -> HashMap<Guid, Guid> {
    let mut parents: HashMap<Guid, (Guid, i64)> = HashMap::new();
    for row in mirror
        .sorted_rows()
        .into_iter()
        .filter(|row| row.item.is_folder())
    {
        for child in row.item.children.iter().filter(|child| !is_root(child)) {
            let younger = parents
                .get(child)
                .is_none_or(|(_, modified)| *modified < row.modified);
            if younger {
                parents.insert(child.clone(), (row.item.id.clone(), row.modified));
            }
        }
    }
    let mut parents: HashMap<Guid, Guid> = parents
        .into_iter()
        .map(|(child, (folder, _))| (child, folder))
        .collect();
    for row in mirror.rows.values().filter(|row| !is_root(&row.item.id)) {
        let stated = row.item.parent.as_ref();
        let usable = stated.filter(|folder| {
            mirror
                .rows
                .get(folder)
                .is_some_and(|row| row.item.is_folder())
        });
        if let Some(folder) = usable {
            parents
                .entry(row.item.id.clone())
                .or_insert_with(|| folder.clone());
        }
    }
    parents
}
