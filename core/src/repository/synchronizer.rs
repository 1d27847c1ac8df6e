//! Brings two repositories into agreement: first what the remote side has, then what waits here (spec §7.4).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::pair::{Pair, REMEMBERED};
use super::{Batch, Failed, Failure, Kept, Receipt, Repository, Source};
use crate::error::{Error, Result};
use crate::host::Revision;
use crate::ids::RecordId;
use crate::reconcile::Rule;
use crate::time::ServerTime;

/// A pull reads so many records of a backlog, and has so many of them in hand at once.
const SHARE: usize = 5000;
const SLICE: usize = 1000;

/// How arriving records changed a repository.
///
/// ```
/// use selvedge_core::repository::Applied;
///
/// assert_eq!(Applied { added: 2, deleted: 1, ..Applied::default() }.total(), 3);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// New here.
    pub added: u64,
    /// Replaced by the arriving version.
    pub changed: u64,
    /// Deleted.
    pub deleted: u64,
    /// Merged with a change made here; the result is sent back.
    pub merged: u64,
}

impl Applied {
    /// All changes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.added + self.changed + self.deleted + self.merged
    }

    const fn add(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.deleted += other.deleted;
        self.merged += other.merged;
    }
}

/// What came from the remote side.
///
/// ```
/// assert_eq!(selvedge_core::repository::Pulled::default().received, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Records that arrived and could be read.
    pub received: u64,
    /// What they changed here.
    pub applied: Applied,
    /// The first thousand records that could not be read.
    pub failed: Vec<Failed>,
    /// How many could not be read.
    pub failed_count: u64,
    /// How many of them had a bad HMAC.
    pub mismatches: u64,
    /// The latest time of a record with a bad HMAC.
    pub newest_mismatch: Option<ServerTime>,
    /// The first thousand records where one side's change gave way to the other's, and by which rule.
    pub rules: Vec<(RecordId, Rule)>,
}

/// What went to the remote side.
///
/// ```
/// assert_eq!(selvedge_core::repository::Pushed::default().sent, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Records that the remote side keeps now.
    pub sent: u64,
    /// The first thousand records that it refused.
    pub failed: Vec<Failed>,
    /// How many it refused.
    pub failed_count: u64,
}

/// How far a sync is, for a progress bar.
///
/// ```
/// use selvedge_core::repository::Progress;
///
/// assert_ne!(Progress::Received(1), Progress::Sent(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many records arrived and are kept.
    Received(u64),
    /// So many records are kept by the remote side.
    Sent(u64),
}

/// Joins two repositories. Flow one is [`Synchronizer::pull`], flow two is [`Synchronizer::push`].
///
/// ```
/// use selvedge_core::engine::{Generic, Records};
/// use selvedge_core::host::{Clock, MemoryStore, Random, RandomError};
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::repository::{LocalRepository, Pair, Pulled, Synchronizer};
/// use selvedge_core::time::LocalTime;
///
/// struct Host;
/// impl Clock for Host {
///     fn now(&self) -> LocalTime { LocalTime::from_millis(1) }
/// }
/// impl Random for Host {
///     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> { bytes.fill(7); Ok(()) }
/// }
///
/// // One store's changes flow into another.
/// let (here, there) = (MemoryStore::default(), MemoryStore::default());
/// let name = CollectionName::new("notes").unwrap();
/// let engine = Generic::new(name.clone())?;
/// pollster::block_on(Records::new(&there, &Host, &Host, name).put(None, "{}"))?;
/// let mut remote = LocalRepository::new(&there, &Host, &engine);
/// let mut local = LocalRepository::new(&here, &Host, &engine);
/// let mut pair = Pair::default();
/// let mut sync = Synchronizer::new(&mut remote, &mut local, &mut pair, |_| None, |_| ());
/// let mut pulled = Pulled::default();
/// pollster::block_on(sync.pull(&mut pulled))?;
/// assert_eq!(pulled.applied.added, 1);
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Synchronizer<'a, R: Repository, L: Repository, N, P> {
    remote: &'a mut R,
    local: &'a mut L,
    pair: &'a mut Pair<R::Mark, L::Mark>,
    note: N,
    progress: P,
}

