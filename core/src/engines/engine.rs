//! The policy of one collection: the trait that each engine implements, and the values that pass through it.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

#[cfg(feature = "whole-collections")]
use super::tree::TreeMerge;
use crate::host::Key;
use crate::ids::{CollectionName, RecordId};
use crate::reconcile::{Fields, NotAnObject, Ours, Outcome, Side, Theirs};

/// The policy of one collection.
///
/// ```
/// use selvedge_core::engines::{Cleartext, Engine, Generic, Merge, Validity};
/// use selvedge_core::ids::{CollectionName, RecordId};
///
/// let notes: Box<dyn Engine> = Box::new(Generic::new(CollectionName::new("notes").unwrap())?);
/// let id = RecordId::new("7vO3Zcdu6V4I").unwrap();
/// assert_eq!((notes.version(), notes.ttl()), (1, None));
/// assert_eq!(notes.validate(&Cleartext::new(&id, "{}")), Validity::Valid);
/// assert!(matches!(notes.merge(), Merge::PerRecord(_)));
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
pub trait Engine: fmt::Debug {
    /// The collection that it syncs.
    fn collection(&self) -> &CollectionName;

    /// The format version of its records, as in meta/global (spec §4.4).
    fn version(&self) -> u64;

    /// Time to live on the server of a record that this client writes, in seconds; `None` for no limit (spec §9.3).
    fn ttl(&self) -> Option<u32> {
        None
    }

    /// Maximum number of records that the first sync downloads, newest first; later syncs download the rest. `None` for
    /// no limit (spec §5.3).
    fn first_download(&self) -> Option<u32> {
        None
    }

    /// Whether a record can be used. Tombstones are not passed.
    fn validate(&self, _record: &Cleartext<'_>) -> Validity {
        Validity::Valid
    }

    /// Whether [`Engine::duplicate_key`] ever returns a key.
    fn has_duplicate_keys(&self) -> bool {
        false
    }

    /// What makes two records with different ids the same thing, for example the URL of a page; `None` if nothing does.
    fn duplicate_key(&self, _record: &Cleartext<'_>) -> Option<Key> {
        None
    }

    /// How changes of the server and of this device are merged.
    fn merge(&self) -> Merge<'_>;
}

/// How an engine merges.
#[derive(Clone, Copy)]
pub enum Merge<'a> {
    /// Each record by itself: a batch is applied as soon as it arrives.
    PerRecord(&'a dyn RecordMerge),
    /// All records at once, because they depend on each other: what arrives is staged until all of it is there. It needs
    /// the feature `whole-collections`, so that a page without such an engine loads less code.
    #[cfg(feature = "whole-collections")]
    WholeCollection(&'a dyn TreeMerge),
}

impl fmt::Debug for Merge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerRecord(_) => "PerRecord",
            #[cfg(feature = "whole-collections")]
            Self::WholeCollection(_) => "WholeCollection",
        })
    }
}

/// The merge of a single record.
///
/// ```
/// use selvedge_core::engines::RecordMerge;
/// use selvedge_core::reconcile::{Ours, Outcome, Side, Theirs};
///
/// /// The server is always right.
/// struct TakeTheirs;
/// impl RecordMerge for TakeTheirs {
///     fn merge(&self, _: Ours<'_>, theirs: Theirs<'_>, _: Side) -> Outcome {
///         match theirs {
///             Theirs::Tombstone => Outcome::Delete { rule: None },
///             Theirs::Record(_) => Outcome::Take { rule: None },
///         }
///     }
/// }
/// let outcome = TakeTheirs.merge(Ours::Missing, Theirs::Record("{}"), Side::Ours);
/// assert_eq!(outcome, Outcome::Take { rule: None });
/// ```
pub trait RecordMerge {
    /// Decides how to reconcile a record that both sides may have changed. `newer` is the side with the later change.
    fn merge(&self, ours: Ours<'_>, theirs: Theirs<'_>, newer: Side) -> Outcome;
}

/// A decrypted record, as JSON text, and its id.
///
/// ```
/// use selvedge_core::engines::Cleartext;
/// use selvedge_core::ids::RecordId;
///
/// let id = RecordId::new("7vO3Zcdu6V4I")?;
/// let record = Cleartext::new(&id, r#"{"id":"7vO3Zcdu6V4I","title":"milk"}"#);
/// assert_eq!(record.fields().unwrap().get("title"), Some("\"milk\""));
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleartext<'a> {
    id: &'a RecordId,
    json: &'a str,
}

impl<'a> Cleartext<'a> {
    /// The record with this id and text.
    #[must_use]
    pub const fn new(id: &'a RecordId, json: &'a str) -> Self {
        Self { id, json }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &'a RecordId {
        self.id
    }

    /// Its text.
    #[must_use]
    pub const fn json(&self) -> &'a str {
        self.json
    }

    /// Its members.
    ///
    /// # Errors
    /// When the text is not a JSON object.
    pub fn fields(&self) -> Result<Fields<'a>, NotAnObject> {
        Fields::parse(self.json)
    }
}

/// Whether a record can be used.
///
/// ```
/// use selvedge_core::engines::Validity;
///
/// assert_ne!(Validity::Refuse("it has no name"), Validity::Replace);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validity {
    /// It can.
    Valid,
    /// It can if it is corrected. This corrected JSON object is applied, and uploaded.
    Reupload(Box<str>),
    /// It cannot, and must not stay on the server: this device's version replaces it there, or else a tombstone.
    Replace,
    /// It cannot, for this reason. It is not applied, and stays on the server as it is.
    Refuse(&'static str),
}

/// The duplicate key of a record.
pub(crate) fn key_of(engine: &dyn Engine, id: &RecordId, json: &str) -> Option<Key> {
    engine.duplicate_key(&Cleartext::new(id, json))
}

impl Validity {
    /// The record to be used instead of `json`, if it can be used; the reason if it cannot.
    ///
    /// # Errors
    /// The reason.
    pub(crate) fn corrected(self, json: String) -> Result<String, &'static str> {
        match self {
            Self::Valid => Ok(json),
            Self::Reupload(corrected) => Ok(corrected.into()),
            Self::Replace => Err("it is not a valid record of this collection"),
            Self::Refuse(reason) => Err(reason),
        }
    }
}
