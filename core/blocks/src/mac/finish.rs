//! The end of a hash: the padding and the digest.

/// The one or two blocks that hold the end of a text, the padding and the length.
pub(super) fn last_blocks(tail: &[u8], text_length: usize) -> ([[u8; 64]; 2], usize) {
    let mut blocks = [[0; 64]; 2];
    let count = if tail.len() < 56 { 1 } else { 2 };
    let bytes = blocks.as_flattened_mut();
    bytes[..tail.len()].copy_from_slice(tail);
    bytes[tail.len()] = 0x80;
    let bits = (text_length as u64 + 64) * 8;
    bytes[count * 64 - 8..count * 64].copy_from_slice(&bits.to_be_bytes());
    (blocks, count)
}

pub(super) fn digest_of(state: &[u32; 8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}
