//! The positions of both sides of a pair of repositories, and the records that failed (spec §5.1).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::server::BACKLOG;
use crate::host::Revision;
use crate::ids::RecordId;
use crate::sorted::{Map, Set};
use crate::time::ServerTime;

/// Maximum number of ids of failed records remembered; others are only counted.
pub(super) const REMEMBERED: usize = 1000;

/// The positions of both sides of a pair. They are stored between syncs, in one commit with the records that they refer
/// to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair<R, L> {
    /// The position of the reader of the remote repository.
    pub(crate) remote: R,
    /// The position of the reader of the local repository.
    pub(crate) local: L,
    /// Ids that a limited read deferred, the most important first (spec §5.1, `toFetch`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) backlog: Vec<RecordId>,
    /// Ids that could not be read the last time: requested again (spec §5.1, `previousFailedIn`).
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub(crate) failed_in: Set<RecordId>,
    /// Ids of records that the remote side has under keys that are not known here: they are not overwritten, because
    /// this device cannot know their content.
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub(crate) unreadable: Set<RecordId>,
    /// The newest record that this device has seen on the remote side: its absence shows that the remote side was
    /// restored to an earlier time and written since (spec §5.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<Witness>,
    /// Records that the remote side refused, with the refused revision (`previousFailedOut`).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) failed_out: Map<RecordId, Refusal>,
}

/// A record that a server has had.
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
    /// Number of refusals; after the second one it is not sent again until it changes.
    times: u8,
}

impl<R, L> Pair<R, L> {
    /// Whether a record waits for an event other than the next sync: for a change here after it was refused, or for the
    /// device that can read the remote version.
    #[must_use]
    pub(crate) fn is_held_back(&self, id: &RecordId, revision: Revision) -> bool {
        self.is_given_up(id, revision) || self.unreadable.contains(id)
    }

    /// Whether a record was refused twice, so that it waits for a change before it is sent again.
    #[must_use]
    pub(crate) fn is_given_up(&self, id: &RecordId, revision: Revision) -> bool {
        self.failed_out
            .get(id)
            .is_some_and(|refusal| refusal.revision == revision.0 && refusal.times >= 2)
    }

    /// The number of records that wait for a change before they are sent again.
    #[must_use]
    pub(crate) fn given_up(&self) -> u64 {
        self.failed_out
            .values()
            .filter(|refusal| refusal.times >= 2)
            .count() as u64
    }

    /// Whether the backlog contains the ids of all records that a limited read deferred: its size is limited.
    #[must_use]
    pub(crate) fn is_backlog_whole(&self) -> bool {
        self.backlog.len() < BACKLOG
    }

    /// Remembers that the remote side has this record, with this time, if it is the newest one.
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
