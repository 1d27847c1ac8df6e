//! The server's side, still encrypted: the reader's position in a collection, its pages, and uploads (spec §7.3).

use alloc::vec::Vec;
use core::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::host::{Clock, Random, Revision};
use crate::http::Fetch;
use crate::ids::{CollectionName, RecordId};
use crate::server::{Client, Condition, Limits, PageEvent, Pages, Position, Query, Sort, Upload};
use crate::time::ServerTime;

/// Number of records requested per page; a server may return fewer.
pub(super) const PAGE: u32 = 1000;

/// The maximum number of ids that a backlog remembers; older records stay on the server only.
pub(super) const BACKLOG: usize = 50_000;

/// The position of a reader of a server's collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerMark {
    /// The collection's time at the last complete read, or at this device's own write directly after it (spec §5.1).
    pub(crate) last_sync: ServerTime,
    /// The position of an interrupted read of newer records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) download: Option<Position>,
    /// Number of records read so far by a limited read.
    #[serde(default, skip_serializing_if = "is_zero")]
    taken: u32,
    /// Time of the oldest record read so far by a limited read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest: Option<ServerTime>,
    /// Latest plausible time of a record in the current read so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<ServerTime>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl ServerMark {
    /// The position of a reader that has everything up to a time.
    #[must_use]
    pub(crate) fn at(last_sync: ServerTime) -> Self {
        Self {
            last_sync,
            ..Self::default()
        }
    }

    /// Abandons the current read: the next one begins after the last complete one.
    pub(crate) fn begin_again(&mut self) {
        *self = Self::at(self.last_sync);
    }

    /// Takes note of a record that was read, with its time if that could be read. `believable` is the latest plausible
    /// time of the server's clock.
    pub(super) fn take(&mut self, modified: Option<ServerTime>, believable: ServerTime) {
        self.taken = self.taken.saturating_add(1);
        self.newest = self.newest.max(modified.filter(|time| *time <= believable));
        self.oldest = match (self.oldest, modified) {
            (Some(oldest), Some(modified)) => Some(oldest.min(modified)),
            (oldest, modified) => oldest.or(modified),
        };
    }

    /// Completes the read; `None` if the server does not return the collection's time. A time in the future of the
    /// server's clock is never stored as the position: records written after the clock is corrected would be missed
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
    /// Maximum number of records of a first read, the newest; the rest becomes the backlog.
    cap: Option<u32>,
    /// The collection's time as last seen by this device: the condition of the next write.
    seen: Cell<ServerTime>,
}

impl<'c, 'h, H: Fetch + Clock + Random> ServerRepository<'c, 'h, H> {
    /// A collection whose last seen time is `seen`. The server's limits are requested at their first use, and stored in
    /// `limits`.
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

    /// Sets a limit for a first read: it takes only this many records, the newest first, and lists the others (spec
    /// §5.3).
    #[must_use]
    pub(crate) const fn capped(mut self, cap: Option<u32>) -> Self {
        self.cap = cap;
        self
    }

    /// The limit, if it applies: once everything was read, newer records are read without a limit.
    fn cap_at(&self, mark: &ServerMark) -> Option<u32> {
        self.cap.filter(|_| mark.last_sync == ServerTime::ZERO)
    }

    /// Whether a limited read has reached its limit.
    pub(super) fn is_enough(&self, mark: &ServerMark) -> bool {
        self.cap_at(mark).is_some_and(|cap| mark.taken >= cap)
    }

    /// The ids of the records that a limited read has not taken, the newest first, if the collection has not changed
    /// since the read began. Records of the exact time at which it stopped are included, taken or not.
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

    /// The records newer than the mark, oldest first, from the point where a read was interrupted.
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

    /// These records, in as many requests as necessary.
    pub(super) fn pages_of(&self, ids: Vec<RecordId>) -> Pages<'c, 'h, H> {
        self.client.pages(
            self.collection.clone(),
            Query {
                ids: Some(ids),
                ..Query::full()
            },
        )
    }

    /// Begins an upload whose condition is that the collection has not changed since it was last seen.
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
