//! The key of encrypted files in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sealed::Key;

/// The last key read from the keyring, so that a daemon does not query the keyring for each file.
#[derive(Debug, Default)]
pub(crate) struct KeyCache(Mutex<Option<Key>>);

impl KeyCache {
    pub(crate) fn slot(&self) -> MutexGuard<'_, Option<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
