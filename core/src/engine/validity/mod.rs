//! Changes to Firefox's collections that Firefox would refuse to apply, or would undo.
//!
//! Firefox reads these records into tables with rules of their own. A record that breaks a rule is refused there, ignored, or
//! repaired so that positions, deletions and intent are lost. Such a change is refused when it is made; one that comes
//! about otherwise, by a merge or under an older release, is not sent: it stays here, unsent, and is reported.
//!
//! A record that broke the same rule before it was changed here is let through: the change did not make it worse.

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

/// A change of one record: what it was and what it is to be; `None` for no record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) id: &'a RecordId,
    pub(crate) before: Option<&'a str>,
    pub(crate) after: Option<&'a str>,
}

/// A change whose texts are read.
struct Parsed<'a> {
    id: &'a RecordId,
    before: Option<Value>,
    after: Option<Value>,
}

impl<'a> Parsed<'a> {
    /// `None` for a text that cannot be read: nothing is known of it that could be wrong.
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

    /// The rule that the record breaks by itself, and did not break before.
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

/// Refuses changes of which one would leave a record, or all together a tree, that Firefox would not apply.
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

/// Refuses a change of one record that Firefox would not apply, where the records around it are not known: a change of one that
/// is made straight on the server. `before` and `after` are its texts; `None` is no record.
///
/// ```
/// use selvedge_core::engine::check_alone;
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
            "where a bookmark is can only be changed on this device, where its folder is known: without --remote, then sync",
        );
    }
    match fault {
        Some(fault) => Err(refused(collection, id, fault)),
        None => Ok(()),
    }
}

fn refused(collection: &CollectionName, id: &RecordId, fault: &str) -> Error {
    Error::Input(alloc::format!(
        "Firefox would not apply this change of the record {id} in {collection}: {fault}"
    ))
}

/// The changes made here that are not to be sent, each with the rule that it breaks.
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
        // What is held back stays as the server has it, which may break what depends on it.
        while let Some((id, fault)) = tree.broken(true) {
            let id = id.clone();
            tree.hold(&id);
            held.insert(id, fault);
        }
    }
    Ok(held)
}

/// What the server has of an item, as far as is known. An upload that was not acknowledged is not known to have arrived.
fn known_to_the_server(item: &Item) -> Option<&str> {
    match (&item.base, &item.sent) {
        (Base::Same, _) => item.cleartext.as_deref(),
        (Base::Content(text), _) | (Base::Unknown, Base::Content(text)) => Some(text.as_str()),
        (Base::Unknown, _) => None,
    }
}

/// Adds the records that are not changed.
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
