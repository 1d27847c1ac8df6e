//! The unit that AES works on.

/// A block of AES.
pub(crate) type Block = [u8; 16];
