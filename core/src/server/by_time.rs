//! Pages by the times of their records, for servers that have no tokens for the next page (spec §3.3, §3.10).
//!
//! A number of records to skip would pass one over whenever an earlier one is written meanwhile, for that one moves to the
//! end. So each page begins at the time of the last record of the one before, that time included:
//!
//! ```text
//! fewer records than asked for, no sign of more ───→ the end
//! no limit, and yet a sign of more, and no way on ─→ an answer that leads nowhere
//! records out of order, or none with a time ───────→ all that is left, in one page
//! all of one time, the one that the page began at ─→ likewise
//! else ────────────────────────────────────────────→ from the time of the last record on
//! ```

use super::order::Order;
use crate::time::ServerTime;

/// The times of the page at hand.
#[derive(Debug, Default)]
pub(super) struct Times {
    last: Option<ServerTime>,
    /// Whether a record came that is not in the order of the others.
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

/// A page that came, and how it was asked for.
#[derive(Debug)]
pub(super) struct Came<'a> {
    pub(super) order: Order,
    /// At which time it began, if not at the query's own beginning.
    pub(super) reached: Option<ServerTime>,
    /// At most so many records were asked for.
    pub(super) limit: Option<u32>,
    /// So many came.
    pub(super) records: u64,
    pub(super) times: &'a Times,
    /// The server itself says that there are more.
    pub(super) says_more: bool,
}

/// Where the download goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nowhere: that was all.
    End,
    /// At the records of this time.
    From(ServerTime),
    /// At the same place, without a limit.
    Whole,
    /// At the beginning, without a limit: what came was in no order.
    WholeAgain,
    /// Nowhere, though there are more.
    Stuck,
}

impl Came<'_> {
    pub(super) fn turn(&self) -> Turn {
        let is_full = self
            .limit
            .is_some_and(|limit| self.records >= u64::from(limit));
        if !is_full && !self.says_more {
            return Turn::End;
        }
        let is_in_order = self.times.is_in(self.order);
        let moves = |last: &ServerTime| {
            self.reached
                .is_none_or(|reached| *last != reached && self.order.is_after(*last, reached))
        };
        match self.times.last.filter(moves) {
            Some(last) if is_in_order => Turn::From(last),
            _ if self.limit.is_none() => Turn::Stuck,
            _ if is_in_order => Turn::Whole,
            _ => Turn::WholeAgain,
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
        type Row<'a> = (&'a str, Order, u64, Option<u32>, &'a [u64], bool, Turn);
        let rows: [Row<'_>; 14] = [
            ("few", Oldest, 0, Some(3), &[1, 2], false, Turn::End),
            ("none", Oldest, 0, Some(3), &[], false, Turn::End),
            ("no limit", Oldest, 0, None, &[1, 2, 3], false, Turn::End),
            (
                "full",
                Oldest,
                0,
                Some(3),
                &[1, 2, 2],
                false,
                Turn::From(time(2)),
            ),
            (
                "a sign",
                Oldest,
                0,
                Some(9),
                &[1, 2],
                true,
                Turn::From(time(2)),
            ),
            (
                "goes on",
                Oldest,
                2,
                Some(3),
                &[2, 2, 3],
                false,
                Turn::From(time(3)),
            ),
            (
                "backwards",
                Newest,
                9,
                Some(3),
                &[9, 8, 7],
                false,
                Turn::From(time(7)),
            ),
            (
                "one time",
                Oldest,
                2,
                Some(3),
                &[2, 2, 2],
                false,
                Turn::Whole,
            ),
            (
                "its first",
                Oldest,
                0,
                Some(3),
                &[2, 2, 2],
                false,
                Turn::From(time(2)),
            ),
            (
                "no order",
                Oldest,
                0,
                Some(3),
                &[2, 1, 3],
                false,
                Turn::WholeAgain,
            ),
            (
                "wrong order",
                Newest,
                0,
                Some(3),
                &[1, 2, 3],
                false,
                Turn::WholeAgain,
            ),
            (
                "before its beginning",
                Oldest,
                5,
                Some(2),
                &[1, 2],
                false,
                Turn::Whole,
            ),
            (
                "a sign of nothing",
                Oldest,
                0,
                Some(3),
                &[],
                true,
                Turn::Whole,
            ),
            (
                "a sign without end",
                Oldest,
                2,
                None,
                &[2],
                true,
                Turn::Stuck,
            ),
        ];
        for (name, order, reached, limit, times, says_more, expected) in rows {
            let came = Came {
                order,
                reached: (reached > 0).then_some(time(reached)),
                limit,
                records: times.len() as u64,
                times: &seen(times),
                says_more,
            };
            assert_eq!(came.turn(), expected, "{name}");
        }
    }

    #[test]
    fn a_page_is_asked_for_from_the_time_that_was_reached() {
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
        /// A server that answers by the rules, and that is written to between two pages: what was there before, or has not
        /// been written since, comes.
        #[test]
        fn nothing_is_passed_over(
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
                let came = Came { order, reached, limit, records: page.len() as u64, times: &times, says_more: false };
                got.extend(page);
                match came.turn() {
                    Turn::End => { limit = Some(0); break }
                    Turn::From(time) => reached = Some(time),
                    Turn::Whole => limit = None,
                    turn => prop_assert!(false, "{turn:?}"),
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
