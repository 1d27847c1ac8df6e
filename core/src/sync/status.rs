//! The status of this device's syncing, without a request to the server.

use alloc::string::String;
use alloc::vec::Vec;

use super::consent::Consent;
use super::state::{CollectionState, FirstSync, GlobalState};
use crate::error::Result;
use crate::host::{Counts, Store};
use crate::ids::CollectionName;
use crate::journal;
use crate::server::Backoff;
use crate::time::{LocalTime, ServerTime};

/// The status of this device's syncing.
///
/// ```
/// use selvedge_core::host::MemoryStore;
/// use selvedge_core::sync::status;
///
/// let status = pollster::block_on(status(&MemoryStore::default()))?;
/// assert!(status.last_sync.is_none() && status.collections.is_empty());
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// When a sync last completed.
    pub last_sync: Option<LocalTime>,
    /// Until when the server requests no traffic.
    pub backoff: Backoff,
    /// Until when no automatic sync begins because the server refused the credentials.
    pub refused_until: Option<LocalTime>,
    /// The part of an interrupted first sync that the next sync has to do.
    pub first_sync: Option<FirstSync>,
    /// The server that reported that it is closed permanently.
    pub closed: Option<String>,
    /// The decision that a person has to make before this account can be synced.
    pub needs_consent: Option<Consent>,
    /// The local collections, in order of name.
    pub collections: Vec<CollectionCounts>,
}

/// The local state of one collection.
///
/// ```
/// use selvedge_core::host::Counts;
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::CollectionCounts;
/// use selvedge_core::time::ServerTime;
///
/// let notes = CollectionCounts {
///     name: CollectionName::new("notes").unwrap(),
///     counts: Counts::default(),
///     last_sync: ServerTime::ZERO,
///     given_up: 0,
/// };
/// assert_eq!(notes.counts.pending, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionCounts {
    /// Its name.
    pub name: CollectionName,
    /// Its records.
    pub counts: Counts,
    /// The server's time up to which it was read; zero if it was never read.
    pub last_sync: ServerTime,
    /// Pending records that the server refused twice; they are not sent again until they change.
    pub given_up: u64,
}

/// Reads the status of this device's syncing, without a request to the server.
///
/// # Errors
/// When the store cannot be read.
pub async fn status<S: Store>(store: &S) -> Result<Status> {
    let global = GlobalState::load(store).await?;
    let mut collections = Vec::new();
    for name in journal::collections(store).await? {
        let state = CollectionState::load(store, &name).await?;
        let counts = store.counts(&name).await?;
        let (last_sync, given_up) = (state.pair.remote.last_sync, state.pair.given_up());
        collections.push(CollectionCounts {
            name,
            counts,
            last_sync,
            given_up,
        });
    }
    Ok(Status {
        last_sync: global.device.last_sync,
        backoff: global.device.backoff,
        refused_until: global.device.refused_until,
        first_sync: global.device.first_sync,
        closed: global.device.closed,
        needs_consent: global.server.needs_consent,
        collections,
    })
}

/// Clears the refusal of credentials that have been replaced: automatic syncs may begin again. The pause that the
/// server requested stays.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn forget_refusal<S: Store>(store: &S) -> Result<()> {
    let mut global = GlobalState::load(store).await?;
    let Some(refused) = global.device.refused_until.take() else {
        return Ok(());
    };
    if global.device.backoff.soft == Some(refused) {
        global.device.backoff.soft = None;
    }
    global.save(store).await
}
