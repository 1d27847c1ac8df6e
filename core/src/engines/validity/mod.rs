//! Rejects changes to Firefox's collections that Firefox would not apply, or would undo.
//!
//! Firefox stores these records in tables with rules of their own. Firefox rejects a record that violates a rule,
//! ignores it, or repairs it so that positions, deletions or the intended change are lost. Such a change is rejected
//! when it is made. An invalid change that has another origin, such as a merge or an older release, is not sent: it
//! stays on this device and is reported.
//!
//! A record that violated the same rule before the local change is accepted: the change did not make it worse.

mod bookmarks;
mod members;

use alloc::vec::Vec;

use self::bookmarks::Tree;
use crate::error::{Error, Result};
use crate::host::{Base, Item, PageLimit, Pending, Selection, Store, Stored};
use crate::ids::{CollectionName, RecordId};
use crate::json::Value;
use crate::sorted::Map;

const BOOKMARKS: &str = "bookmarks";

/// A change of one record: its old and its new text; `None` if the record does not exist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) id: &'a RecordId,
    pub(crate) before: Option<&'a str>,
    pub(crate) after: Option<&'a str>,
}

/// A change with parsed texts.
struct Parsed<'a> {
    id: &'a RecordId,
    before: Option<Value>,
    after: Option<Value>,
}

impl<'a> Parsed<'a> {
    /// `None` if a text cannot be parsed: then no rule can be checked.
    fn of(change: &Change<'a>) -> Option<Self> {
        let value = |text: &str| text.parse::<Value>().ok();
        Some(Self {
            id: change.id,
            before: change.before.and_then(value),
            after: match change.after {
                Some(after) => Some(value(after)?),
                None => None,
            },
        })
    }

    /// The rule that the record violates by itself, and did not violate before.
    fn fault(&self, collection: &str) -> Option<&'static str> {
        let after = self.after.as_ref()?;
        let id = self.id.as_str();
        let before = self.before.as_ref();
        let was = before.and_then(|before| members::fault(collection, id, before));
        members::fault(collection, id, after)
            .filter(|fault| was != Some(*fault))
            .or_else(|| members::fault_of_change(collection, before?, after))
    }
}

