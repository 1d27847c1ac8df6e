//! A record at rest, and what is known of the server's version of it.

use alloc::string::String;

use crate::ids::RecordId;
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
