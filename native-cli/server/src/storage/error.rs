//! Errors of storage backends.

use selvedge_core::time::ServerTime;

/// The database did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// It is busy, or the server is stopping.
    #[error("the storage is busy or stopping")]
    Busy,
    /// It failed; the text is the database's own and contains no record.
    #[error("the storage failed: {0}")]
    Failed(String),
}

/// Why a write was not performed. Nothing was changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A condition does not hold.
    #[error("the target was changed at {modified}")]
    Changed {
        /// The target's time.
        modified: ServerTime,
    },
    /// There is no such record.
    #[error("there is no such record")]
    NotFound,
    /// There is no such batch in this collection, or it has expired.
    #[error("there is no such batch")]
    UnknownBatch,
    /// The batch would exceed its limits.
    #[error("the batch exceeds its limits")]
    BatchTooLarge,
    /// The user has the maximum number of open batches.
    #[error("too many batches are open")]
    TooManyBatches,
    /// The user's quota is used up.
    #[error("the quota is used up")]
    OverQuota,
    /// The queue has the maximum number of this user's writes.
    #[error("too many writes of this user are queued")]
    TooManyWrites,
    /// The database did not perform it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why no account was created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The invitation is unknown, used or expired.
    #[error("the invitation is unknown, used or expired")]
    Uninvited,
    /// The database did not create it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
