//! By the `aes` crate, which takes the machine's own instructions where it has them.

use aes::cipher::{Array, BlockCipherEncrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use aes::{Aes256Dec, Aes256Enc};

use super::block::Block;

/// A key of AES-256, set up for both directions.
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

    /// Encrypts blocks that do not depend on each other.
    #[inline]
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        self.encrypting
            .encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }

    /// Decrypts blocks of which each was chained to the one before it, and the first to `iv` (CBC).
    pub(crate) fn decrypt_chained(&self, iv: Block, blocks: &mut [Block]) {
        cbc::Decryptor::inner_iv_init(&self.decrypting, &Array::from(iv))
            .decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }
}
