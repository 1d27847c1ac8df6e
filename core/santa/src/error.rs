//! Errors of a Santa sync, by stage and by what the caller can do about them.

use super::address::Endpoint;
use super::encoding::BadEncoding;
use super::wire::Malformed;
use selvedge_core::host::StoreError;
use selvedge_core::http::FetchError;

/// Why a stage failed.
///
/// ```
/// use selvedge_santa::{Endpoint, Error};
///
/// let error = Error::Refused { endpoint: Endpoint::Preflight, status: 404 };
/// assert_eq!(error.to_string(), "preflight: the server answers with status 404: check the sync base URL and the machine id");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server responds with a status other than 200.
    #[error("{}: the server answers with status {status}: {}", .endpoint.as_str(), advice(*.status))]
    Refused {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// The status of the last attempt.
        status: u16,
    },
    /// No complete response arrived.
    #[error("{}: {source}", .endpoint.as_str())]
    Network {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// The host's error for the last attempt.
        source: FetchError,
    },
    /// The host reports that there is no network connection.
    #[error("{}: there is no network: connect, then sync again", .endpoint.as_str())]
    NoNetwork {
        /// The endpoint of the request.
        endpoint: Endpoint,
    },
    /// The response does not follow the protocol.
    #[error("{}: {source}: ask the server's operator", .endpoint.as_str())]
    Malformed {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// What is invalid in the response.
        source: Malformed,
    },
    /// The response cannot be decompressed, or is too large.
    #[error("{}: {source}: ask the server's operator", .endpoint.as_str())]
    Encoding {
        /// The endpoint of the request.
        endpoint: Endpoint,
        /// What is invalid in the response.
        source: BadEncoding,
    },
    /// The server's rule pages do not end. No rule was applied.
    #[error("the server's rule pages do not end: no rule was applied; ask the server's operator")]
    Endless,
    /// The server has more rules than this client accepts. No rule was applied.
    #[error(
        "the server has more than {max} rules, the limit of this client: no rule was applied; raise the limit if the server is supposed to have more"
    )]
    TooManyRules {
        /// The limit.
        max: usize,
    },
    /// The local store reported an error.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// A stable identifier for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Network { .. } => "network",
            Self::NoNetwork { .. } => "no-network",
            Self::Malformed { .. } => "malformed",
            Self::Encoding { .. } => "encoding",
            Self::Endless => "endless",
            Self::TooManyRules { .. } => "too-many-rules",
            Self::Store(error) => error.kind.code(),
        }
    }
}

const fn advice(status: u16) -> &'static str {
    match status {
        400 | 415 => "check the content encoding and the machine id",
        401 | 403 => "check the extra headers and the client certificate",
        300..=399 => "redirects are not followed; set the URL that it leads to",
        404 | 405 => "check the sync base URL and the machine id",
        429 | 503 => "it is busy; sync again later",
        _ => "ask its operator",
    }
}

/// A result with this module's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;
