//! What one commit changes, at once or not at all.

use alloc::string::String;
use alloc::vec::Vec;

use super::item::{Item, Revision};
use crate::ids::{CollectionName, RecordId};
use crate::time::ServerTime;

/// All that one [`Store::commit`](super::Store::commit) changes, at once or not at all.
///
/// ```
/// use selvedge_core::host::Commit;
///
/// assert!(Commit::default().parts.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// The changes, a collection each.
    pub parts: Vec<Part>,
    /// The new state of the account's sync, a JSON text of the core's; `None` leaves it.
    pub global: Option<String>,
}

/// What a [`Commit`] does to one collection, in the order of the fields. A part that sweeps has no writes and no uploads.
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
    /// Done to every item first.
    pub sweep: Option<BulkChange>,
    /// Items put or removed.
    pub writes: Vec<Write>,
    /// Items that the server now has.
    pub uploaded: Vec<Uploaded>,
    /// The new state of the collection's sync, a JSON text of the core's; `None` leaves it.
    pub state: Option<String>,
}

impl Part {
    /// A part that changes nothing yet.
    #[must_use]
    pub const fn new(collection: CollectionName) -> Self {
        Self {
            collection,
            sweep: None,
            writes: Vec::new(),
            uploaded: Vec::new(),
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
    /// [`Pending::Resend`], `server_modified` becomes zero. A [`Base::Content`] that is forgotten becomes what was sent, if
    /// nothing else was: the server may still have it. [`Pending::Edit`] and what was sent stay.
    ///
    /// [`Base::Unknown`]: super::Base::Unknown
    /// [`Base::Content`]: super::Base::Content
    /// [`Pending::Nothing`]: super::Pending::Nothing
    /// [`Pending::Resend`]: super::Pending::Resend
    /// [`Pending::Edit`]: super::Pending::Edit
    Reset,
    /// Remove every item, without tombstones. Only the decision that names it may ask for it.
    Wipe,
}

/// Puts or removes one item, if nobody wrote it since it was read.
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
    /// The revision under which it was read; `None` when it did not exist. If that is no longer so, the whole commit
    /// does nothing and answers [`Committed::Stale`].
    pub seen: Option<Revision>,
    /// The new item; `None` removes it.
    pub becomes: Option<Item>,
}

/// Tells that an item, as it was at `revision`, is on the server now.
///
/// The item becomes [`Base::Same`] and [`Pending::Nothing`] with this `modified`, and nothing is sent any more; a deleted
/// one is removed. Of an item that was changed again since, the [`Base::Content`] that was sent becomes the base with
/// this `modified`; nothing else of it changes, and its revision neither. No error comes of an item that is not there.
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
    /// The server's time of it.
    pub modified: ServerTime,
}

/// How a commit ended.
///
/// ```
/// use selvedge_core::host::Committed;
///
/// assert_ne!(Committed::Done, Committed::Stale);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// All of it is durable.
    Done,
    /// Somebody wrote one of the items since it was read. Nothing was changed: read again and decide again.
    Stale,
}
