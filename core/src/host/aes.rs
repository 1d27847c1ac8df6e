//! AES that a host lends: a browser's is faster than what WebAssembly can do.

use core::future::Future;

/// Bulk AES by the host, where it has something faster than Rust's.
///
/// ```
/// use selvedge_core::crypto::RustCrypto;
/// use selvedge_core::host::Aes;
///
/// /// A host that has nothing faster.
/// struct Plain;
/// impl Aes for Plain {
///     type Cbc = RustCrypto;
///     fn cbc(&self, key: &[u8; 32]) -> RustCrypto { RustCrypto::with_key(key) }
/// }
/// let _cbc = Plain.cbc(&[7; 32]);
/// ```
pub trait Aes {
    /// What does the work under one key.
    type Cbc: Cbc + Clone;

    /// Sets up a key.
    fn cbc(&self, key: &[u8; 32]) -> Self::Cbc;
}

/// Bulk AES-256-CBC without padding. Buffers are laid out `IV₁ C₁ IV₂ C₂ …`, each part whole blocks of 16 bytes.
///
/// [`RustCrypto`](crate::crypto::RustCrypto) does it in Rust. A host whose own AES is faster, as WebCrypto is in a browser, does it with one call a
/// batch: the key is its own affair.
pub trait Cbc {
    /// Decrypts in place. Every `C` becomes its cleartext with the padding still on it; what becomes of the places of
    /// the IVs does not matter.
    ///
    /// So the whole buffer may be one CBC run whose IV is its first block: each record's first block comes out right
    /// because its own IV precedes it.
    fn decrypt(&self, buffer: &mut [u8]) -> impl Future<Output = Result<(), CbcError>>;

    /// Encrypts in place. At `starts` there are random blocks, each followed by the padded cleartext of one record. The
    /// random block, or what became of it by encryption in the same run, is that record's IV.
    ///
    /// So the whole buffer may be one CBC run, whatever its IV: the encryption of a random block is a random block.
    fn encrypt(
        &self,
        buffer: &mut [u8],
        starts: &[usize],
    ) -> impl Future<Output = Result<(), CbcError>>;
}

/// The host's AES did not do its work.
///
/// ```
/// assert_eq!(selvedge_core::host::CbcError.to_string(), "the host's AES did not work");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host's AES did not work")]
pub struct CbcError;
