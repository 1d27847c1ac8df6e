//! AES-256 of many blocks: by the `aes` crate, or in WebAssembly by [`vectors`], which is faster there and has a tenth
//! of the code size.

mod block;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod library;
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "simd128")))]
mod tables;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod vectors;

pub(crate) use block::Block;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) use library::Aes256;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use vectors::Aes256;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use aes::cipher::{Array, BlockCipherEncrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
    use proptest::prelude::*;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// FIPS 197, appendix C.3.
    #[test]
    fn the_standards_example_gives_the_documented_block() {
        let cipher = Aes256::new(&core::array::from_fn(|n| n as u8));
        let plain = core::array::from_fn(|n| n as u8 * 0x11);
        let mut blocks = [plain; 3];
        cipher.encrypt(&mut blocks);
        let expected = const_hex::decode("8ea2b7ca516745bfeafc49904b496089").unwrap();
        assert_eq!(blocks.as_flattened(), expected.repeat(3));
        cipher.decrypt_chained([0; 16], &mut blocks);
        assert_eq!(blocks[0], plain);
    }

    proptest! {
        #[test]
        fn any_blocks_under_any_key_equal_those_of_the_crate(key: [u8; 32], iv: Block, blocks in prop::collection::vec(any::<Block>(), 0..20)) {
            let cipher = Aes256::new(&key);
            let mut expected: Vec<_> = blocks.iter().copied().map(Array::from).collect();
            aes::Aes256::new(&key.into()).encrypt_blocks(&mut expected);
            let mut encrypted = blocks.clone();
            cipher.encrypt(&mut encrypted);
            prop_assert_eq!(&encrypted, Array::cast_slice_to_core(&expected));

            let mut expected: Vec<_> = blocks.iter().copied().map(Array::from).collect();
            cbc::Decryptor::<aes::Aes256>::new(&key.into(), &iv.into()).decrypt_blocks(&mut expected);
            let mut decrypted = blocks;
            cipher.decrypt_chained(iv, &mut decrypted);
            prop_assert_eq!(&decrypted, Array::cast_slice_to_core(&expected));
        }
    }
}
