//! The device's side: reconciles arriving records with the store, and returns the records to send.

use alloc::string::String;
use alloc::vec::Vec;

use super::age::{Age, age};
use super::apply_stats::{ApplyStats, ours, replaced};
use super::arrival::{Arrival, duplicates, take_over, validated, with_id};
use super::contract::{Kept, LocalSide, Receipt, Repository};
use super::outgoing::{Outgoing, Want};
use super::record::Record;
#[cfg(feature = "whole-collections")]
use super::whole;
use crate::engines::{Engine, Merge, RecordMerge, held_back, key_of};
use crate::error::Result;
use crate::host::{
    Base, Clock, Commit, Committed, Item, Key, PageLimit, Part, Pending, Random, Selection, Store,
    Stored, Uploaded, Write,
};
use crate::ids::{Guid, RecordId};
use crate::journal::{self, Entry};
use crate::reconcile::{Ours, Outcome, Rule, Side, Theirs};
use crate::sorted::Map;
use crate::time::ServerTime;

/// One collection of the host's store, under the policy of its engine.
#[allow(
    missing_debug_implementations,
    reason = "random bytes have nothing to show"
)]
pub(crate) struct LocalRepository<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    random: &'a dyn Random,
    engine: &'a dyn Engine,
    /// Whether no record of the last batch existed here: then, as in a first sync, the next batch is probably new too.
    expects_new: bool,
    /// Whether the server was restored to an earlier time, so that its records may not derive from the versions that
    /// this device knew.
    is_comparing: bool,
}

impl<'a, S: Store, C: Clock> LocalRepository<'a, S, C> {
    /// The collection of `engine` in `store`.
    pub(crate) const fn new(
        store: &'a S,
        clock: &'a C,
        random: &'a dyn Random,
        engine: &'a dyn Engine,
    ) -> Self {
        Self {
            store,
            clock,
            random,
            engine,
            expects_new: false,
            is_comparing: false,
        }
    }

    /// Whether the arriving records are all records of a server that was restored to an earlier time (spec §5.3).
    pub(crate) const fn compare(&mut self, is_comparing: bool) {
        self.is_comparing = is_comparing;
    }

    async fn commit(&self, part: Part) -> Result<Committed> {
        self.commit_parts(alloc::vec![part]).await
    }

    async fn commit_parts(&self, parts: Vec<Part>) -> Result<Committed> {
        let commit = Commit {
            parts,
            global: None,
        };
        Ok(self.store.commit(commit).await?)
    }

    fn part(&self) -> Part {
        Part::new(self.engine.collection().clone())
    }

    /// Decides on one arriving record; `None` if nothing is written. A replaced value is added to `entries`.
    fn decide(
        &self,
        merge: &dyn RecordMerge,
        found: Option<Stored>,
        arrival: &Arrival,
        batch: &mut Batch,
    ) -> Result<Option<Write>> {
        let record = &arrival.record;
        let decided = if arrival.is_replaced {
            let rule = Some(Rule::InvalidReplaced);
            Some((Outcome::Keep { rule }, Side::Ours))
        } else {
            self.outcome(merge, found.as_ref(), record)
        };
        let Some((outcome, newer)) = decided else {
            return Ok(None);
        };
        let item = found.as_ref().map(|stored| &stored.item);
        if let Some((cause, side, cleartext)) = replaced(&outcome, item, record, newer) {
            batch.entries.push(Entry {
                collection: self.engine.collection().clone(),
                id: record.id.clone(),
                at: self.clock.now(),
                cause,
                side,
                cleartext: cleartext.into(),
            });
        }
        if outcome == Outcome::Fork
            && let Some(copy) = item.map(|item| self.copy(item)).transpose()?.flatten()
        {
            batch.writes.push(copy);
        }
        let seen = found.as_ref().map(|stored| stored.revision);
        let item = found.map(|stored| stored.item);
        let Some(mut becomes) = batch.stats.count(&outcome, item, record) else {
            return Ok(None);
        };
        if let Some(item) = &mut becomes {
            item.key = self.key(item);
        }
        Ok(Some(Write {
            id: record.id.clone(),
            seen,
            becomes,
        }))
    }

    fn key(&self, item: &Item) -> Option<Key> {
        key_of(self.engine, &item.id, item.cleartext.as_deref()?)
    }

