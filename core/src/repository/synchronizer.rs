//! Synchronizes two repositories: first the records of the remote side, then the records that wait here (spec §7.4).

use alloc::string::String;
use alloc::vec::Vec;

use super::contract::{LocalSide, Receipt, Repository, Source};
use super::flows::{Progress, Pulled, Pushed};
use super::pair::Pair;
use super::record::{Failed, Failure, Record};
use crate::error::{Error, Result};
use crate::host::Revision;
use crate::ids::RecordId;
use crate::sorted::{Map, Set};

/// Maximum number of records of a backlog that one pull reads; it requests `SLICE` of them at once.
const SHARE: usize = 5000;
const SLICE: usize = 1000;

/// Synchronizes two repositories. Flow one is [`Synchronizer::pull`], flow two is [`Synchronizer::push`].
#[derive(Debug)]
pub(crate) struct Synchronizer<'a, R: Repository, L: LocalSide, N, P> {
    remote: &'a mut R,
    local: &'a mut L,
    pair: &'a mut Pair<R::Mark, L::Mark>,
    checkpoint: N,
    progress: P,
}

impl<'a, R, L, N, P> Synchronizer<'a, R, L, N, P>
where
    R: Repository,
    L: LocalSide,
    N: Fn(&Pair<R::Mark, L::Mark>) -> Option<String>,
    P: Fn(Progress),
{
    /// Combines `remote` and `local` with the positions in `pair`. `checkpoint` serializes the pair for the local side
    /// to keep.
    pub(crate) const fn new(
        remote: &'a mut R,
        local: &'a mut L,
        pair: &'a mut Pair<R::Mark, L::Mark>,
        checkpoint: N,
        progress: P,
    ) -> Self {
        Self {
            remote,
            local,
            pair,
            checkpoint,
            progress,
        }
    }

    /// Flow one: reads the changes of the remote side, batch by batch, each in one commit with the new position.
    /// `pulled` is updated continuously, so that it is correct after an error too.
    ///
    /// # Errors
    /// A failing remote stream or local store ends it; committed records stay, and the next pull continues from there.
    /// [`Error::WrongCollectionKey`] when more than half of ten or more records have a bad HMAC: the next read then
    /// starts over, so that no record is skipped (spec §5.5).
    pub(crate) async fn pull(&mut self, pulled: &mut Pulled) -> Result<()> {
        let again = core::mem::take(&mut self.pair.failed_in);
        let before = self.pair.remote.clone();
        let result = self.pull_into(&again, pulled).await;
        if result.is_err() {
            self.pair.failed_in.extend(again);
        }
        if matches!(result, Err(Error::WrongCollectionKey)) {
            self.pair.remote = before;
            self.local
                .acknowledge(Vec::new(), (self.checkpoint)(self.pair))
                .await?;
        }
        result
    }

    async fn pull_into(&mut self, again: &Set<RecordId>, pulled: &mut Pulled) -> Result<()> {
        // Ids that this read itself defers are not fetched now.
        let has_backlog = !self.pair.backlog.is_empty();
        let mut source = self.remote.fetch_since(&self.pair.remote).await?;
        while let Some(batch) = source.next().await? {
            pulled
                .keep(self.local, self.pair, &self.checkpoint, batch, again)
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
                .keep(self.local, self.pair, &self.checkpoint, batch, again)
                .await?;
        }
        self.local
            .acknowledge(Vec::new(), (self.checkpoint)(self.pair))
            .await
    }

    /// Reads a part of the records that an earlier, limited read deferred.
    async fn pull_backlog(&mut self, pulled: &mut Pulled) -> Result<()> {
        let mut left = SHARE;
        while left > 0 && !self.pair.backlog.is_empty() {
            let ids: Vec<RecordId> = self.pair.backlog.iter().take(SLICE).cloned().collect();
            let mut source = self.remote.fetch(&ids).await?;
            while let Some(batch) = source.next().await? {
                pulled
                    .keep(self.local, self.pair, &self.checkpoint, batch, &Set::new())
                    .await?;
                (self.progress)(Progress::Received(pulled.received));
            }
            drop(source);
            self.pair.backlog.drain(..ids.len());
            self.local
                .acknowledge(Vec::new(), (self.checkpoint)(self.pair))
                .await?;
            left = left.saturating_sub(ids.len());
        }
        Ok(())
    }

    /// Flow two: sends the waiting records to the remote side; each record is marked as soon as the remote side keeps
    /// it. `pushed` is updated continuously.
    ///
    /// # Errors
    /// A failing local stream or remote store ends it; acknowledged records stay acknowledged.
    pub(crate) async fn push(&mut self, pushed: &mut Pushed) -> Result<()> {
        let mut outstanding = Map::new();
        let backlog: Set<RecordId> = self.pair.backlog.iter().cloned().collect();
        let mut source = self.local.fetch_since(&self.pair.local).await?;
        while let Some(mut batch) = source.next().await? {
            for failed in batch.failed {
                pushed.fail(failed);
            }
            look_for_unreadable(self.remote, self.pair, &batch.records).await?;
            batch
                .records
                .retain(|record| may_go(self.pair, &backlog, record, pushed));
            outstanding.extend(
                batch
                    .records
                    .iter()
                    .map(|record| (record.id.clone(), Some(record.revision))),
            );
            let receipt = self.remote.store(batch.records).await?;
            pushed
                .acknowledge(
                    self.local,
                    self.pair,
                    &self.checkpoint,
                    receipt,
                    &mut outstanding,
                )
                .await?;
            (self.progress)(Progress::Sent(pushed.sent));
        }
        drop(source);
        let receipt = self.remote.store_done().await?;
        self.acknowledge(receipt, &mut outstanding, pushed).await
    }

    #[cfg(feature = "whole-collections")]
    /// Flow two of a collection that is merged as a whole: sends all of the records, or none of them if one must not be
    /// sent.
    ///
    /// # Errors
    /// As [`Synchronizer::push`].
    pub(crate) async fn push_whole(
        &mut self,
        records: Vec<Record>,
        pushed: &mut Pushed,
    ) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        look_for_unreadable(self.remote, self.pair, &records).await?;
        let backlog = Set::new();
        let held = records
            .iter()
            .filter(|record| !may_go(self.pair, &backlog, record, pushed));
        if held.count() > 0 {
            return Ok(());
        }
        let ids = records
            .iter()
            .map(|record| (record.id.clone(), Some(record.revision)));
        let mut outstanding = ids.collect();
        let receipt = self.remote.store(records).await?;
        self.acknowledge(receipt, &mut outstanding, pushed).await?;
        let receipt = self.remote.store_done().await?;
        self.acknowledge(receipt, &mut outstanding, pushed).await
    }

    async fn acknowledge(
        &mut self,
        receipt: Receipt<R::Mark>,
        outstanding: &mut Map<RecordId, Option<Revision>>,
        pushed: &mut Pushed,
    ) -> Result<()> {
        let checkpoint = &self.checkpoint;
        pushed
            .acknowledge(self.local, self.pair, checkpoint, receipt, outstanding)
            .await?;
        (self.progress)(Progress::Sent(pushed.sent));
        Ok(())
    }
}

