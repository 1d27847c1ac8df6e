//! Which records of a collection a read returns, and in which order (spec §3.3).

use selvedge_core::ids::RecordId;
use selvedge_core::time::ServerTime;

use super::record::Row;

/// The order of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Oldest first. Also the order of a request without one: what is written while a client pages comes at the end, where
    /// the client reads it twice rather than not at all.
    #[default]
    Oldest,
    /// Newest first.
    Newest,
    /// Largest sort index first; records without one come last.
    Index,
}

/// The position of a record in an order: its sort value, and its number among records with the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The time in hundredths, or the sort index.
    pub value: i64,
    /// The backend's number of the record.
    pub number: u64,
}

impl Position {
    /// The sort value of a record without a sort index: below every index of nine digits.
    pub const NO_SORTINDEX: i64 = -1_000_000_000;

    /// The position of a row.
    #[must_use]
    pub fn of(row: &Row<'_>, sort: Sort) -> Self {
        let value = match sort {
            Sort::Oldest | Sort::Newest => {
                i64::try_from(row.modified.hundredths()).unwrap_or(i64::MAX)
            }
            Sort::Index => row.sortindex.unwrap_or(Self::NO_SORTINDEX),
        };
        Self {
            value,
            number: row.number,
        }
    }
}

/// Which records of a collection a read returns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Only these.
    pub ids: Option<Vec<RecordId>>,
    /// Strictly newer than this.
    pub newer: Option<ServerTime>,
    /// Strictly older than this.
    pub older: Option<ServerTime>,
    /// Whole records instead of ids.
    pub full: bool,
    /// Maximum number of records.
    pub limit: Option<u64>,
    /// Only records behind this position.
    pub after: Option<Position>,
    /// Number of records to skip (1.1).
    pub skip: u64,
    /// Only with a sort index above this (1.1).
    pub index_above: Option<i64>,
    /// Only with a sort index below this (1.1).
    pub index_below: Option<i64>,
    /// In this order.
    pub sort: Sort,
}
