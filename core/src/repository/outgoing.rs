//! Records read from the store for upload.

use alloc::vec::Vec;

use super::contract::{Batch, Source};
use super::pair::Pair;
use super::record::{Failed, Failure, Record};
use crate::engines::Engine;
use crate::error::Result;
use crate::host::{
    Base, Clock, Commit, Item, PageLimit, Part, Pending, Selection, Store, Stored, Write,
};
use crate::ids::{CollectionName, RecordId};
use crate::sorted::Map;

/// A stream of records from the store, a page at a time.
#[derive(Debug)]
pub(crate) struct Outgoing<'s, S, C> {
    pub(super) store: &'s S,
    pub(super) clock: &'s C,
    pub(super) engine: &'s dyn Engine,
    pub(super) want: Want,
}

/// Which records are requested.
#[derive(Debug)]
pub(super) enum Want {
    /// The records that wait to be sent.
    Pending { after: Option<RecordId>, held: Held },
    /// The records with these ids.
    Ids(Vec<RecordId>),
}

/// Records that must not be sent, each with the rule that its change violates.
pub(super) type Held = Map<RecordId, &'static str>;

impl<S: Store, C: Clock> Source for Outgoing<'_, S, C> {
    type Mark = ();

    async fn next(&mut self) -> Result<Option<Batch<()>>> {
        let mut failed = Vec::new();
        let is_over;
        let page: Vec<Stored> = match &mut self.want {
            Want::Pending { after, held } => {
                let mut page =
                    hand_out(self.store, self.engine.collection(), after.as_ref(), held).await?;
                is_over = page.is_empty();
                *after = page
                    .last()
                    .map(|stored| stored.item.id.clone())
                    .or(after.take());
                page.retain(|Stored { item, .. }| {
                    let rule = held.get(&item.id);
                    failed.extend(rule.map(|rule| Failed {
                        id: Some(item.id.clone()),
                        modified: None,
                        failure: Failure::Invalid(rule),
                    }));
                    rule.is_none()
                });
                page
            }
            Want::Ids(ids) => {
                let some = ids.split_off(ids.len().saturating_sub(PageLimit::default().records));
                is_over = some.is_empty();
                self.store
                    .read(self.engine.collection(), &some)
                    .await?
                    .into_iter()
                    .flatten()
                    .collect()
            }
        };
        let now = self.clock.now();
        let records = page.into_iter().map(|Stored { item, revision }| Record {
            id: item.id,
            cleartext: item.cleartext,
            sortindex: None,
            age_millis: match item.pending {
                Pending::Edit { at } => now.millis().saturating_sub(at.millis()),
                Pending::Nothing | Pending::Resend => u64::MAX,
            },
            modified: None,
            revision,
            is_to_be_sent_again: false,
        });
        let batch = Batch {
            records: records.collect(),
            failed,
            mark: None,
            backlog: Vec::new(),
        };
        Ok((!is_over).then_some(batch))
    }
}

/// A page of the records that wait to be sent. Each item is marked as sent before it is returned: an upload whose
/// response is lost is recognized later. Held-back records are not marked.
async fn hand_out<S: Store>(
    store: &S,
    collection: &CollectionName,
    after: Option<&RecordId>,
    held: &Held,
) -> Result<Vec<Stored>> {
    loop {
        let page = store
            .page(collection, Selection::Pending, after, PageLimit::default())
            .await?;
        let unmarked = page
            .iter()
            .filter(|stored| stored.item.sent != Base::Same && !held.contains_key(&stored.item.id));
        let writes: Vec<Write> = unmarked
            .map(|stored| Write {
                id: stored.item.id.clone(),
                seen: Some(stored.revision),
                becomes: Some(Item {
                    sent: Base::Same,
                    ..stored.item.clone()
                }),
            })
            .collect();
        if writes.is_empty() {
            return Ok(page);
        }
        // Read again in any case: the marked records have another revision now, and if another process wrote in
        // between, another content.
        let part = Part {
            writes,
            ..Part::new(collection.clone())
        };
        let _settled = store
            .commit(Commit {
                parts: alloc::vec![part],
                global: None,
            })
            .await?;
    }
}

/// Whether any record waits to be sent, except held-back records: refused, or unreadable on the remote side.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn has_outgoing<S: Store, R>(
    store: &S,
    collection: &CollectionName,
    pair: &Pair<R, ()>,
) -> Result<bool> {
    let limit = PageLimit {
        records: 1,
        ..PageLimit::default()
    };
    let mut after = None;
    loop {
        let page = store
            .page(collection, Selection::Pending, after.as_ref(), limit)
            .await?;
        match page.into_iter().next() {
            None => return Ok(false),
            Some(Stored { item, revision }) if pair.is_held_back(&item.id, revision) => {
                after = Some(item.id)
            }
            Some(_) => return Ok(true),
        }
    }
}
