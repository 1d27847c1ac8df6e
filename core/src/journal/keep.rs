//! Writing entries to the journal, and removing old ones.

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

/// Whether an entry of this time has expired. An entry from the future, written with a wrong clock, is kept.
pub(super) const fn is_expired(at: LocalTime, now: LocalTime) -> bool {
    now.millis().saturating_sub(at.millis()) > KEEP_MILLIS
}

/// The number of oldest entries to remove. `entries` contains each entry's time and size in bytes, oldest first.
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

/// The part of a commit that writes these entries; `None` if there are no entries, or all of them exist already.
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

/// Removes entries that exceed the maximum age, number or size.
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
    // Another process may have removed the same entries; the next call removes the rest.
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

/// The writes that remove every item of a collection, and, in `entries`, its values for the journal. Unsent changes are
/// all kept. Values that the server has, or had, may use half of the journal, so that they do not displace the earlier
/// entries.
pub(crate) async fn emptied<S: Store>(
    store: &S,
    collection: &CollectionName,
    cause: Cause,
    now: LocalTime,
    entries: &mut Vec<Entry>,
) -> Result<Vec<Write>> {
    let (mut entries_left, mut bytes_left) = (MAX_ENTRIES / 2, MAX_BYTES / 2);
    let removed = items(store, collection).await?.into_iter().map(|stored| {
        let Stored { item, revision } = stored;
        if let Some(cleartext) = item.cleartext {
            let is_unsent = matches!(item.pending, Pending::Edit { .. });
            let fits = entries_left > 0 && cleartext.len() <= bytes_left;
            if !is_unsent && fits {
                entries_left -= 1;
                bytes_left -= cleartext.len();
            }
            if is_unsent || fits {
                entries.push(Entry {
                    collection: collection.clone(),
                    id: item.id.clone(),
                    // Within one wipe, unsent changes get the latest time, so that they are removed last.
                    at: if is_unsent {
                        now
                    } else {
                        LocalTime::from_millis(now.millis().saturating_sub(1))
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

/// The number of changes to a collection that a person made on this device and that were never sent, including
/// deletions.
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

/// The number of unsent changes of each collection, including deletions; collections without unsent changes are
/// omitted.
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
