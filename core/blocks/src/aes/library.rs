//! AES by the `aes` crate, which uses the machine's AES instructions if it has them.

use aes::cipher::{Array, BlockCipherEncrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use aes::{Aes256Dec, Aes256Enc};

use super::block::Block;

/// An AES-256 key, expanded for both directions.
#[derive(Clone)]
pub(crate) struct Aes256 {
    encrypting: Aes256Enc,
    decrypting: Aes256Dec,
}

impl Aes256 {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = key.into();
        Self {
            encrypting: Aes256Enc::new(key),
            decrypting: Aes256Dec::new(key),
        }
    }

    /// Encrypts independent blocks.
    #[inline]
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        self.encrypting
            .encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }

    /// Decrypts CBC-chained blocks; `iv` precedes the first one.
    pub(crate) fn decrypt_chained(&self, iv: Block, blocks: &mut [Block]) {
        cbc::Decryptor::inner_iv_init(&self.decrypting, &Array::from(iv))
            .decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }
}
