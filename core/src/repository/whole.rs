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

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::age::{Age, age};
use super::applied::Applied;
use super::contract::Receipt;
use super::record::Record;
use crate::engines::{
    Engine, LocalVersion, ServerVersion, TreeInput, TreeItem, TreeMerge, TreePlan, key_of,
};
use crate::error::{Error, Result};
use crate::host::{
    Base, Clock, Commit, Committed, Item, PageLimit, Part, Pending, Selection, Store, Stored, Write,
};
use crate::ids::RecordId;
use crate::journal::{self, Cause, Entry};
use crate::reconcile::{Side, Theirs, has_same_content};
use crate::sorted::{Map, Set};
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
pub(crate) async fn has_staged<S: Store>(
    store: &S,
    collection: &crate::ids::CollectionName,
) -> Result<bool> {
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

/// One record: what is stored of it, and what the engine sees of it.
#[derive(Debug)]
struct Row<'a> {
    stored: Option<&'a Stored>,
    tree_item: TreeItem<'a>,
    /// Whether it has to be uploaded in any case.
    is_to_be_sent_again: bool,
}

impl<'a> Row<'a> {
    fn server(&self) -> Option<ServerVersion<'a>> {
        self.tree_item.incoming.or(self.tree_item.base)
    }
}

fn rows<'a>(
    stored: &'a [Stored],
    incoming: &'a [Stored],
    now: LocalTime,
    server_now_millis: u64,
) -> Map<RecordId, Row<'a>> {
    let staged: Map<&RecordId, &Stored> = incoming
        .iter()
        .map(|stored| (&stored.item.id, stored))
        .collect();
    let known: Map<&RecordId, &Stored> = stored
        .iter()
        .map(|stored| (&stored.item.id, stored))
        .collect();
    let ids: Set<&RecordId> = staged.keys().chain(known.keys()).copied().collect();
    let row = |id: &'a RecordId| {
        let (stored, staged) = (known.get(&id).copied(), staged.get(&id).copied());
        (id.clone(), row(id, stored, staged, now, server_now_millis))
    };
    ids.into_iter().map(row).collect()
}

/// Compares the versions of one record.
///
/// ```text
/// staged version                       what the engine sees
/// equal to the base                    unchanged on the server
/// equal to what was sent               the upload has arrived: it is the base
/// earlier than the base (a backup)     it is the base, and the local version is a change
/// any other                            a change on the server
/// ```
fn row<'a>(
    id: &'a RecordId,
    stored: Option<&'a Stored>,
    staged: Option<&'a Stored>,
    now: LocalTime,
    server_now_millis: u64,
) -> Row<'a> {
    let item = stored.map(|stored| &stored.item);
    let text = |version: &'a Base| match version {
        Base::Unknown => None,
        Base::Same => item?.cleartext.as_deref(),
        Base::Content(text) => Some(text.as_str()),
    };
    let base = item.and_then(|item| {
        Some(ServerVersion {
            content: Theirs::Record(text(&item.base)?),
            modified: item.server_modified,
        })
    });
    let mut local = item.map(|item| LocalVersion {
        cleartext: item.cleartext.as_deref(),
        pending: item.pending,
    });
    let arrived = staged.map(|Stored { item, .. }| ServerVersion {
        content: item
            .cleartext
            .as_deref()
            .map_or(Theirs::Tombstone, Theirs::Record),
        modified: item.server_modified,
    });
    let (mut base, mut incoming) = (base, arrived);
    if let (Some(item), Some(arrived)) = (item, arrived) {
        let is_known = |version: &'a Base| match (text(version), arrived.content) {
            (Some(known), Theirs::Record(text)) => has_same_content(known, text),
            _ => false,
        };
        let is_earlier = age(item, arrived.modified, server_now_millis) == Age::Earlier;
        if is_earlier || is_known(&item.base) || is_known(&item.sent) {
            (base, incoming) = (Some(arrived), None);
        }
        if let Some(local) = local.as_mut().filter(|_| is_earlier) {
            local.pending = Pending::Edit { at: now };
        }
    }
    Row {
        stored,
        tree_item: TreeItem {
            id,
            base,
            local,
            incoming,
        },
        is_to_be_sent_again: staged.is_some_and(|staged| staged.item.pending == Pending::Resend),
    }
}

/// The changes that a plan makes.
#[derive(Debug)]
struct Effect {
    writes: Vec<Write>,
    uploads: Vec<(RecordId, Option<i32>)>,
    /// The content of each record that is uploaded or changed; `None` if it is deleted.
    finals: Map<RecordId, Option<String>>,
    applied: Applied,
}

