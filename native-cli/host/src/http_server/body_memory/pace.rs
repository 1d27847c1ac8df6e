//! Whether a body comes fast enough: each window of time must bring some bytes.

use std::time::Duration;

use tokio::time::Instant;

/// The time over which the rate is measured.
pub(super) const WINDOW: Duration = Duration::from_secs(20);
/// The bytes that a window must bring at least, unless the body ends: 2 KiB a second.
pub(super) const MIN_BYTES: usize = 40 * 1024;

/// The rate of a body.
#[derive(Debug)]
pub(super) struct Pace {
    window_ends: Instant,
    bytes: usize,
}

impl Pace {
    /// Begins a window.
    pub(super) fn start(now: Instant) -> Self {
        Self {
            window_ends: now + WINDOW,
            bytes: 0,
        }
    }

    /// When the rate is to be judged.
    pub(super) const fn window_ends(&self) -> Instant {
        self.window_ends
    }

    /// Counts bytes that came.
    pub(super) const fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Judges the window that has ended, and begins another one.
    pub(super) fn is_too_slow(&mut self, now: Instant) -> bool {
        if now < self.window_ends {
            return false;
        }
        std::mem::replace(self, Self::start(now)).bytes < MIN_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_is_judged_by_its_own_bytes() {
        let start = Instant::now();
        for (bytes, at, too_slow) in [
            (0, WINDOW - Duration::from_millis(1), false),
            (0, WINDOW, true),
            (MIN_BYTES - 1, WINDOW, true),
            (MIN_BYTES, WINDOW, false),
            (MIN_BYTES - 1, 10 * WINDOW, true),
        ] {
            let mut pace = Pace::start(start);
            pace.add(bytes);
            assert_eq!(pace.is_too_slow(start + at), too_slow, "{bytes} at {at:?}");
        }
        let mut pace = Pace::start(start);
        pace.add(10 * MIN_BYTES);
        assert!(!pace.is_too_slow(start + WINDOW));
        assert!(
            pace.is_too_slow(start + 2 * WINDOW),
            "what came early does not count later"
        );
    }
}
