//! What is asked of a collection, and where a download stands (spec §3.3).

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

/// The protocol allows 100; half of it keeps URLs short.
const MAX_IDS: usize = 50;

/// The order in which records come.
///
/// ```
/// use selvedge_core::server::Sort;
///
/// assert_eq!(Sort::Newest.as_str(), "newest");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The latest written first.
    Newest,
    /// The latest written last.
    Oldest,
    /// The highest sortindex first.
    Index,
}

impl Sort {
    /// The word of the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Index => "index",
        }
    }
}

/// What is asked of a collection.
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
    /// Whole records rather than their ids.
    pub full: bool,
    /// Only those written later than this.
    pub newer: Option<ServerTime>,
    /// Only those written earlier than this.
    pub older: Option<ServerTime>,
    /// In this order; without it in none.
    pub sort: Option<Sort>,
    /// At most this many in one page. The download goes on over all pages: who wants fewer stops reading.
    pub limit: Option<u32>,
    /// From here on: a token that the server gave.
    pub offset: Option<String>,
    /// Only these, asked for in as many requests as it takes. An empty list asks for nothing and sends nothing.
    pub ids: Option<Vec<RecordId>>,
    /// On what the first page depends; later pages always depend on the collection's being the same.
    pub condition: Condition,
    /// A record of more bytes than this, envelope included, is an error of its own. It bounds memory.
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

    /// The path and query of the request for the page at `position`, and how many ids it asks for; `None` when no
    /// ids are left to ask for.
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

    /// The order in which pages go by the times of their records; `None` where the server has tokens for them, or they
    /// cannot.
    pub(super) fn by_time(&self, dialect: Dialect) -> Option<Order> {
        match self.sort {
            _ if dialect != Dialect::V1_1 || !self.full || self.ids.is_some() => None,
            Some(Sort::Oldest) => Some(Order::Oldest),
            Some(Sort::Newest) => Some(Order::Newest),
            _ => None,
        }
    }

    /// How many records one page may have. Where nothing would lead to the next one, there is only one page.
    pub(super) fn limit_at(&self, position: &Position, dialect: Dialect) -> Option<u32> {
        let is_paged = match dialect {
            Dialect::V1_5 => true,
            Dialect::V1_1 => self.by_time(dialect).is_some() && !position.is_whole,
        };
        self.limit.filter(|_| is_paged)
    }
}

/// Where a download stands between two pages. It is kept as JSON, beside the records that came before it, so that a
/// process that was killed goes on from there with [`Client::resume_pages`](super::Client::resume_pages).
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
    /// The server's token for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<String>,
    /// How many of the query's ids were asked for and answered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) ids_done: usize,
    /// The collection's time when the download began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unmodified_since: Option<ServerTime>,
    /// Where pages go by time: at which one the next begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reached: Option<ServerTime>,
    /// Where pages go by time: the next one is all that is left.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) is_whole: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Position {
    /// The collection's time when the download began: the download is only good while it stays the same.
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
