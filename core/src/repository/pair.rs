//! Where both sides of a pair of repositories stand, and which records could not pass (spec §5.1).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::server::BACKLOG;
use crate::host::Revision;
use crate::ids::RecordId;
use crate::sorted::{Map, Set};
use crate::time::ServerTime;

/// How many ids of failed records are remembered; more are only counted.
pub(super) const REMEMBERED: usize = 1000;

/// Where both sides of a pair stand. It is kept between syncs in one commit with the records that it speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair<R, L> {
    /// Where the reading of the remote repository stands.
    pub(crate) remote: R,
    /// Where the reading of the local repository stands.
    pub(crate) local: L,
    /// Ids that a capped reading left for later, the most wanted first (spec §5.1, `toFetch`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) backlog: Vec<RecordId>,
    /// Ids that could not be read the last time: asked for once more (spec §5.1, `previousFailedIn`).
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub(crate) failed_in: Set<RecordId>,
    /// Ids of records that the remote side has under keys that are not known here: they are not written over, for nobody
    /// here knows what that would destroy.
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub(crate) unreadable: Set<RecordId>,
    /// The newest record that the remote side was seen to have: whether it still has it shows whether it was put back to an
    /// earlier time and written since (spec §5.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<Witness>,
    /// Records that the remote side refused, by the revision that it refused (`previousFailedOut`).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) failed_out: Map<RecordId, Refusal>,
}

/// A record that a server was seen to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Witness {
    /// Its id.
    pub(crate) id: RecordId,
    /// The server's time of it.
    pub(crate) modified: ServerTime,
}

/// A record that the remote side refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// The local revision that was refused.
    revision: u64,
    /// How often; after the second time it is not sent again until it changes.
    times: u8,
}

impl<R, L> Pair<R, L> {
    /// Whether a record waits for something else than the next sync: for a change here after it was refused, or for the
    /// device that can read what the remote side has.
    #[must_use]
    pub(crate) fn is_held_back(&self, id: &RecordId, revision: Revision) -> bool {
        self.is_given_up(id, revision) || self.unreadable.contains(id)
    }

    /// Whether a record was refused so often that it waits for a change before it is sent again.
    #[must_use]
    pub(crate) fn is_given_up(&self, id: &RecordId, revision: Revision) -> bool {
        self.failed_out
            .get(id)
            .is_some_and(|refusal| refusal.revision == revision.0 && refusal.times >= 2)
    }

    /// How many records wait for a change before they are sent again.
    #[must_use]
    pub(crate) fn given_up(&self) -> u64 {
        self.failed_out
            .values()
            .filter(|refusal| refusal.times >= 2)
            .count() as u64
    }

    /// Whether the backlog has the ids of all that a capped reading left: it is bounded.
    #[must_use]
    pub(crate) fn is_backlog_whole(&self) -> bool {
        self.backlog.len() < BACKLOG
    }

    /// The remote side has this record, of this time.
    pub(super) fn witness(&mut self, id: &RecordId, modified: Option<ServerTime>) {
        let Some(modified) = modified else { return };
        let is_newer = |newest: &Witness| newest.modified < modified;
        if self.newest.as_ref().is_none_or(is_newer) {
            let id = id.clone();
            self.newest = Some(Witness { id, modified });
        }
    }

    pub(super) fn refuse(&mut self, id: RecordId, revision: Revision) {
        if self.failed_out.len() >= REMEMBERED && !self.failed_out.contains_key(&id) {
            return;
        }
        let refusal = self.failed_out.get_or_insert_with(id, || Refusal {
            revision: revision.0,
            times: 0,
        });
        if refusal.revision != revision.0 {
            *refusal = Refusal {
                revision: revision.0,
                times: 0,
            };
        }
        refusal.times = refusal.times.saturating_add(1);
    }
}
