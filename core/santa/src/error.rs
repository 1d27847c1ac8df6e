//! What can go wrong in a sync, by the stage and by what can be done about it.

use super::address::Endpoint;
use super::encoding::BadEncoding;
use super::wire::Malformed;
use selvedge_core::host::StoreError;
use selvedge_core::http::FetchError;

/// Why a stage could not be done.
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
    /// The server does not answer with 200.
    #[error("{}: the server answers with status {status}: {}", .endpoint.as_str(), advice(*.status))]
    Refused {
        /// What was asked.
        endpoint: Endpoint,
        /// The status of the last attempt.
        status: u16,
    },
    /// No whole answer came.
    #[error("{}: {source}", .endpoint.as_str())]
    Network {
        /// What was asked.
        endpoint: Endpoint,
        /// What the host says of the last attempt.
        source: FetchError,
    },
    /// There is no network, as the host knows.
    #[error("{}: there is no network: connect, then sync again", .endpoint.as_str())]
    NoNetwork {
        /// What was asked.
        endpoint: Endpoint,
    },
    /// The answer is not what the protocol says.
    #[error("{}: {source}: ask the server's operator", .endpoint.as_str())]
    Malformed {
        /// What was asked.
        endpoint: Endpoint,
        /// What is wrong with it.
        source: Malformed,
    },
    /// The answer cannot be unpacked, or is too large.
    #[error("{}: {source}: ask the server's operator", .endpoint.as_str())]
    Encoding {
        /// What was asked.
        endpoint: Endpoint,
        /// What is wrong with it.
        source: BadEncoding,
    },
    /// The server's pages of rules do not end. None was applied.
    #[error("the server's pages of rules do not end: none was applied; ask its operator")]
    Endless,
    /// The server has more rules than this client takes. None was applied.
    #[error(
        "the server has more than {most} rules: none was applied; raise the limit if that is meant so"
    )]
    TooManyRules {
        /// The limit.
        most: usize,
    },
    /// The local store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// A stable word for programs.
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
