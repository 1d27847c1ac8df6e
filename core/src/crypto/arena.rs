//! A single buffer for the cleartexts of a batch, overwritten before its memory is freed.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Bytes that are overwritten before their memory is freed, including when the buffer grows.
#[derive(Default)]
pub(crate) struct Arena(Vec<u8>);

impl Arena {
    /// Reserves capacity, so that appending this many bytes does not reallocate without overwriting the old memory.
    pub(crate) fn reserve(&mut self, additional: usize) {
        if self.0.capacity() - self.0.len() >= additional {
            return;
        }
        let needed = self.0.len().saturating_add(additional);
        let mut larger = Vec::with_capacity(needed.max(self.0.capacity().saturating_mul(2)));
        larger.extend_from_slice(&self.0);
        self.0.zeroize();
        self.0 = larger;
    }
}

impl Deref for Arena {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Arena {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
