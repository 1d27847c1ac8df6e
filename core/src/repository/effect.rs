//! What the plan of a merge changes in the store.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::applied::Applied;
use super::versions::Row;
use crate::engines::{Engine, Replaced, TreePlan, key_of};
use crate::host::{Base, Item, Pending, Write};
use crate::ids::RecordId;
use crate::journal::{Cause, Entry};
use crate::reconcile::{Side, Theirs, has_same_content};
use crate::sorted::{Map, Set};
use crate::time::{LocalTime, ServerTime};

/// The changes that a plan makes.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) writes: Vec<Write>,
    /// The records to upload, each with its importance.
    pub(super) uploads: Vec<(RecordId, Option<i32>)>,
    /// The content of each record that is uploaded or changed; `None` if it is deleted.
    pub(super) finals: Map<RecordId, Option<String>>,
    pub(super) applied: Applied,
}

/// What a plan changes in the store.
pub(super) fn carry_out(
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
pub(super) fn entries(
    engine: &dyn Engine,
    plan: &TreePlan,
    finals: &Map<RecordId, Option<String>>,
    now: LocalTime,
) -> Vec<Entry> {
    let entry = |replaced: &Replaced| Entry {
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

#[cfg(test)]
mod tests;
