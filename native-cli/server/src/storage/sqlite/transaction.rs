//! The steps of a write in SQLite.

use rusqlite::Connection;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

use super::batches;
use super::records::{
    Change, Collection, Delta, Puts, delete, drop_collection, drop_store, find_collection,
    make_collection, record_modified, set_user_modified, touch_collection, used_bytes,
    user_modified,
};
use crate::model::{BatchId, Field, Incoming, Uid};
use crate::storage::batches::{BatchSize, OpenBatches};
use crate::storage::clock::Moment;
use crate::storage::error::StorageError;
use crate::storage::transaction::Transaction;

/// A write inside the writer's transaction.
pub(super) struct SqliteTransaction<'a> {
    pub(super) db: &'a Connection,
    pub(super) uid: Uid,
    pub(super) moment: Moment,
}

impl Transaction for SqliteTransaction<'_> {
    type Collection = Collection;
    type Delta = Delta;

    fn collection(
        &self,
        name: &CollectionName,
    ) -> Result<Option<(Collection, ServerTime)>, StorageError> {
        let found = find_collection(self.db, self.uid, name.as_str())?;
        Ok(found.map(|collection| (collection, collection.modified)))
    }

    fn create_collection(&self, name: &CollectionName) -> Result<Collection, StorageError> {
        Ok(make_collection(self.db, self.uid, name)?)
    }

    fn record_modified(
        &self,
        collection: Collection,
        id: &RecordId,
    ) -> Result<ServerTime, StorageError> {
        Ok(record_modified(
            self.db,
            collection.id,
            id,
            self.moment.clock,
        )?)
    }

    fn put(&self, collection: Collection, records: &[Incoming]) -> Result<Delta, StorageError> {
        let mut puts = Puts::new(self.db, collection, self.moment);
        let mut delta = Delta::default();
        for record in records {
            delta += puts.put(Change {
                id: record.id.as_str(),
                payload: match &record.payload {
                    Field::Keep => Field::Keep,
                    Field::Clear => Field::Clear,
                    Field::Set(payload) => Field::Set(payload.as_bytes()),
                },
                sortindex: record.sortindex,
                ttl: record.ttl,
                is_from_batch: false,
            })?;
        }
        Ok(delta)
    }

    fn delete_record(&self, collection: Collection, id: &RecordId) -> Result<Delta, StorageError> {
        let deleted = delete(self.db, collection.id, id, self.moment.clock)?;
        Ok(deleted.unwrap_or_default())
    }

    fn delete_collection(&self, name: &CollectionName) -> Result<bool, StorageError> {
        Ok(drop_collection(self.db, self.uid, name.as_str())?)
    }

    fn delete_collections(&self) -> Result<(), StorageError> {
        Ok(drop_store(self.db, self.uid)?)
    }

    fn touch_collection(&self, collection: Collection, delta: Delta) -> Result<(), StorageError> {
        Ok(touch_collection(
            self.db,
            collection.id,
            self.moment.at,
            delta,
        )?)
    }

    fn user_modified(&self) -> Result<ServerTime, StorageError> {
        Ok(user_modified(self.db, self.uid)?)
    }

    fn touch_user(&self) -> Result<(), StorageError> {
        Ok(set_user_modified(self.db, self.uid, self.moment.at)?)
    }

    fn used_bytes(&self) -> Result<u64, StorageError> {
        Ok(used_bytes(self.db, self.uid)?)
    }

    fn added_bytes(delta: Delta) -> i64 {
        delta.bytes
    }

    fn batch(
        &self,
        collection: &CollectionName,
        batch: BatchId,
    ) -> Result<Option<BatchSize>, StorageError> {
        let clock = self.moment.clock;
        Ok(batches::find(self.db, self.uid, collection, batch, clock)?)
    }

    fn open_batches(&self) -> Result<OpenBatches, StorageError> {
        Ok(batches::all_open(self.db, self.uid, self.moment.clock)?)
    }

    fn open_batch(&self, collection: &CollectionName) -> Result<BatchId, StorageError> {
        Ok(batches::open(
            self.db,
            self.uid,
            collection,
            self.moment.clock,
        )?)
    }

    fn append(
        &self,
        batch: BatchId,
        records: &[Incoming],
        size: BatchSize,
    ) -> Result<(), StorageError> {
        Ok(batches::append(self.db, batch, records, size)?)
    }

    fn apply_batch(&self, batch: BatchId, collection: Collection) -> Result<Delta, StorageError> {
        Ok(batches::apply(self.db, batch, collection, self.moment)?)
    }

    fn close_batches(&self, collection: Option<&CollectionName>) -> Result<(), StorageError> {
        Ok(batches::drop_all(self.db, self.uid, collection)?)
    }
}