    /// A record under a new id, to be uploaded; `None` for a deletion.
    fn copy(&self, item: &Item) -> Result<Option<Write>> {
        let Some(cleartext) = &item.cleartext else {
            return Ok(None);
        };
        let id: RecordId = Guid::make(self.random)?.into();
        let mut copy = Item {
            cleartext: Some(with_id(&id, cleartext)),
            id: id.clone(),
            base: Base::Unknown,
            sent: Base::Unknown,
            server_modified: ServerTime::ZERO,
            pending: match item.pending {
                edit @ Pending::Edit { .. } => edit,
                Pending::Nothing | Pending::Resend => Pending::Edit {
                    at: self.clock.now(),
                },
            },
            key: None,
        };
        copy.key = self.key(&copy);
        Ok(Some(Write {
            id,
            seen: None,
            becomes: Some(copy),
        }))
    }

    /// How to reconcile an arriving record, and the newer side; `None` if it is to be ignored.
    fn outcome(
        &self,
        merge: &dyn RecordMerge,
        found: Option<&Stored>,
        record: &Record,
    ) -> Option<(Outcome, Side)> {
        let newer = match found {
            Some(Stored {
                item:
                    Item {
                        pending: Pending::Edit { at },
                        ..
                    },
                ..
            }) if self.clock.now().millis().saturating_sub(at.millis()) <= record.age_millis => {
                Side::Ours
            }
            _ => Side::Theirs,
        };
        let theirs = record
            .cleartext
            .as_deref()
            .map_or(Theirs::Tombstone, Theirs::Record);
        let item = found.map(|stored| &stored.item);
        let known = ours(item);
        let (known, newer) = match (known, item.map(|item| age_of(item, record))) {
            // An earlier version than the one that the server had, from a backup. The local version, also a deletion,
            // takes precedence.
            (Ours::Deleted { .. }, Some(Age::Earlier)) => return None,
            (
                Ours::Unchanged { cleartext }
                | Ours::Resend { cleartext }
                | Ours::Edited { cleartext, .. },
                Some(Age::Earlier),
            ) => {
                let (base, sent) = (None, None);
                let edited = Ours::Edited {
                    cleartext,
                    base,
                    sent,
                };
                (edited, Side::Ours)
            }
            // It may derive from another version than ours: fields that only our version has are kept.
            (Ours::Unchanged { cleartext }, Some(Age::Later)) if self.is_comparing => {
                (Ours::Resend { cleartext }, newer)
            }
            (known, _) => (known, newer),
        };
        Some((merge.merge(known, theirs, newer), newer))
    }

    #[cfg(feature = "whole-collections")]
    /// Stages records until all are there and can be merged.
    async fn stage(&self, records: Vec<Record>, state: Option<String>) -> Result<Receipt<()>> {
        let part = Part {
            incoming: whole::staging(&records, self.clock.now()),
            state,
            ..self.part()
        };
        // A part without writes is never stale.
        let _done = self.commit(part).await?;
        Ok(Receipt {
            is_checkpoint_kept: true,
            ..Receipt::default()
        })
    }
}

/// The effect of a batch.
#[derive(Default)]
struct Batch {
    stats: ApplyStats,
    entries: Vec<Entry>,
    writes: Vec<Write>,
}

/// Compares the server's time of an arriving record with that of the version known here.
fn age_of(item: &Item, record: &Record) -> Age {
    match record.modified {
        None => Age::Later,
        Some(modified) => {
            let now = modified.millis().saturating_add(record.age_millis);
            age(item, modified, now)
        }
    }
}

/// Of several versions of one record in a batch, the last one is used.
fn last_of_each(records: Vec<Record>) -> Vec<Record> {
    let places = records.iter().enumerate();
    let position: Map<RecordId, usize> =
        places.map(|(at, record)| (record.id.clone(), at)).collect();
    if position.len() == records.len() {
        return records;
    }
    let mut at = 0..;
    records
        .into_iter()
        .filter(|record| position.get(&record.id).copied() == at.next())
        .collect()
}

