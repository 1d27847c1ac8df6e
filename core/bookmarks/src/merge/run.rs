//! The merge: dogear's trees, its merge, and the plan.

use std::cell::RefCell;

use dogear::{Driver, Merger, Tree as DogearTree};

use super::{Input, MergeError, Notice, Plan, apply, assemble, local, mirror, remote, urls};
use crate::ids::{Guid, MakeGuid};
use crate::tree::MAX_DEPTH;

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
    let mut outcome = apply::Outcome::new(&merged, &ops, local, mirror);
    urls::join(&mut outcome, local, mirror);
    let sides = assemble::Sides {
        ops,
        local,
        mirror,
        remote_tree,
    };
    Ok(assemble::make(outcome, &sides, notices))
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
