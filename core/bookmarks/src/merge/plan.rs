//! What a merge decides.

use super::Notice;
use crate::ids::Guid;
use crate::tree::Tree;

/// What a record to upload was on the server before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// The folder it was in; `None` if the server did not have it.
    pub parent: Option<Guid>,
    /// Its children there.
    pub children: Vec<Guid>,
}

/// A record to be uploaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// The item's GUID; the record's id is the one of [`crate::ids::to_record_id`].
    pub id: Guid,
    /// The cleartext, complete, as JSON text.
    pub record: String,
    /// The folder it is in; `None` for tombstones.
    pub parent: Option<Guid>,
    /// The envelope's `sortindex`.
    pub sort_index: i64,
    /// Whether it only corrects the server's copy: if it cannot be sent, it is forgotten, and the item does not count as
    /// changed (spec §5.8).
    pub weak: bool,
    /// What the server had.
    pub served: Served,
}

impl Upload {
    /// Whether this is a deletion.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.parent.is_none()
    }
}

/// An item to be stored on this device.
#[derive(Debug, Clone, PartialEq)]
pub struct Upsert {
    /// The item's GUID.
    pub id: Guid,
    /// The cleartext to store, as JSON text.
    pub record: String,
    /// Whether it counts as changed here until it is uploaded.
    pub changed: bool,
}

/// Whose value was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This device's.
    Local,
    /// The server's.
    Server,
}

/// A value that the merge replaced or deleted although it was changed: for a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Replaced {
    /// The item's GUID.
    pub id: Guid,
    /// Whose value it was.
    pub side: Side,
    /// The value, as a record in JSON text.
    pub record: String,
}

/// What a merge decided.
///
/// The host carries out `deletions`, `forgotten_tombstones`, `tombstones`, `settled` and `upserts` in this order and takes the
/// incoming records into the base, all in one transaction, and only if no local record changed since it was read. Then it
/// uploads. After the server has committed, the uploaded records are the base, their items count as unchanged unless they
/// changed again, and uploaded tombstones are dropped. A host that is killed in between merges again.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Items to store on this device: new, changed, moved, or with other children.
    pub upserts: Vec<Upsert>,
    /// Items to remove from this device, without a tombstone of its own.
    pub deletions: Vec<Guid>,
    /// Tombstones to store on this device until they are uploaded: the server's copies of items that are gone.
    pub tombstones: Vec<Guid>,
    /// Tombstones of this device to forget: the item is back, or is already deleted on the server.
    pub forgotten_tombstones: Vec<Guid>,
    /// Items of this device that no longer count as changed.
    pub settled: Vec<Guid>,
    /// All records to upload, in one batch if at all possible; see [`crate::split`] if not. Each folder comes before its
    /// children, tombstones are last.
    pub uploads: Vec<Upload>,
    /// Records to delete from the server without a tombstone, after the uploads.
    pub hard_deletions: Vec<Guid>,
    /// Changed values that lost.
    pub replaced: Vec<Replaced>,
    /// What a person should be told.
    pub notices: Vec<Notice>,
    /// The tree of this device after the plan.
    pub tree: Tree,
}
