//! Whether an arriving version is earlier than the one that this device knew: the server was restored from a backup.

use core::cmp::Ordering;

use crate::host::Item;
use crate::time::ServerTime;

/// The age of an arriving version, compared with the last known version of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Earlier,
    Same,
    Later,
}

/// Compares the server's time of an arriving version with that of the version known here. `now` is the server's time in
/// milliseconds.
pub(super) fn age(item: &Item, modified: ServerTime, now: u64) -> Age {
    const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
    let known = item.server_modified;
    // A time in the future was assigned while the server's clock was wrong: it does not show which version is earlier.
    let is_believable = known.millis() <= now.saturating_add(DAY_MILLIS);
    match modified.cmp(&known) {
        Ordering::Less if is_believable => Age::Earlier,
        Ordering::Equal => Age::Same,
        Ordering::Less | Ordering::Greater => Age::Later,
    }
}
