//! The core's errors, by what the caller can do about them.

mod reason;

use alloc::string::String;
use core::fmt;

pub use reason::Reason;

use crate::host::{RandomError, StoreError};
use crate::http::{FetchError, Method};
use crate::ids::{CollectionName, RecordId};
use crate::time::LocalTime;
use crate::version::Version;

/// The request that caused an error: its method and its path below the user's endpoint; never the user or a token.
///
/// ```
/// use selvedge_core::error::RequestLine;
/// use selvedge_core::http::Method;
///
/// let line = RequestLine::new(Method::Get, "storage/meta/global");
/// assert_eq!(line.to_string(), "GET storage/meta/global");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    method: Method,
    path: String,
}

impl RequestLine {
    /// Creates one from a method and a path below the user's endpoint, without the query.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
        }
    }
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

/// An error of the core.
///
/// ```
/// use selvedge_core::error::{Error, RequestLine};
/// use selvedge_core::http::Method;
///
/// let error = Error::SignedOut { request: RequestLine::new(Method::Get, "info/collections") };
/// assert_eq!(error.to_string(), "the server no longer accepts these credentials: sign in again (GET info/collections)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refuses the token (401): get a new one, or sign in again.
    #[error("the server no longer accepts these credentials: sign in again ({request})")]
    SignedOut {
        /// The rejected request.
        request: RequestLine,
    },
    /// The local keys are not the account's keys (spec §4.6): fetch them again. Nothing was written.
    #[error(
        "the sync key does not match this account's data: it was changed elsewhere or is mistyped; join the account again"
    )]
    WrongKey,
    /// More than half of a collection's records have an invalid HMAC (spec §5.5). No record was skipped; nothing was
    /// written.
    #[error(
        "more than half of the collection's records are encrypted with another key: sync again on the device that wrote them"
    )]
    WrongCollectionKey,
    /// The server asks clients to wait, or has a temporary failure.
    #[error("the server asks clients to wait before the next request: try again later ({request})")]
    Wait {
        /// When to retry, by the local clock; `None` if the server did not specify it.
        until: Option<LocalTime>,
        /// The HTTP status.
        status: u16,
        /// The request that got this response.
        request: RequestLine,
    },
    /// Another client wrote in between (409, 412): read, merge and send again.
    #[error("another device wrote at the same time: sync again ({request})")]
    Conflict {
        /// The rejected request.
        request: RequestLine,
    },
    /// The server deleted an upload batch before it was committed: none of its records was written.
    #[error("the server deleted an unfinished upload: sync again ({request})")]
    BatchLost {
        /// The rejected request.
        request: RequestLine,
    },
    /// A newer client wrote data in a format that this version does not support. Nothing was written.
    #[error(
        "this account's data have format {server}, newer than this program's 5: upgrade the program"
    )]
    UpgradeNeeded {
        /// The server's storage version.
        server: Version,
    },
    /// The service rejects this client's version (400 with code 16).
    #[error("the server no longer supports this version of the program: upgrade it ({request})")]
    ClientRefused {
        /// The rejected request.
        request: RequestLine,
    },
    /// The service has shut down permanently (513, or a hard end-of-life alert).
    #[error("this server has been closed for good: move to another one")]
    ServiceClosed,
    /// The account's storage quota on the server is used up.
    #[error(
        "the account's storage quota on the server is used up: delete data on the server ({request})"
    )]
    OverQuota {
        /// The rejected request.
        request: RequestLine,
    },
    /// The request is larger than the server accepts (413, or 400 with code 17).
    #[error(
        "this is larger than the server, or a proxy before it, accepts (status {status}, {request}): make it smaller, or raise \
             the limit there (in nginx client_max_body_size)"
    )]
    TooLarge {
        /// The HTTP status: 413 may come from a proxy, 400 comes from the server.
        status: u16,
        /// The rejected request.
        request: RequestLine,
    },
    /// The response is a redirect. It is not followed, because the request is signed for its own address.
    #[error("the server has moved to {to}: use that address ({request})")]
    Moved {
        /// Scheme, host and port of the new address; or only a path, if the server sends no more.
        to: String,
        /// The redirected request.
        request: RequestLine,
    },
    /// The server has no such resource (404).
    #[error("the server has no such record or user ({request})")]
    NotFound {
        /// The request for it.
        request: RequestLine,
    },
    /// The response does not come from the storage server: a proxy or another web server responded instead. It contains
    /// no information about the account (spec §4.4).
    #[error(
        "a proxy or another server between this device and the storage server answered instead of it (status {status}): nothing was changed; \
             check the network and the server's address, and try again later ({request})"
    )]
    NotGenuine {
        /// The HTTP status.
        status: u16,
        /// The request.
        request: RequestLine,
    },
    /// Two answers of the server cannot both be true. Nothing was written.
    #[error("the server contradicts itself: {detail}; nothing was changed, try again later")]
    Contradiction {
        /// The responses that contradict each other.
        detail: &'static str,
    },
    /// A record of the whole account is missing while other data exist: another device may be setting up the account
    /// right now. Nothing was written: check again after [`SECOND_LOOK_SECONDS`](crate::sync::SECOND_LOOK_SECONDS).
    #[error("{record} is missing on the server: nothing was changed; sync again in a few seconds")]
    LookAgain {
        /// Which record.
        record: &'static str,
    },
    /// Setting up the account would delete data of other clients: only a person may decide that. Nothing was written.
    #[error("{reason}: this must be repaired first, and only a person may decide how")]
    NeedsConsent {
        /// The reason.
        reason: Reason,
    },
    /// `meta/global` or `crypto/keys` exists but cannot be read. Nothing was written: the user decides.
    #[error(
        "{record} on the server cannot be read: another program damaged it; nothing was changed. \
             The account can be set up again after a person agrees to the data loss"
    )]
    Undecodable {
        /// Which record.
        record: &'static str,
    },
    /// The entry of one collection in `crypto/keys` is not usable. Nothing was written to this collection.
    #[error(
        "crypto/keys on the server has no usable key for {collection}: another program damaged it"
    )]
    UnusableKey {
        /// The collection.
        collection: String,
    },
    /// A collection changed on the server after a person agreed to the loss of its data. Nothing in it was deleted: ask
    /// the person again.
    #[error(
        "{collection} was changed on the server since it was shown: nothing in it was deleted; review it and choose again"
    )]
    ChangedSinceShown {
        /// The collection.
        collection: CollectionName,
    },
    /// Two fresh starts ran concurrently, or a fresh start was overwritten (spec §4.7).
    #[error("another device is setting up the account at the same time: sync again in a minute")]
    SetupRace,
    /// The account has no usable server data and the caller did not allow a fresh start.
    #[error("no device has synced to this account yet")]
    NotSetUp,
    /// The response does not follow the protocol.
    #[error("the server's answer cannot be read: {detail} ({request})")]
    Answer {
        /// The request.
        request: RequestLine,
        /// What is invalid in the response; never its content.
        detail: String,
    },
    /// A status that the protocol does not define for this request: a bug of this program or of the server.
    #[error("the server refused a request with status {status}: please report it ({request})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's integer code in a 400, if there was one.
        code: Option<u32>,
        /// The rejected request.
        request: RequestLine,
    },
    /// No response arrived.
    #[error("{source} ({request})")]
    Network {
        /// The host's error.
        source: FetchError,
        /// The request.
        request: RequestLine,
    },
    /// The local store reported an error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host cannot provide random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The host's AES reported an error.
    #[error("the host's encryption failed: try again")]
    Cipher,
    /// This device has no such record.
    #[error("there is no record {id} on this device")]
    NoSuchRecord {
        /// The requested id.
        id: RecordId,
    },
    /// The store contains another account's records: nothing was read from the server or written to it.
    #[error(
        "the records on this device belong to another account: use a separate store for this account, or adopt the records into it"
    )]
    OtherAccount,
    /// An input of the caller is not usable.
    #[error("{0}")]
    Input(String),
}

