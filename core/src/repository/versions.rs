//! The versions of the records of a collection that is merged as a whole.

use super::age::{Age, age};
use crate::engines::{LocalVersion, ServerVersion, TreeItem};
use crate::host::{Base, Pending, Stored};
use crate::ids::RecordId;
use crate::reconcile::{Theirs, has_same_content};
use crate::sorted::{Map, Set};
use crate::time::LocalTime;

/// One record: what is stored of it, and what the engine sees of it.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) stored: Option<&'a Stored>,
    pub(super) tree_item: TreeItem<'a>,
    /// Whether it has to be uploaded in any case.
    pub(super) is_to_be_sent_again: bool,
}

impl<'a> Row<'a> {
    /// What the server has.
    pub(super) fn server(&self) -> Option<ServerVersion<'a>> {
        self.tree_item.incoming.or(self.tree_item.base)
    }
}

/// The records of a collection, in order of id.
pub(super) fn rows<'a>(
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

#[cfg(test)]
mod tests;
