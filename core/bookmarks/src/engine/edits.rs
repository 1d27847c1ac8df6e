//! Completes a local edit of records: what must change with it, so that the tree stays whole (collections.md §2.2).
//!
//! ```text
//! edit                          completed by
//! new item, or another folder   the folder's children; the former folder's children
//! deleted item                  its folder's children
//! deleted folder                tombstones of everything in it; its folder's children
//! unknown folder                refused
//! ```

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::engines::{TreeEdit, TreeRecord};
use selvedge_core::ids::RecordId;
use serde_json::{Map, Value};

type Members = Map<String, Value>;

const ROOTS: [&str; 4] = ["menu", "toolbar", "unfiled", "mobile"];

/// The records that have to be changed with the edits.
///
/// # Errors
/// The reason why the edits are refused.
pub(super) fn complete(
    live: &[TreeRecord<'_>],
    edits: &[TreeEdit<'_>],
) -> Result<Vec<(RecordId, Option<String>)>, String> {
    let parse = |json: &str| serde_json::from_str::<Members>(json).unwrap_or_default();
    let before: BTreeMap<&str, Members> = live
        .iter()
        .map(|record| (record.id.as_str(), parse(record.cleartext)))
        .collect();
    let mut after = before.clone();
    for edit in edits {
        match edit.cleartext {
            Some(json) => drop(after.insert(edit.id.as_str(), parse(json))),
            None if ROOTS.contains(&edit.id.as_str()) => {
                return Err(format!("the folder {} cannot be deleted", edit.id));
            }
            None => drop(after.remove(edit.id.as_str())),
        }
    }
    let mut buried = BTreeSet::new();
    let deleted = edits.iter().filter(|edit| edit.cleartext.is_none());
    for edit in deleted {
        bury(edit.id.as_str(), &before, &mut after, &mut buried);
    }
    for edit in edits.iter().filter(|edit| edit.cleartext.is_some()) {
        file(edit.id.as_str(), &mut after)?;
    }
    let mut changes = Vec::new();
    for id in &buried {
        changes.push((*id, None));
    }
    for (id, members) in &mut after {
        unlist(members, |child| {
            !buried.contains(child) && !is_deleted(child, edits)
        });
        let text = Value::Object(members.clone());
        let known = edits.iter().find(|edit| edit.id.as_str() == *id);
        let was = match known.and_then(|edit| edit.cleartext) {
            Some(json) => Some(parse(json)),
            None => before.get(id).cloned(),
        };
        if was.as_ref() != Some(&*members) {
            changes.push((*id, Some(text.to_string())));
        }
    }
    changes
        .into_iter()
        .map(|(id, text)| Ok((RecordId::new(id).map_err(|error| error.to_string())?, text)))
        .collect()
}

fn is_deleted(id: &str, edits: &[TreeEdit<'_>]) -> bool {
    edits
        .iter()
        .any(|edit| edit.id.as_str() == id && edit.cleartext.is_none())
}

fn children(members: &Members) -> impl Iterator<Item = &str> {
    let children = members.get("children").and_then(Value::as_array);
    children.into_iter().flatten().filter_map(Value::as_str)
}

fn unlist(members: &mut Members, is_kept: impl Fn(&str) -> bool) {
    if let Some(Value::Array(children)) = members.get_mut("children") {
        children.retain(|child| child.as_str().is_none_or(&is_kept));
    }
}

/// Everything in a deleted folder that was not moved out of it is deleted too.
fn bury<'a>(
    folder: &str,
    before: &'a BTreeMap<&'a str, Members>,
    after: &mut BTreeMap<&'a str, Members>,
    buried: &mut BTreeSet<&'a str>,
) {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let Some(members) = before.get(folder.as_str()) else {
            continue;
        };
        for child in children(members) {
            let in_it = |members: &Members| {
                members.get("parentid").and_then(Value::as_str) == Some(&folder)
            };
            if after.get(child).is_some_and(in_it)
                && let Some((id, _)) = after.remove_entry(child)
            {
                buried.insert(id);
                waiting.push(id.to_owned());
            }
        }
    }
}

/// Lists an item in its folder, and in no other.
fn file(id: &str, after: &mut BTreeMap<&str, Members>) -> Result<(), String> {
    let parent = after.get(id).and_then(|item| item.get("parentid"));
    let parent = parent
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if ROOTS.contains(&id) || id == "places" {
        return Ok(());
    }
    let is_folder = |folder: &Members| folder.get("type").and_then(Value::as_str) == Some("folder");
    let is_known = after.get(parent.as_str()).is_some_and(is_folder);
    if !is_known && !ROOTS.contains(&parent.as_str()) {
        return Err(format!("there is no folder {parent:?} for the item {id}"));
    }
    for (folder, members) in after {
        if *folder != parent.as_str() {
            unlist(members, |child| child != id);
        } else if !children(members).any(|child| child == id) {
            let list = members
                .entry("children")
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(id.into());
            }
        }
    }
    Ok(())
}
