//! The engine of the collection `bookmarks`: the core stages what arrives, and this merges the whole tree.

mod edits;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use selvedge_core::engines::{
    Engine, Merge, Replaced, ServerVersion, TreeEdit, TreeInput, TreeItem, TreeMerge, TreePlan,
    TreeRecord, TreeUpload,
};
use selvedge_core::host::Pending;
use selvedge_core::ids::{CollectionName, InvalidId, RecordId};
use selvedge_core::reconcile;
use selvedge_core::reconcile::Theirs;

use crate::ids::{Guid, MakeGuid, to_record_id};
use crate::merge::{Input, LocalRecord, Plan, ServerRecord, Side, merge};

/// The version of the records' format.
const VERSION: u64 = 2;

/// The engine of Firefox's bookmarks.
///
/// ```
/// use selvedge_bookmarks::engine::BookmarksEngine;
/// use selvedge_core::engines::{Engine, Merge};
///
/// // A program gives nine random bytes for each new id.
/// let engine = BookmarksEngine::new(|| [7; 9])?;
/// assert_eq!((engine.collection().as_str(), engine.version()), ("bookmarks", 2));
/// assert!(matches!(engine.merge(), Merge::WholeCollection(_)));
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
pub struct BookmarksEngine {
    collection: CollectionName,
    ids: RefCell<Box<dyn MakeGuid>>,
}

impl fmt::Debug for BookmarksEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BookmarksEngine").finish_non_exhaustive()
    }
}

impl BookmarksEngine {
    /// The engine; `ids` makes ids for items whose own are not valid.
    ///
    /// # Errors
    /// None: the collection's name is valid.
    pub fn new(ids: impl MakeGuid + 'static) -> Result<Self, InvalidId> {
        Ok(Self {
            collection: CollectionName::new("bookmarks")?,
            ids: RefCell::new(Box::new(ids)),
        })
    }
}

impl Engine for BookmarksEngine {
    fn collection(&self) -> &CollectionName {
        &self.collection
    }

    fn version(&self) -> u64 {
        VERSION
    }

    fn merge(&self) -> Merge<'_> {
        Merge::WholeCollection(self)
    }
}

impl TreeMerge for BookmarksEngine {
    fn merge(&self, input: &TreeInput<'_>) -> Result<TreePlan, String> {
        let mut ids = self.ids.borrow_mut();
        let plan = merge(read(input), &mut **ids).map_err(|error| error.to_string())?;
        written(plan).map_err(|error| error.to_string())
    }

    fn complete(
        &self,
        live: &[TreeRecord<'_>],
        edits: &[TreeEdit<'_>],
    ) -> Result<Vec<(RecordId, Option<String>)>, String> {
        edits::complete(live, edits)
    }
}

fn millis(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// The records of all three versions.
fn read(input: &TreeInput<'_>) -> Input {
    let server_now = millis(input.server_now_millis);
    let local_now = millis(input.local_now.millis());
    let server = |id: &RecordId, version: ServerVersion<'_>| {
        let deleted;
        let json = match version.content {
            Theirs::Record(json) => json,
            Theirs::Tombstone => {
                deleted = tombstone(id);
                &deleted
            }
        };
        ServerRecord::new(
            id.as_str(),
            json.as_bytes(),
            millis(version.modified.millis()),
        )
    };
    let local = |item: &TreeItem<'_>| {
        let local = item.local?;
        let modified = match (local.pending, item.base) {
            (Pending::Edit { at }, _) => millis(at.millis()),
            // Ages are compared: the same age by this device's clock.
            (_, Some(base)) => {
                let age = server_now.saturating_sub(millis(base.modified.millis()));
                local_now.saturating_sub(age)
            }
            (_, None) => 0,
        };
        let changed = matches!(local.pending, Pending::Edit { .. });
        let deleted;
        let json = match local.cleartext {
            Some(json) => json,
            None => {
                deleted = tombstone(item.id);
                &deleted
            }
        };
        Some(LocalRecord::new(
            item.id.as_str(),
            json.as_bytes(),
            modified,
            changed,
        ))
    };
    let items = || input.items.iter();
    Input {
        base: items()
            .filter_map(|item| Some(server(item.id, item.base?)))
            .collect(),
        incoming: items()
            .filter_map(|item| Some(server(item.id, item.incoming?)))
            .collect(),
        local: items().filter_map(local).collect(),
        server_now,
        local_now,
    }
}

fn tombstone(id: &RecordId) -> String {
    serde_json::json!({"id": id.as_str(), "deleted": true}).to_string()
}

fn record_id(guid: &Guid) -> Result<RecordId, InvalidId> {
    RecordId::new(to_record_id(guid))
}

/// The plan in the core's form. An uploaded record is stored as it is uploaded.
fn written(plan: Plan) -> Result<TreePlan, InvalidId> {
    let mut upserts = BTreeMap::new();
    for upsert in plan.upserts {
        upserts.insert(record_id(&upsert.id)?, upsert.record);
    }
    let mut uploads = Vec::with_capacity(plan.uploads.len());
    for upload in plan.uploads {
        let id = record_id(&upload.id)?;
        uploads.push(TreeUpload {
            id: id.clone(),
            sort_index: i32::try_from(upload.sort_index).ok(),
        });
        if !upload.is_tombstone() {
            upserts.insert(id, upload.record);
        }
    }
    let replaced = plan.replaced.into_iter().map(|replaced| {
        Ok(Replaced {
            id: record_id(&replaced.id)?,
            side: match replaced.side {
                Side::Local => reconcile::Side::Ours,
                Side::Server => reconcile::Side::Theirs,
            },
            cleartext: replaced.record,
        })
    });
    Ok(TreePlan {
        removals: plan
            .deletions
            .iter()
            .map(record_id)
            .collect::<Result<_, _>>()?,
        replaced: replaced.collect::<Result<_, _>>()?,
        upserts: upserts.into_iter().collect(),
        uploads,
    })
}