/// Whether a record may be sent; held-back records are reported. A remote version that was not read here yet is not
/// overwritten either: it has to be read first.
fn may_go<R, L>(
    pair: &Pair<R, L>,
    backlog: &Set<RecordId>,
    record: &Record,
    pushed: &mut Pushed,
) -> bool {
    let failure = if pair.is_given_up(&record.id, record.revision) {
        Failure::GivenUp
    } else if pair.unreadable.contains(&record.id) {
        Failure::NotSeen
    } else {
        return !pair.failed_in.contains(&record.id) && !backlog.contains(&record.id);
    };
    pushed.fail(Failed {
        id: Some(record.id.clone()),
        modified: None,
        failure,
    });
    false
}

/// Checks which of the records that were unreadable on the remote side no longer exist there.
async fn look_for_unreadable<R: Repository, L>(
    remote: &R,
    pair: &mut Pair<R::Mark, L>,
    records: &[Record],
) -> Result<()> {
    let asked: Vec<RecordId> = records
        .iter()
        .filter(|record| pair.unreadable.contains(&record.id))
        .map(|record| record.id.clone())
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut there = Set::new();
    let mut source = remote.fetch(&asked).await?;
    while let Some(batch) = source.next().await? {
        there.extend(batch.records.into_iter().map(|record| record.id));
        there.extend(batch.failed.into_iter().filter_map(|failed| failed.id));
    }
    drop(source);
    pair.unreadable
        .retain(|id| there.contains(id) || !asked.contains(id));
    Ok(())
}
