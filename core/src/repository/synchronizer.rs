//! Brings two repositories into agreement: first what the remote side has, then what waits here (spec §7.4).

use alloc::string::String;
use alloc::vec::Vec;

use super::contract::{LocalSide, Repository, Source};
use super::flows::{Progress, Pulled, Pushed};
use super::pair::Pair;
use super::record::{Failed, Failure, Record};
use crate::error::{Error, Result};
use crate::ids::RecordId;
use crate::sorted::{Map, Set};

/// A pull reads so many records of a backlog, and has so many of them in hand at once.
const SHARE: usize = 5000;
const SLICE: usize = 1000;

/// Joins two repositories. Flow one is [`Synchronizer::pull`], flow two is [`Synchronizer::push`].
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
    /// Joins `remote` and `local`, which stand where `pair` says. `checkpoint` writes the pair down for the local side to keep.
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

    /// Flow one: what changed on the remote side comes here, batch by batch, each in one commit with the new position.
    /// `pulled` counts along, so that it is right after an error too.
    ///
    /// # Errors
    /// A failing remote stream or local store ends it; what was committed stays, and the next pull goes on from there.
    /// [`Error::WrongCollectionKey`] when more than half of ten or more records have a bad HMAC: the reading then starts
    /// over the next time, so that no record is passed over (spec §5.5).
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
        // What this very reading leaves for later is not for now.
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

    /// Reads a share of what an earlier, capped reading left.
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

    /// Flow two: what waits here goes to the remote side; each record is marked as soon as the remote side keeps it.
    /// `pushed` counts along.
    ///
    /// # Errors
    /// A failing local stream or remote store ends it; what was acknowledged stays acknowledged.
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
        let receipt = self.remote.store_done().await?;
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
        Ok(())
    }
}

/// Whether a record may be sent; what is held back is told. What the remote side has and was not read here yet is not
/// written over either: it comes first.
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

/// Of those of the records that were not readable on the remote side, looks which are there no more.
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
