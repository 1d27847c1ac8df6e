//! Why an edit is refused.

use super::MAX_DEPTH;

/// Why an edit is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// There is no such item.
    #[error("there is no bookmark or folder with the id {0}: list the bookmarks to see the ids")]
    NoSuchItem(String),
    /// The target is not a folder.
    #[error("{0} is not a folder: name a folder")]
    NotAFolder(String),
    /// Roots stay as they are.
    #[error("the folder {0} is one of Firefox's own: it cannot be renamed, moved or deleted")]
    Root(String),
    /// A folder cannot be inside itself.
    #[error("the folder {0} cannot be moved into itself or a folder in it: name another folder")]
    IntoItself(String),
    /// Not an absolute URL.
    #[error(
        "{0:?} is not an absolute URL of at most 65536 characters: write it like https://example.org/"
    )]
    InvalidUrl(String),
    /// The item has no such property.
    #[error("a {kind} has no {property}: leave it out")]
    NotThere {
        /// What the item is.
        kind: &'static str,
        /// What it does not have.
        property: &'static str,
    },
    /// The new order does not name exactly the folder's children.
    #[error("the order must name each of the folder's {0} items exactly once")]
    IncompleteOrder(usize),
    /// Folders are too deep.
    #[error("folders can be at most {MAX_DEPTH} deep: choose a folder further up")]
    TooDeep,
    /// No unused id was found.
    #[error("no unused id for the new item: check the source of random bytes")]
    NoId,
}
