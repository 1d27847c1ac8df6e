//! Records and sync state at rest: what a host's store keeps, and the one commit that changes it.

mod commit;
mod error;
mod item;

use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

pub use self::commit::{BulkChange, Commit, Committed, Part, Uploaded, Write};
pub use self::error::{StoreError, StoreErrorKind};
pub use self::item::{Base, Item, Pending, Revision, Stored};
use crate::ids::{CollectionName, RecordId};

/// Which items a [`Store::page`] holds.
///
/// ```
/// use selvedge_core::host::Selection;
///
/// assert_ne!(Selection::Live, Selection::Pending);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All that are not deleted.
    Live,
    /// All that are to be uploaded, deletions included.
    Pending,
}

/// How much a [`Store::page`] may hold: a page ends with the record that reaches either bound.
///
/// ```
/// use selvedge_core::host::PageLimit;
///
/// assert_eq!(PageLimit::default(), PageLimit { records: 500, bytes: 1 << 20 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit {
    /// The number of items.
    pub records: usize,
    /// The bytes of their cleartexts, bases and sent versions.
    pub bytes: usize,
}

impl Default for PageLimit {
    fn default() -> Self {
        Self {
            records: 500,
            bytes: 1 << 20,
        }
    }
}

/// How many items a collection has here.
///
/// ```
/// use selvedge_core::host::Counts;
///
/// assert_eq!(Counts::default().pending, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Items that are not deleted.
    pub live: u64,
    /// Items to be uploaded, deletions included.
    pub pending: u64,
}

/// Records and sync state at rest.
///
/// A commit is atomic and durable: after a kill at any moment either all of it is there or nothing. Other programs and
/// other windows may write at the same time; [`Write::seen`] and [`Uploaded::revision`] keep them from losing edits.
pub trait Store {
    /// The state of the account's sync, as the last commit left it.
    ///
    /// # Errors
    /// When the store cannot be read; so with all its methods.
    fn global(&self) -> impl Future<Output = Result<Option<String>, StoreError>>;

    /// The state of a collection's sync, as the last commit left it.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn state(
        &self,
        collection: &CollectionName,
    ) -> impl Future<Output = Result<Option<String>, StoreError>>;

    /// The collections that have an item or a state, in order of name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn collections(&self) -> impl Future<Output = Result<Vec<CollectionName>, StoreError>>;

    /// How many items a collection has.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(
        &self,
        collection: &CollectionName,
    ) -> impl Future<Output = Result<Counts, StoreError>>;

    /// The items under `ids`, in their order; `None` where there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> impl Future<Output = Result<Vec<Option<Stored>>, StoreError>>;

    /// Items in order of id, from the first after `after`. Empty only at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>>;

    /// Changes all that `commit` names, at once or not at all.
    ///
    /// # Errors
    /// When it cannot be written; nothing was changed then.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>>;
}
