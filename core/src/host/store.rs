//! Records and sync state at rest: what a host's store keeps, and the one commit that changes it.

use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

use crate::ids::{CollectionName, RecordId};
use crate::time::{LocalTime, ServerTime};

/// Numbers the writes to an item. A store never gives the same id the same revision twice, so that an equal revision
/// means that nobody wrote in between.
///
/// ```
/// use selvedge_core::host::Revision;
///
/// assert!(Revision(2) > Revision(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// A record at rest: what people see here, beside what the server is known to have.
///
/// ```
/// use selvedge_core::host::{Base, Item, Pending};
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::time::{LocalTime, ServerTime};
///
/// let fresh = Item {
///     id: RecordId::new("7vO3Zcdu6V4I")?,
///     cleartext: Some(r#"{"id":"7vO3Zcdu6V4I","title":"milk"}"#.into()),
///     base: Base::Unknown,
///     sent: Base::Unknown,
///     server_modified: ServerTime::ZERO,
///     pending: Pending::Edit { at: LocalTime::from_millis(1_700_000_000_000) },
/// };
/// assert!(!fresh.is_deleted());
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The record's id.
    pub id: RecordId,
    /// The JSON object as text; `None` when the record was deleted here and the server is not told yet.
    pub cleartext: Option<String>,
    /// What the server is known to have: the ancestor of a three-way merge.
    pub base: Base,
    /// What was handed out to be uploaded and is not acknowledged, so that the server may have it: nothing, the item as
    /// it is, or what it was before it was changed again. An upload whose reply was lost is known again by this.
    pub sent: Base,
    /// The server's time of the base; zero when unknown.
    pub server_modified: ServerTime,
    /// Whether the record is to be uploaded.
    pub pending: Pending,
}

impl Item {
    /// Whether this is a deletion that waits to be uploaded.
    #[must_use]
    pub const fn is_deleted(&self) -> bool {
        self.cleartext.is_none()
    }
}

/// A version of an item that is kept beside it.
///
/// ```
/// use selvedge_core::host::Base;
///
/// assert_ne!(Base::Same, Base::Unknown);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// There is none: never uploaded, or forgotten by a reset.
    Unknown,
    /// The same as the item itself; it is not stored twice.
    Same,
    /// This JSON object, from before the item was changed or deleted here.
    Content(String),
}

/// Whether, and why, an item is to be uploaded.
///
/// ```
/// use selvedge_core::host::Pending;
///
/// assert_ne!(Pending::Nothing, Pending::Resend);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// The server has it.
    Nothing,
    /// The server may lack it (after a reset). No edit of the user: it yields to what the server has.
    Resend,
    /// The user changed or deleted it.
    Edit {
        /// When, by the local clock.
        at: LocalTime,
    },
}

/// An item and the revision under which it was read.
///
/// ```
/// use selvedge_core::host::{Base, Item, Pending, Revision, Stored};
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::time::ServerTime;
///
/// let item = Item {
///     id: RecordId::new("menu").unwrap(),
///     cleartext: Some("{}".into()),
///     base: Base::Same,
///     sent: Base::Unknown,
///     server_modified: ServerTime::from_hundredths(1),
///     pending: Pending::Nothing,
/// };
/// let stored = Stored { item, revision: Revision(7) };
/// assert_eq!(stored.item.id.as_str(), "menu");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The item.
    pub item: Item,
    /// Changes with every write to it.
    pub revision: Revision,
}

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

/// All that one [`Store::commit`] changes, at once or not at all.
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
    pub sweep: Option<Sweep>,
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
/// use selvedge_core::host::Sweep;
///
/// assert_ne!(Sweep::Reset, Sweep::Wipe);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Forget what the server has (spec §5.1): the base becomes [`Base::Unknown`], [`Pending::Nothing`] becomes
    /// [`Pending::Resend`], `server_modified` becomes zero. A [`Base::Content`] that is forgotten becomes what was sent, if
    /// nothing else was: the server may still have it. [`Pending::Edit`] and what was sent stay.
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

/// A store that does not do its work.
///
/// ```
/// use selvedge_core::host::{StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Full, "database or disk is full");
/// assert_eq!(error.to_string(), "there is no room left on the disk: database or disk is full");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct StoreError {
    /// What went wrong, for decisions.
    pub kind: StoreErrorKind,
    /// The host's own words, for people; never a record's content.
    pub detail: String,
}

impl StoreError {
    /// An error with the host's own words.
    #[must_use]
    pub fn new(kind: StoreErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

/// The kinds of a [`StoreError`].
///
/// ```
/// use selvedge_core::host::StoreErrorKind;
///
/// assert_eq!(StoreErrorKind::Locked.to_string(), "the local store is locked");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// No room left.
    #[error("there is no room left on the disk")]
    Full,
    /// Another program holds it for too long.
    #[error("another program is using the local store")]
    Busy,
    /// It waits for a password.
    #[error("the local store is locked")]
    Locked,
    /// What is on the disk is not what a store writes.
    #[error("the local store is damaged")]
    Damaged,
    /// It cannot be opened, read or written.
    #[error("the local store cannot be used")]
    Unavailable,
}
