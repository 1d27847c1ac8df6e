//! A stored record, and the known state of the server's version of it.

use alloc::boxed::Box;
use alloc::string::String;

use crate::ids::RecordId;
use crate::time::{LocalTime, ServerTime};

/// Counts the writes to an item. A store never assigns the same revision to the same id twice, so an equal revision
/// means that the item was not written in between.
///
/// ```
/// use selvedge_core::host::Revision;
///
/// assert!(Revision(2) > Revision(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// A stored record: the local content and the last known content on the server.
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
///     key: None,
/// };
/// assert!(!fresh.is_deleted());
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The record's id.
    pub id: RecordId,
    /// The JSON object as text; `None` if the record was deleted locally and the deletion is not uploaded yet.
    pub cleartext: Option<String>,
    /// The last known content on the server: the common ancestor of a three-way merge.
    pub base: Base,
    /// The version that was sent to the server and is not acknowledged, so that the server may have it: none, the item
    /// as it is, or its content before it was changed again. After the response to an upload was lost, the core
    /// recognizes the upload by this version.
    pub sent: Base,
    /// The server's modification time of the base; zero if unknown.
    pub server_modified: ServerTime,
    /// Whether the record waits for upload.
    pub pending: Pending,
    /// What makes it a duplicate of another record, if its collection's engine defines that.
    pub key: Option<Key>,
}

impl Item {
    /// Whether this is a deletion that waits for upload.
    #[must_use]
    pub const fn is_deleted(&self) -> bool {
        self.cleartext.is_none()
    }
}

/// What makes two records with different ids the same thing: records with equal keys are duplicates.
///
/// ```
/// use selvedge_core::host::Key;
///
/// assert_eq!(Key::new("https://example.org/").as_str(), "https://example.org/");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

impl Key {
    /// The key with this text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Its text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

/// A version of an item that is stored next to it.
///
/// ```
/// use selvedge_core::host::Base;
///
/// assert_ne!(Base::Same, Base::Unknown);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// No version: never uploaded, or forgotten by a reset.
    Unknown,
    /// Identical to the item itself; not stored twice.
    Same,
    /// This JSON object, the content before the item was changed or deleted locally.
    Content(String),
}

/// Whether, and why, an item waits for upload.
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
    /// The server may lack it (after a reset). It is not an edit of the user: the server's version wins.
    Resend,
    /// The user changed or deleted it.
    Edit {
        /// Time of the edit, by the local clock.
        at: LocalTime,
    },
}

/// An item and the revision at which it was read.
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
///     key: None,
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
