//! The merge of a whole collection: what arrived is staged, and merged with all records of the device at once.
//!
//! ```text
//! download ──→ staged versions ──→ merge (base, local, staged) ──→ one commit ──→ one upload
//!                  ↑                      │ stale                      │ changed meanwhile
//!                  └── killed: go on      └── read again               └── merge again
//! ```
//!
//! The merge is a pure function of what the store keeps. Killed before the commit, it is repeated with the same staged
//! versions; killed after it, with the result of the first merge, whose uploads are still pending.

use alloc::vec::Vec;

use super::contract::Receipt;
use super::effect::{carry_out, entries};
use super::record::Record;
use super::versions::rows;
use crate::engines::{Engine, TreeInput, TreeItem, TreeMerge};
use crate::error::{Error, Result};
use crate::host::{
    Base, Clock, Commit, Committed, Item, PageLimit, Part, Pending, Selection, Store, Stored, Write,
};
use crate::ids::{CollectionName, RecordId};
use crate::journal;
use crate::time::{LocalTime, ServerTime};

/// What arrives, as staged versions.
pub(super) fn staging(records: &[Record], now: LocalTime) -> Vec<Write> {
    let write = |record: &Record| Write {
        id: record.id.clone(),
        seen: None,
        becomes: Some(Item {
            id: record.id.clone(),
            cleartext: record.cleartext.clone(),
            base: Base::Unknown,
            sent: Base::Unknown,
            server_modified: record.modified.unwrap_or(ServerTime::ZERO),
            pending: if record.is_to_be_sent_again {
                Pending::Resend
            } else {
                Pending::Edit { at: now }
            },
            key: None,
        }),
    };
    records.iter().map(write).collect()
}

/// The result of a committed merge.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) receipt: Receipt<()>,
    /// The records to upload, complete and in order.
    pub(crate) uploads: Vec<Record>,
}

/// Merges all staged versions and local changes of a collection, and commits the result.
///
/// # Errors
/// [`Error::Input`] when the engine cannot merge the records; nothing is changed then.
pub(crate) async fn merge<S: Store, C: Clock>(
    store: &S,
    clock: &C,
    engine: &dyn Engine,
    tree: &dyn TreeMerge,
    server_now_millis: u64,
) -> Result<Merged> {
    let name = engine.collection();
    let mut merged = Merged::default();
    loop {
        let incoming = all(store, engine, Selection::Incoming).await?;
        if incoming.is_empty() && store.counts(name).await?.pending == 0 {
            return Ok(merged);
        }
        let mut stored = all(store, engine, Selection::Live).await?;
        let pending = all(store, engine, Selection::Pending).await?;
        let deleted = |stored: &Stored| stored.item.is_deleted();
        stored.extend(pending.into_iter().filter(deleted));
        let now = clock.now();
        let rows = rows(&stored, &incoming, now, server_now_millis);
        let items: Vec<TreeItem<'_>> = rows.iter().map(|(_, row)| row.tree_item).collect();
        let input = TreeInput {
            items: &items,
            server_now_millis,
            local_now: now,
        };
        let plan = tree.merge(&input).map_err(|reason| {
            Error::Input(alloc::format!(
                "the records of {name} cannot be merged: {reason}"
            ))
        })?;
        let outcome = carry_out(engine, &rows, &plan, now);
        let entries = entries(engine, &plan, &outcome.finals, now);
        let part = Part {
            writes: outcome.writes,
            incoming: incoming.iter().map(removal).collect(),
            ..Part::new(name.clone())
        };
        let journal = journal::part(store, &entries).await?;
        let commit = Commit {
            parts: core::iter::once(part).chain(journal).collect(),
            global: None,
        };
        if store.commit(commit).await? == Committed::Stale {
            continue;
        }
        merged.receipt.applied.add(outcome.applied);
        merged.receipt.replaced += entries.len() as u64;
        // What is uploaded is what was merged: an edit made since is merged too, with all that it needs.
        let ids: Vec<RecordId> = outcome.uploads.iter().map(|(id, _)| id.clone()).collect();
        let found = store.read(name, &ids).await?;
        let is_final = |(id, stored): (&RecordId, &Option<Stored>)| {
            let text = stored.as_ref().map(|stored| &stored.item.cleartext);
            text == outcome.finals.get(id)
        };
        if ids.iter().zip(&found).all(is_final) {
            let found = found.into_iter().flatten().zip(outcome.uploads);
            merged.uploads = found
                .map(|(stored, (_, sortindex))| outgoing(stored, sortindex))
                .collect();
            return Ok(merged);
        }
    }
}

/// Whether a collection has staged versions, which wait for a merge.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn has_staged<S: Store>(store: &S, collection: &CollectionName) -> Result<bool> {
    let limit = PageLimit {
        records: 1,
        ..PageLimit::default()
    };
    let page = store
        .page(collection, Selection::Incoming, None, limit)
        .await?;
    Ok(!page.is_empty())
}

fn outgoing(Stored { item, revision }: Stored, sortindex: Option<i32>) -> Record {
    Record {
        id: item.id,
        cleartext: item.cleartext,
        sortindex,
        age_millis: 0,
        modified: None,
        revision,
        is_to_be_sent_again: false,
    }
}

fn removal(staged: &Stored) -> Write {
    Write {
        id: staged.item.id.clone(),
        seen: Some(staged.revision),
        becomes: None,
    }
}

async fn all<S: Store>(
    store: &S,
    engine: &dyn Engine,
    selection: Selection,
) -> Result<Vec<Stored>> {
    let mut all: Vec<Stored> = Vec::new();
    loop {
        let after = all.last().map(|stored| &stored.item.id);
        let page = store
            .page(engine.collection(), selection, after, PageLimit::default())
            .await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

#[cfg(test)]
mod tests;
