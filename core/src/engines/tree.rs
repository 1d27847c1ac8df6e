//! The merge of a whole collection whose records depend on each other, such as a tree of bookmarks.

use alloc::string::String;
use alloc::vec::Vec;

use crate::host::Pending;
use crate::ids::RecordId;
use crate::reconcile::{Side, Theirs};
use crate::time::{LocalTime, ServerTime};

/// The merge of a whole collection.
///
/// It is a pure function: after an interruption it is called again, with what was committed until then.
pub trait TreeMerge {
    /// Merges all records. An error leaves the collection as it is, here and on the server.
    ///
    /// # Errors
    /// The reason why the records cannot be merged.
    fn merge(&self, input: &TreeInput<'_>) -> Result<TreePlan, String>;

    /// Completes a local edit: returns the changes of further records that have to be made with it, so that the
    /// collection stays complete. `live` are all records of this device before the edit.
    ///
    /// # Errors
    /// The reason why the edit is refused.
    fn complete(
        &self,
        live: &[TreeRecord<'_>],
        edits: &[TreeEdit<'_>],
    ) -> Result<Vec<(RecordId, Option<String>)>, String>;
}

/// A record of this device.
///
/// ```
/// use selvedge_core::engines::TreeRecord;
/// use selvedge_core::ids::RecordId;
///
/// let id = RecordId::new("menu").unwrap();
/// assert_eq!(TreeRecord { id: &id, cleartext: "{}" }.id.as_str(), "menu");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeRecord<'a> {
    /// Its id.
    pub id: &'a RecordId,
    /// The JSON object.
    pub cleartext: &'a str,
}

/// A local edit.
///
/// ```
/// use selvedge_core::engines::TreeEdit;
/// use selvedge_core::ids::RecordId;
///
/// let id = RecordId::new("menu").unwrap();
/// assert!(TreeEdit { id: &id, cleartext: None }.cleartext.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeEdit<'a> {
    /// The record's id.
    pub id: &'a RecordId,
    /// The new JSON object; `None` if the record is deleted.
    pub cleartext: Option<&'a str>,
}

/// Everything that a merge takes into account.
///
/// ```
/// use selvedge_core::engines::TreeInput;
/// use selvedge_core::time::LocalTime;
///
/// let now = LocalTime::from_millis(1_700_000_000_000);
/// let input = TreeInput { items: &[], server_now_millis: 1_700_000_000_000, local_now: now };
/// assert!(input.items.is_empty());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeInput<'a> {
    /// All records, sorted by id.
    pub items: &'a [TreeItem<'a>],
    /// Now on the server, in milliseconds.
    pub server_now_millis: u64,
    /// Now on this device.
    pub local_now: LocalTime,
}

/// One record in its three versions.
///
/// ```
/// use selvedge_core::engines::TreeItem;
/// use selvedge_core::ids::RecordId;
///
/// let id = RecordId::new("menu").unwrap();
/// let item = TreeItem { id: &id, base: None, local: None, incoming: None };
/// assert!(item.local.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeItem<'a> {
    /// Its id.
    pub id: &'a RecordId,
    /// The version that the server had after the last merge; `None` if it had none, or that is unknown.
    pub base: Option<ServerVersion<'a>>,
    /// This device's version; `None` if it has none.
    pub local: Option<LocalVersion<'a>>,
    /// The version that has arrived since; `None` if it did not change.
    pub incoming: Option<ServerVersion<'a>>,
}

/// A version of the server.
///
/// ```
/// use selvedge_core::engines::ServerVersion;
/// use selvedge_core::reconcile::Theirs;
/// use selvedge_core::time::ServerTime;
///
/// let gone = ServerVersion { content: Theirs::Tombstone, modified: ServerTime::from_hundredths(5) };
/// assert_eq!(gone.modified.millis(), 50);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerVersion<'a> {
    /// The record or tombstone.
    pub content: Theirs<'a>,
    /// The server's time of it.
    pub modified: ServerTime,
}

/// This device's version.
///
/// ```
/// use selvedge_core::engines::LocalVersion;
/// use selvedge_core::host::Pending;
///
/// assert!(LocalVersion { cleartext: None, pending: Pending::Resend }.cleartext.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalVersion<'a> {
    /// The JSON object; `None` if it was deleted here and the deletion is not uploaded yet.
    pub cleartext: Option<&'a str>,
    /// Whether it changed here, and when.
    pub pending: Pending,
}

/// The result of a merge.
///
/// The device commits the changes of its records in one step, and only if none of its records changed since it was read.
/// Then it sends the uploads in one batch.
///
/// ```
/// use selvedge_core::engines::TreePlan;
///
/// assert!(TreePlan::default().uploads.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreePlan {
    /// Records to store on this device, as JSON objects; those that are not named stay as they are.
    pub upserts: Vec<(RecordId, String)>,
    /// Records to remove from this device.
    pub removals: Vec<RecordId>,
    /// The records that the server needs, complete and in order: each as it is on this device after the merge, or a
    /// tombstone if it is not there. A record that changed here and is not named is taken for settled.
    pub uploads: Vec<TreeUpload>,
    /// Values that were dropped although a side had changed them, for the journal.
    pub replaced: Vec<Replaced>,
}

/// A record to be uploaded.
///
/// ```
/// use selvedge_core::engines::TreeUpload;
/// use selvedge_core::ids::RecordId;
///
/// let upload = TreeUpload { id: RecordId::new("menu").unwrap(), sort_index: Some(1_000_000) };
/// assert_eq!(upload.id.as_str(), "menu");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeUpload {
    /// Its id.
    pub id: RecordId,
    /// Its importance, for other clients.
    pub sort_index: Option<i32>,
}

/// A value that a merge dropped.
///
/// ```
/// use selvedge_core::engines::Replaced;
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::reconcile::Side;
///
/// let id = RecordId::new("menu").unwrap();
/// let lost = Replaced { id, side: Side::Ours, cleartext: "{}".into() };
/// assert_eq!(lost.side, Side::Ours);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The record's id.
    pub id: RecordId,
    /// The side whose value it was.
    pub side: Side,
    /// The JSON object.
    pub cleartext: String,
}
