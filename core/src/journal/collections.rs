//! The collection of the journal, and the other collections of a store.

use alloc::vec::Vec;

use crate::host::{Store, StoreError};
use crate::ids::CollectionName;

/// The collection of the store that holds the journal. No sync takes it, and no list of collections names it.
pub const COLLECTION: &str = "selvedge.journal";

pub(crate) fn name() -> CollectionName {
    CollectionName::new(COLLECTION).expect("16 letters and a dot are a collection's name")
}

/// The collections of a store, in order of name, without the journal.
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