impl Error {
    /// A stable identifier for programs: the `code` of an error in JSON and in JavaScript.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SignedOut { .. } => "signed-out",
            Self::WrongKey => "wrong-key",
            Self::WrongCollectionKey => "wrong-collection-key",
            Self::Wait { .. } => "wait",
            Self::Conflict { .. } => "conflict",
            Self::BatchLost { .. } => "batch-lost",
            Self::UpgradeNeeded { .. } => "upgrade-needed",
            Self::ClientRefused { .. } => "client-refused",
            Self::ServiceClosed => "service-closed",
            Self::OverQuota { .. } => "over-quota",
            Self::TooLarge { .. } => "too-large",
            Self::Moved { .. } => "moved",
            Self::NotFound { .. } => "not-found",
            Self::Undecodable { .. } => "undecodable",
            Self::NotGenuine { .. } => "not-genuine",
            Self::NeedsConsent { .. } => "needs-consent",
            Self::Contradiction { .. } => "contradiction",
            Self::LookAgain { .. } => "look-again",
            Self::UnusableKey { .. } => "unusable-key",
            Self::ChangedSinceShown { .. } => "changed-since-shown",
            Self::SetupRace => "setup-race",
            Self::NotSetUp => "not-set-up",
            Self::Answer { .. } => "answer",
            Self::Refused { .. } => "refused",
            Self::Network { source, .. } => match source.kind {
                crate::http::FetchErrorKind::Aborted => "aborted",
                _ => "network",
            },
            Self::Store(error) => error.kind.code(),
            Self::Random(_) => "random",
            Self::Cipher => "cipher",
            Self::NoSuchRecord { .. } => "no-such-record",
            Self::OtherAccount => "other-account",
            Self::Input(_) => "input",
        }
    }
}

impl Reason {
    /// The reason behind an error that a person may end by setting the account up again.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Undecodable {
                record: "meta/global",
            } => Some(Self::MetaUnreadable),
            Error::Undecodable { .. } => Some(Self::KeysUnreadable),
            Error::WrongKey => Some(Self::OtherKeys),
            Error::Contradiction { .. } => Some(Self::Contradiction),
            Error::NeedsConsent { reason } => Some(*reason),
            _ => None,
        }
    }
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn only_errors_about_the_accounts_own_records_can_be_ended_by_setting_it_up_again() {
        let rows = [
            (
                Error::Undecodable {
                    record: "meta/global",
                },
                Some(Reason::MetaUnreadable),
            ),
            (
                Error::Undecodable {
                    record: "crypto/keys",
                },
                Some(Reason::KeysUnreadable),
            ),
            (Error::WrongKey, Some(Reason::OtherKeys)),
            (
                Error::Contradiction { detail: "" },
                Some(Reason::Contradiction),
            ),
            (Error::UpgradeNeeded { server: 6.into() }, None),
            (Error::ServiceClosed, None),
            (Error::SetupRace, None),
            (Error::WrongCollectionKey, None),
        ];
        for (error, reason) in rows {
            assert_eq!(Reason::of(&error), reason, "{error}");
        }
    }
}
