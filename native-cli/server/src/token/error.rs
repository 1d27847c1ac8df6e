//! Why the token server refuses a request.

use std::fmt;

use crate::storage::error::{AccountError, StorageError};

/// Why no token was issued and no account created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// No `Authorization` header, or one of another scheme.
    NoAccessToken,
    /// An unknown access token.
    InvalidCredentials,
    /// `X-KeyID` is missing.
    NoKeyId,
    /// `X-KeyID` is malformed.
    MalformedKeyId,
    /// The key was replaced, or is another one without being newer.
    InvalidClientState,
    /// The key is older than the account's, or newer than the token.
    InvalidKeysChangedAt,
    /// The token was issued before the password was changed.
    InvalidGeneration,
    /// The path names another application or version than `sync/1.5`.
    Unsupported {
        /// `application` or `version`.
        name: &'static str,
    },
    /// A malformed request.
    Malformed {
        /// `body`, `querystring` or `header`.
        location: &'static str,
        /// What is malformed.
        name: &'static str,
    },
    /// An account needs an invitation here, and this one is not valid.
    Uninvited,
    /// The body is too large.
    TooLarge,
    /// The storage did not answer.
    Unavailable,
}

impl TokenError {
    /// The description, for the client and for the log. It contains no secret.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "the access token is not known here",
            Self::NoAccessToken => "an access token is needed, as Authorization: Bearer <token>",
            Self::NoKeyId => {
                "X-KeyID is missing: it is <milliseconds>-<16 bytes in URL-safe base64>"
            }
            Self::MalformedKeyId => "X-KeyID must be <milliseconds>-<16 bytes in URL-safe base64>",
            Self::InvalidClientState => "the key was replaced or changed without being newer",
            Self::InvalidKeysChangedAt => {
                "the key is older than the account's, or newer than the token"
            }
            Self::InvalidGeneration => {
                "the password was changed after this token was issued, sign in again"
            }
            Self::Unsupported { .. } => "this token server has sync/1.5 only",
            Self::Malformed { .. } => "malformed",
            Self::Uninvited => "a new account needs an invitation that is neither used nor expired",
            Self::TooLarge => "the body has more than 4096 bytes",
            Self::Unavailable => "the storage does not answer, try again later",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl From<StorageError> for TokenError {
    fn from(_: StorageError) -> Self {
        Self::Unavailable
    }
}

impl From<AccountError> for TokenError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Uninvited => Self::Uninvited,
            AccountError::Storage(error) => error.into(),
        }
    }
}
