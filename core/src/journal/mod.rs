//! The conflict journal: values that a sync replaced on this device or on the server, kept for a limited time so that
//! they can be restored.
//!
//! ```text
//! what happened                                           whose value   cause
//! both sides changed the same; theirs was applied         ours          merge
//! both sides changed the same; ours is uploaded over it   theirs        upload-replaced
//! another device deleted the record                       ours          remote-deletion
//! another device asked this one to wipe a collection      ours          remote-command
//! a person chose to take the server's records             ours          first-sync
//! a person restored another value                         ours          restore
//! ```
//!
//! A change by another device to a record that was not changed on this device, and a change that a person makes on this
//! device, replace no conflicting value: they are not in the journal.
//!
//! The journal is a collection of the host's store that is never synced: an entry is written in the same commit as the
//! replacement, so a store with atomic commits never loses one. Entries are kept for [`KEEP_DAYS`] days, at most
//! [`MAX_ENTRIES`] of them with at most [`MAX_BYTES`] bytes of text; the oldest are removed first.

mod entry;
mod keep;
mod restore;

use alloc::vec::Vec;

pub use entry::{Cause, Entry};
pub use keep::{KEEP_DAYS, MAX_BYTES, MAX_ENTRIES, count_unsent, surplus};
pub(crate) use keep::{emptied, part, prune, unsent};
pub use restore::restore;

use crate::error::Result;
use crate::host::{PageLimit, Selection, Store, StoreError};
use crate::ids::CollectionName;
use crate::time::LocalTime;

/// The collection of the store that contains the journal. It is never synced, and lists of collections omit it.
pub const COLLECTION: &str = "selvedge.journal";

pub(crate) fn name() -> CollectionName {
    CollectionName::new(COLLECTION).expect("16 letters and a dot are a collection's name")
}

/// The collections of a store, sorted by name, without the journal.
///
/// ```
/// use selvedge_core::host::MemoryStore;
///
/// assert_eq!(pollster::block_on(selvedge_core::journal::collections(&MemoryStore::default())), Ok(vec![]));
/// ```
///
/// # Errors
/// When the store cannot be read.
pub async fn collections<S: Store>(store: &S) -> Result<Vec<CollectionName>, StoreError> {
    let mut names = store.collections().await?;
    names.retain(|name| name.as_str() != COLLECTION);
    Ok(names)
}

/// The entries that are not expired at `now`, of one collection or of all, newest first.
///
/// ```
/// use selvedge_core::host::MemoryStore;
/// use selvedge_core::time::LocalTime;
///
/// let store = MemoryStore::default();
/// let list = selvedge_core::journal::list(&store, None, LocalTime::from_millis(0));
/// assert_eq!(pollster::block_on(list), Ok(vec![]));
/// ```
///
/// # Errors
/// When the store cannot be read.
pub async fn list<S: Store>(
    store: &S,
    collection: Option<&CollectionName>,
    now: LocalTime,
) -> Result<Vec<Entry>> {
    let journal = name();
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .page(
                &journal,
                Selection::Live,
                after.as_ref(),
                PageLimit::default(),
            )
            .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.item.id.clone());
        let read = page
            .iter()
            .filter_map(|stored| Entry::read(stored.item.cleartext.as_deref()?));
        entries.extend(read.filter(|entry| {
            !keep::is_expired(entry.at, now)
                && collection.is_none_or(|name| *name == entry.collection)
        }));
    }
    entries.reverse();
    Ok(entries)
}

#[cfg(test)]
mod tests;
