//! Stops a download that would never end: a server or a cache whose page tokens form a loop (spec §5.3).

use alloc::vec::Vec;

/// Maximum number of consecutive pages without a record.
const MAX_EMPTY_PAGES: u32 = 16;
/// From this number of pages on, and at every doubling, the number of records is compared with the collection's count.
const FIRST_COUNTED_PAGE: u64 = 32;
/// A collection may grow during the download, if the server's dialect has no condition for pages.
const EXTRA_RECORDS: u64 = 1000;

/// The pages of a download up to now. It uses eight bytes per page.
#[derive(Debug, Default)]
pub(super) struct LoopGuard {
    /// Hashes of the followed tokens, sorted.
    seen: Vec<u64>,
    pages: u64,
    empty_pages: u32,
    records: u64,
}

impl LoopGuard {
    /// Counts a page of `records` records whose next page has the token `next`; returns an error message if the pages
    /// do not end.
    pub(super) fn check(&mut self, next: Option<&str>, records: u64) -> Result<(), &'static str> {
        self.pages += 1;
        self.records = self.records.saturating_add(records);
        self.empty_pages = match records {
            0 => self.empty_pages + 1,
            _ => 0,
        };
        let Some(next) = next else {
            // The tokens for another list of ids are independent.
            self.seen.clear();
            return Ok(());
        };
        if self.empty_pages > MAX_EMPTY_PAGES {
            return Err("page after page has no record, but has a next page");
        }
        let hash = fnv1a(next.as_bytes());
        match self.seen.binary_search(&hash) {
            Ok(_) => Err("its next page was read already: its page tokens form a loop"),
            Err(at) => {
                self.seen.insert(at, hash);
                Ok(())
            }
        }
    }

    /// Whether to request the number of records of the collection.
    pub(super) const fn should_check_count(&self) -> bool {
        self.pages >= FIRST_COUNTED_PAGE && self.pages.is_power_of_two()
    }

    /// Whether more records were received than a collection of `count` records can have.
    pub(super) const fn exceeds(&self, count: u64) -> bool {
        self.records > count.saturating_mul(2).saturating_add(EXTRA_RECORDS)
    }
}

/// The 64-bit FNV-1a hash: it need not resist collisions, because a server could only deceive itself.
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
    fn a_loop_of_any_length_is_detected() {
        for length in [1, 2, 3, 50] {
            let mut guard = LoopGuard::default();
            for page in 0..length {
                assert_eq!(guard.check(Some(&format!("{page}")), 10), Ok(()));
            }
            assert!(guard.check(Some("0"), 10).is_err(), "{length}");
        }
    }

    #[test]
    fn tokens_may_be_repeated_for_another_list_of_ids() {
        let mut guard = LoopGuard::default();
        for _ in 0..3 {
            assert_eq!(guard.check(Some("10"), 10), Ok(()));
            assert_eq!(guard.check(None, 5), Ok(()));
        }
    }

    #[test]
    fn the_number_of_pages_without_records_is_limited() {
        let mut guard = LoopGuard::default();
        let ended = (0..100).find(|page| guard.check(Some(&format!("{page}")), 0).is_err());
        assert_eq!(ended, Some(MAX_EMPTY_PAGES));
    }

    #[test]
    fn the_count_is_requested_at_doublings_and_limits_the_records() {
        let mut guard = LoopGuard::default();
        let mut asked = alloc::vec::Vec::new();
        for page in 1..=200 {
            assert_eq!(guard.check(Some(&format!("{page}")), 100), Ok(()));
            if guard.should_check_count() {
                asked.push(page);
            }
        }
        assert_eq!(asked, [32, 64, 128]);
        assert!(guard.exceeds(9_499) && !guard.exceeds(9_500));
        assert!(!guard.exceeds(u64::MAX));
    }
}
