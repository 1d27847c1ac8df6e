//! The effect of the end of a sync on the schedule (spec §8).

use super::precheck::Obstacle;
use super::report::{Ending, Outcome, Report};
use crate::error::Error;
use crate::schedule::Ended;

/// The effect of a sync's report on the schedule.
///
/// ```
/// use selvedge_core::sync::{Report, ended};
/// use selvedge_core::schedule::Ended;
///
/// assert_eq!(ended(&Report::default()), Ended::Done { incoming: false });
/// ```
#[must_use]
pub fn ended(report: &Report) -> Ended {
    match (&report.ending, report.outcome()) {
        (
            Ending::Blocked(Obstacle::Offline)
            | Ending::Stopped(Error::Network { .. } | Error::NotGenuine { .. }),
            _,
        ) => Ended::Offline,
        (Ending::Blocked(Obstacle::Locked), _) => Ended::Locked,
        (
            Ending::Blocked(Obstacle::Running)
            | Ending::Stopped(Error::Conflict { .. } | Error::LookAgain { .. }),
            _,
        ) => Ended::Again,
        (Ending::Blocked(Obstacle::Closed) | Ending::Stopped(Error::ServiceClosed), _)
        | (_, Outcome::LoginNeeded | Outcome::UpgradeNeeded | Outcome::NeedsConsent) => {
            Ended::NeedsPerson
        }
        (_, Outcome::Failed | Outcome::Backoff) => Ended::Failed,
        (_, Outcome::Success | Outcome::Partial) => Ended::Done {
            incoming: report
                .collections
                .iter()
                .any(|collection| collection.pulled.received > 0),
        },
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crate::error::RequestLine;
    use crate::http::{FetchError, FetchErrorKind, Method};

    use super::*;
    use crate::sync::{Consent, Reason};
    use crate::time::ServerTime;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_ending_means_something_for_the_schedule() {
        let request = || RequestLine::new(Method::Get, "info/collections");
        let stopped = |error| Report {
            ending: Ending::Stopped(error),
            ..Report::default()
        };
        let blocked = |obstacle| Report {
            ending: Ending::Blocked(obstacle),
            ..Report::default()
        };
        let logged_out = Report {
            ending: Ending::LoggedOut,
            ..Report::default()
        };
        let network = Error::Network {
            source: FetchError::new(FetchErrorKind::Offline, ""),
            request: request(),
        };
        let wait = Error::Wait {
            until: None,
            status: 503,
            request: request(),
        };
        let needs_consent = Report {
            ending: Ending::NeedsConsent(Consent {
                reason: Reason::MetaMissing,
                collections: Vec::new(),
                seen: ServerTime::ZERO,
                can_restore: false,
            }),
            ..Report::default()
        };
        let proxy = Error::NotGenuine {
            status: 404,
            request: request(),
        };
        let look_again = Error::LookAgain {
            record: "meta/global",
        };
        let rows = [
            (needs_consent, Ended::NeedsPerson),
            (stopped(proxy), Ended::Offline),
            (stopped(look_again), Ended::Again),
            (Report::default(), Ended::Done { incoming: false }),
            (blocked(Obstacle::Offline), Ended::Offline),
            (blocked(Obstacle::Locked), Ended::Locked),
            (blocked(Obstacle::Running), Ended::Again),
            (blocked(Obstacle::SignedOut), Ended::NeedsPerson),
            (blocked(Obstacle::Closed), Ended::NeedsPerson),
            (logged_out, Ended::NeedsPerson),
            (stopped(network), Ended::Offline),
            (stopped(wait), Ended::Failed),
            (
                stopped(Error::Conflict { request: request() }),
                Ended::Again,
            ),
            (
                stopped(Error::SignedOut { request: request() }),
                Ended::NeedsPerson,
            ),
            (stopped(Error::WrongKey), Ended::NeedsPerson),
            (stopped(Error::ServiceClosed), Ended::NeedsPerson),
            (
                stopped(Error::UpgradeNeeded { server: 6.into() }),
                Ended::NeedsPerson,
            ),
            (stopped(Error::Cipher), Ended::Failed),
        ];
        for (report, expected) in rows {
            assert_eq!(ended(&report), expected, "{:?}", report.ending);
        }
    }
}
