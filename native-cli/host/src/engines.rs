//! The engines of a program on a computer: Firefox's own collections by Firefox's rules, all others as plain records.

use selvedge_bookmarks::engine::BookmarksEngine;
use selvedge_core::engines::Engine;
use selvedge_core::error::{Error, Result};
use selvedge_core::firefox::{self, Owned};
use selvedge_core::host::Random as _;
use selvedge_core::ids::CollectionName;

use crate::SystemRandom;

/// The engine of a collection. `owned` says which records are this device's own.
///
/// ```
/// use selvedge_core::engines::Merge;
/// use selvedge_core::firefox::Owned;
/// use selvedge_core::ids::CollectionName;
/// use selvedge_host::engine_for;
///
/// let bookmarks = engine_for(CollectionName::new("bookmarks")?, &Owned::default()).unwrap();
/// assert!(matches!(bookmarks.merge(), Merge::WholeCollection(_)));
/// let notes = engine_for(CollectionName::new("notes")?, &Owned::default()).unwrap();
/// assert!(matches!(notes.merge(), Merge::PerRecord(_)));
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
///
/// # Errors
/// When the sync manages the collection itself: `meta`, `crypto`, `keys` and `clients`.
pub fn engine_for(collection: CollectionName, owned: &Owned) -> Result<Box<dyn Engine>> {
    match collection.as_str() {
        "bookmarks" => {
            let engine = BookmarksEngine::new(random_id);
            Ok(Box::new(
                engine.map_err(|error| Error::Input(error.to_string()))?,
            ))
        }
        _ => firefox::engine_for(collection, owned),
    }
}

/// The random bytes of a new bookmark's id.
#[must_use]
pub fn random_id() -> [u8; 9] {
    let mut bytes = [0; 9];
    // Without random bytes the id is one that may exist, which the tree refuses.
    let _unfilled = SystemRandom.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ() {
        assert_ne!(random_id(), random_id());
    }
}
