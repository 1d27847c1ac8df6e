//! AES-256-CBC of a whole batch of records in one buffer, in Rust.

use selvedge_blocks::AesCbc;

use super::KeyBundle;
use crate::host::{Cbc, CbcError};

/// [`Cbc`] in Rust; the key is expanded once.
///
/// ```
/// use selvedge_core::crypto::{KeyBundle, RustCrypto};
/// use selvedge_core::host::Cbc;
///
/// let cbc = RustCrypto::new(&KeyBundle::new([1; 32], [2; 32]));
/// let mut buffer = *b"a random block..sixteen letters!";
/// pollster::block_on(cbc.encrypt(&mut buffer, &[0]))?;
/// assert_ne!(&buffer[16..], b"sixteen letters!");
/// pollster::block_on(cbc.decrypt(&mut buffer))?;
/// assert_eq!(&buffer[16..], b"sixteen letters!");
/// # Ok::<(), selvedge_core::host::CbcError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RustCrypto(AesCbc);

impl RustCrypto {
    /// Uses the encryption key of a bundle.
    #[must_use]
    pub fn new(bundle: &KeyBundle) -> Self {
        Self::with_key(bundle.encryption_key())
    }

    /// Uses this key.
    #[must_use]
    pub fn with_key(key: &[u8; 32]) -> Self {
        Self(AesCbc::new(key))
    }
}

impl Cbc for RustCrypto {
    async fn decrypt(&self, buffer: &mut [u8]) -> Result<(), CbcError> {
        self.0.decrypt(buffer).map_err(|_| CbcError)
    }

    async fn encrypt(&self, buffer: &mut [u8], starts: &[usize]) -> Result<(), CbcError> {
        self.0.encrypt(buffer, starts).map_err(|_| CbcError)
    }
}
