//! The tree of bookmarks: each bookmark is in exactly one folder, whose list of children contains it (spec §6.1).

use alloc::string::String;
use alloc::vec::Vec;

use super::members::is_root;
use crate::ids::RecordId;
use crate::json::Value;
use crate::sorted::Map;

/// The position of one bookmark or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    is_folder: bool,
    parent: String,
    /// Sorted by id, because the order of children is not part of the structure.
    children: Vec<String>,
}

impl Node {
    fn of(record: &Value) -> Self {
        let text = |name| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let children = record
            .get("children")
            .and_then(Value::as_array)
            .unwrap_or_default();
        let children = children
            .iter()
            .filter_map(|child| Some(child.as_str()?.into()));
        let mut children: Vec<String> = children.collect();
        children.sort_unstable();
        Self {
            is_folder: text("type") == "folder",
            parent: text("parentid").into(),
            children,
        }
    }

    fn lists(&self, id: &str) -> bool {
        self.is_folder && has(&self.children, id)
    }
}

fn has(sorted: &[String], id: &str) -> bool {
    sorted
        .binary_search_by(|child| child.as_str().cmp(id))
        .is_ok()
}

/// One record of the tree.
#[derive(Debug)]
struct Place {
    before: Option<Node>,
    after: Option<Node>,
    is_changed: bool,
    /// Whether its change is held back, so that the server's version stays.
    is_held: bool,
}

/// A tree of bookmarks with changes to it.
#[derive(Debug, Default)]
pub(super) struct Tree(Map<RecordId, Place>);

impl Tree {
    /// Adds a changed record.
    pub(super) fn change(&mut self, id: &RecordId, before: Option<&Value>, after: Option<&Value>) {
        let place = Place {
            before: before.map(Node::of),
            after: after.map(Node::of),
            is_changed: true,
            is_held: false,
        };
        self.0.insert(id.clone(), place);
    }

    /// Adds an unchanged record; a record that was already added as changed stays changed.
    pub(super) fn add(&mut self, id: &RecordId, record: &Value) {
        self.0.get_or_insert_with(id.clone(), || {
            let node = Some(Node::of(record));
            Place {
                before: node.clone(),
                after: node,
                is_changed: false,
                is_held: false,
            }
        });
    }

    /// Holds back the change of a record.
    pub(super) fn hold(&mut self, id: &RecordId) {
        if let Some(place) = self.0.get_mut(id) {
            place.is_held = true;
        }
    }

    /// Whether any change affects the structure and not only a record's content.
    pub(super) fn has_structural_changes(&self) -> bool {
        self.0.values().any(|place| place.before != place.after)
    }

    /// The first change that violates a rule of the tree, with the rule. `strict` also rejects a folder that no longer
    /// lists a record that is still in it; such a folder is valid only as an intermediate step.
    pub(super) fn broken(&self, strict: bool) -> Option<(&RecordId, &'static str)> {
        self.0
            .iter()
            .filter(|(_, place)| place.is_changed && !place.is_held)
            .find_map(|(id, place)| Some((id, self.fault(id.as_str(), place, strict)?)))
    }

    /// A record after the changes.
    fn at(&self, id: &str) -> Option<&Node> {
        let place = self.0.get(id)?;
        if place.is_held {
            place.before.as_ref()
        } else {
            place.after.as_ref()
        }
    }

    fn is_listed(&self, id: &str, parent: &str) -> bool {
        self.at(parent).is_some_and(|folder| folder.lists(id))
    }

    fn is_in(&self, id: &str, folder: &str) -> bool {
        self.at(id).is_some_and(|node| node.parent == folder)
    }

    fn fault(&self, id: &str, place: &Place, strict: bool) -> Option<&'static str> {
        let before = place.before.as_ref();
        let Some(node) = &place.after else {
            let before = before?;
            return if is_root(id) {
                Some("menu, toolbar, unfiled and mobile cannot be deleted")
            } else if self.is_listed(id, &before.parent) {
                Some("the children of its folder still contain it: remove it from that list first")
            } else if before.children.iter().any(|child| self.is_in(child, id)) {
                Some("the folder is not empty: delete or move its content together with it")
            } else {
                None
            };
        };
        let known = before.map_or(&[][..], |before| before.children.as_slice());
        let is_moved = before.is_none_or(|before| before.parent != node.parent);
        if is_moved && !is_root(id) {
            if !self.is_listed(id, &node.parent) {
                return Some(
                    "the children of its folder must contain it: put both records together",
                );
            }
            if before.is_some_and(|before| self.is_listed(id, &before.parent)) {
                return Some(
                    "the children of its former folder still contain it: put both folders together with it",
                );
            }
            if self.is_inside_itself(id) {
                return Some("a folder cannot be inside itself");
            }
        }
        let is_new = |child: &&String| !has(known, child);
        if node
            .children
            .iter()
            .filter(is_new)
            .any(|child| !self.is_in(child, id))
        {
            return Some(
                "its children must exist and have its id as their parentid: put all of them together",
            );
        }
        let is_gone = |child: &&String| !has(&node.children, child);
        if strict
            && known
                .iter()
                .filter(is_gone)
                .any(|child| self.is_in(child, id))
        {
            return Some(
                "its children must contain every record in it: delete or move the missing ones",
            );
        }
        None
    }

    fn is_inside_itself(&self, id: &str) -> bool {
        let mut parent = self.at(id);
        for _ in 0..self.0.len() {
            match parent {
                Some(node) if node.parent == id => return true,
                Some(node) => parent = self.at(&node.parent),
                None => return false,
            }
        }
        parent.is_some()
    }
}