impl<'a, R, L, N, P> Synchronizer<'a, R, L, N, P>
where
    R: Repository,
    L: Repository,
    N: Fn(&Pair<R::Mark, L::Mark>) -> Option<String>,
    P: Fn(Progress),
{
    /// Joins `remote` and `local`, which stand where `pair` says. `note` writes the pair down for the local side to keep.
    pub const fn new(
        remote: &'a mut R,
        local: &'a mut L,
        pair: &'a mut Pair<R::Mark, L::Mark>,
        note: N,
        progress: P,
    ) -> Self {
        Self {
            remote,
            local,
            pair,
            note,
            progress,
        }
    }

    /// Flow one: what changed on the remote side comes here, batch by batch, each in one commit with the new position.
    /// `pulled` counts along, so that it is right after an error too.
    ///
    /// # Errors
    /// A failing remote stream or local store ends it; what was committed stays, and the next pull goes on from there.
    /// [`Error::WrongCollectionKey`] when more than half of ten or more records have a bad HMAC: the reading then starts
    /// over the next time, so that no record is passed over (spec §5.5).
    pub async fn pull(&mut self, pulled: &mut Pulled) -> Result<()> {
        let again = core::mem::take(&mut self.pair.failed_in);
        let before = self.pair.remote.clone();
        let result = self.pull_into(&again, pulled).await;
        if result.is_err() {
            self.pair.failed_in.extend(again);
        }
        if matches!(result, Err(Error::WrongCollectionKey)) {
            self.pair.remote = before;
            self.local
                .acknowledge(Vec::new(), (self.note)(self.pair))
                .await?;
        }
        result
    }

    async fn pull_into(&mut self, again: &BTreeSet<RecordId>, pulled: &mut Pulled) -> Result<()> {
        // What this very reading leaves for later is not for now.
        let has_backlog = !self.pair.backlog.is_empty();
        let mut source = self.remote.fetch_since(&self.pair.remote).await?;
        while let Some(batch) = source.next().await? {
            pulled
                .keep(self.local, self.pair, &self.note, batch, again)
                .await?;
            if pulled.looks_like_a_wrong_key() {
                return Err(Error::WrongCollectionKey);
            }
            (self.progress)(Progress::Received(pulled.received));
        }
        drop(source);
        if has_backlog {
            self.pull_backlog(pulled).await?;
        }
        if again.is_empty() {
            return Ok(());
        }
        let ids: Vec<RecordId> = again.iter().cloned().collect();
        let mut source = self.remote.fetch(&ids).await?;
        while let Some(batch) = source.next().await? {
            pulled
                .keep(self.local, self.pair, &self.note, batch, again)
                .await?;
        }
        self.local
            .acknowledge(Vec::new(), (self.note)(self.pair))
            .await
    }

    /// Reads a share of what an earlier, capped reading left.
    async fn pull_backlog(&mut self, pulled: &mut Pulled) -> Result<()> {
        let mut left = SHARE;
        while left > 0 && !self.pair.backlog.is_empty() {
            let ids: Vec<RecordId> = self.pair.backlog.iter().take(SLICE).cloned().collect();
            let mut source = self.remote.fetch(&ids).await?;
            while let Some(batch) = source.next().await? {
                pulled
                    .keep(self.local, self.pair, &self.note, batch, &BTreeSet::new())
                    .await?;
                (self.progress)(Progress::Received(pulled.received));
            }
            drop(source);
            self.pair.backlog.drain(..ids.len());
            self.local
                .acknowledge(Vec::new(), (self.note)(self.pair))
                .await?;
            left = left.saturating_sub(ids.len());
        }
        Ok(())
    }

    /// Flow two: what waits here goes to the remote side; each record is marked as soon as the remote side keeps it.
    /// `pushed` counts along.
    ///
    /// # Errors
    /// A failing local stream or remote store ends it; what was acknowledged stays acknowledged.
    pub async fn push(&mut self, pushed: &mut Pushed) -> Result<()> {
        let mut outstanding = BTreeMap::new();
        let mut source = self.local.fetch_since(&self.pair.local).await?;
        while let Some(mut batch) = source.next().await? {
            batch.records.retain(|record| {
                let is_given_up = self.pair.is_given_up(&record.id, record.revision);
                if is_given_up {
                    pushed.fail(Failed {
                        id: Some(record.id.clone()),
                        modified: None,
                        failure: Failure::GivenUp,
                    });
                }
                !is_given_up
            });
            outstanding.extend(
                batch
                    .records
                    .iter()
                    .map(|record| (record.id.clone(), record.revision)),
            );
            let receipt = self.remote.store(batch.records, None).await?;
            pushed
                .acknowledge(self.local, self.pair, &self.note, receipt, &mut outstanding)
                .await?;
            (self.progress)(Progress::Sent(pushed.sent));
        }
        let receipt = self.remote.store_done().await?;
        pushed
            .acknowledge(self.local, self.pair, &self.note, receipt, &mut outstanding)
            .await?;
        (self.progress)(Progress::Sent(pushed.sent));
        Ok(())
    }
}

