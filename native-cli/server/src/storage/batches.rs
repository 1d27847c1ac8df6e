//! The limits of open batches (spec §3.6, §3.7).

use super::error::WriteError;
use crate::model::{Incoming, Limits};

/// How long a batch stays open, in hundredths of a second: two hours.
pub const LIFETIME: u64 = 2 * 60 * 60 * 100;

/// Maximum number of open batches of a user: some for each collection of each device.
pub const MAX_OPEN: u64 = 100;

/// The content of a batch so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchSize {
    /// Number of records.
    pub records: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// A user's open batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenBatches {
    /// Number of batches.
    pub count: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// The size of a batch with some more records.
///
/// # Errors
/// When it exceeds the limits.
pub fn grow(
    size: BatchSize,
    records: &[Incoming],
    limits: &Limits,
) -> Result<BatchSize, WriteError> {
    let grown = BatchSize {
        records: size.records + records.len() as u64,
        bytes: size.bytes + records.iter().map(Incoming::payload_bytes).sum::<u64>(),
    };
    if grown.records > limits.max_total_records || grown.bytes > limits.max_total_bytes {
        return Err(WriteError::BatchTooLarge);
    }
    Ok(grown)
}
