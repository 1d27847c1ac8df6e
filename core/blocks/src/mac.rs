//! HMAC-SHA-256 of many texts under one key; the key is processed once.

mod finish;
mod key;
#[cfg(any(
    test,
    all(target_arch = "x86_64", not(target_os = "none")),
    all(target_arch = "wasm32", target_feature = "simd128")
))]
mod lanes;
#[cfg(any(
    test,
    all(target_arch = "x86_64", not(target_os = "none")),
    all(target_arch = "wasm32", target_feature = "simd128")
))]
mod round;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
mod single;

use alloc::vec::Vec;
use core::ops::Range;

pub use key::MacKey;

impl MacKey {
    /// The MACs of the given ranges of `text`, in their order, in place of what `macs` held. A range that reaches beyond the
    /// text is one of nothing.
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
