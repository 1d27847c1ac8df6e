//! One write of one user inside a backend's transaction, the same for every backend: conditions, quota, limits of batches,
//! and what is done in which order. A backend supplies the single steps.

use std::ops::AddAssign;

use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

use super::batches::{self, BatchSize, OpenBatches};
use super::clock::Moment;
use super::error::{StorageError, WriteError};
use crate::model::{BatchId, Bounds, Conditions, Incoming, Target, Verdict, Write, Written};

/// The steps of a write. The user and the moment are those of the transaction; no other write to the user's store
/// happens before it ends.
pub trait Transaction {
    /// A collection that exists.
    type Collection: Copy;
    /// How the counters of a collection change.
    type Delta: Copy + Default + AddAssign;

    /// The collection and its time.
    ///
    /// # Errors
    /// As all methods: when the database fails.
    fn collection(
        &self,
        name: &CollectionName,
    ) -> Result<Option<(Self::Collection, ServerTime)>, StorageError>;

    /// The collection, created if it is missing.
    fn create_collection(&self, name: &CollectionName) -> Result<Self::Collection, StorageError>;

    /// The time of a record; zero if it is missing or expired.
    fn record_modified(
        &self,
        collection: Self::Collection,
        id: &RecordId,
    ) -> Result<ServerTime, StorageError>;

    /// Writes records: absent members keep what is stored, and an expired record counts as missing. A write of nothing but
    /// `ttl` leaves the time of the record as it is (spec §3.1).
    fn put(
        &self,
        collection: Self::Collection,
        records: &[Incoming],
    ) -> Result<Self::Delta, StorageError>;

    /// Deletes a record, unless it is missing or expired.
    fn delete_record(
        &self,
        collection: Self::Collection,
        id: &RecordId,
    ) -> Result<Self::Delta, StorageError>;

    /// Deletes a collection. False if there is none.
    fn delete_collection(&self, name: &CollectionName) -> Result<bool, StorageError>;

    /// Deletes all collections of the user.
    fn delete_collections(&self) -> Result<(), StorageError>;

    /// Gives a collection the time of the transaction and changes its counters.
    fn touch_collection(
        &self,
        collection: Self::Collection,
        delta: Self::Delta,
    ) -> Result<(), StorageError>;

    /// The time of the user's last write; zero if there was none.
    fn user_modified(&self) -> Result<ServerTime, StorageError>;

    /// Gives the user the time of the transaction.
    fn touch_user(&self) -> Result<(), StorageError>;

    /// Bytes of all payloads of the user, without open batches.
    fn used_bytes(&self) -> Result<u64, StorageError>;

    /// Bytes by which a collection grows.
    fn added_bytes(delta: Self::Delta) -> i64;

    /// The size of a batch that the user opened in this collection and that has not expired.
    fn batch(
        &self,
        collection: &CollectionName,
        batch: BatchId,
    ) -> Result<Option<BatchSize>, StorageError>;

    /// The user's open batches.
    fn open_batches(&self) -> Result<OpenBatches, StorageError>;

    /// Opens a batch.
    fn open_batch(&self, collection: &CollectionName) -> Result<BatchId, StorageError>;

    /// Adds records to a batch, which then has this size.
    fn append(
        &self,
        batch: BatchId,
        records: &[Incoming],
        size: BatchSize,
    ) -> Result<(), StorageError>;

    /// Writes all records of a batch, in the order in which they came, and closes it. Their times change even if only their
    /// `ttl` is written (spec §3.1).
    fn apply_batch(
        &self,
        batch: BatchId,
        collection: Self::Collection,
    ) -> Result<Self::Delta, StorageError>;

    /// Closes the user's batches in one collection, or in all, without writing their records.
    fn close_batches(&self, collection: Option<&CollectionName>) -> Result<(), StorageError>;
}

/// Performs a write. Only the quota may refuse it after it has changed anything; then the transaction must be rolled back to
/// its beginning, as for every error.
///
/// # Errors
/// When a condition or a limit refuses the write, or the database fails.
pub fn perform<T: Transaction>(
    transaction: &T,
    bounds: &Bounds,
    conditions: Conditions,
    moment: Moment,
    write: &Write,
) -> Result<Written, WriteError> {
    let step = Performing {
        transaction,
        bounds,
        conditions,
        moment,
    };
    match write {
        Write::Put {
            collection,
            records,
            target,
        } => step.put(collection, records, *target),
        Write::Append {
            collection,
            batch,
            records,
        } => step.append(collection, *batch, records),
        Write::Commit {
            collection,
            batch,
            records,
        } => step.commit(collection, *batch, records),
        Write::DeleteRecord {
            collection,
            id,
            target,
        } => step.delete_record(collection, id, *target),
        Write::DeleteRecords { collection, ids } => step.delete_records(collection, ids),
        Write::DeleteCollection { collection } => step.delete_collection(collection),
        Write::DeleteStore => step.delete_store(),
    }
}

struct Performing<'a, T> {
    transaction: &'a T,
    bounds: &'a Bounds,
    conditions: Conditions,
    moment: Moment,
}

