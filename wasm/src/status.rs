//! What a device knows about its syncs, as an object for JavaScript.

use selvedge_core::sync::{Consent, Status};
use selvedge_core::time::LocalTime;
use serde::Serialize;

/// A `ClientStatus`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlainStatus<'a> {
    server: &'a str,
    last_sync: Option<LocalTime>,
    retry_after: Option<LocalTime>,
    needs_consent: Option<&'a Consent>,
    collections: Vec<PlainCollection<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainCollection<'a> {
    name: &'a str,
    records: u64,
    pending: u64,
    given_up: u64,
}

impl<'a> PlainStatus<'a> {
    pub(crate) fn of(status: &'a Status, server: &'a str) -> Self {
        Self {
            server,
            last_sync: status.last_sync,
            retry_after: status.backoff.until(),
            needs_consent: status.needs_consent.as_ref(),
            collections: status
                .collections
                .iter()
                .map(|found| PlainCollection {
                    name: found.name.as_str(),
                    records: found.counts.live,
                    pending: found.counts.pending,
                    given_up: found.given_up,
                })
                .collect(),
        }
    }
}
