//! The records transferred between two repositories, and those that failed.

use alloc::string::String;
use alloc::vec::Vec;

use super::applied::Applied;
use super::contract::{Batch, Kept, LocalSide, Receipt};
use super::pair::{Pair, REMEMBERED};
use super::record::{Failed, Failure};
use crate::error::Result;
use crate::host::Revision;
use crate::ids::RecordId;
use crate::reconcile::Rule;
use crate::sorted::{Map, Set};
use crate::time::ServerTime;

/// The records received from the remote side.
///
/// ```
/// assert_eq!(selvedge_core::sync::Pulled::default().received, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Records that arrived and could be read.
    pub received: u64,
    /// The changes that they made here.
    pub applied: Applied,
    /// The first thousand records that could not be read.
    pub failed: Vec<Failed>,
    /// The number of records that could not be read.
    pub failed_count: u64,
    /// The number of those with a bad HMAC.
    pub mismatches: u64,
    /// The latest time of a record with a bad HMAC.
    pub newest_mismatch: Option<ServerTime>,
    /// The first thousand records where one side's change was overridden by the other's, with the rule.
    pub rules: Vec<(RecordId, Rule)>,
    /// The number of values, replaced here or by sent records, that were written to the journal.
    pub replaced: u64,
    /// The ids of all records that the remote side has, readable or not, if they are to be recorded.
    pub(crate) ids: Option<Vec<RecordId>>,
}

/// The records sent to the remote side.
///
/// ```
/// assert_eq!(selvedge_core::sync::Pushed::default().sent, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Records that the remote side keeps now.
    pub sent: u64,
    /// The first thousand records that it refused.
    pub failed: Vec<Failed>,
    /// The number of records that it refused.
    pub failed_count: u64,
}

/// The progress of a sync, for a progress bar.
///
/// ```
/// use selvedge_core::sync::Progress;
///
/// assert_ne!(Progress::Received(1), Progress::Sent(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Number of records that arrived and are kept.
    Received(u64),
    /// Number of records that the remote side keeps.
    Sent(u64),
}

impl Pulled {
    /// Stores a batch on the local side, together with the new position of the reader.
    pub(super) async fn keep<L: LocalSide, M>(
        &mut self,
        local: &mut L,
        pair: &mut Pair<M, L::Mark>,
        checkpoint: impl Fn(&Pair<M, L::Mark>) -> Option<String>,
        batch: Batch<M>,
        again: &Set<RecordId>,
    ) -> Result<()> {
        for record in &batch.records {
            pair.witness(&record.id, record.modified);
        }
        if let Some(ids) = &mut self.ids {
            ids.extend(batch.records.iter().map(|record| record.id.clone()));
            ids.extend(batch.failed.iter().filter_map(|failed| failed.id.clone()));
        }
        for failed in batch.failed {
            // A record that fails twice in succession is skipped until it changes on the server (spec §5.3).
            let once_more = failed.id.iter().filter(|id| !again.contains(*id));
            if pair.failed_in.len() < REMEMBERED {
                pair.failed_in.extend(once_more.cloned());
            }
            if failed.failure == Failure::HmacMismatch && pair.unreadable.len() < REMEMBERED {
                pair.unreadable.extend(failed.id.clone());
            }
            self.fail(failed);
        }
        let moves = batch.mark.is_some();
        if !batch.backlog.is_empty() {
            pair.backlog = batch.backlog;
        }
        if let Some(mark) = batch.mark {
            pair.remote = mark;
        }
        if !pair.unreadable.is_empty() {
            for record in &batch.records {
                pair.unreadable.remove(&record.id);
            }
        }
        self.received += batch.records.len() as u64;
        if !moves && batch.records.is_empty() {
            return Ok(());
        }
        let receipt = local.store_at(batch.records, checkpoint(pair)).await?;
        let is_kept = receipt.is_checkpoint_kept;
        self.count(receipt, pair);
        if moves && !is_kept {
            // The position may only move past durable records.
            let receipt = local.store_done().await?;
            self.count(receipt, pair);
            local.acknowledge(Vec::new(), checkpoint(pair)).await?;
        }
        Ok(())
    }

    pub(crate) fn count<R, L>(&mut self, receipt: Receipt<L>, pair: &mut Pair<R, L>) {
        if let Some(mark) = receipt.mark {
            pair.local = mark;
        }
        self.applied.add(receipt.applied);
        self.replaced += receipt.replaced;
        let room = REMEMBERED.saturating_sub(self.rules.len());
        self.rules.extend(receipt.rules.into_iter().take(room));
        for failed in receipt.failed {
            self.fail(failed);
        }
    }

    fn fail(&mut self, failed: Failed) {
        self.failed_count += 1;
        if failed.failure == Failure::HmacMismatch {
            self.mismatches += 1;
            self.newest_mismatch = self.newest_mismatch.max(failed.modified);
        }
        if self.failed.len() < REMEMBERED {
            self.failed.push(failed);
        }
    }

    /// Clears the failures before a retry.
    pub fn forget_failures(&mut self) {
        self.failed.clear();
        (self.failed_count, self.mismatches, self.newest_mismatch) = (0, 0, None);
    }

    pub(super) const fn looks_like_a_wrong_key(&self) -> bool {
        let seen = self.received + self.failed_count;
        seen >= 10 && self.mismatches * 2 > seen
    }
}

impl Pushed {
    /// Marks the records that the remote side keeps, and remembers those that it refused.
    pub(super) async fn acknowledge<L: LocalSide, M>(
        &mut self,
        local: &L,
        pair: &mut Pair<M, L::Mark>,
        checkpoint: impl Fn(&Pair<M, L::Mark>) -> Option<String>,
        receipt: Receipt<M>,
        outstanding: &mut Map<RecordId, Option<Revision>>,
    ) -> Result<()> {
        if receipt.kept.is_empty() && receipt.failed.is_empty() {
            return Ok(());
        }
        for Kept { id, modified, .. } in &receipt.kept {
            pair.witness(id, *modified);
            outstanding.get_mut(id).and_then(Option::take);
            pair.failed_out.remove(id);
        }
        self.sent += receipt.kept.len() as u64;
        for failed in receipt.failed {
            let revision = failed
                .id
                .as_ref()
                .and_then(|id| outstanding.get_mut(id)?.take());
            if let (Some(id), Some(revision)) = (&failed.id, revision) {
                pair.refuse(id.clone(), revision);
            }
            self.fail(failed);
        }
        outstanding.retain(|_, revision| revision.is_some());
        if let Some(mark) = receipt.mark {
            pair.remote = mark;
        }
        local.acknowledge(receipt.kept, checkpoint(pair)).await
    }

    pub(super) fn fail(&mut self, failed: Failed) {
        self.failed_count += 1;
        if self.failed.len() < REMEMBERED {
            self.failed.push(failed);
        }
    }
}
