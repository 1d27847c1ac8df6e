//! Merging the bookmarks of this device with those on the server, as Firefox does: with its library dogear
//! (collections §2.4–§2.6).
//!
//! Both sides change whole trees, so all items are merged at once: `base` (as the server last had them), `incoming`
//! (changed there since) and `local`. The result is a [`Plan`]: what to store, what to upload, what was replaced.

mod apply;
mod local;
mod mirror;
mod notice;
mod plan;
mod remote;
mod unknown;
mod urls;

use std::cell::RefCell;

use dogear::{Driver, Merger, Tree as DogearTree};

use crate::ids::{Guid, MakeGuid};
use crate::record::Reading;
use crate::tree::{MAX_DEPTH, Tree};

pub use notice::Notice;

/// A record of the server, and when it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerRecord {
    /// What the record is.
    pub reading: Reading,
    /// The server's time of it, in milliseconds.
    pub modified: i64,
}

/// A record of this device.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalRecord {
    /// What the record is; a tombstone for what was deleted here and not yet uploaded.
    pub reading: Reading,
    /// This device's time of the last change, in milliseconds.
    pub modified: i64,
    /// Whether it changed since it was last equal to the server's.
    pub changed: bool,
}

/// Everything that a merge looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// All records as the server had them after the last sync; none after the collection started anew.
    pub base: Vec<ServerRecord>,
    /// The records that arrived since.
    pub incoming: Vec<ServerRecord>,
    /// All records of this device.
    pub local: Vec<LocalRecord>,
    /// Now on the server, in milliseconds: the time that its last answer gave.
    pub server_now: i64,
    /// Now on this device, in milliseconds.
    pub local_now: i64,
}

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

/// Why no merge is possible; nothing is changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Folders are too deep.
    #[error(
        "bookmark folders are more than {MAX_DEPTH} deep: move the innermost ones up and sync again"
    )]
    TooDeep,
    /// dogear refuses the trees.
    #[error("the bookmarks cannot be merged: run `bookmarks check` and correct what it names")]
    Dogear(#[source] dogear::Error),
}

impl From<dogear::Error> for MergeError {
    fn from(error: dogear::Error) -> Self {
        Self::Dogear(error)
    }
}

/// Merges. `ids` makes ids for items whose own are not valid.
///
/// ```
/// use selvedge_bookmarks::merge::{Input, LocalRecord, merge};
/// use selvedge_bookmarks::record::read;
/// use serde_json::json;
///
/// let page = json!({"id": "k3Zb0dPqL1xA", "type": "bookmark", "parentid": "menu", "bmkUri": "https://example.org/"});
/// let menu = json!({"id": "menu", "type": "folder", "parentid": "places", "children": ["k3Zb0dPqL1xA"]});
/// let local = [("k3Zb0dPqL1xA", page), ("menu", menu)]
///     .map(|(id, record)| LocalRecord { reading: read(id, record, 0), modified: 5, changed: true });
/// let input = Input { local: local.into(), server_now: 10, local_now: 10, ..Input::default() };
/// let plan = merge(input, &mut || [1; 9])?;
/// // A first upload: the bookmark and the four roots.
/// assert_eq!(plan.uploads.len(), 5);
/// # Ok::<(), selvedge_bookmarks::merge::MergeError>(())
/// ```
///
/// # Errors
/// A [`MergeError`] that says what to do.
pub fn merge(input: Input, ids: &mut dyn MakeGuid) -> Result<Plan, MergeError> {
    let mut notices = Vec::new();
    let mut mirror =
        mirror::Mirror::new(input.base, input.incoming, input.server_now, &mut notices);
    let mut local = local::Local::new(input.local, input.local_now, &mirror);
    local.settle_kinds(&mut mirror, ids, &mut notices);
    mirror.flag_urls();
    // dogear gives up where both sides' moves contradict each other, and where this device moved items into a folder that
    // the server has outside of the roots. Firefox's sync fails there until a person changes something.
    let known = notices.len();
    for attempt in [
        Attempt::AsFirefox,
        Attempt::AdoptOutsiders,
        Attempt::ServersFolders,
    ] {
        notices.truncate(known);
        match attempt {
            Attempt::AsFirefox => {}
            Attempt::AdoptOutsiders => mirror.adopt_outsiders(),
            Attempt::ServersFolders => {
                local.yields = true;
                notices.push(Notice::ServersFolders);
            }
        }
        let remote_tree = remote::tree(&mut mirror, &mut notices)?;
        match merge_trees(&remote_tree, &local, &mirror, ids, notices.clone()) {
            Err(MergeError::Dogear(error))
                if attempt != Attempt::ServersFolders && is_incomplete(&error) => {}
            result => return result,
        }
    }
    Err(MergeError::Dogear(dogear::ErrorKind::MergeConflict.into()))
}

/// Ways to merge, tried in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Exactly as Firefox.
    AsFirefox,
    /// Folders outside of the roots go to "Other Bookmarks", so that what is in them is not lost.
    AdoptOutsiders,
    /// Items that the server has are in the folders that it has them in.
    ServersFolders,
}

fn merge_trees(
    remote_tree: &DogearTree,
    local: &local::Local,
    mirror: &mirror::Mirror,
    ids: &mut dyn MakeGuid,
    notices: Vec<Notice>,
) -> Result<Plan, MergeError> {
    let local_tree = local.dogear_tree(mirror)?;
    check_depth(remote_tree)?;
    check_depth(&local_tree)?;
    let driver = Guids {
        ids: RefCell::new(ids),
        mirror,
        local,
    };
    let signal = dogear::DefaultAbortSignal;
    let merged = Merger::with_driver(&driver, &signal, &local_tree, remote_tree).merge()?;
    let ops = merged.completion_ops_with_signal(&signal)?;
    let outcome = apply::Outcome::new(&merged, &ops, local, mirror);
    let sides = plan::Sides {
        ops,
        local,
        mirror,
        remote_tree,
    };
    Ok(plan::make(outcome, &sides, notices))
}

fn is_incomplete(error: &dogear::Error) -> bool {
    matches!(
        error.kind(),
        dogear::ErrorKind::UnmergedLocalItems | dogear::ErrorKind::UnmergedRemoteItems
    )
}

/// dogear walks trees recursively.
fn check_depth(tree: &DogearTree) -> Result<(), MergeError> {
    let mut stack = vec![(tree.root(), 0)];
    while let Some((node, depth)) = stack.pop() {
        if depth > MAX_DEPTH {
            return Err(MergeError::TooDeep);
        }
        stack.extend(node.children().map(|child| (child, depth + 1)));
    }
    Ok(())
}

/// Makes new ids for items whose own are not valid, and logs nothing.
struct Guids<'a> {
    ids: RefCell<&'a mut dyn MakeGuid>,
    mirror: &'a mirror::Mirror,
    local: &'a local::Local,
}

impl Driver for Guids<'_> {
    fn generate_new_guid(&self, invalid: &Guid) -> dogear::Result<Guid> {
        let mut ids = self.ids.borrow_mut();
        (0..16)
            .map(|_| ids.make_guid())
            .find(|id| !self.mirror.mentions(id) && !self.local.mentions(id))
            .ok_or_else(|| dogear::ErrorKind::InvalidGuid(invalid.clone()).into())
    }

    fn max_log_level(&self) -> log::LevelFilter {
        log::LevelFilter::Off
    }
}