impl<T: Transaction> Performing<'_, T> {
    fn put(
        &self,
        name: &CollectionName,
        records: &[Incoming],
        target: Target,
    ) -> Result<Written, WriteError> {
        let found = self.transaction.collection(name)?;
        let modified = found.map_or(ServerTime::ZERO, |(_, modified)| modified);
        let target_modified = match (target, found, records) {
            (Target::Record, Some((collection, _)), [record]) => {
                self.transaction.record_modified(collection, &record.id)?
            }
            (Target::Record, _, _) => ServerTime::ZERO,
            (Target::Collection, _, _) => modified,
        };
        self.check(target_modified)?;
        if records.is_empty() {
            return self.written(modified);
        }
        let collection = self.transaction.create_collection(name)?;
        let delta = self.transaction.put(collection, records)?;
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
            Some(batch) => self.batch(name, batch)?,
            None => BatchSize::default(),
        };
        let grown = batches::grow(size, records, &self.bounds.limits)?;
        let open = self.transaction.open_batches()?;
        if batch.is_none() && open.count >= batches::MAX_OPEN {
            return Err(WriteError::TooManyBatches);
        }
        // Records of open batches use disk space, too.
        let added = grown.bytes - size.bytes;
        let used = self.used()?.map(|used| used + open.bytes + added);
        self.check_quota(used, true)?;
        let batch = match batch {
            Some(batch) => batch,
            None => self.transaction.open_batch(name)?,
        };
        self.transaction.append(batch, records, grown)?;
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
        let size = self.batch(name, batch)?;
        batches::grow(size, records, &self.bounds.limits)?;
        let collection = self.transaction.create_collection(name)?;
        let mut delta = self.transaction.apply_batch(batch, collection)?;
        delta += self.transaction.put(collection, records)?;
        self.finish(collection, delta)
    }

    fn delete_record(
        &self,
        name: &CollectionName,
        id: &RecordId,
        target: Target,
    ) -> Result<Written, WriteError> {
        let found = self.transaction.collection(name)?;
        let (collection, collection_modified) = found.ok_or(WriteError::NotFound)?;
        let modified = self.transaction.record_modified(collection, id)?;
        if modified == ServerTime::ZERO {
            return Err(WriteError::NotFound);
        }
        self.check(match target {
            Target::Record => modified,
            Target::Collection => collection_modified,
        })?;
        let delta = self.transaction.delete_record(collection, id)?;
        self.finish(collection, delta)
    }

    fn delete_records(
        &self,
        name: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Written, WriteError> {
        self.check_collection(name)?;
        let Some((collection, _)) = self.transaction.collection(name)? else {
            // As for the whole collection: nothing changes, and a client never sees a time before the user's last write.
            return self.written(self.transaction.user_modified()?);
        };
        let mut delta = T::Delta::default();
        for id in ids {
            delta += self.transaction.delete_record(collection, id)?;
        }
        self.finish(collection, delta)
    }

    fn delete_collection(&self, name: &CollectionName) -> Result<Written, WriteError> {
        self.check_collection(name)?;
        self.transaction.close_batches(Some(name))?;
        if !self.transaction.delete_collection(name)? {
            return self.written(self.transaction.user_modified()?);
        }
        self.transaction.touch_user()?;
        self.written(self.moment.at)
    }

    fn delete_store(&self) -> Result<Written, WriteError> {
        self.check(self.transaction.user_modified()?)?;
        self.transaction.close_batches(None)?;
        self.transaction.delete_collections()?;
        self.transaction.touch_user()?;
        self.written(self.moment.at)
    }

    fn check(&self, modified: ServerTime) -> Result<(), WriteError> {
        match self.conditions.judge(modified) {
            Verdict::Changed => Err(WriteError::Changed { modified }),
            Verdict::Proceed | Verdict::NotModified => Ok(()),
        }
    }

    fn check_collection(&self, name: &CollectionName) -> Result<ServerTime, WriteError> {
        let found = self.transaction.collection(name)?;
        let modified = found.map_or(ServerTime::ZERO, |(_, modified)| modified);
        self.check(modified)?;
        Ok(modified)
    }

    fn batch(&self, name: &CollectionName, batch: BatchId) -> Result<BatchSize, WriteError> {
        self.transaction
            .batch(name, batch)?
            .ok_or(WriteError::UnknownBatch)
    }

    /// Gives the collection and the user their new time, unless the quota forbids it.
    fn finish(&self, collection: T::Collection, delta: T::Delta) -> Result<Written, WriteError> {
        self.transaction.touch_collection(collection, delta)?;
        self.transaction.touch_user()?;
        let used = self.used()?;
        self.check_quota(used, T::added_bytes(delta) > 0)?;
        Ok(Written {
            modified: self.moment.at,
            batch: None,
            quota_remaining: self.remaining(used),
        })
    }

    fn written(&self, modified: ServerTime) -> Result<Written, WriteError> {
        Ok(Written {
            modified,
            batch: None,
            quota_remaining: self.remaining(self.used()?),
        })
    }

    /// Bytes in use, if there is a quota.
    fn used(&self) -> Result<Option<u64>, WriteError> {
        Ok(match self.bounds.quota_bytes {
            Some(_) => Some(self.transaction.used_bytes()?),
            None => None,
        })
    }

    /// A user over quota may shrink the store, not grow it.
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
