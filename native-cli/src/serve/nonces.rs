//! Remembers the requests that were seen, so that nobody can send one again (spec §2.5).

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Mutex;

/// How far a request's time may be from the server's, in seconds. A request of another time is refused, so that only
/// those of this window need to be remembered.
pub(super) const WINDOW: u64 = 60;

/// The requests of the window: 64-bit keyed hashes of (id, nonce), by their second.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    hasher: RandomState,
    seen: Mutex<BTreeMap<u64, HashSet<u64>>>,
}

/// What a request's time and nonce say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Never seen.
    Fresh,
    /// Seen before.
    Replayed,
    /// Too old or too new to know.
    OutsideWindow,
}

impl Nonces {
    /// Judges a request that is signed rightly, and remembers it.
    pub(super) fn judge(&self, id: &str, nonce: &str, ts: u64, now: u64) -> Freshness {
        if ts.abs_diff(now) > WINDOW {
            return Freshness::OutsideWindow;
        }
        let hash = self.hasher.hash_one((id, nonce));
        // A poisoned lock holds nothing but hashes; they are as good as before.
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        while let Some(oldest) = seen.first_entry()
            && *oldest.key() < now.saturating_sub(WINDOW)
        {
            oldest.remove();
        }
        if seen.entry(ts).or_default().insert(hash) {
            Freshness::Fresh
        } else {
            Freshness::Replayed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_fresh_once_and_only_within_the_window() {
        let nonces = Nonces::default();
        for (id, nonce, ts, now, expected) in [
            ("a", "n", 1000, 1000, Freshness::Fresh),
            ("a", "n", 1000, 1000, Freshness::Replayed),
            ("a", "n", 1000, 1060, Freshness::Replayed),
            ("a", "m", 1000, 1060, Freshness::Fresh),
            ("b", "n", 1000, 1060, Freshness::Fresh),
            ("a", "n", 1000, 1061, Freshness::OutsideWindow),
            ("a", "x", 1122, 1061, Freshness::OutsideWindow),
            ("a", "x", 1121, 1061, Freshness::Fresh),
        ] {
            assert_eq!(
                nonces.judge(id, nonce, ts, now),
                expected,
                "{id} {nonce} {ts} {now}"
            );
        }
    }

    #[test]
    fn what_leaves_the_window_is_forgotten() {
        let nonces = Nonces::default();
        for second in 1000..2000 {
            nonces.judge("id", &second.to_string(), second, second);
        }
        assert!(nonces.seen.lock().unwrap().len() <= 61);
    }
}
