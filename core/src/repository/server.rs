//! The server's side, still encrypted: where a reader of a collection stands, its pages, and uploads to it (spec §7.3).

use alloc::vec::Vec;
use core::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::host::{Clock, Random, Revision};
use crate::http::Fetch;
use crate::ids::{CollectionName, RecordId};
use crate::server::{Client, Limits, Pages, Position, Query, Sort, Upload};
use crate::time::ServerTime;

/// Records of one page; a server may give fewer.
pub(super) const PAGE: u32 = 1000;

/// Where a reader of a server's collection stands.
///
/// ```
/// use selvedge_core::repository::ServerMark;
///
/// let mark: ServerMark = serde_json::from_str(r#"{"last_sync":1388635807.41}"#).unwrap();
/// assert_eq!(mark.last_sync.hundredths(), 138_863_580_741);
/// assert!(mark.download.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMark {
    /// The collection's time of the last complete reading, or of this device's own write right after it (spec §5.1).
    pub last_sync: ServerTime,
    /// How far a reading of what is newer has come that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Position>,
}

/// One collection of a server, as it is stored there.
#[derive(Debug)]
pub struct ServerRepository<'c, 'h, H> {
    client: &'c Client<'h, H>,
    collection: &'c CollectionName,
    limits: &'c Cell<Option<Limits>>,
    /// The collection's time as far as this device has seen it: what the next write depends on.
    seen: Cell<ServerTime>,
}

impl<'c, 'h, H: Fetch + Clock + Random> ServerRepository<'c, 'h, H> {
    /// A collection that was last seen as it was at `seen`. The server's limits are asked for when first needed, and
    /// kept in `limits`.
    pub const fn new(
        client: &'c Client<'h, H>,
        collection: &'c CollectionName,
        limits: &'c Cell<Option<Limits>>,
        seen: ServerTime,
    ) -> Self {
        Self {
            client,
            collection,
            limits,
            seen: Cell::new(seen),
        }
    }

    pub(super) const fn client(&self) -> &'c Client<'h, H> {
        self.client
    }

    pub(super) fn see(&self, time: ServerTime) {
        self.seen.set(time);
    }

    /// What is newer than the mark, oldest first, from where a reading was cut off.
    pub(super) fn pages_since(&self, since: &ServerMark, full: bool) -> Pages<'c, 'h, H> {
        let newer = (since.last_sync > ServerTime::ZERO).then_some(since.last_sync);
        let query = if full { Query::full() } else { Query::ids() };
        let query = Query {
            newer,
            sort: Some(Sort::Oldest),
            limit: full.then_some(PAGE),
            ..query
        };
        let pages = match since.download.clone().filter(|_| full) {
            Some(position) => self
                .client
                .resume_pages(self.collection.clone(), query, position),
            None => self.client.pages(self.collection.clone(), query),
        };
        pages.reading_ahead()
    }

    /// These records, in as many requests as it takes.
    pub(super) fn pages_of(&self, ids: Vec<RecordId>) -> Pages<'c, 'h, H> {
        self.client.pages(
            self.collection.clone(),
            Query {
                ids: Some(ids),
                ..Query::full()
            },
        )
    }

    /// Begins an upload that depends on nobody's having written since the collection was last seen.
    pub(super) async fn upload(&self) -> Result<Upload<'c, 'h, H, Revision>> {
        let limits = match self.limits.get() {
            Some(limits) => limits,
            None => self.client.info_configuration().await?,
        };
        self.limits.set(Some(limits));
        self.client
            .upload(self.collection.clone(), limits, self.seen.get())
    }

    pub(super) async fn wipe(&self) -> Result<()> {
        let time = self
            .client
            .delete_collection(self.collection, Some(self.seen.get()))
            .await?;
        self.see(time);
        Ok(())
    }
}
