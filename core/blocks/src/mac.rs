//! HMAC-SHA-256 of many texts under one key; the key is processed once.

#[cfg(any(
    test,
    all(target_arch = "x86_64", not(target_os = "none")),
    all(target_arch = "wasm32", target_feature = "simd128")
))]
mod lanes;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
mod single;

use alloc::vec::Vec;
use core::ops::Range;

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A processed HMAC-SHA-256 key (RFC 2104): the states of the inner and the outer hash after the key block, which is
/// half of the work of a short MAC.
///
/// ```
/// use selvedge_blocks::MacKey;
///
/// let mut macs = Vec::new();
/// MacKey::new(&[7; 32]).macs(b"warp and weft", &[0..4, 9..13], &mut macs);
/// assert_eq!(macs.len(), 2);
/// assert_ne!(macs[0], macs[1]);
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl core::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MacKey(..)")
    }
}

impl MacKey {
    /// Processes a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = [pad; 64];
            block
                .iter_mut()
                .zip(key)
                .for_each(|(byte, key)| *byte ^= key);
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            block.zeroize();
            state
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// Replaces the contents of `macs` by the MACs of the given ranges of `text`, in the same order. A range that
    /// exceeds the text is treated as empty.
    pub fn macs(&self, text: &[u8], ranges: &[Range<usize>], macs: &mut Vec<[u8; 32]>) {
        #[cfg(all(target_arch = "x86_64", not(target_os = "none")))]
        if let Some(avx2) = vectors() {
            use fearless_simd::Simd;
            return avx2.vectorize(
                #[inline(always)]
                || lanes::macs(self, text, ranges, macs),
            );
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        lanes::macs(self, text, ranges, macs);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        single::macs(self, text, ranges, macs);
    }
}

/// This machine's vector instructions, if they hash faster than its other instructions.
#[cfg(all(target_arch = "x86_64", not(target_os = "none")))]
fn vectors() -> Option<fearless_simd::Avx2> {
    cpufeatures::new!(sha, "sha", "sse4.1");
    if sha::get() {
        return None;
    }
    fearless_simd::Level::new().as_avx2()
}

/// The one or two last blocks: the end of a text, the padding and the length.
fn last_blocks(tail: &[u8], text_length: usize) -> ([[u8; 64]; 2], usize) {
    let mut blocks = [[0; 64]; 2];
    let count = if tail.len() < 56 { 1 } else { 2 };
    let bytes = blocks.as_flattened_mut();
    bytes[..tail.len()].copy_from_slice(tail);
    bytes[tail.len()] = 0x80;
    let bits = (text_length as u64 + 64) * 8;
    bytes[count * 64 - 8..count * 64].copy_from_slice(&bits.to_be_bytes());
    (blocks, count)
}

fn digest_of(state: &[u32; 8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn reference(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
        mac.chain_update(text).finalize().into_bytes().into()
    }

    /// The MACs by every implementation, whichever this machine selects.
    fn macs_in_every_way(
        key: &[u8; 32],
        text: &[u8],
        ranges: &[Range<usize>],
    ) -> [Vec<[u8; 32]>; 3] {
        let key = MacKey::new(key);
        let mut macs = [const { Vec::new() }; 3];
        key.macs(text, ranges, &mut macs[0]);
        single::macs(&key, text, ranges, &mut macs[1]);
        lanes::macs(&key, text, ranges, &mut macs[2]);
        macs
    }

    #[test]
    fn every_length_around_a_block_agrees_with_the_hmac_crate() {
        let text: Vec<u8> = (0..=255).cycle().take(700).collect();
        let key = [7; 32];
        let ranges: Vec<_> = (0..text.len()).map(|end| end / 3..end).collect();
        let expected: Vec<_> = ranges
            .iter()
            .map(|range| reference(&key, &text[range.clone()]))
            .collect();
        for macs in macs_in_every_way(&key, &text, &ranges) {
            assert_eq!(macs, expected);
        }
    }

    #[test]
    fn one_long_text_among_short_ones_agrees_with_the_hmac_crate() {
        let text = vec![3; 10_000];
        let ranges = [0..10, 0..10_000, 0..64, 5..5];
        let expected: Vec<_> = ranges
            .iter()
            .map(|range| reference(&[7; 32], &text[range.clone()]))
            .collect();
        for macs in macs_in_every_way(&[7; 32], &text, &ranges) {
            assert_eq!(macs, expected);
        }
    }

    proptest! {
        #[test]
        fn any_batch_agrees_with_the_hmac_crate(key: [u8; 32], texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..40)) {
            let mut joined = Vec::new();
            let ranges: Vec<_> = texts.iter().map(|text| { joined.extend_from_slice(text); joined.len() - text.len()..joined.len() }).collect();
            let expected: Vec<_> = texts.iter().map(|text| reference(&key, text)).collect();
            for macs in macs_in_every_way(&key, &joined, &ranges) {
                prop_assert_eq!(&macs, &expected);
            }
        }
    }
}
