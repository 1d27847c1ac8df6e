//! One write of one user, inside the writer's transaction.

use rusqlite::Connection;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

use super::batches;
use super::records::{
    Change, Collection, Delta, Moment, Puts, delete, drop_collection, drop_store, find_collection,
    make_collection, record_modified, set_user_modified, touch_collection, used_bytes,
    user_modified,
};
use crate::conditions::{Conditions, Verdict};
use crate::limits::Limits;
use crate::storage::{
    BatchId, Field, Incoming, StorageError, Target, Uid, Write, WriteError, Written,
};

/// What bounds a user.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) limits: Limits,
    pub(super) quota_bytes: Option<u64>,
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        // SQLite's messages name tables and files, never values.
        Self::Failed(error.to_string())
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// A write at its turn.
pub(super) struct Turn<'a> {
    pub(super) db: &'a Connection,
    pub(super) bounds: &'a Bounds,
    pub(super) uid: Uid,
    pub(super) conditions: Conditions,
    pub(super) moment: Moment,
}

impl Turn<'_> {
    /// Does the write. Only the quota may refuse it after it has changed anything.
    pub(super) fn perform(&self, write: &Write) -> Result<Written, WriteError> {
        match write {
            Write::Put {
                collection,
                records,
                target,
            } => self.put(collection, records, *target),
            Write::Append {
                collection,
                batch,
                records,
            } => self.append(collection, *batch, records),
            Write::Commit {
                collection,
                batch,
                records,
            } => self.commit(collection, *batch, records),
            Write::DeleteRecord {
                collection,
                id,
                target,
            } => self.delete_record(collection, id, *target),
            Write::DeleteRecords { collection, ids } => self.delete_records(collection, ids),
            Write::DeleteCollection { collection } => self.delete_collection(collection),
            Write::DeleteStore => self.delete_store(),
        }
    }

    fn put(
        &self,
        name: &CollectionName,
        records: &[Incoming],
        target: Target,
    ) -> Result<Written, WriteError> {
        let found = find_collection(self.db, self.uid, name.as_str())?;
        let modified = found.map_or(ServerTime::ZERO, |collection| collection.modified);
        let target_modified = match (target, found, records) {
            (Target::Record, Some(collection), [record]) => {
                record_modified(self.db, collection.id, &record.id, self.moment.clock)?
            }
            (Target::Record, _, _) => ServerTime::ZERO,
            (Target::Collection, _, _) => modified,
        };
        self.check(target_modified)?;
        if records.is_empty() {
            return self.unchanged(modified);
        }
        let collection = make_collection(self.db, self.uid, name)?;
        let delta = self.put_all(collection, records)?;
        self.finish(collection, delta)
    }

    fn append(
        &self,
        name: &CollectionName,
        batch: Option<BatchId>,
        records: &[Incoming],
    ) -> Result<Written, WriteError> {
        let modified = self.check_collection(name)?;
        let size = match batch {
            Some(batch) => self.find_batch(name, batch)?,
            None => batches::Size::default(),
        };
        let grown = batches::grow(size, records, &self.bounds.limits)?;
        let open = batches::all_open(self.db, self.uid, self.moment.clock)?;
        if batch.is_none() && open.count >= batches::MAX_OPEN {
            return Err(WriteError::TooManyBatches);
        }
        // What waits in batches takes room on the disk, too.
        let added = grown.bytes - size.bytes;
        let used = self.used()?.map(|used| used + open.bytes + added);
        self.check_quota(used, true)?;
        let batch = match batch {
            Some(batch) => batch,
            None => batches::open(self.db, self.uid, name, self.moment.clock)?,
        };
        batches::append(self.db, batch, records, grown)?;
        Ok(Written {
            modified,
            batch: Some(batch),
            quota_remaining: self.remaining(used),
        })
    }

    fn commit(
        &self,
        name: &CollectionName,
        batch: BatchId,
        records: &[Incoming],
    ) -> Result<Written, WriteError> {
        self.check_collection(name)?;
        let size = self.find_batch(name, batch)?;
        batches::grow(size, records, &self.bounds.limits)?;
        let collection = make_collection(self.db, self.uid, name)?;
        let mut delta = batches::apply(self.db, batch, collection, self.moment)?;
        delta += self.put_all(collection, records)?;
        self.finish(collection, delta)
    }

    fn delete_record(
        &self,
        name: &CollectionName,
        id: &RecordId,
        target: Target,
    ) -> Result<Written, WriteError> {
        let collection =
            find_collection(self.db, self.uid, name.as_str())?.ok_or(WriteError::NotFound)?;
        let modified = record_modified(self.db, collection.id, id, self.moment.clock)?;
        if modified == ServerTime::ZERO {
            return Err(WriteError::NotFound);
        }
        self.check(match target {
            Target::Record => modified,
            Target::Collection => collection.modified,
        })?;
        let delta = delete(self.db, collection.id, id, self.moment.clock)?.unwrap_or_default();
        self.finish(collection, delta)
    }

    fn delete_records(
        &self,
        name: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Written, WriteError> {
        self.check_collection(name)?;
        let Some(collection) = find_collection(self.db, self.uid, name.as_str())? else {
            // As for the whole collection: nothing changed, and a client never sees a time before the user's last write.
            return self.unchanged(user_modified(self.db, self.uid)?);
        };
        let mut delta = Delta::default();
        for id in ids {
            delta += delete(self.db, collection.id, id, self.moment.clock)?.unwrap_or_default();
        }
        self.finish(collection, delta)
    }

    fn delete_collection(&self, name: &CollectionName) -> Result<Written, WriteError> {
        self.check_collection(name)?;
        batches::drop_all(self.db, self.uid, Some(name))?;
        if !drop_collection(self.db, self.uid, name.as_str())? {
            return self.unchanged(user_modified(self.db, self.uid)?);
        }
        set_user_modified(self.db, self.uid, self.moment.at)?;
        self.unchanged(self.moment.at)
    }

    fn delete_store(&self) -> Result<Written, WriteError> {
        self.check(user_modified(self.db, self.uid)?)?;
        batches::drop_all(self.db, self.uid, None)?;
        drop_store(self.db, self.uid)?;
        set_user_modified(self.db, self.uid, self.moment.at)?;
        self.unchanged(self.moment.at)
    }

    fn check(&self, modified: ServerTime) -> Result<(), WriteError> {
        match self.conditions.judge(modified) {
            Verdict::Changed => Err(WriteError::Changed { modified }),
            Verdict::Proceed | Verdict::NotModified => Ok(()),
        }
    }

    fn check_collection(&self, name: &CollectionName) -> Result<ServerTime, WriteError> {
        let found = find_collection(self.db, self.uid, name.as_str())?;
        let modified = found.map_or(ServerTime::ZERO, |collection| collection.modified);
        self.check(modified)?;
        Ok(modified)
    }

    fn find_batch(
        &self,
        name: &CollectionName,
        batch: BatchId,
    ) -> Result<batches::Size, WriteError> {
        batches::find(self.db, self.uid, name, batch, self.moment.clock)?
            .ok_or(WriteError::UnknownBatch)
    }

    fn put_all(&self, collection: Collection, records: &[Incoming]) -> Result<Delta, WriteError> {
        let mut puts = Puts::new(self.db, collection, self.moment);
        let mut delta = Delta::default();
        for record in records {
            let change = Change {
                id: record.id.as_str(),
                payload: match &record.payload {
                    Field::Keep => Field::Keep,
                    Field::Clear => Field::Clear,
                    Field::Set(payload) => Field::Set(payload.as_bytes()),
                },
                sortindex: record.sortindex,
                ttl: record.ttl,
                was_gathered: false,
            };
            delta += puts.put(change)?;
        }
        Ok(delta)
    }

    /// Gives the collection and the user their new time, unless the quota forbids it.
    fn finish(&self, collection: Collection, delta: Delta) -> Result<Written, WriteError> {
        touch_collection(self.db, collection.id, self.moment.at, delta)?;
        set_user_modified(self.db, self.uid, self.moment.at)?;
        let used = self.used()?;
        self.check_quota(used, delta.bytes > 0)?;
        Ok(Written {
            modified: self.moment.at,
            batch: None,
            quota_remaining: self.remaining(used),
        })
    }

    fn unchanged(&self, modified: ServerTime) -> Result<Written, WriteError> {
        Ok(Written {
            modified,
            batch: None,
            quota_remaining: self.remaining(self.used()?),
        })
    }

    /// Bytes in use, where a quota asks for them.
    fn used(&self) -> Result<Option<u64>, WriteError> {
        Ok(match self.bounds.quota_bytes {
            Some(_) => Some(used_bytes(self.db, self.uid)?),
            None => None,
        })
    }

    /// Over quota is who has more than allowed and makes it more.
    fn check_quota(&self, used: Option<u64>, grows: bool) -> Result<(), WriteError> {
        match (self.bounds.quota_bytes, used) {
            (Some(quota), Some(used)) if used > quota && grows => Err(WriteError::OverQuota),
            _ => Ok(()),
        }
    }

    fn remaining(&self, used: Option<u64>) -> Option<u64> {
        Some(self.bounds.quota_bytes?.saturating_sub(used?))
    }
}
