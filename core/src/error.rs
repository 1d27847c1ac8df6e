//! What can go wrong, by what the caller can do about it.

mod reason;

use alloc::string::String;
use core::fmt;

pub use reason::Reason;

use crate::host::{RandomError, StoreError};
use crate::http::{FetchError, Method};
use crate::ids::{CollectionName, RecordId};
use crate::time::LocalTime;
use crate::version::Version;

/// The request that an error came from: its verb and its path below the user's endpoint, never the user or a token.
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
    /// From a verb and a path below the user's endpoint, without its query.
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

/// Why something of the core could not be done.
///
/// ```
/// use selvedge_core::error::{Error, RequestLine};
/// use selvedge_core::http::Method;
///
/// let error = Error::SignedOut { request: RequestLine::new(Method::Get, "info/collections") };
/// assert_eq!(error.to_string(), "the server no longer takes these credentials: sign in again (GET info/collections)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refuses the token (401): get a new one, or sign in again.
    #[error("the server no longer takes these credentials: sign in again ({request})")]
    SignedOut {
        /// Where it was refused.
        request: RequestLine,
    },
    /// The account's keys are not the ones in hand (spec §4.6): fetch them again. Nothing was written.
    #[error(
        "the sync key does not fit this account's data: it was changed elsewhere or is mistyped; join the account again"
    )]
    WrongKey,
    /// Most of a collection's records have a bad HMAC (spec §5.5). None was passed over; nothing was written.
    #[error(
        "most records of the collection are encrypted with another key: have the device that wrote them sync again"
    )]
    WrongCollectionKey,
    /// The server asked to be left alone for a while, or is in trouble.
    #[error("the server asks to be left alone for a while: try again later ({request})")]
    Wait {
        /// When to come back, by the local clock; `None` when the server did not say.
        until: Option<LocalTime>,
        /// The HTTP status.
        status: u16,
        /// Where it said so.
        request: RequestLine,
    },
    /// Somebody else wrote in between (409, 412): read again, merge again, send again.
    #[error("another device wrote at the same moment: sync again ({request})")]
    Conflict {
        /// What was refused.
        request: RequestLine,
    },
    /// The server has forgotten a batch before it was committed: nothing of it was written.
    #[error("the server has forgotten an upload that was under way: sync again ({request})")]
    BatchLost {
        /// What was refused.
        request: RequestLine,
    },
    /// A newer client wrote data of a format that this one does not know. Nothing was written.
    #[error(
        "this account's data have format {server}, newer than this program's 5: upgrade the program"
    )]
    UpgradeNeeded {
        /// The server's storage version.
        server: Version,
    },
    /// The service refuses this client's version (400 with code 16).
    #[error(
        "the server does not serve this version of the program any more: upgrade it ({request})"
    )]
    ClientRefused {
        /// What was refused.
        request: RequestLine,
    },
    /// The service has closed for good (513, or a hard end-of-life alert).
    #[error("this server has been closed for good: move to another one")]
    ServiceClosed,
    /// The account's room on the server is used up.
    #[error("the account's room on the server is used up: delete something there ({request})")]
    OverQuota {
        /// What was refused.
        request: RequestLine,
    },
    /// What was sent is larger than the server takes (413, or 400 with code 17).
    #[error(
        "this is larger than the server, or a proxy before it, accepts (status {status}, {request}): make it smaller, or raise \
             the limit there (in nginx client_max_body_size)"
    )]
    TooLarge {
        /// The HTTP status: 413 may come from a proxy, 400 is the server's.
        status: u16,
        /// What was refused.
        request: RequestLine,
    },
    /// The answer is a redirect. It is not followed: the request is signed for the address that was asked.
    #[error("the server has moved to {to}: use that address ({request})")]
    Moved {
        /// Scheme, host and port of the new address; or a path, where the server names no more.
        to: String,
        /// What was asked for.
        request: RequestLine,
    },
    /// There is no such thing on the server (404).
    #[error("the server has no such record or user ({request})")]
    NotFound {
        /// What was asked for.
        request: RequestLine,
    },
    /// The answer does not come from the storage server: a proxy or another web server answered in its place. It says
    /// nothing of the account (spec §4.4).
    #[error(
        "something between this device and the storage server answered in its place (status {status}): nothing was changed; \
             check the network and the server's address, and try again later ({request})"
    )]
    NotGenuine {
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        request: RequestLine,
    },
    /// Two answers of the server cannot both be true. Nothing was written.
    #[error("the server contradicts itself: {detail}; nothing was changed, try again later")]
    Contradiction {
        /// Which answers.
        detail: &'static str,
    },
    /// A record of the whole account is missing while other data are there: another device may be setting the account up
    /// at this moment. Nothing was written: look again after [`SECOND_LOOK_SECONDS`](crate::sync::SECOND_LOOK_SECONDS).
    #[error("{record} is missing on the server: nothing was changed; look again in some seconds")]
    LookAgain {
        /// Which record.
        record: &'static str,
    },
    /// Setting the account up would delete data of others: only a person may decide that. Nothing was written.
    #[error("{reason}: it is to be put in order first, which only a person may decide")]
    NeedsConsent {
        /// Why.
        reason: Reason,
    },
    /// `meta/global` or `crypto/keys` is there but cannot be read. Nothing was written: it is for the user to decide.
    #[error(
        "{record} on the server cannot be read: another program damaged it; nothing was changed. \
             The account can be set up again by a person who agrees to what is lost"
    )]
    Undecodable {
        /// Which record.
        record: &'static str,
    },
    /// The entry of one collection in `crypto/keys` is not usable. Nothing of this collection was written.
    #[error(
        "crypto/keys on the server has no usable key for {collection}: another program damaged it"
    )]
    UnusableKey {
        /// The collection.
        collection: String,
    },
    /// A collection was changed on the server after a person had agreed to what would be lost of it. Nothing of it was
    /// deleted: the person is to be asked again.
    #[error(
        "{collection} was changed on the server since it was shown: nothing of it was deleted; look at it and choose again"
    )]
    ChangedSinceShown {
        /// The collection.
        collection: CollectionName,
    },
    /// Two fresh starts met, or one did not hold (spec §4.7).
    #[error("another device is setting up the account at the same moment: sync again in a minute")]
    SetupRace,
    /// The account has no usable server data and the caller did not allow a fresh start.
    #[error("nobody has synced to this account yet")]
    NotSetUp,
    /// The answer is not what the protocol says.
    #[error("the server's answer cannot be read: {detail} ({request})")]
    Answer {
        /// Where it came from.
        request: RequestLine,
        /// What is wrong with it; never its content.
        detail: String,
    },
    /// A status that the protocol does not foresee here: a bug of this program or of the server.
    #[error("the server refused a request with status {status}: please report it ({request})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's integer code in a 400, if there was one.
        code: Option<u32>,
        /// What was refused.
        request: RequestLine,
    },
    /// No answer came.
    #[error("{source} ({request})")]
    Network {
        /// What the host says.
        source: FetchError,
        /// What was asked.
        request: RequestLine,
    },
    /// The local store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The host's AES did not do its work.
    #[error("the host's encryption did not work: try again")]
    Cipher,
    /// This device has no such record.
    #[error("there is no record {id} here")]
    NoSuchRecord {
        /// The id that was asked for.
        id: RecordId,
    },
    /// The store has another account's records: nothing was read from the server or written to it.
    #[error(
        "the records here belong to another account: keep them apart in a store of their own, or adopt them into this account"
    )]
    OtherAccount,
    /// Something the caller gave is not usable.
    #[error("{0}")]
    Input(String),
}

impl Error {
    /// A stable word for programs: the `code` of an error in JSON and in JavaScript.
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
