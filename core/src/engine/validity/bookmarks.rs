//! Where bookmarks are: each is in one folder, whose list of children names it (spec §6.1).

use alloc::string::String;
use alloc::vec::Vec;

use super::members::is_root;
use crate::ids::RecordId;
use crate::json::Value;
use crate::sorted::Map;

/// Where one bookmark or folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    is_folder: bool,
    parent: String,
    /// In order of id, for another order is no other structure.
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
    /// Whether it stays as it was.
    is_held: bool,
}

/// A tree of bookmarks with changes.
#[derive(Debug, Default)]
pub(super) struct Tree(Map<RecordId, Place>);

impl Tree {
    /// A record that is changed.
    pub(super) fn change(&mut self, id: &RecordId, before: Option<&Value>, after: Option<&Value>) {
        let place = Place {
            before: before.map(Node::of),
            after: after.map(Node::of),
            is_changed: true,
            is_held: false,
        };
        self.0.insert(id.clone(), place);
    }

    /// A record that is there; one that is changed stays so.
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

    /// Leaves a record as it was.
    pub(super) fn hold(&mut self, id: &RecordId) {
        if let Some(place) = self.0.get_mut(id) {
            place.is_held = true;
        }
    }

    /// Whether any change is of more than the record itself.
    pub(super) fn has_structural_changes(&self) -> bool {
        self.0.values().any(|place| place.before != place.after)
    }

    /// A change that breaks the tree, and the rule. Who is `strict` also refuses a folder that no longer lists what is still
    /// in it, which is right only as a step on the way to something else.
    pub(super) fn broken(&self, strict: bool) -> Option<(&RecordId, &'static str)> {
        self.0
            .iter()
            .filter(|(_, place)| place.is_changed && !place.is_held)
            .find_map(|(id, place)| Some((id, self.fault(id.as_str(), place, strict)?)))
    }

    /// A record as it will be.
    fn at(&self, id: &str) -> Option<&Node> {
        let place = self.0.get(id)?;
        match place.is_held {
            true => place.before.as_ref(),
            false => place.after.as_ref(),
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
                Some("the children of its folder still name it: take it out of that list first")
            } else if before.children.iter().any(|child| self.is_in(child, id)) {
                Some("the folder is not empty: delete or move what is in it together with it")
            } else {
                None
            };
        };
        let known = before.map_or(&[][..], |before| before.children.as_slice());
        let is_moved = before.is_none_or(|before| before.parent != node.parent);
        if is_moved && !is_root(id) {
            if !self.is_listed(id, &node.parent) {
                return Some("the children of its folder must name it: put both records together");
            }
            if before.is_some_and(|before| self.is_listed(id, &before.parent)) {
                return Some(
                    "the children of its former folder still name it: put both folders together with it",
                );
            }
            if self.is_inside_itself(id) {
                return Some("a folder cannot be inside of itself");
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
                "its children must be there and have its id as their parentid: put all of them together",
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
                "its children must name all that is in it: delete or move what is left out",
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
