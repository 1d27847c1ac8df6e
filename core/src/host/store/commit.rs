//! The changes of one commit, which the store applies all together or not at all.

use alloc::string::String;
use alloc::vec::Vec;

use super::item::{Item, Revision};
use crate::ids::{CollectionName, RecordId};
use crate::time::ServerTime;

/// All changes of one [`Store::commit`](super::Store::commit), applied all together or not at all.
///
/// ```
/// use selvedge_core::host::Commit;
///
/// assert!(Commit::default().parts.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// The changes, one part per collection.
    pub parts: Vec<Part>,
    /// The new sync state of the account, a JSON text written by the core; `None` keeps the current one.
    pub global: Option<String>,
}

/// What a [`Commit`] changes in one collection, in the order of the fields. A part with a bulk change has no writes and
/// no uploads.
///
/// ```
/// use selvedge_core::host::Part;
/// use selvedge_core::ids::CollectionName;
///
/// let part = Part::new(CollectionName::new("notes").unwrap());
/// assert!(part.writes.is_empty() && part.state.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The collection.
    pub collection: CollectionName,
    /// A change of every item, applied first.
    pub sweep: Option<BulkChange>,
    /// Items to be written or removed.
    pub writes: Vec<Write>,
    /// Items that the server has stored.
    pub uploaded: Vec<Uploaded>,
    /// Versions of the server to be staged, or removed again after their merge. What becomes [`Some`] replaces the staged
    /// version of its id, whatever it is; what becomes [`None`] is removed only if it still has the revision `seen`. So
    /// these writes are never stale.
    pub incoming: Vec<Write>,
    /// The new sync state of the collection, a JSON text written by the core; `None` keeps the current one.
    pub state: Option<String>,
}

impl Part {
    /// A part without changes.
    #[must_use]
    pub const fn new(collection: CollectionName) -> Self {
        Self {
            collection,
            sweep: None,
            writes: Vec::new(),
            uploaded: Vec::new(),
            incoming: Vec::new(),
            state: None,
        }
    }
}

/// A change of every item of a collection.
///
/// ```
/// use selvedge_core::host::BulkChange;
///
/// assert_ne!(BulkChange::Reset, BulkChange::Wipe);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkChange {
    /// Forget what the server has (spec §5.1): the base becomes [`Base::Unknown`], [`Pending::Nothing`] becomes
    /// [`Pending::Resend`], `server_modified` becomes zero. A forgotten [`Base::Content`] becomes the sent version if
    /// no other version was sent, because the server may still have it. [`Pending::Edit`] and the sent version stay.
    /// Staged versions are removed.
    ///
    /// [`Base::Unknown`]: super::Base::Unknown
    /// [`Base::Content`]: super::Base::Content
    /// [`Pending::Nothing`]: super::Pending::Nothing
    /// [`Pending::Resend`]: super::Pending::Resend
    /// [`Pending::Edit`]: super::Pending::Edit
    Reset,
    /// Remove every item without tombstones, and staged versions. Only the decision of this name may request it.
    Wipe,
}

/// Writes or removes one item, provided that it was not written since it was read.
///
/// ```
/// use selvedge_core::host::{Revision, Write};
/// use selvedge_core::ids::RecordId;
///
/// let removal = Write { id: RecordId::new("menu").unwrap(), seen: Some(Revision(3)), becomes: None };
/// assert!(removal.becomes.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The item's id; `becomes` has the same.
    pub id: RecordId,
    /// The revision at which it was read; `None` if it did not exist. If the revision has changed, the whole commit
    /// does nothing and returns [`Committed::Stale`].
    pub seen: Option<Revision>,
    /// The new item; `None` removes it.
    pub becomes: Option<Item>,
}

/// Reports that the server now has an item as it was at `revision`.
///
/// The item becomes [`Base::Same`] and [`Pending::Nothing`] with this `modified`, and its sent version is cleared; a
/// deleted item is removed. If the item was changed again since, the [`Base::Content`] that was sent becomes the base
/// with this `modified`; nothing else of the item changes, including its revision. A missing item is not an error.
///
/// ```
/// use selvedge_core::host::{Revision, Uploaded};
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::time::ServerTime;
///
/// let done = Uploaded {
///     id: RecordId::new("menu").unwrap(),
///     revision: Revision(3),
///     modified: ServerTime::from_hundredths(1),
/// };
/// assert_eq!(done.revision, Revision(3));
/// ```
///
/// [`Base::Same`]: super::Base::Same
/// [`Base::Content`]: super::Base::Content
/// [`Pending::Nothing`]: super::Pending::Nothing
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The item's id.
    pub id: RecordId,
    /// The revision that was uploaded.
    pub revision: Revision,
    /// The server's modification time of it.
    pub modified: ServerTime,
}

/// The result of a commit.
///
/// ```
/// use selvedge_core::host::Committed;
///
/// assert_ne!(Committed::Done, Committed::Stale);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// All changes are durable.
    Done,
    /// One of the items was written since it was read. Nothing was changed: read again and decide again.
    Stale,
}
