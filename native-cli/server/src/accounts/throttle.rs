//! Limits of attempts per account and per address, in memory: a restart forgets them, which takes longer than waiting.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::error::ApiError;

/// Seconds in which attempts are counted.
const WINDOW: u64 = 900;
/// Maximum number of counted names; when there are as many, new ones wait.
const MAX_NAMES: usize = 100_000;

/// Counts attempts.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<HashMap<String, (u64, u32)>>);

impl Throttle {
    /// Counts an attempt, and refuses it beyond `max` in a window. The count does not depend on whether the account exists.
    pub(super) fn count(&self, name: String, max: u32, now: u64) -> Result<(), ApiError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_NAMES {
            counts.retain(|_, (began, _)| now < *began + WINDOW);
            if counts.len() >= MAX_NAMES {
                return Err(ApiError::Throttled(WINDOW));
            }
        }
        let (began, count) = counts.entry(name).or_insert((now, 0));
        if now >= *began + WINDOW {
            (*began, *count) = (now, 0);
        }
        if *count >= max {
            return Err(ApiError::Throttled((*began + WINDOW).saturating_sub(now)));
        }
        *count += 1;
        Ok(())
    }

    /// Forgets the attempts of a name, after a right password.
    pub(super) fn forget(&self, name: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_maximum_a_name_waits_for_the_end_of_its_window() {
        let throttle = Throttle::default();
        let count = |name: &str, now| throttle.count(name.to_owned(), 2, now);
        for (name, now, expected) in [
            ("a", 100, Ok(())),
            ("a", 101, Ok(())),
            ("a", 102, Err(ApiError::Throttled(898))),
            ("b", 102, Ok(())),
            ("a", 1000, Ok(())),
        ] {
            assert_eq!(count(name, now), expected, "{name} {now}");
        }
        throttle.forget("a");
        assert_eq!(count("a", 1001), Ok(()));
        for number in 0..MAX_NAMES {
            let _ = count(&format!("name {number}"), 1002);
        }
        assert_eq!(count("new", 1003), Err(ApiError::Throttled(WINDOW)));
        assert_eq!(count("new", 3000), Ok(()), "expired names make room");
    }
}
