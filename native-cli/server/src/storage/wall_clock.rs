//! The server's clock, in the protocol's hundredths.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use selvedge_core::time::ServerTime;

/// The time now.
#[must_use]
pub fn now() -> ServerTime {
    let hundredths = since_epoch().as_millis() / 10;
    ServerTime::from_hundredths(u64::try_from(hundredths).unwrap_or(u64::MAX))
}

/// Whole seconds since the epoch.
#[must_use]
pub fn seconds() -> u64 {
    since_epoch().as_secs()
}

/// How long until the clock shows the next hundredth.
#[must_use]
pub fn until_next_hundredth() -> Duration {
    let into = since_epoch().subsec_nanos() % 10_000_000;
    Duration::from_nanos(u64::from(10_000_000 - into))
}

fn since_epoch() -> Duration {
    // Before 1970 the clock counts as zero; times of writes still increase.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