impl<S: Store, C: Clock> Repository for LocalRepository<'_, S, C> {
    /// The store itself marks the records that wait to be sent.
    type Mark = ();
    type Source<'s>
        = Outgoing<'s, S, C>
    where
        Self: 's;

    async fn guids_since(&self, (): &()) -> Result<Vec<RecordId>> {
        let collection = self.engine.collection();
        let mut ids: Vec<RecordId> = Vec::new();
        loop {
            let page = self
                .store
                .page(
                    collection,
                    Selection::Pending,
                    ids.last(),
                    PageLimit::default(),
                )
                .await?;
            if page.is_empty() {
                return Ok(ids);
            }
            ids.extend(page.into_iter().map(|stored| stored.item.id));
        }
    }

    async fn fetch_since(&self, (): &()) -> Result<Outgoing<'_, S, C>> {
        Ok(Outgoing {
            store: self.store,
            clock: self.clock,
            engine: self.engine,
            want: Want::Pending {
                after: None,
                held: held_back(self.store, self.engine.collection()).await?,
            },
        })
    }

    async fn fetch(&self, ids: &[RecordId]) -> Result<Outgoing<'_, S, C>> {
        Ok(Outgoing {
            store: self.store,
            clock: self.clock,
            engine: self.engine,
            want: Want::Ids(ids.to_vec()),
        })
    }

    async fn store(&mut self, records: Vec<Record>) -> Result<Receipt<()>> {
        self.store_at(records, None).await
    }

    async fn store_done(&mut self) -> Result<Receipt<()>> {
        Ok(Receipt::default())
    }
}

impl<S: Store, C: Clock> LocalSide for LocalRepository<'_, S, C> {
    async fn store_at(
        &mut self,
        records: Vec<Record>,
        checkpoint: Option<String>,
    ) -> Result<Receipt<()>> {
        let records = last_of_each(records);
        #[cfg_attr(
            not(feature = "whole-collections"),
            expect(clippy::infallible_destructuring_match)
        )]
        let merge = match self.engine.merge() {
            Merge::PerRecord(merge) => merge,
            #[cfg(feature = "whole-collections")]
            Merge::WholeCollection(_) => return self.stage(records, checkpoint).await,
        };
        let mut failed = Vec::new();
        let validated = records
            .into_iter()
            .map(|record| validated(self.engine, record));
        let usable =
            validated.filter_map(|arrival| arrival.map_err(|error| failed.push(*error)).ok());
        let arrivals: Vec<Arrival> = usable.collect();
        let ids: Vec<RecordId> = arrivals.iter().map(|one| one.record.id.clone()).collect();
        loop {
            let mut batch = Batch::default();
            // Every write depends on the version that was read, or on its absence: a wrong guess is rejected as stale.
            let is_guess = core::mem::take(&mut self.expects_new);
            let found = if is_guess {
                alloc::vec![None; ids.len()]
            } else {
                self.store.read(self.engine.collection(), &ids).await?
            };
            let is_new = !found.is_empty() && found.iter().all(Option::is_none);
            let duplicates = duplicates(self.store, self.engine, &arrivals, &found).await?;
            for ((found, duplicate), arrival) in found.into_iter().zip(duplicates).zip(&arrivals) {
                let id = &arrival.record.id;
                let (found, removal) = match duplicate.map(|stored| take_over(stored, id)) {
                    Some((stored, removal)) => (Some(stored), Some(removal)),
                    None => (found, None),
                };
                let mut write = self.decide(merge, found, arrival, &mut batch)?;
                if let (Some(write), Some(_)) = (&mut write, &removal) {
                    write.seen = None;
                }
                let ignored = || Write {
                    id: id.clone(),
                    seen: None,
                    becomes: None,
                };
                let write = write.or_else(|| is_guess.then(ignored));
                batch.writes.extend(write.into_iter().chain(removal));
            }
            let Batch {
                stats,
                entries,
                writes,
            } = batch;
            let part = Part {
                writes,
                state: checkpoint.clone(),
                ..self.part()
            };
            let journal = journal::part(self.store, &entries).await?;
            let parts = core::iter::once(part).chain(journal).collect();
            if self.commit_parts(parts).await? == Committed::Done {
                self.expects_new = is_new;
                let kept = arrivals
                    .into_iter()
                    .map(|Arrival { record, .. }| Kept {
                        id: record.id,
                        revision: record.revision,
                        modified: record.modified,
                    })
                    .collect();
                return Ok(Receipt {
                    kept,
                    failed,
                    applied: stats.applied,
                    rules: stats.rules,
                    replaced: entries.len() as u64,
                    is_checkpoint_kept: true,
                    ..Receipt::default()
                });
            }
        }
    }

    async fn acknowledge(&self, kept: Vec<Kept>, checkpoint: Option<String>) -> Result<()> {
        let uploaded = kept
            .into_iter()
            .map(
                |Kept {
                     id,
                     revision,
                     modified,
                 }| Uploaded {
                    id,
                    revision,
                    modified: modified.unwrap_or(ServerTime::ZERO),
                },
            )
            .collect();
        // A part without writes is never stale.
        let _done = self
            .commit(Part {
                uploaded,
                state: checkpoint,
                ..self.part()
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
