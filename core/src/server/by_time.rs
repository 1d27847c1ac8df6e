//! Pagination by the modification times of records, for servers without page tokens (spec §3.3, §3.10).
//!
//! Skipping a number of records would miss one whenever an earlier record is written meanwhile, because that one moves
//! to the end. So each page starts at the time of the last record of the previous page, including that time:
//!
//! ```text
//! fewer records than requested, has_more not set ──→ the end
//! no limit, but has_more is set, and no progress ──→ an invalid response
//! records out of order, or none with a time ───────→ all remaining records, in one page
//! all records have the time where the page started → all remaining records, in one page
//! else ────────────────────────────────────────────→ from the time of the last record on
//! ```

use super::order::Order;
use crate::time::ServerTime;

/// The times of the page at hand.
#[derive(Debug, Default)]
pub(super) struct Times {
    last: Option<ServerTime>,
    /// Whether a record was out of order.
    rises: bool,
    falls: bool,
}

impl Times {
    pub(super) fn see(&mut self, modified: ServerTime) {
        if let Some(last) = self.last {
            self.rises |= modified > last;
            self.falls |= modified < last;
        }
        self.last = Some(modified);
    }

    const fn is_in(&self, order: Order) -> bool {
        match order {
            Order::Oldest => !self.falls,
            Order::Newest => !self.rises,
        }
    }
}

/// A received page, and its request.
#[derive(Debug)]
pub(super) struct FetchedPage<'a> {
    pub(super) order: Order,
    /// The time at which it started, unless it is the first page.
    pub(super) reached: Option<ServerTime>,
    /// The requested maximum number of records.
    pub(super) limit: Option<u32>,
    /// The number of received records.
    pub(super) records: u64,
    pub(super) times: &'a Times,
    /// Whether the server reports that there are more.
    pub(super) has_more: bool,
}

/// How the download continues.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextPage {
    /// It is complete.
    End,
    /// With the records from this time on.
    From(ServerTime),
    /// At the same position, without a limit.
    Unlimited,
    /// From the beginning, without a limit: the received records were not sorted.
    RestartUnlimited,
    /// It cannot continue, although there are more records.
    Stuck,
}

