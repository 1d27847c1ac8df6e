//! The device's side: reconciles arriving records with the store, and returns the records to send.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::apply_stats::{ApplyStats, ours, replaced};
use super::contract::{Kept, LocalSide, Receipt, Repository};
use super::outgoing::{Outgoing, Want};
use super::record::Record;
use crate::engines::{Engine, Merge, held_back};
use crate::error::Result;
use crate::host::{
    Clock, Commit, Committed, Item, PageLimit, Part, Pending, Selection, Store, Stored, Uploaded,
    Write,
};
use crate::ids::RecordId;
use crate::journal::{self, Entry};
use crate::reconcile::{Ours, Side, Theirs, reconcile};
use crate::sorted::Map;
use crate::time::ServerTime;

/// One collection of the host's store, under the policy of its engine.
#[derive(Debug)]
pub(crate) struct LocalRepository<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    engine: &'a dyn Engine,
    /// Whether no record of the last batch existed here: then, as in a first sync, the next batch is probably new too.
    expects_new: bool,
    /// Whether the server was restored to an earlier time, so that its records may not derive from the versions that
    /// this device knew.
    is_comparing: bool,
}

impl<'a, S: Store, C: Clock> LocalRepository<'a, S, C> {
    /// The collection of `engine` in `store`.
    pub(crate) const fn new(store: &'a S, clock: &'a C, engine: &'a dyn Engine) -> Self {
        Self {
            store,
            clock,
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
        found: Option<Stored>,
        record: &Record,
        tally: &mut ApplyStats,
        entries: &mut Vec<Entry>,
    ) -> Option<Write> {
        let newer = match &found {
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
        let item = found.as_ref().map(|stored| &stored.item);
        let known = ours(item);
        let (known, newer) = match (known, item.map(|item| age(item, record))) {
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
        let outcome = match self.engine.merge() {
            Merge::PerRecord(merge) => merge.merge(known, theirs, newer),
            Merge::WholeCollection(_) => reconcile(known, theirs, newer),
        };
        if let Some((cause, side, cleartext)) = replaced(&outcome, item, record, newer) {
            entries.push(Entry {
                collection: self.engine.collection().clone(),
                id: record.id.clone(),
                at: self.clock.now(),
                cause,
                side,
                cleartext: cleartext.into(),
            });
        }
        let seen = found.as_ref().map(|stored| stored.revision);
        let becomes = tally.count(&outcome, found.map(|stored| stored.item), record)?;
        Some(Write {
            id: record.id.clone(),
            seen,
            becomes,
        })
    }
}

/// The age of an arriving version, compared with the last known version of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Earlier,
    Same,
    Later,
}

/// Compares the server's time of an arriving record with that of the version known here.
fn age(item: &Item, record: &Record) -> Age {
    const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
    let (known, Some(modified)) = (item.server_modified, record.modified) else {
        return Age::Later;
    };
    let now = modified.millis().saturating_add(record.age_millis);
    // A time in the future was assigned while the server's clock was wrong: it does not show which version is earlier.
    let is_believable = known.millis() <= now.saturating_add(DAY_MILLIS);
    match modified.cmp(&known) {
        Ordering::Less if is_believable => Age::Earlier,
        Ordering::Equal => Age::Same,
        Ordering::Less | Ordering::Greater => Age::Later,
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
        let ids: Vec<RecordId> = records.iter().map(|record| record.id.clone()).collect();
        loop {
            let (mut tally, mut entries) = (ApplyStats::default(), Vec::new());
            // Every write depends on the version that was read, or on its absence: a wrong guess is rejected as stale.
            let is_guess = core::mem::take(&mut self.expects_new);
            let found = if is_guess {
                alloc::vec![None; ids.len()]
            } else {
                self.store.read(self.engine.collection(), &ids).await?
            };
            let is_new = !found.is_empty() && found.iter().all(Option::is_none);
            let writes = found
                .into_iter()
                .zip(&records)
                .filter_map(|(found, record)| {
                    let ignored = || Write {
                        id: record.id.clone(),
                        seen: None,
                        becomes: None,
                    };
                    let write = self.decide(found, record, &mut tally, &mut entries);
                    write.or_else(|| is_guess.then(ignored))
                })
                .collect();
            let part = Part {
                writes,
                state: checkpoint.clone(),
                ..self.part()
            };
            let journal = journal::part(self.store, &entries).await?;
            let parts = core::iter::once(part).chain(journal).collect();
            if self.commit_parts(parts).await? == Committed::Done {
                self.expects_new = is_new;
                let kept = records
                    .into_iter()
                    .map(
                        |Record {
                             id,
                             revision,
                             modified,
                             ..
                         }| Kept {
                            id,
                            revision,
                            modified,
                        },
                    )
                    .collect();
                return Ok(Receipt {
                    kept,
                    applied: tally.applied,
                    rules: tally.rules,
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
