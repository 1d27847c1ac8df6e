//! Refusals of the accounts server (`docs/protocol/accounts-api.md` §2.1).

use crate::storage::error::StorageError;

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// The account exists.
    Exists,
    /// The password is wrong, or there is no such account: the two look the same.
    WrongPassword,
    /// The body is not JSON.
    NotJson,
    /// A member is invalid.
    Invalid(&'static str),
    /// A member is missing.
    Missing(&'static str),
    /// The signature of the request is wrong.
    Signature,
    /// The token is unknown, used or expired.
    Token,
    /// The access token is unknown, revoked or expired; the number is the OAuth server's.
    AccessToken,
    /// The body is too large.
    TooLarge,
    /// Too many attempts; seconds to wait.
    Throttled(u64),
    /// There is no such path.
    NotFound,
    /// The client id is unknown.
    Client,
    /// A scope is not allowed.
    Scope,
    /// The code is unknown, used or expired.
    UnknownCode,
    /// The code is another client's.
    CodeOfAnother,
    /// A code needs a challenge with the method S256.
    NoChallenge,
    /// The verifier does not belong to the code's challenge.
    Verifier,
    /// The refresh token is unknown, revoked or another client's.
    UnknownRefreshToken,
    /// The device is unknown.
    Device,
    /// The session has another device.
    OtherDevice,
    /// The device does not take this command.
    Command,
    /// Something that the server needs did not answer.
    Unavailable,
    /// New accounts need an invitation, or there are none.
    Closed,
    /// Two requests changed the same thing.
    Concurrent,
}

impl ApiError {
    /// HTTP status, errno, a short text and a sentence.
    pub(crate) const fn parts(self) -> (u16, u16, &'static str, &'static str) {
        match self {
            Self::Exists => (400, 101, "Bad Request", "Account already exists"),
            Self::WrongPassword => (
                400,
                103,
                "Bad Request",
                "Incorrect password or unknown account",
            ),
            Self::NotJson => (400, 106, "Bad Request", "Invalid JSON in request body"),
            Self::Invalid(_) => (400, 107, "Bad Request", "Invalid parameter in request body"),
            Self::Missing(_) => (400, 108, "Bad Request", "Missing parameter in request body"),
            Self::Signature => (401, 109, "Unauthorized", "Invalid request signature"),
            Self::Token => (401, 110, "Unauthorized", "Unauthorized for route"),
            Self::AccessToken => (400, 108, "Bad Request", "Invalid token"),
            Self::TooLarge => (
                413,
                113,
                "Request Entity Too Large",
                "Request body too large",
            ),
            Self::Throttled(_) => (
                429,
                114,
                "Too Many Requests",
                "Client has sent too many requests",
            ),
            Self::NotFound => (404, 116, "Not Found", "This endpoint does not exist here"),
            Self::Client => (400, 162, "Bad Request", "Unknown client_id"),
            Self::Scope => (400, 163, "Bad Request", "Requested scopes are not allowed"),
            Self::UnknownCode => (400, 172, "Bad Request", "Unknown authorization code"),
            Self::CodeOfAnother => (400, 173, "Bad Request", "Mismatched authorization code"),
            Self::NoChallenge => (400, 169, "Bad Request", "PKCE with S256 is required"),
            Self::Verifier => (400, 175, "Bad Request", "Invalid PKCE verifier"),
            Self::UnknownRefreshToken => (400, 182, "Bad Request", "Unknown refresh token"),
            Self::Device => (400, 123, "Bad Request", "Unknown device"),
            Self::OtherDevice => (
                400,
                124,
                "Bad Request",
                "Session already has another device",
            ),
            Self::Command => (400, 157, "Bad Request", "Unavailable device command"),
            Self::Concurrent => (
                409,
                165,
                "Conflict",
                "Changed by another request, try again",
            ),
            Self::Unavailable => (
                503,
                201,
                "Service Unavailable",
                "Service unavailable, try again later",
            ),
            Self::Closed => (
                403,
                202,
                "Forbidden",
                "New accounts need a valid invitation from the operator of this server",
            ),
        }
    }

    /// Seconds after which the client may try again.
    pub(crate) const fn retry_after(self) -> Option<u64> {
        match self {
            Self::Throttled(seconds) => Some(seconds),
            Self::Unavailable => Some(5),
            _ => None,
        }
    }

    /// The parameter that is wrong or missing.
    pub(crate) const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Invalid(name) | Self::Missing(name) => Some(name),
            _ => None,
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(_: StorageError) -> Self {
        Self::Unavailable
    }
}
