//! Rate limiting: uploads outside of syncs, and allowed executions that are stored (spec §2.4, §5.3).

use alloc::collections::BTreeMap;
use alloc::string::String;

use selvedge_core::time::LocalTime;

/// Accepts each key once per period. It is kept in memory only.
///
/// ```
/// use selvedge_santa::Throttle;
/// use selvedge_core::time::LocalTime;
///
/// let start = LocalTime::from_millis(0);
/// let mut throttle = Throttle::of_uploads();
/// assert!(throttle.passes("ab", start));
/// assert!(!throttle.passes("ab", start.plus_seconds(599)));
/// assert!(throttle.passes("ab", start.plus_seconds(600)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    seconds: u64,
    max_keys: usize,
    passed: BTreeMap<String, LocalTime>,
}

impl Throttle {
    /// Accepts a key once per this number of seconds, and remembers at most this number of keys.
    #[must_use]
    pub const fn new(seconds: u64, max_keys: usize) -> Self {
        Self {
            seconds,
            max_keys,
            passed: BTreeMap::new(),
        }
    }

    /// For events that are sent immediately: ten minutes.
    #[must_use]
    pub const fn of_uploads() -> Self {
        Self::new(600, 1024)
    }

    /// For allowed executions that are stored: four hours.
    #[must_use]
    pub const fn of_allowed() -> Self {
        Self::new(4 * 3600, 2048)
    }

    /// Whether the key is accepted now. Only accepted keys start a new period, not rejected ones.
    pub fn passes(&mut self, key: &str, now: LocalTime) -> bool {
        let is_recent = |passed: &LocalTime| {
            // After the clock was set back, a key is rejected for at most one period.
            *passed <= now && now < passed.plus_seconds(self.seconds)
        };
        if self.passed.get(key).is_some_and(is_recent) {
            return false;
        }
        if self.passed.len() >= self.max_keys && !self.passed.contains_key(key) {
            self.forget_oldest(now);
        }
        self.passed.insert(key.into(), now);
        true
    }

    /// Forgets a key: it was not sent after all, or the server requests more of it.
    pub fn forget(&mut self, key: &str) {
        self.passed.remove(key);
    }

    fn forget_oldest(&mut self, now: LocalTime) {
        let seconds = self.seconds;
        self.passed
            .retain(|_, passed| *passed <= now && now < passed.plus_seconds(seconds));
        if self.passed.len() >= self.max_keys {
            let oldest = self.passed.iter().min_by_key(|(_, passed)| **passed);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.passed.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_oldest_key_is_removed_first() {
        let at = |seconds| LocalTime::default().plus_seconds(seconds);
        let mut throttle = Throttle::new(600, 2);
        assert!(throttle.passes("a", at(0)));
        assert!(throttle.passes("b", at(1)));
        assert!(throttle.passes("c", at(2)));
        assert!(!throttle.passes("b", at(3)));
        assert!(throttle.passes("a", at(4)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_extend_the_period() {
        let at = |seconds| LocalTime::default().plus_seconds(seconds);
        let mut throttle = Throttle::of_uploads();
        assert!(throttle.passes("a", at(10_000)));
        assert!(throttle.passes("a", at(10)));
        assert!(!throttle.passes("a", at(20)));
    }
}
