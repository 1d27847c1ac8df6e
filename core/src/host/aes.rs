//! AES that a host provides: a browser's AES is faster than AES in WebAssembly.

use core::future::Future;

/// Bulk AES provided by the host, if it has a faster implementation than the Rust one.
///
/// ```
/// use selvedge_core::crypto::RustCrypto;
/// use selvedge_core::host::Aes;
///
/// /// A host without a faster AES.
/// struct Plain;
/// impl Aes for Plain {
///     type Cbc = RustCrypto;
///     fn cbc(&self, key: &[u8; 32]) -> RustCrypto { RustCrypto::with_key(key) }
/// }
/// let _cbc = Plain.cbc(&[7; 32]);
/// ```
pub trait Aes {
    /// The cipher for one key.
    type Cbc: Cbc + Clone;

    /// Creates a cipher for a key.
    fn cbc(&self, key: &[u8; 32]) -> Self::Cbc;
}

/// Bulk AES-256-CBC without padding. Buffers have the layout `IV₁ C₁ IV₂ C₂ …`; each part consists of whole 16-byte
/// blocks.
///
/// [`RustCrypto`](crate::crypto::RustCrypto) implements it in Rust. A host with a faster AES, such as WebCrypto in a
/// browser, processes each batch with one call and manages the key itself.
pub trait Cbc {
    /// Decrypts in place. Every `C` becomes its cleartext, including the padding. The contents of the IV positions
    /// afterwards are unspecified.
    ///
    /// An implementation may therefore process the whole buffer as one CBC run whose IV is the first block: the first
    /// block of each record is decrypted correctly because its own IV precedes it.
    fn decrypt(&self, buffer: &mut [u8]) -> impl Future<Output = Result<(), CbcError>>;

    /// Encrypts in place. At each position in `starts` there is a random block, followed by the padded cleartext of one
    /// record. The random block, or its encryption as part of the same run, is that record's IV.
    ///
    /// An implementation may therefore process the whole buffer as one CBC run with any IV: the encryption of a random
    /// block is a random block.
    fn encrypt(
        &self,
        buffer: &mut [u8],
        starts: &[usize],
    ) -> impl Future<Output = Result<(), CbcError>>;
}

/// The host's AES failed.
///
/// ```
/// assert_eq!(selvedge_core::host::CbcError.to_string(), "the host's AES failed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host's AES failed")]
pub struct CbcError;
