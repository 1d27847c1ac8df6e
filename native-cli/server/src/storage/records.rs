//! The trait for records and batches.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use selvedge_core::ids::{CollectionName, RecordId};

use super::error::{StorageError, WriteError};
use super::page::{PageRequest, PageSink};
use crate::model::{Conditions, Record, StoreState, Uid, Write, Written};

/// A future as an object, so that the traits can be used as objects.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Statistics of the flushes to disk since the storage was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushes {
    /// Number of flushes; several writes may share one.
    pub count: u64,
    /// Their total time.
    pub time: Duration,
}

/// Stores records and batches.
pub trait Records: Send + Sync + 'static {
    /// The state of a user's store. With `exact`, records that expired but are not purged yet are not counted.
    fn state(&self, uid: Uid, exact: bool) -> Answer<'_, Result<StoreState, StorageError>>;

    /// One record, unless it is missing or expired.
    fn record(
        &self,
        uid: Uid,
        collection: CollectionName,
        id: RecordId,
    ) -> Answer<'_, Result<Option<Record>, StorageError>>;

    /// Reads rows of a collection into `sink`, by [`super::page::read`], on a thread that the sink may block. Resolves once
    /// the sink has the head of the page and all that the page shows is durable; a stream may go on after that. The sink is
    /// dropped when the page ends, also when it fails.
    fn page(
        &self,
        request: PageRequest,
        sink: Box<dyn PageSink>,
    ) -> Answer<'_, Result<(), StorageError>>;

    /// Performs one write by [`super::transaction::perform`], in one transaction, and answers when it is durable.
    fn write(
        &self,
        uid: Uid,
        conditions: Conditions,
        write: Write,
    ) -> Answer<'_, Result<Written, WriteError>>;

    /// Statistics of the flushes to disk.
    fn flushes(&self) -> Flushes;

    /// Whether reads and writes work.
    fn heartbeat(&self) -> Answer<'_, Result<(), StorageError>>;
}
