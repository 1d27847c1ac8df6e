//! Why no merge is possible.

use crate::tree::MAX_DEPTH;

/// Why no merge is possible; nothing is changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Folders are too deep.
    #[error(
        "bookmark folders are more than {MAX_DEPTH} deep: move the innermost ones up and sync again"
    )]
    TooDeep,
    /// dogear refuses the trees.
    #[error("the bookmarks cannot be merged: run `bookmarks check` and correct what it names")]
    Dogear(#[source] dogear::Error),
}

impl From<dogear::Error> for MergeError {
    fn from(error: dogear::Error) -> Self {
        Self::Dogear(error)
    }
}
