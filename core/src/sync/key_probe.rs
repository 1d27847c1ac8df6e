//! Whether the newest record of a collection on the server opens: if it does not, only a key was lost, and the local
//! records must not be removed in favor of it (spec §4.8).

use super::session::Session;
use crate::crypto::{KeyBundle, payload};
use crate::error::Result;
use crate::host::Host;
use crate::ids::CollectionName;
use crate::server::{PageEvent, Query, Sort};

/// The newest record of a collection on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyProbe {
    /// It opens with the account's keys.
    Opens,
    /// The server has no records.
    None,
    /// It does not open.
    Sealed,
}

/// Fetches the newest record of a collection and opens it with the key of the collection.
pub(super) async fn probe_key<H: Host>(
    session: &Session<'_, H>,
    name: &CollectionName,
    bundle: &KeyBundle,
) -> Result<KeyProbe> {
    if session.modified_of(name.as_str()).is_none() {
        return Ok(KeyProbe::None);
    }
    let query = Query {
        limit: Some(1),
        sort: Some(Sort::Newest),
        ..Query::full()
    };
    let mut pages = session.client.pages(name.clone(), query);
    while let Some(mut arrived) = pages.next().await? {
        while let Some(event) = arrived.next()? {
            if let PageEvent::Record(record) = event {
                let opens = record.is_ok_and(|envelope| {
                    let payload = envelope.payload.unescaped();
                    payload.is_some_and(|text| payload::open(bundle, &text, envelope.id).is_ok())
                });
                return Ok(if opens {
                    KeyProbe::Opens
                } else {
                    KeyProbe::Sealed
                });
            }
        }
    }
    Ok(KeyProbe::None)
}
