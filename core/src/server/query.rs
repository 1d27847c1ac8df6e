//! Queries for a collection's records, and the position of a download (spec §3.3).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::address;
use super::conditions::Condition;
use super::dialect::Dialect;
use super::order::Order;
use crate::error::Result;
use crate::ids::{CollectionName, RecordId};
use crate::time::ServerTime;

/// The protocol allows 100 ids; half of it keeps URLs short.
const MAX_IDS: usize = 50;

/// The order of records.
///
/// ```
/// use selvedge_core::server::Sort;
///
/// assert_eq!(Sort::Newest.as_str(), "newest");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// By modification time, descending.
    Newest,
    /// By modification time, ascending.
    Oldest,
    /// By sort index, descending.
    Index,
}

impl Sort {
    /// The value in the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Index => "index",
        }
    }
}

/// A query for a collection's records.
///
/// ```
/// use selvedge_core::server::{Query, Sort};
/// use selvedge_core::time::ServerTime;
///
/// let newer = Some(ServerTime::from_hundredths(170_000_000_042));
/// let query = Query { newer, sort: Some(Sort::Oldest), limit: Some(1000), ..Query::full() };
/// assert!(query.full && query.ids.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Whole records instead of their ids.
    pub full: bool,
    /// Only those written later than this.
    pub newer: Option<ServerTime>,
    /// Only those written earlier than this.
    pub older: Option<ServerTime>,
    /// Their order; unspecified if `None`.
    pub sort: Option<Sort>,
    /// Maximum number of records in one page. The download continues over all pages: to get fewer records, stop
    /// reading.
    pub limit: Option<u32>,
    /// The start: a page token from the server.
    pub offset: Option<String>,
    /// Only these ids, in as many requests as necessary. An empty list sends no request.
    pub ids: Option<Vec<RecordId>>,
    /// The condition of the first page; later pages always require that the collection is unmodified.
    pub condition: Condition,
    /// Maximum bytes of a record, including the envelope; a larger record is a separate error. This limits memory use.
    pub record_bytes: usize,
}

impl Query {
    /// All records of a collection.
    #[must_use]
    pub fn full() -> Self {
        Self {
            full: true,
            newer: None,
            older: None,
            sort: None,
            limit: None,
            offset: None,
            ids: None,
            condition: Condition::None,
            // Servers allow 2.5 MiB of payload, which escapes make longer.
            record_bytes: 4 << 20,
        }
    }

    /// The ids of all records of a collection.
    #[must_use]
    pub fn ids() -> Self {
        Self {
            full: false,
            ..Self::full()
        }
    }

    /// The path and query of the request for the page at `position`, and the number of ids that it requests; `None` if
    /// no ids are left.
    pub(crate) fn target(
        &self,
        collection: &CollectionName,
        position: &Position,
        dialect: Dialect,
    ) -> Result<Option<(String, usize)>> {
        let mut path = address::collection(collection)?;
        if self.full {
            address::push_parameter(&mut path, "full", "1");
        }
        let mut asked = 0;
        if let Some(ids) = &self.ids {
            let rest = ids.get(position.ids_done..).unwrap_or_default();
            let (count, value) = address::ids_value(rest, MAX_IDS);
            if count == 0 {
                return Ok(None);
            }
            address::push_parameter(&mut path, "ids", &value);
            asked = count;
        }
        let order = self.by_time(dialect);
        let (newer, older) = order.map_or((self.newer, self.older), |order| {
            order.bounds(self.newer, self.older, position.reached)
        });
        for (name, time) in [("newer", newer), ("older", older)] {
            if let Some(time) = time {
                address::push_parameter(&mut path, name, &time.to_string());
            }
        }
        if let Some(sort) = self.sort {
            address::push_parameter(&mut path, "sort", sort.as_str());
        }
        if let Some(limit) = self.limit_at(position, dialect) {
            address::push_parameter(&mut path, "limit", &limit.to_string());
        }
        if let Some(offset) = &position.offset {
            address::push_encoded_parameter(&mut path, "offset", offset);
        }
        Ok(Some((path, asked)))
    }

    /// The order for pagination by modification time; `None` if the server has page tokens, or the query cannot be
    /// paginated by time.
    pub(super) fn by_time(&self, dialect: Dialect) -> Option<Order> {
        match self.sort {
            _ if dialect != Dialect::V1_1 || !self.full || self.ids.is_some() => None,
            Some(Sort::Oldest) => Some(Order::Oldest),
            Some(Sort::Newest) => Some(Order::Newest),
            _ => None,
        }
    }

    /// The maximum number of records of one page. If nothing would lead to the next page, there is only one.
    pub(super) fn limit_at(&self, position: &Position, dialect: Dialect) -> Option<u32> {
        let is_paged = match dialect {
            Dialect::V1_5 => true,
            Dialect::V1_1 => self.by_time(dialect).is_some() && !position.is_whole,
        };
        self.limit.filter(|_| is_paged)
    }
}

/// The position of a download between two pages. It is stored as JSON, together with the records received before it, so
/// that a process that was killed continues from there with [`Client::resume_pages`](super::Client::resume_pages).
///
/// ```
/// use selvedge_core::server::Position;
///
/// let kept = r#"{"offset":"17:3","unmodified_since":1700000000.42}"#;
/// let position: Position = serde_json::from_str(kept)?;
/// assert_eq!(position.unmodified_since().map(|time| time.hundredths()), Some(170_000_000_042));
/// assert_eq!(serde_json::to_string(&position)?, kept);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The server's page token for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<String>,
    /// The number of the query's ids that were requested and received.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) ids_done: usize,
    /// The collection's modification time at the start of the download.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unmodified_since: Option<ServerTime>,
    /// With pagination by time: the time at which the next page starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reached: Option<ServerTime>,
    /// With pagination by time: the next page is the last one and has no limit.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) is_whole: bool,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires this signature"
)]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Position {
    /// The collection's modification time at the start of the download: the download is valid only while it does not
    /// change.
    #[must_use]
    pub const fn unmodified_since(&self) -> Option<ServerTime> {
        self.unmodified_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_parameter_has_its_name() {
        let notes = CollectionName::new("notes").unwrap();
        let all = Query {
            newer: Some(ServerTime::from_hundredths(110)),
            older: Some(ServerTime::from_hundredths(220)),
            sort: Some(Sort::Index),
            limit: Some(7),
            ids: Some([RecordId::new("a b").unwrap(), RecordId::new("c").unwrap()].into()),
            ..Query::full()
        };
        let position = Position {
            offset: Some("1:2".into()),
            ..Position::default()
        };
        let (path, asked) = all
            .target(&notes, &position, Dialect::V1_5)
            .unwrap()
            .unwrap();
        assert_eq!(
            path,
            "storage/notes?full=1&ids=a%20b,c&newer=1.10&older=2.20&sort=index&limit=7&offset=1%3A2"
        );
        assert_eq!(asked, 2);
        let plain = Query::ids().target(&notes, &Position::default(), Dialect::V1_5);
        assert_eq!(plain.unwrap().unwrap().0, "storage/notes");
    }
}
