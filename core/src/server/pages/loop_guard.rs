//! Ends a download that would never end: a server or a cache whose page tokens go in a circle (spec §5.3).

use alloc::vec::Vec;

/// Pages without a record, one after another, after which a download is given up.
const MAX_EMPTY_PAGES: u32 = 16;
/// From this many pages on, and at every doubling, the number of records is compared with what the collection has.
const FIRST_COUNTED_PAGE: u64 = 32;
/// A collection may grow while it is read, where the server's dialect has no condition for pages.
const EXTRA_RECORDS: u64 = 1000;

/// What a download has seen of its pages. It holds eight bytes a page.
#[derive(Debug, Default)]
pub(super) struct LoopGuard {
    /// Hashes of the tokens that were followed, sorted.
    seen: Vec<u64>,
    pages: u64,
    empty_pages: u32,
    records: u64,
}

impl LoopGuard {
    /// Counts a page of `records` records whose next page has the token `next`, and says what is wrong with it.
    pub(super) fn turn(&mut self, next: Option<&str>, records: u64) -> Result<(), &'static str> {
        self.pages += 1;
        self.records = self.records.saturating_add(records);
        self.empty_pages = match records {
            0 => self.empty_pages + 1,
            _ => 0,
        };
        let Some(next) = next else {
            // Tokens of another list of ids begin anew.
            self.seen.clear();
            return Ok(());
        };
        if self.empty_pages > MAX_EMPTY_PAGES {
            return Err("page after page has no record and names a next page");
        }
        let hash = fnv1a(next.as_bytes());
        match self.seen.binary_search(&hash) {
            Ok(_) => {
                Err("it names a next page that was read already: its page tokens go in a circle")
            }
            Err(at) => {
                self.seen.insert(at, hash);
                Ok(())
            }
        }
    }

    /// Whether it is time to ask how many records the collection has.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.pages >= FIRST_COUNTED_PAGE && self.pages.is_power_of_two()
    }

    /// Whether more records came than a collection of `count` can have.
    pub(super) const fn exceeds(&self, count: u64) -> bool {
        self.records > count.saturating_mul(2).saturating_add(EXTRA_RECORDS)
    }
}

/// The 64-bit FNV-1a hash: only a server that cheats itself gains from a collision.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_circle_of_any_length_is_noticed() {
        for length in [1, 2, 3, 50] {
            let mut guard = LoopGuard::default();
            for page in 0..length {
                assert_eq!(guard.turn(Some(&format!("{page}")), 10), Ok(()));
            }
            assert!(guard.turn(Some("0"), 10).is_err(), "{length}");
        }
    }

    #[test]
    fn tokens_may_return_in_the_list_of_other_ids() {
        let mut guard = LoopGuard::default();
        for _ in 0..3 {
            assert_eq!(guard.turn(Some("10"), 10), Ok(()));
            assert_eq!(guard.turn(None, 5), Ok(()));
        }
    }

    #[test]
    fn pages_without_records_do_not_go_on_for_ever() {
        let mut guard = LoopGuard::default();
        let ended = (0..100).find(|page| guard.turn(Some(&format!("{page}")), 0).is_err());
        assert_eq!(ended, Some(MAX_EMPTY_PAGES));
    }

    #[test]
    fn the_count_is_asked_for_at_doublings_and_bounds_the_records() {
        let mut guard = LoopGuard::default();
        let mut asked = alloc::vec::Vec::new();
        for page in 1..=200 {
            assert_eq!(guard.turn(Some(&format!("{page}")), 100), Ok(()));
            if guard.is_in_doubt() {
                asked.push(page);
            }
        }
        assert_eq!(asked, [32, 64, 128]);
        assert!(guard.exceeds(9_499) && !guard.exceeds(9_500));
        assert!(!guard.exceeds(u64::MAX));
    }
}
