//! The entries of the journal.

use alloc::vec::Vec;

use super::collections::name;
use super::entry::Entry;
use super::keep::is_expired;
use crate::error::Result;
use crate::host::{PageLimit, Selection, Store};
use crate::ids::CollectionName;
use crate::time::LocalTime;

/// The entries that are kept at `now`, of one collection or of all, the newest first.
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
            !is_expired(entry.at, now) && collection.is_none_or(|name| *name == entry.collection)
        }));
    }
    entries.reverse();
    Ok(entries)
}
