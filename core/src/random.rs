//! Random bytes from the host.

/// Random bytes suitable for keys and IVs.
pub trait Random {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the system has no random bytes; nothing is encrypted then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The system has no random bytes.
///
/// ```
/// assert_eq!(selvedge_core::host::RandomError.to_string(), "the system has no random bytes");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random bytes")]
pub struct RandomError;