impl Pulled {
    /// Has the local side keep a batch, together with the position that it brings the reading to.
    async fn keep<L: Repository, M>(
        &mut self,
        local: &mut L,
        pair: &mut Pair<M, L::Mark>,
        note: impl Fn(&Pair<M, L::Mark>) -> Option<String>,
        batch: Batch<M>,
        again: &BTreeSet<RecordId>,
    ) -> Result<()> {
        for failed in batch.failed {
            // What fails twice in a row is left alone until it changes on the server (spec §5.3).
            let once_more = failed.id.iter().filter(|id| !again.contains(*id));
            if pair.failed_in.len() < REMEMBERED {
                pair.failed_in.extend(once_more.cloned());
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
        self.received += batch.records.len() as u64;
        if !moves && batch.records.is_empty() {
            return Ok(());
        }
        let receipt = local.store(batch.records, note(pair)).await?;
        let is_noted = receipt.is_noted;
        self.count(receipt, pair);
        if moves && !is_noted {
            // The position may move only behind what is durable.
            let receipt = local.store_done().await?;
            self.count(receipt, pair);
            local.acknowledge(Vec::new(), note(pair)).await?;
        }
        Ok(())
    }

    fn count<R, L>(&mut self, receipt: Receipt<L>, pair: &mut Pair<R, L>) {
        if let Some(mark) = receipt.mark {
            pair.local = mark;
        }
        self.applied.add(receipt.applied);
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

    /// Forgets what failed, before it is tried again.
    pub fn forget_failures(&mut self) {
        self.failed.clear();
        (self.failed_count, self.mismatches, self.newest_mismatch) = (0, 0, None);
    }

    const fn looks_like_a_wrong_key(&self) -> bool {
        let seen = self.received + self.failed_count;
        seen >= 10 && self.mismatches * 2 > seen
    }
}

impl Pushed {
    /// Marks what the remote side keeps, and remembers what it refused.
    async fn acknowledge<L: Repository, M>(
        &mut self,
        local: &L,
        pair: &mut Pair<M, L::Mark>,
        note: impl Fn(&Pair<M, L::Mark>) -> Option<String>,
        receipt: Receipt<M>,
        outstanding: &mut BTreeMap<RecordId, Revision>,
    ) -> Result<()> {
        if receipt.kept.is_empty() && receipt.failed.is_empty() {
            return Ok(());
        }
        for Kept { id, .. } in &receipt.kept {
            outstanding.remove(id);
            pair.failed_out.remove(id);
        }
        self.sent += receipt.kept.len() as u64;
        for failed in receipt.failed {
            let revision = failed.id.as_ref().and_then(|id| outstanding.remove(id));
            if let (Some(id), Some(revision)) = (&failed.id, revision) {
                pair.refuse(id.clone(), revision);
            }
            self.fail(failed);
        }
        if let Some(mark) = receipt.mark {
            pair.remote = mark;
        }
        local.acknowledge(receipt.kept, note(pair)).await
    }

    fn fail(&mut self, failed: Failed) {
        self.failed_count += 1;
        if self.failed.len() < REMEMBERED {
            self.failed.push(failed);
        }
    }
}
