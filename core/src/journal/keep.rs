//! What is written into the journal, and what is removed from it.

use alloc::vec::Vec;

use super::collections::{collections, name};
use super::entry::{Cause, Entry};
use crate::error::Result;
use crate::host::{Commit, PageLimit, Part, Pending, Revision, Selection, Store, Stored, Write};
use crate::ids::{CollectionName, RecordId};
use crate::reconcile::Side;
use crate::time::LocalTime;

/// Number of days for which entries are kept.
pub const KEEP_DAYS: u64 = 30;
/// The maximum number of entries.
pub const MAX_ENTRIES: usize = 10_000;
/// The maximum number of bytes of all entries' texts.
pub const MAX_BYTES: usize = 16 << 20;

const KEEP_MILLIS: u64 = KEEP_DAYS * 24 * 60 * 60 * 1000;

/// Whether an entry of this time is to be removed. One from the future, written under a wrong clock, is kept.
pub(super) const fn is_expired(at: LocalTime, now: LocalTime) -> bool {
    now.millis().saturating_sub(at.millis()) > KEEP_MILLIS
}

/// How many entries are to be removed, from the oldest on. `entries` has each one's time and size in bytes, the oldest first.
///
/// ```
/// use selvedge_core::journal::{KEEP_DAYS, surplus};
/// use selvedge_core::time::LocalTime;
///
/// let day = |days: u64| LocalTime::from_millis(days * 86_400_000);
/// assert_eq!(surplus(&[(day(0), 1), (day(20), 1)], day(KEEP_DAYS + 1)), 1);
/// ```
#[must_use]
pub fn surplus(entries: &[(LocalTime, usize)], now: LocalTime) -> usize {
    let mut bytes = 0_usize;
    let kept = entries
        .iter()
        .rev()
        .take(MAX_ENTRIES)
        .take_while(|(at, size)| {
            bytes = bytes.saturating_add(*size);
            bytes <= MAX_BYTES && !is_expired(*at, now)
        });
    entries.len().saturating_sub(kept.count())
}

/// The part of a commit that writes these entries; `None` when there are none, or all are there already.
pub(crate) async fn part<S: Store>(store: &S, entries: &[Entry]) -> Result<Option<Part>> {
    if entries.is_empty() {
        return Ok(None);
    }
    let journal = name();
    let mut items: Vec<_> = entries.iter().map(Entry::item).collect();
    crate::sorted::sort(&mut items, |one, other| one.id.cmp(&other.id));
    items.dedup_by(|one, other| one.id == other.id);
    let ids: Vec<RecordId> = items.iter().map(|item| item.id.clone()).collect();
    let found = store.read(&journal, &ids).await?;
    let new = items
        .into_iter()
        .zip(found)
        .filter(|(_, found)| found.is_none());
    let writes: Vec<Write> = new
        .map(|(item, _)| Write {
            id: item.id.clone(),
            seen: None,
            becomes: Some(item),
        })
        .collect();
    Ok((!writes.is_empty()).then(|| Part {
        writes,
        ..Part::new(journal)
    }))
}

/// Removes what is too old or too much.
pub(crate) async fn prune<S: Store>(store: &S, now: LocalTime) -> Result<()> {
    let journal = name();
    let mut keys: Vec<(RecordId, Revision)> = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let after = keys.last().map(|(id, _)| id);
        let page = store
            .page(&journal, Selection::Live, after, PageLimit::default())
            .await?;
        if page.is_empty() {
            break;
        }
        for Stored { item, revision } in page {
            let time = item.id.as_str().split('-').next();
            let at = time.and_then(|digits| digits.parse().ok()).unwrap_or(0);
            let size = item.cleartext.as_ref().map_or(0, |text| text.len());
            sizes.push((LocalTime::from_millis(at), size));
            keys.push((item.id, revision));
        }
    }
    keys.truncate(surplus(&sizes, now));
    if keys.is_empty() {
        return Ok(());
    }
    let removal = |(id, revision)| Write {
        id,
        seen: Some(revision),
        becomes: None,
    };
    // Another process may have removed the same; the next time removes the rest.
    let _settled = store
        .commit(Commit {
            parts: alloc::vec![Part {
                writes: keys.into_iter().map(removal).collect(),
                ..Part::new(journal)
            }],
            global: None,
        })
        .await?;
    Ok(())
}

/// All items of a collection.
async fn items<S: Store>(store: &S, collection: &CollectionName) -> Result<Vec<Stored>> {
    let mut items: Vec<Stored> = Vec::new();
    for selection in [Selection::Live, Selection::Pending] {
        let mut after = None;
        loop {
            let page = store
                .page(collection, selection, after.as_ref(), PageLimit::default())
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.item.id.clone());
            let is_new = |stored: &Stored| selection == Selection::Live || stored.item.is_deleted();
            items.extend(page.into_iter().filter(is_new));
        }
    }
    Ok(items)
}

/// The writes that remove every item of a collection, and, in `entries`, its values for the journal. Unsent changes are all
/// kept. What the server has, or had, may take half of the journal, so that it does not push out what it has from before.
pub(crate) async fn emptied<S: Store>(
    store: &S,
    collection: &CollectionName,
    cause: Cause,
    now: LocalTime,
    entries: &mut Vec<Entry>,
) -> Result<Vec<Write>> {
    let (mut room, mut bytes) = (MAX_ENTRIES / 2, MAX_BYTES / 2);
    let removed = items(store, collection).await?.into_iter().map(|stored| {
        let Stored { item, revision } = stored;
        if let Some(cleartext) = item.cleartext {
            let is_unsent = matches!(item.pending, Pending::Edit { .. });
            let fits = room > 0 && cleartext.len() <= bytes;
            if !is_unsent && fits {
                room -= 1;
                bytes -= cleartext.len();
            }
            if is_unsent || fits {
                entries.push(Entry {
                    collection: collection.clone(),
                    id: item.id.clone(),
                    // Of one wipe the unsent changes are removed last.
                    at: match is_unsent {
                        true => now,
                        false => LocalTime::from_millis(now.millis().saturating_sub(1)),
                    },
                    cause,
                    side: Side::Ours,
                    cleartext,
                });
            }
        }
        Write {
            id: item.id,
            seen: Some(revision),
            becomes: None,
        }
    });
    Ok(removed.collect())
}

/// How many changes that a person made to a collection here were never sent, deletions included.
pub(crate) async fn unsent<S: Store>(store: &S, collection: &CollectionName) -> Result<u64> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = store
            .page(
                collection,
                Selection::Pending,
                after.as_ref(),
                PageLimit::default(),
            )
            .await?;
        let Some(last) = page.last() else {
            return Ok(count);
        };
        after = Some(last.item.id.clone());
        let is_edit = |stored: &&Stored| matches!(stored.item.pending, Pending::Edit { .. });
        count += page.iter().filter(is_edit).count() as u64;
    }
}

/// How many changes of each collection were never sent, deletions included; collections without any are left out.
///
/// ```
/// use selvedge_core::host::MemoryStore;
///
/// assert_eq!(pollster::block_on(selvedge_core::journal::count_unsent(&MemoryStore::default())), Ok(vec![]));
/// ```
///
/// # Errors
/// When the store cannot be read.
pub async fn count_unsent<S: Store>(store: &S) -> Result<Vec<(CollectionName, u64)>> {
    let mut counts = Vec::new();
    for name in collections(store).await? {
        let count = unsent(store, &name).await?;
        if count > 0 {
            counts.push((name, count));
        }
    }
    Ok(counts)
}
