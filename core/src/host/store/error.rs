//! Errors of a store, for decisions and for people.

use alloc::string::String;

/// An error of a store.
///
/// ```
/// use selvedge_core::host::{StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Full, "database or disk is full");
/// assert_eq!(error.to_string(), "there is no space left on the disk: database or disk is full");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct StoreError {
    /// The kind of failure, for decisions.
    pub kind: StoreErrorKind,
    /// The host's description, for people; it never contains a record's content.
    pub detail: String,
}

impl StoreError {
    /// An error with the host's description.
    #[must_use]
    pub fn new(kind: StoreErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

/// The kinds of a [`StoreError`].
///
/// ```
/// use selvedge_core::host::StoreErrorKind;
///
/// assert_eq!(StoreErrorKind::Locked.to_string(), "the local store is locked");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// No space left.
    #[error("there is no space left on the disk")]
    Full,
    /// Another program holds the store's lock until the timeout.
    #[error("another program is using the local store")]
    Busy,
    /// The store waits for a password.
    #[error("the local store is locked")]
    Locked,
    /// The stored data are not what a store writes.
    #[error("the local store is damaged")]
    Damaged,
    /// The store cannot be opened, read or written.
    #[error("the local store cannot be used")]
    Unavailable,
}

impl StoreErrorKind {
    /// A stable identifier for programs. JavaScript stores throw errors with these codes too.
    ///
    /// ```
    /// use selvedge_core::host::StoreErrorKind;
    ///
    /// assert_eq!(StoreErrorKind::Full.code(), "store-full");
    /// ```
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "store-full",
            Self::Busy => "store-busy",
            Self::Locked => "store-locked",
            Self::Damaged => "store-damaged",
            Self::Unavailable => "store",
        }
    }
}