impl FetchedPage<'_> {
    pub(super) fn next(&self) -> NextPage {
        let is_full = self
            .limit
            .is_some_and(|limit| self.records >= u64::from(limit));
        if !is_full && !self.has_more {
            return NextPage::End;
        }
        let is_in_order = self.times.is_in(self.order);
        let moves = |last: &ServerTime| {
            self.reached
                .is_none_or(|reached| *last != reached && self.order.is_after(*last, reached))
        };
        match self.times.last.filter(moves) {
            Some(last) if is_in_order => NextPage::From(last),
            _ if self.limit.is_none() => NextPage::Stuck,
            _ if is_in_order => NextPage::Unlimited,
            _ => NextPage::RestartUnlimited,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::server::query::Query;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const fn time(hundredths: u64) -> ServerTime {
        ServerTime::from_hundredths(hundredths)
    }

    fn seen(hundredths: &[u64]) -> Times {
        let mut times = Times::default();
        hundredths.iter().for_each(|n| times.see(time(*n)));
        times
    }

    #[test]
    fn every_row() {
        use Order::{Newest, Oldest};
        type Row<'a> = (&'a str, Order, u64, Option<u32>, &'a [u64], bool, NextPage);
        let rows: [Row<'_>; 14] = [
            ("few", Oldest, 0, Some(3), &[1, 2], false, NextPage::End),
            ("none", Oldest, 0, Some(3), &[], false, NextPage::End),
            (
                "no limit",
                Oldest,
                0,
                None,
                &[1, 2, 3],
                false,
                NextPage::End,
            ),
            (
                "full",
                Oldest,
                0,
                Some(3),
                &[1, 2, 2],
                false,
                NextPage::From(time(2)),
            ),
            (
                "a sign",
                Oldest,
                0,
                Some(9),
                &[1, 2],
                true,
                NextPage::From(time(2)),
            ),
            (
                "continues",
                Oldest,
                2,
                Some(3),
                &[2, 2, 3],
                false,
                NextPage::From(time(3)),
            ),
            (
                "backwards",
                Newest,
                9,
                Some(3),
                &[9, 8, 7],
                false,
                NextPage::From(time(7)),
            ),
            (
                "one time",
                Oldest,
                2,
                Some(3),
                &[2, 2, 2],
                false,
                NextPage::Unlimited,
            ),
            (
                "at its first time",
                Oldest,
                0,
                Some(3),
                &[2, 2, 2],
                false,
                NextPage::From(time(2)),
            ),
            (
                "unsorted",
                Oldest,
                0,
                Some(3),
                &[2, 1, 3],
                false,
                NextPage::RestartUnlimited,
            ),
            (
                "wrong order",
                Newest,
                0,
                Some(3),
                &[1, 2, 3],
                false,
                NextPage::RestartUnlimited,
            ),
            (
                "before its beginning",
                Oldest,
                5,
                Some(2),
                &[1, 2],
                false,
                NextPage::Unlimited,
            ),
            (
                "has_more without records",
                Oldest,
                0,
                Some(3),
                &[],
                true,
                NextPage::Unlimited,
            ),
            (
                "has_more without progress",
                Oldest,
                2,
                None,
                &[2],
                true,
                NextPage::Stuck,
            ),
        ];
        for (name, order, reached, limit, times, has_more, expected) in rows {
            let fetched = FetchedPage {
                order,
                reached: (reached > 0).then_some(time(reached)),
                limit,
                records: times.len() as u64,
                times: &seen(times),
                has_more,
            };
            assert_eq!(fetched.next(), expected, "{name}");
        }
    }

    #[test]
    fn a_page_is_requested_from_the_reached_time() {
        let query = Query {
            newer: Some(time(10)),
            older: Some(time(90)),
            ..Query::full()
        };
        let bounds = |order: Order, reached: Option<u64>| {
            let (newer, older) = order.bounds(query.newer, query.older, reached.map(time));
            (newer.unwrap().hundredths(), older.unwrap().hundredths())
        };
        let rows = [
            (Order::Oldest, None, (10, 90)),
            (Order::Oldest, Some(40), (39, 90)),
            (Order::Oldest, Some(5), (10, 90)),
            (Order::Newest, Some(40), (10, 41)),
            (Order::Newest, Some(95), (10, 90)),
        ];
        for (order, reached, expected) in rows {
            assert_eq!(bounds(order, reached), expected, "{order:?} {reached:?}");
        }
    }

    proptest! {
        /// With a correct server that is written to between two pages, every record is received that existed before and
        /// was not written since.
        #[test]
        fn no_record_is_skipped(
            mut rows in proptest::collection::vec((1..20_u64, 0..1000_u32), 0..40),
            limit in 1..6_u32,
            moved in proptest::collection::vec(0..40_usize, 0..10),
            newest: bool,
        ) {
            rows.sort_unstable();
            let order = if newest { Order::Newest } else { Order::Oldest };
            let query = Query { limit: Some(limit), ..Query::full() };
            let untouched: Vec<_> = rows.iter().enumerate()
                .filter(|(at, _)| !moved.contains(at)).map(|(_, row)| *row).collect();
            let mut moves = moved.iter();
            let (mut reached, mut limit, mut got) = (None, query.limit, Vec::new());
            for _page in 0..200 {
                let (newer, older) = order.bounds(query.newer, query.older, reached);
                let mut page: Vec<_> = rows.iter().copied()
                    .filter(|(t, _)| newer.is_none_or(|newer| time(*t) > newer) && older.is_none_or(|older| time(*t) < older))
                    .collect();
                page.sort_unstable();
                if newest { page.reverse(); }
                page.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
                let mut times = Times::default();
                page.iter().for_each(|(t, _)| times.see(time(*t)));
                let fetched = FetchedPage { order, reached, limit, records: page.len() as u64, times: &times, has_more: false };
                got.extend(page);
                match fetched.next() {
                    NextPage::End => { limit = Some(0); break }
                    NextPage::From(time) => reached = Some(time),
                    NextPage::Unlimited => limit = None,
                    next => prop_assert!(false, "{next:?}"),
                }
                if let Some(at) = moves.next() && let Some(row) = rows.get_mut(*at) {
                    row.0 = 100;
                }
            }
            prop_assert_eq!(limit, Some(0), "it ends");
            for row in untouched {
                prop_assert!(got.contains(&row), "{row:?} is missing of {got:?}");
            }
        }
    }
}
