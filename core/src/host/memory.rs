//! A store in memory: for experiments, for tests, and for hosts that need no persistence.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Bound;

use super::store::{
    Base, BulkChange, Commit, Committed, Counts, Item, Key, PageLimit, Part, Pending, Revision,
    Selection, Store, StoreError, Stored, Uploaded, Write,
};
use crate::ids::{CollectionName, RecordId};
use crate::time::ServerTime;

/// A [`Store`] that exists as long as this value.
///
/// ```
/// use selvedge_core::host::{MemoryStore, Store};
///
/// let store = MemoryStore::default();
/// assert_eq!(pollster::block_on(store.collections()).unwrap(), []);
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore(RefCell<Contents>);

#[derive(Debug, Default)]
struct Contents {
    global: Option<String>,
    collections: BTreeMap<CollectionName, Collection>,
    last_revision: u64,
}

#[derive(Debug, Default)]
struct Collection {
    state: Option<String>,
    items: BTreeMap<RecordId, Stored>,
    incoming: BTreeMap<RecordId, Stored>,
}

impl Collection {
    fn is_stale(&self, write: &Write) -> bool {
        self.items.get(&write.id).map(|stored| stored.revision) != write.seen
    }

    fn apply(&mut self, part: Part, revision: Revision) {
        if part.sweep.is_some() {
            self.incoming.clear();
        }
        match part.sweep {
            Some(BulkChange::Wipe) => self.items.clear(),
            Some(BulkChange::Reset) => self
                .items
                .values_mut()
                .for_each(|stored| reset(stored, revision)),
            None => {}
        }
        for write in part.writes {
            match write.becomes {
                Some(item) => self.items.insert(write.id, Stored { item, revision }),
                None => self.items.remove(&write.id),
            };
        }
        for write in part.incoming {
            let is_seen = |stored: &Stored| write.seen.is_some_and(|seen| seen == stored.revision);
            match write.becomes {
                Some(item) => drop(self.incoming.insert(write.id, Stored { item, revision })),
                None if self.incoming.get(&write.id).is_some_and(is_seen) => {
                    self.incoming.remove(&write.id);
                }
                None => {}
            }
        }
        for uploaded in part.uploaded {
            self.mark_uploaded(&uploaded, revision);
        }
        if part.state.is_some() {
            self.state = part.state;
        }
    }

    fn mark_uploaded(&mut self, uploaded: &Uploaded, revision: Revision) {
        let Some(stored) = self.items.get_mut(&uploaded.id) else {
            return;
        };
        if stored.revision != uploaded.revision {
            if matches!(stored.item.sent, Base::Content(_)) {
                stored.item.base = core::mem::replace(&mut stored.item.sent, Base::Unknown);
                stored.item.server_modified = uploaded.modified;
            }
            return;
        }
        if stored.item.is_deleted() {
            self.items.remove(&uploaded.id);
        } else {
            stored.item.base = Base::Same;
            stored.item.sent = Base::Unknown;
            stored.item.pending = Pending::Nothing;
            stored.item.server_modified = uploaded.modified;
            stored.revision = revision;
        }
    }
}

fn reset(stored: &mut Stored, revision: Revision) {
    let item = &mut stored.item;
    item.server_modified = ServerTime::ZERO;
    let base = core::mem::replace(&mut item.base, Base::Unknown);
    if item.sent == Base::Unknown && matches!(base, Base::Content(_)) {
        item.sent = base;
    }
    if item.pending == Pending::Nothing {
        item.pending = Pending::Resend;
    }
    stored.revision = revision;
}

fn bytes(item: &Item) -> usize {
    let kept = |version: &Base| match version {
        Base::Content(text) => text.len(),
        Base::Unknown | Base::Same => 0,
    };
    kept(&item.base) + kept(&item.sent) + item.cleartext.as_ref().map_or(0, String::len)
}

impl Store for MemoryStore {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        Ok(self.0.borrow().global.clone())
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        Ok(self
            .0
            .borrow()
            .collections
            .get(collection)
            .and_then(|found| found.state.clone()))
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        let contents = self.0.borrow();
        let used = contents
            .collections
            .iter()
            .filter(|(_, found)| found.state.is_some() || !found.items.is_empty());
        Ok(used.map(|(name, _)| name.clone()).collect())
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        for stored in self
            .0
            .borrow()
            .collections
            .get(collection)
            .iter()
            .flat_map(|found| found.items.values())
        {
            counts.live += u64::from(!stored.item.is_deleted());
            counts.pending += u64::from(stored.item.pending != Pending::Nothing);
        }
        Ok(counts)
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        let contents = self.0.borrow();
        let found = contents.collections.get(collection);
        Ok(ids
            .iter()
            .map(|id| found.and_then(|found| found.items.get(id).cloned()))
            .collect())
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        let contents = self.0.borrow();
        let Some(found) = contents.collections.get(collection) else {
            return Ok(Vec::new());
        };
        let start = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.clone()));
        let items = match selection {
            Selection::Incoming => &found.incoming,
            Selection::Live | Selection::Pending => &found.items,
        };
        let selected = items
            .range((start, Bound::Unbounded))
            .map(|(_, stored)| stored)
            .filter(|stored| match selection {
                Selection::Live => !stored.item.is_deleted(),
                Selection::Pending => stored.item.pending != Pending::Nothing,
                Selection::Incoming => true,
            });
        let mut page = Vec::new();
        let mut bytes_left = limit.bytes;
        for stored in selected.take(limit.records.max(1)) {
            page.push(stored.clone());
            match bytes_left.checked_sub(bytes(&stored.item)) {
                Some(left) if left > 0 => bytes_left = left,
                _ => break,
            }
        }
        Ok(page)
    }

    async fn duplicates(
        &self,
        collection: &CollectionName,
        keys: &[Key],
    ) -> Result<Vec<Stored>, StoreError> {
        let contents = self.0.borrow();
        let items = contents.collections.get(collection);
        let items = items.iter().flat_map(|found| found.items.values());
        let is_wanted = |stored: &&Stored| {
            let key = stored.item.key.as_ref();
            !stored.item.is_deleted() && key.is_some_and(|key| keys.contains(key))
        };
        Ok(items.filter(is_wanted).cloned().collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut contents = self.0.borrow_mut();
        let empty = Collection::default();
        for part in commit.parts.iter().filter(|part| part.sweep.is_none()) {
            let found = contents.collections.get(&part.collection).unwrap_or(&empty);
            if part.writes.iter().any(|write| found.is_stale(write)) {
                return Ok(Committed::Stale);
            }
        }
        contents.last_revision += 1;
        let revision = Revision(contents.last_revision);
        for part in commit.parts {
            contents
                .collections
                .entry(part.collection.clone())
                .or_default()
                .apply(part, revision);
        }
        if commit.global.is_some() {
            contents.global = commit.global;
        }
        Ok(Committed::Done)
    }
}
