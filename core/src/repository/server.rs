//! The server's side, still encrypted: where a reader of a collection stands, its pages, and uploads to it (spec §7.3).

use alloc::vec::Vec;
use core::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::host::{Clock, Random, Revision};
use crate::http::Fetch;
use crate::ids::{CollectionName, RecordId};
use crate::server::{Client, Condition, Limits, PageEvent, Pages, Position, Query, Sort, Upload};
use crate::time::ServerTime;

/// Records of one page; a server may give fewer.
pub(super) const PAGE: u32 = 1000;

/// The maximum number of ids that a backlog remembers; what is older stays on the server alone.
pub(super) const BACKLOG: usize = 50_000;

/// Where a reader of a server's collection stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerMark {
    /// The collection's time of the last complete reading, or of this device's own write right after it (spec §5.1).
    pub(crate) last_sync: ServerTime,
    /// How far a reading of what is newer has come that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) download: Option<Position>,
    /// Of a capped reading: how many records it has so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    taken: u32,
    /// Of a capped reading: the time of the oldest record so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest: Option<ServerTime>,
    /// Of a reading under way: the latest believable time of a record so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<ServerTime>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl ServerMark {
    /// A reader that has everything up to a time.
    #[must_use]
    pub(crate) fn at(last_sync: ServerTime) -> Self {
        Self {
            last_sync,
            ..Self::default()
        }
    }

    /// Gives up a reading under way: the next one begins after the last that was complete.
    pub(crate) fn begin_again(&mut self) {
        *self = Self::at(self.last_sync);
    }

    /// A record came in, of this time if it could be read. `believable` is the latest time that the server's clock may
    /// show.
    pub(super) fn take(&mut self, modified: Option<ServerTime>, believable: ServerTime) {
        self.taken = self.taken.saturating_add(1);
        self.newest = self.newest.max(modified.filter(|time| *time <= believable));
        self.oldest = match (self.oldest, modified) {
            (Some(oldest), Some(modified)) => Some(oldest.min(modified)),
            (oldest, modified) => oldest.or(modified),
        };
    }

    /// The reading is complete; `None` from a server that does not tell the collection's time. A time that the server's
    /// clock should not show yet is never "read up to": what is written once the clock is right again would be missed
    /// (spec §5.3).
    pub(super) fn arrive(&mut self, collection: Option<ServerTime>, believable: ServerTime) {
        let read_up_to = match collection {
            Some(time) if time <= believable => time,
            Some(_) => self.last_sync.max(self.newest.unwrap_or_default()),
            None => self.last_sync,
        };
        *self = Self::at(read_up_to);
    }
}

/// One collection of a server, as it is stored there.
#[derive(Debug)]
pub(crate) struct ServerRepository<'c, 'h, H> {
    client: &'c Client<'h, H>,
    collection: &'c CollectionName,
    limits: &'c Cell<Option<Limits>>,
    /// A first reading stops at so many records, the newest, and leaves the rest as a backlog.
    cap: Option<u32>,
    /// The collection's time as far as this device has seen it: what the next write depends on.
    seen: Cell<ServerTime>,
}

impl<'c, 'h, H: Fetch + Clock + Random> ServerRepository<'c, 'h, H> {
    /// A collection that was last seen as it was at `seen`. The server's limits are asked for when first needed, and
    /// kept in `limits`.
    pub(crate) const fn new(
        client: &'c Client<'h, H>,
        collection: &'c CollectionName,
        limits: &'c Cell<Option<Limits>>,
        seen: ServerTime,
    ) -> Self {
        Self {
            client,
            collection,
            limits,
            cap: None,
            seen: Cell::new(seen),
        }
    }

    /// With a cap: a first reading takes so many records, the newest first, and only lists the others (spec §5.3).
    #[must_use]
    pub(crate) const fn capped(mut self, cap: Option<u32>) -> Self {
        self.cap = cap;
        self
    }

    /// The cap, where it matters: once everything was read, what is newer is read in full.
    fn cap_at(&self, mark: &ServerMark) -> Option<u32> {
        self.cap.filter(|_| mark.last_sync == ServerTime::ZERO)
    }

    /// Whether a capped reading has all that it may have.
    pub(super) fn is_enough(&self, mark: &ServerMark) -> bool {
        self.cap_at(mark).is_some_and(|cap| mark.taken >= cap)
    }

    /// The ids of what a capped reading has not taken, the newest first, as far as the collection is still as it was when
    /// the reading began. Records of the very time at which it stopped are among them, taken or not.
    pub(super) async fn list_rest(
        &self,
        mark: &ServerMark,
        collection: Option<ServerTime>,
    ) -> Result<Vec<RecordId>> {
        let query = Query {
            older: mark
                .oldest
                .map(|oldest| ServerTime::from_hundredths(oldest.hundredths().saturating_add(1))),
            sort: Some(Sort::Newest),
            condition: collection.map_or(Condition::None, Condition::IfUnmodifiedSince),
            ..Query::ids()
        };
        let mut pages = self.client.pages(self.collection.clone(), query);
        let mut ids = Vec::new();
        while let Some(mut arrived) = pages.next().await? {
            while let Some(event) = arrived.next()? {
                if let PageEvent::Id(Ok(id)) = event
                    && ids.len() < BACKLOG
                {
                    ids.extend(RecordId::new(id));
                }
            }
        }
        Ok(ids)
    }

    pub(super) const fn client(&self) -> &'c Client<'h, H> {
        self.client
    }

    pub(super) fn see(&self, time: ServerTime) {
        self.seen.set(time);
    }

    /// What is newer than the mark, oldest first, from where a reading was cut off.
    pub(super) fn pages_since(&self, since: &ServerMark, full: bool) -> Pages<'c, 'h, H> {
        let dialect = self.client.dialect();
        let newer =
            (since.last_sync > ServerTime::ZERO).then(|| dialect.newer_than(since.last_sync));
        let query = if full { Query::full() } else { Query::ids() };
        let query = Query {
            newer,
            sort: Some(match self.cap_at(since) {
                Some(_) if full => Sort::Newest,
                _ => Sort::Oldest,
            }),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_time_to_come_is_never_read_up_to() {
        let time = ServerTime::from_hundredths;
        let rows: [(&str, Option<u64>, &[u64], u64); 6] = [
            ("as usual", Some(90), &[80, 90], 90),
            ("deletions last", Some(95), &[80, 90], 95),
            ("the last believable time", Some(100), &[100], 100),
            ("a record of a time to come", Some(900), &[80, 900, 85], 85),
            ("only such records", Some(900), &[900], 10),
            ("no time told", None, &[80], 10),
        ];
        for (name, collection, records, expected) in rows {
            let mut mark = ServerMark::at(time(10));
            for modified in records {
                mark.take(Some(time(*modified)), time(100));
            }
            mark.take(None, time(100));
            mark.arrive(collection.map(time), time(100));
            assert_eq!(mark, ServerMark::at(time(expected)), "{name}");
        }
    }
}
