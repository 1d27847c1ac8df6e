//! Why a run of J-PAKE ends.

use crate::host::RandomError;

/// Why the other device's message is refused. The run is over then; a new one needs new characters.
///
/// ```
/// use selvedge_core::crypto::jpake::JpakeError;
///
/// let error = JpakeError::WrongProof;
/// assert_eq!(error.to_string(), "the other device's proof is wrong: start pairing again on both devices");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpakeError {
    /// This device cannot draw its secret numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A number is not hexadecimal, or larger than the group.
    #[error(
        "the other device sent a number that cannot be read: start pairing again on both devices"
    )]
    Malformed,
    /// A number is 0, 1, p−1 or not in the group; it would give the key away.
    #[error(
        "the other device sent a number that is not allowed: start pairing again on both devices"
    )]
    OutsideGroup,
    /// The proof names another signer than the other device.
    #[error(
        "the other device's proof was made by another role: start pairing again on both devices"
    )]
    WrongSigner,
    /// The proof does not fit its number.
    #[error("the other device's proof is wrong: start pairing again on both devices")]
    WrongProof,
}
