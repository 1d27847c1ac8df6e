//! A comparison of all records with the server's: when it is needed, and which records the server lacks (spec §5.3).

use alloc::vec::Vec;

use super::session::Session;
use crate::error::Result;
use crate::host::{
    Base, Commit, Committed, Host, Item, PageLimit, Part, Pending, Selection, Stored, Write,
};
use crate::ids::{CollectionName, RecordId};
use crate::repository::{Pair, ServerMark};
use crate::sorted::Set;
use crate::time::ServerTime;

/// Whether the server lacks the newest record that this device has seen there, although something newer was written.
pub(super) async fn lacks_newest<H: Host>(
    session: &Session<'_, H>,
    name: &CollectionName,
    pair: &Pair<ServerMark, ()>,
    in_info: Option<ServerTime>,
) -> Result<bool> {
    let read_up_to = pair.remote.last_sync;
    let has_news = in_info.is_some_and(|time| time > read_up_to);
    let Some(newest) = pair.newest.as_ref().filter(|_| has_news) else {
        return Ok(false);
    };
    let found = session.client.get_record(name, &newest.id).await?;
    Ok(found.is_none_or(|found| found.modified < newest.modified))
}

/// Marks the records that the server lacks for upload; returns their number. `there` contains the ids that the server
/// has, except those that a limited read deferred.
pub(super) async fn resend_missing<H: Host>(
    host: &H,
    name: &CollectionName,
    there: Vec<RecordId>,
    pair: &Pair<ServerMark, ()>,
) -> Result<u64> {
    if !pair.is_backlog_whole() {
        // The list of ids is incomplete: a record that is not in it may exist on the server.
        return Ok(0);
    }
    let there: Set<RecordId> = there
        .into_iter()
        .chain(pair.backlog.iter().cloned())
        .collect();
    let mut lacking = 0;
    let mut after = None;
    loop {
        let limit = PageLimit::default();
        let page = host
            .page(name, Selection::Live, after.as_ref(), limit)
            .await?;
        let Some(last) = page.last().map(|stored| stored.item.id.clone()) else {
            return Ok(lacking);
        };
        let missing = page.into_iter().filter(|Stored { item, .. }| {
            item.pending == Pending::Nothing && !there.contains(&item.id)
        });
        let writes: Vec<Write> = missing
            .map(|Stored { item, revision }| Write {
                id: item.id.clone(),
                seen: Some(revision),
                becomes: Some(Item {
                    base: Base::Unknown,
                    sent: Base::Unknown,
                    server_modified: ServerTime::ZERO,
                    pending: Pending::Resend,
                    ..item
                }),
            })
            .collect();
        let count = writes.len() as u64;
        let part = Part {
            writes,
            ..Part::new(name.clone())
        };
        let parts = alloc::vec![part];
        let commit = Commit {
            parts,
            global: None,
        };
        // A page of which a record was changed meanwhile is read again.
        if count == 0 || host.commit(commit).await? == Committed::Done {
            lacking += count;
            after = Some(last);
        }
    }
}
