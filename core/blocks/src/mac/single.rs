//! One hash after the other, for machines with SHA-256 instructions or without vector instructions.

use alloc::vec::Vec;
use core::ops::Range;

use sha2::block_api::compress256;

use super::finish::{digest_of, last_blocks};
use super::key::MacKey;

/// The MACs of the given ranges of `text`, in their order.
pub(super) fn macs(key: &MacKey, text: &[u8], ranges: &[Range<usize>], macs: &mut Vec<[u8; 32]>) {
    macs.clear();
    macs.extend(
        ranges
            .iter()
            .map(|range| mac(key, text.get(range.clone()).unwrap_or_default())),
    );
}

fn mac(key: &MacKey, text: &[u8]) -> [u8; 32] {
    let digest = finish(key.inner, text);
    finish(key.outer, &digest)
}

/// Continues from a state after one block, and finishes the hash.
fn finish(mut state: [u32; 8], text: &[u8]) -> [u8; 32] {
    let (blocks, tail) = text.as_chunks::<64>();
    compress256(&mut state, blocks);
    let (last, count) = last_blocks(tail, text.len());
    compress256(&mut state, last.get(..count).unwrap_or_default());
    digest_of(&state)
}
