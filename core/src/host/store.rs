//! Stored records and sync state: what a host's store keeps, and the one operation (commit) that changes it.

mod commit;
mod error;
mod item;

use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

pub use self::commit::{BulkChange, Commit, Committed, Part, Uploaded, Write};
pub use self::error::{StoreError, StoreErrorKind};
pub use self::item::{Base, Item, Key, Pending, Revision, Stored};
use crate::ids::{CollectionName, RecordId};

/// Which items [`Store::page`] returns.
///
/// ```
/// use selvedge_core::host::Selection;
///
/// assert_ne!(Selection::Live, Selection::Pending);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Items that are not deleted.
    Live,
    /// Items that wait for upload, including deletions.
    Pending,
    /// Versions of the server that are staged. Of the item only the id, the cleartext (`None` for a tombstone), the
    /// server's time and `pending` have a meaning: [`Pending::Resend`] if the record has to be sent again in any case,
    /// else the time of the staging.
    Incoming,
}

/// The maximum size of a [`Store::page`]. A page ends with the record that reaches either limit.
///
/// ```
/// use selvedge_core::host::PageLimit;
///
/// assert_eq!(PageLimit::default(), PageLimit { records: 500, bytes: 1 << 20 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit {
    /// Maximum number of items.
    pub records: usize,
    /// Maximum number of bytes of their cleartexts, bases and sent versions.
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

/// The number of items of a collection in this store.
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
    /// Items that wait for upload, including deletions.
    pub pending: u64,
}

/// Storage for records and sync state. Of each record it keeps up to three versions: the one that the server had at the
/// last merge (the base), the local one, and the one that has arrived since and is staged until it is merged.
///
/// A commit is atomic and durable: after a crash at any moment the store contains either all of it or nothing. Other
/// programs and windows may write at the same time; [`Write::seen`] and [`Uploaded::revision`] prevent lost edits.
pub trait Store {
    /// The sync state of the account, as the last commit wrote it.
    ///
    /// # Errors
    /// When the store cannot be read. This applies to all methods of this trait.
    fn global(&self) -> impl Future<Output = Result<Option<String>, StoreError>>;

    /// The sync state of a collection, as the last commit wrote it.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn state(
        &self,
        collection: &CollectionName,
    ) -> impl Future<Output = Result<Option<String>, StoreError>>;

    /// The collections that have an item or a state, sorted by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn collections(&self) -> impl Future<Output = Result<Vec<CollectionName>, StoreError>>;

    /// The number of items of a collection.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(
        &self,
        collection: &CollectionName,
    ) -> impl Future<Output = Result<Counts, StoreError>>;

    /// The items with the given `ids`, in the same order; `None` for an id without an item.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> impl Future<Output = Result<Vec<Option<Stored>>, StoreError>>;

    /// Items sorted by id, starting with the first one after `after`. The result is empty only at the end.
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

    /// The items that are not deleted and have one of the `keys`, sorted by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn duplicates(
        &self,
        collection: &CollectionName,
        keys: &[Key],
    ) -> impl Future<Output = Result<Vec<Stored>, StoreError>>;

    /// Applies all changes of `commit`, or none of them.
    ///
    /// # Errors
    /// When the changes cannot be written. Nothing is changed then.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>>;
}

/// Implements the methods of [`Store`] that read, by those of the store in a field. What is left to write is `commit`.
///
/// ```
/// use selvedge_core::host::{Commit, Committed, MemoryStore, Store, StoreError};
///
/// #[derive(Default)]
/// struct Counting { store: MemoryStore, commits: std::cell::Cell<u32> }
///
/// impl Store for Counting {
///     selvedge_core::delegate_reads!(store);
///
///     async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
///         self.commits.set(self.commits.get() + 1);
///         self.store.commit(commit).await
///     }
/// }
/// let store = Counting::default();
/// let done = pollster::block_on(store.commit(Commit::default()));
/// assert_eq!((done, store.commits.get()), (Ok(Committed::Done), 1));
/// ```
#[macro_export]
macro_rules! delegate_reads {
    ($field:tt) => {
        async fn global(&self) -> Result<Option<String>, $crate::host::StoreError> {
            self.$field.global().await
        }

        async fn state(
            &self,
            collection: &$crate::ids::CollectionName,
        ) -> Result<Option<String>, $crate::host::StoreError> {
            self.$field.state(collection).await
        }

        async fn collections(
            &self,
        ) -> Result<Vec<$crate::ids::CollectionName>, $crate::host::StoreError> {
            self.$field.collections().await
        }

        async fn counts(
            &self,
            collection: &$crate::ids::CollectionName,
        ) -> Result<$crate::host::Counts, $crate::host::StoreError> {
            self.$field.counts(collection).await
        }

        async fn read(
            &self,
            collection: &$crate::ids::CollectionName,
            ids: &[$crate::ids::RecordId],
        ) -> Result<Vec<Option<$crate::host::Stored>>, $crate::host::StoreError> {
            self.$field.read(collection, ids).await
        }

        async fn page(
            &self,
            collection: &$crate::ids::CollectionName,
            selection: $crate::host::Selection,
            after: Option<&$crate::ids::RecordId>,
            limit: $crate::host::PageLimit,
        ) -> Result<Vec<$crate::host::Stored>, $crate::host::StoreError> {
            self.$field.page(collection, selection, after, limit).await
        }

        async fn duplicates(
            &self,
            collection: &$crate::ids::CollectionName,
            keys: &[$crate::host::Key],
        ) -> Result<Vec<$crate::host::Stored>, $crate::host::StoreError> {
            self.$field.duplicates(collection, keys).await
        }
    };
}