/// Rejects changes if one of them creates a record, or all of them together create a tree, that Firefox would not apply.
///
/// # Errors
/// [`Error::Input`] with the record and the rule.
pub(crate) async fn check<S: Store>(
    store: &S,
    collection: &CollectionName,
    changes: &[Change<'_>],
) -> Result<()> {
    if !members::is_typed(collection.as_str()) {
        return Ok(());
    }
    let parsed: Vec<Parsed<'_>> = changes.iter().filter_map(Parsed::of).collect();
    for change in &parsed {
        if let Some(fault) = change.fault(collection.as_str()) {
            return Err(refused(collection, change.id, fault));
        }
    }
    let mut tree = Tree::default();
    for change in &parsed {
        tree.change(change.id, change.before.as_ref(), change.after.as_ref());
    }
    if collection.as_str() != BOOKMARKS || !tree.has_structural_changes() {
        return Ok(());
    }
    complete(&mut tree, store, collection).await?;
    match tree.broken(false) {
        Some((id, fault)) => Err(refused(collection, id, fault)),
        None => Ok(()),
    }
}

/// Rejects a change of a single record that Firefox would not apply, when the related records are unknown: a change
/// that is made directly on the server. `before` and `after` are its texts; `None` if the record does not exist.
///
/// ```
/// use selvedge_core::engines::check_alone;
/// use selvedge_core::ids::{CollectionName, RecordId};
///
/// let (forms, id) = (CollectionName::new("forms")?, RecordId::new("Qm9Xc2VwbHVz")?);
/// assert!(check_alone(&forms, &id, None, Some(r#"{"name":"city","value":"Berlin"}"#)).is_ok());
/// assert!(check_alone(&forms, &id, None, Some(r#"{"name":"city"}"#)).is_err());
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
///
/// # Errors
/// [`Error::Input`] with the record and the rule.
pub fn check_alone(
    collection: &CollectionName,
    id: &RecordId,
    before: Option<&str>,
    after: Option<&str>,
) -> Result<()> {
    let Some(parsed) = Parsed::of(&Change { id, before, after }) else {
        return Ok(());
    };
    let mut fault = parsed.fault(collection.as_str());
    if collection.as_str() == BOOKMARKS && fault.is_none() {
        let mut tree = Tree::default();
        tree.change(id, parsed.before.as_ref(), parsed.after.as_ref());
        fault = tree.has_structural_changes().then_some(
            "the position of a bookmark can be changed only on this device, where its folder is known: repeat the command without --remote, then sync",
        );
    }
    match fault {
        Some(fault) => Err(refused(collection, id, fault)),
        None => Ok(()),
    }
}

/// Checks the members of a record alone, without its place among others.
///
/// # Errors
/// [`Error::Input`] with the record and the rule.
pub(super) fn check_members(collection: &CollectionName, change: &Change<'_>) -> Result<()> {
    let fault = Parsed::of(change).and_then(|parsed| parsed.fault(collection.as_str()));
    match fault {
        Some(fault) => Err(refused(collection, change.id, fault)),
        None => Ok(()),
    }
}

fn refused(collection: &CollectionName, id: &RecordId, fault: &str) -> Error {
    Error::Input(alloc::format!(
        "Firefox would not apply this change of record {id} in {collection}: {fault}"
    ))
}

/// The local changes that must not be sent, each with the rule that it violates.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn held_back<S: Store>(
    store: &S,
    collection: &CollectionName,
) -> Result<Map<RecordId, &'static str>> {
    let mut held = Map::new();
    if !members::is_typed(collection.as_str()) {
        return Ok(held);
    }
    let mut tree = Tree::default();
    let mut after = None;
    loop {
        let page = store
            .page(
                collection,
                Selection::Pending,
                after.as_ref(),
                PageLimit::default(),
            )
            .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.item.id.clone());
        for Stored { item, .. } in &page {
            if !matches!(item.pending, Pending::Edit { .. }) {
                continue;
            }
            let change = Change {
                id: &item.id,
                before: known_to_the_server(item),
                after: item.cleartext.as_deref(),
            };
            let Some(change) = Parsed::of(&change) else {
                continue;
            };
            let fault = change.fault(collection.as_str());
            if collection.as_str() == BOOKMARKS {
                tree.change(change.id, change.before.as_ref(), change.after.as_ref());
            }
            if let Some(fault) = fault {
                tree.hold(&item.id);
                held.insert(item.id.clone(), fault);
            }
        }
    }
    if tree.has_structural_changes() {
        complete(&mut tree, store, collection).await?;
        // A held-back record keeps its server version, which may invalidate records that depend on the change.
        while let Some((id, fault)) = tree.broken(true) {
            let id = id.clone();
            tree.hold(&id);
            held.insert(id, fault);
        }
    }
    Ok(held)
}

/// The last known server version of an item. An upload that was not acknowledged may not have arrived.
fn known_to_the_server(item: &Item) -> Option<&str> {
    match (&item.base, &item.sent) {
        (Base::Same, _) => item.cleartext.as_deref(),
        (Base::Content(text), _) | (Base::Unknown, Base::Content(text)) => Some(text.as_str()),
        (Base::Unknown, _) => None,
    }
}

/// Adds the unchanged records.
async fn complete<S: Store>(tree: &mut Tree, store: &S, collection: &CollectionName) -> Result<()> {
    let mut after = None;
    loop {
        let page = store
            .page(
                collection,
                Selection::Live,
                after.as_ref(),
                PageLimit::default(),
            )
            .await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.item.id.clone());
        for Stored { item, .. } in &page {
            let text = item.cleartext.as_deref();
            if let Some(record) = text.and_then(|text| text.parse::<Value>().ok()) {
                tree.add(&item.id, &record);
            }
        }
    }
}

#[cfg(test)]
mod tests;
