//! Which records of a collection to fetch, by its time in info/collections (spec §5.1).
//!
//! ```text
//! time in info    last read up to      fetch
//! absent          never                nothing
//! the same        the same             nothing
//! later           earlier              the newer records
//! earlier         later                compare all records: the server or its clock was set back
//! absent          some time            compare all records: likewise, or another device deleted the collection
//! any             a day from now       compare all records: the server's clock was wrong then (spec §5.3)
//! ```

use super::state::CollectionState;
use crate::time::ServerTime;

/// Which records of a collection to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    /// Nothing.
    Nothing,
    /// The records that are newer than the last read, and those that it deferred.
    Newer,
    /// Everything: the server's state differs from what this device expects.
    Compare,
}

impl Fetch {
    /// Decides by the collection's time in info/collections. `believable` is the latest plausible time of a server's
    /// clock.
    pub(super) fn decide(
        state: &CollectionState,
        in_info: Option<ServerTime>,
        believable: ServerTime,
    ) -> Self {
        let CollectionState {
            pair, is_comparing, ..
        } = state;
        let mark = &pair.remote;
        let read_up_to = mark.last_sync;
        // A collection that is listed with an unreadable time has to be read.
        let is_unclear = in_info == Some(ServerTime::ZERO);
        let is_behind = in_info.unwrap_or_default() < read_up_to && !is_unclear;
        if *is_comparing || is_behind || read_up_to > believable {
            Self::Compare
        } else if in_info.is_some_and(|time| time > read_up_to)
            || is_unclear
            || mark.download.is_some()
            || !pair.failed_in.is_empty()
            || !pair.backlog.is_empty()
        {
            Self::Newer
        } else {
            Self::Nothing
        }
    }
}

/// Whether the server may have records that this device lacks, or lack records that this device has read there.
pub(super) fn has_news(
    state: &CollectionState,
    in_info: Option<ServerTime>,
    believable: ServerTime,
) -> bool {
    Fetch::decide(state, in_info, believable) != Fetch::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_is_fetched_depends_on_the_times() {
        use Fetch::{Compare, Newer, Nothing};
        let time = ServerTime::from_hundredths;
        let (never, now, believable) = (0, 50, time(100));
        let rows = [
            ("absent, never read", never, None, Nothing),
            ("there, never read", never, Some(5), Newer),
            ("same", now, Some(now), Nothing),
            ("newer", now, Some(51), Newer),
            ("newer than believable", now, Some(1000), Newer),
            ("went back", now, Some(49), Compare),
            ("a time that cannot be read", now, Some(0), Newer),
            ("absent, though it was read", now, None, Compare),
            ("read up to a time to come", 101, Some(101), Compare),
            ("read up to a time to come, newer", 101, Some(102), Compare),
            (
                "read up to the last believable time",
                100,
                Some(100),
                Nothing,
            ),
        ];
        for (name, read_up_to, in_info, expected) in rows {
            let mut state = CollectionState::default();
            state.pair.remote.last_sync = time(read_up_to);
            let fetch = Fetch::decide(&state, in_info.map(time), believable);
            assert_eq!(fetch, expected, "{name}");
            state.is_comparing = true;
            let fetch = Fetch::decide(&state, in_info.map(time), believable);
            assert_eq!(fetch, Compare, "{name}, cut off in a comparison");
        }
    }

    #[test]
    fn records_that_failed_are_asked_for_once_more() {
        let mut state = CollectionState::default();
        state
            .pair
            .failed_in
            .insert(crate::ids::RecordId::new("a").unwrap());
        let fetch = Fetch::decide(&state, None, ServerTime::from_hundredths(1));
        assert_eq!(fetch, Fetch::Newer);
    }
}