fn carry_out(
    engine: &dyn Engine,
    rows: &Map<RecordId, Row<'_>>,
    plan: &TreePlan,
    now: LocalTime,
) -> Effect {
    let upserts: Map<&RecordId, &str> = plan
        .upserts
        .iter()
        .map(|(id, text)| (id, text.as_str()))
        .collect();
    let removals: Set<&RecordId> = plan.removals.iter().collect();
    let mut uploads: Vec<(RecordId, Option<i32>)> = plan
        .uploads
        .iter()
        .map(|upload| (upload.id.clone(), upload.sort_index))
        .collect();
    let mut uploaded: Set<RecordId> = plan
        .uploads
        .iter()
        .map(|upload| upload.id.clone())
        .collect();
    for (id, row) in rows.iter() {
        if row.is_to_be_sent_again && !uploaded.contains(id) {
            uploaded.insert(id.clone());
            uploads.push((id.clone(), None));
        }
    }
    let mut ids: Set<&RecordId> = rows.keys().collect();
    ids.extend(upserts.keys().copied().chain(uploaded.iter()));
    let mut effect = Effect {
        writes: Vec::new(),
        uploads,
        finals: Map::new(),
        applied: Applied::default(),
    };
    for id in ids {
        let row = rows.get(id);
        let stored = row.and_then(|row| row.stored);
        let before = stored.and_then(|stored| stored.item.cleartext.as_deref());
        let after = match upserts.get(&id) {
            Some(text) => Some(*text),
            None if removals.contains(id) => None,
            None => before,
        };
        let is_uploaded = uploaded.contains(id);
        let becomes = becomes(engine, id, row, after, is_uploaded, now);
        effect.count(before, after, is_uploaded);
        effect
            .finals
            .insert(id.clone(), after.map(ToString::to_string));
        if stored.map(|stored| &stored.item) != becomes.as_ref() {
            effect.writes.push(Write {
                id: id.clone(),
                seen: stored.map(|stored| stored.revision),
                becomes,
            });
        }
    }
    effect
}

impl Effect {
    fn count(&mut self, before: Option<&str>, after: Option<&str>, is_uploaded: bool) {
        let applied = &mut self.applied;
        match (before, after) {
            (None, Some(_)) => applied.added += 1,
            (Some(_), None) => applied.deleted += 1,
            (Some(before), Some(after)) if before == after => {}
            (Some(_), Some(_)) if is_uploaded => applied.merged += 1,
            (Some(_), Some(_)) => applied.changed += 1,
            (None, None) => {}
        }
    }
}

/// The item to store; `None` for none.
///
/// ```text
/// to be uploaded                pending; the server's version is the base; sent, because the upload follows
/// not, and deleted              no item
/// not, and unknown there        as before: it waits for a later upload
/// not, and known there          equal to the server's, or taken for it
/// ```
fn becomes(
    engine: &dyn Engine,
    id: &RecordId,
    row: Option<&Row<'_>>,
    after: Option<&str>,
    is_uploaded: bool,
    now: LocalTime,
) -> Option<Item> {
    let server = row.and_then(Row::server);
    let on_server = server.and_then(|version| match version.content {
        Theirs::Record(text) => Some(text),
        Theirs::Tombstone => None,
    });
    let former = row.and_then(|row| row.stored).map(|stored| &stored.item);
    let before = former.map_or(Pending::Nothing, |item| item.pending);
    let base = on_server.map(|text| Base::Content(text.into()));
    let (base, sent, pending) = if is_uploaded {
        let pending = match before {
            Pending::Edit { .. } => before,
            Pending::Nothing | Pending::Resend => Pending::Edit { at: now },
        };
        (base.unwrap_or(Base::Unknown), Base::Same, pending)
    } else if server.is_none() {
        let sent = former.map_or(Base::Unknown, |item| item.sent.clone());
        after?;
        (Base::Unknown, sent, before)
    } else {
        let after = after?;
        let is_same = on_server.is_some_and(|text| has_same_content(text, after));
        let base = if is_same { Some(Base::Same) } else { base };
        (
            base.unwrap_or(Base::Unknown),
            Base::Unknown,
            Pending::Nothing,
        )
    };
    Some(Item {
        id: id.clone(),
        cleartext: after.map(Into::into),
        base,
        sent,
        server_modified: server.map_or(ServerTime::ZERO, |version| version.modified),
        pending,
        key: after.and_then(|text| key_of(engine, id, text)),
    })
}

/// The journal's entries of the values that a plan drops.
fn entries(
    engine: &dyn Engine,
    plan: &TreePlan,
    finals: &Map<RecordId, Option<String>>,
    now: LocalTime,
) -> Vec<Entry> {
    let entry = |replaced: &crate::engines::Replaced| Entry {
        collection: engine.collection().clone(),
        id: replaced.id.clone(),
        at: now,
        cause: match replaced.side {
            Side::Theirs => Cause::UploadReplaced,
            Side::Ours if finals.get(&replaced.id).is_none_or(Option::is_none) => {
                Cause::RemoteDeletion
            }
            Side::Ours => Cause::Merge,
        },
        side: replaced.side,
        cleartext: replaced.cleartext.clone(),
    };
    plan.replaced.iter().map(entry).collect()
}
