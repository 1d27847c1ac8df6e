//! The scope of an error (spec §4.10).
//!
//! ```text
//! error                          at a collection        before, or at clients
//! 401; 404 of the user's storage one new token, then begin again; the second time stop, and wait 15 minutes
//! 409, 412, a batch that the     begin again, twice,    begin again, twice,
//! server forgot                  then leave it          then stop
//! over quota, too large,
//! an invalid response,
//! refused, wrong or unusable
//! collection key, changed since
//! it was shown,
//! damaged rows of the store      leave it               stop
//! 429, 5xx, Retry-After          stop, and wait         stop, and wait
//! upgrade needed, closed,
//! wrong key, no network, an
//! answer of a proxy, …           stop                   stop
//! ```
//!
//! "Leave it" ends the turn of this collection only: the other collections are processed, and the next sync continues
//! from its last commit. This code does not wait after a 409, because the core never sleeps: reading again takes time
//! as well.

use crate::error::Error;
use crate::host::StoreErrorKind;
use crate::time::LocalTime;

/// Seconds that an automatic sync waits after the server has refused fresh credentials.
pub(super) const REFUSED_SECONDS: u64 = 15 * 60;

/// Minimum interval between two fetches of crypto/keys because of bad HMACs, in milliseconds (spec §5.5).
const RECHECK_MILLIS: u64 = 10 * 60 * 1000;

/// The place where an error occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the collections, or at a record that concerns all: info, meta/global, crypto/keys, clients.
    Account,
    /// At one collection.
    Collection,
}

/// The reaction of the sync to an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The token is invalid: get a new one, once, and begin again.
    Token,
    /// Another client wrote in between: read again, and retry a few times.
    Again,
    /// The turn of this collection is over; the others continue.
    Collection,
    /// The sync is over.
    Sync,
}

/// Decides the scope of an error.
pub(super) const fn reach(error: &Error, place: Place) -> Reach {
    match (error, place) {
        (Error::SignedOut { .. } | Error::NotFound { .. }, _) => Reach::Token,
        (Error::Conflict { .. } | Error::BatchLost { .. }, _) => Reach::Again,
        (
            Error::WrongCollectionKey
            | Error::OverQuota { .. }
            | Error::TooLarge { .. }
            | Error::Answer { .. }
            | Error::Refused { .. }
            | Error::UnusableKey { .. }
            | Error::ChangedSinceShown { .. }
            | Error::Input(_),
            Place::Collection,
        ) => Reach::Collection,
        (Error::Store(error), Place::Collection)
            if matches!(error.kind, StoreErrorKind::Damaged) =>
        {
            Reach::Collection
        }
        _ => Reach::Sync,
    }
}

/// Whether bad HMACs are a reason to fetch crypto/keys again.
pub(super) fn may_recheck_keys(last: Option<LocalTime>, now: LocalTime) -> bool {
    // A clock that was set back must not prevent the fetch.
    last.is_none_or(|last| {
        now < last || now.millis().saturating_sub(last.millis()) >= RECHECK_MILLIS
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;
    use crate::error::RequestLine;
    use crate::host::StoreError;
    use crate::http::{FetchError, FetchErrorKind, Method};
    use crate::ids::CollectionName;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row() {
        let request = || RequestLine::new(Method::Post, "storage/notes");
        let store = |kind| Error::Store(StoreError::new(kind, ""));
        let network = FetchError::new(FetchErrorKind::Offline, "");
        let wait = Error::Wait {
            until: None,
            status: 503,
            request: request(),
        };
        let refused = Error::Refused {
            status: 400,
            code: Some(8),
            request: request(),
        };
        let answer = Error::Answer {
            request: request(),
            detail: String::new(),
        };
        let unusable = Error::UnusableKey {
            collection: "notes".into(),
        };
        let changed = Error::ChangedSinceShown {
            collection: CollectionName::new("notes").unwrap(),
        };
        let proxy = Error::NotGenuine {
            status: 404,
            request: request(),
        };
        let rows = [
            (
                Error::SignedOut { request: request() },
                Reach::Token,
                Reach::Token,
            ),
            (
                Error::NotFound { request: request() },
                Reach::Token,
                Reach::Token,
            ),
            (
                Error::Conflict { request: request() },
                Reach::Again,
                Reach::Again,
            ),
            (
                Error::BatchLost { request: request() },
                Reach::Again,
                Reach::Again,
            ),
            (Error::WrongCollectionKey, Reach::Collection, Reach::Sync),
            (
                Error::OverQuota { request: request() },
                Reach::Collection,
                Reach::Sync,
            ),
            (
                Error::TooLarge {
                    status: 413,
                    request: request(),
                },
                Reach::Collection,
                Reach::Sync,
            ),
            (answer, Reach::Collection, Reach::Sync),
            (refused, Reach::Collection, Reach::Sync),
            (unusable, Reach::Collection, Reach::Sync),
            (changed, Reach::Collection, Reach::Sync),
            (proxy, Reach::Sync, Reach::Sync),
            (Error::Input(String::new()), Reach::Collection, Reach::Sync),
            (
                store(StoreErrorKind::Damaged),
                Reach::Collection,
                Reach::Sync,
            ),
            (store(StoreErrorKind::Full), Reach::Sync, Reach::Sync),
            (store(StoreErrorKind::Locked), Reach::Sync, Reach::Sync),
            (wait, Reach::Sync, Reach::Sync),
            (
                Error::ClientRefused { request: request() },
                Reach::Sync,
                Reach::Sync,
            ),
            (
                Error::UpgradeNeeded { server: 6.into() },
                Reach::Sync,
                Reach::Sync,
            ),
            (Error::ServiceClosed, Reach::Sync, Reach::Sync),
            (Error::WrongKey, Reach::Sync, Reach::Sync),
            (Error::SetupRace, Reach::Sync, Reach::Sync),
            (
                Error::Network {
                    source: network,
                    request: request(),
                },
                Reach::Sync,
                Reach::Sync,
            ),
        ];
        for (error, at_a_collection, at_the_account) in rows {
            assert_eq!(reach(&error, Place::Collection), at_a_collection, "{error}");
            assert_eq!(reach(&error, Place::Account), at_the_account, "{error}");
        }
    }

    #[test]
    fn the_keys_are_looked_at_once_in_ten_minutes() {
        let at = |minutes: u64| LocalTime::from_millis(minutes * 60_000);
        let rows = [
            ("never before", None, at(20), true),
            ("just now", Some(at(20)), at(20), false),
            ("nine minutes ago", Some(at(11)), at(20), false),
            ("ten minutes ago", Some(at(10)), at(20), true),
            ("later than now", Some(at(21)), at(20), true),
        ];
        for (name, last, now, expected) in rows {
            assert_eq!(may_recheck_keys(last, now), expected, "{name}");
        }
    }
}
