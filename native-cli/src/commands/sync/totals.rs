//! How many records a sync is expected to pass, for the line of progress.

use selvedge_core::host::Clock as _;
use selvedge_core::sync;

use crate::device::Device;
use crate::progress::{Total, Totals};
use crate::remote::Remote;
use selvedge_host::{NativeHost, SystemClock};

/// What is known before a sync. The server is asked how much it has when a collection was never read; what it does not
/// answer is not known.
pub(super) async fn expected(device: &Device, host: &NativeHost) -> Totals {
    let mut totals = Totals::new();
    if !device.output.may_draw() {
        return totals;
    }
    let Ok(status) = sync::status(&host.store).await else {
        return totals;
    };
    let is_read = |time: selvedge_core::time::ServerTime| time.hundredths() > 0;
    let mut is_new = status.collections.is_empty();
    for collection in &status.collections {
        is_new |= !is_read(collection.last_sync);
        let send = match collection.counts.pending {
            0 => None,
            pending => Some(pending),
        };
        let total = Total {
            receive: None,
            send,
        };
        totals.insert(collection.name.clone(), total);
    }
    let is_left_alone = status
        .backoff
        .until()
        .is_some_and(|until| SystemClock.now() < until);
    if !is_new || is_left_alone {
        return totals;
    }
    let network = device.network();
    if let Ok(remote) = Remote::connect(device, &network).await
        && let Ok(counts) = remote.client.info_collection_counts().await
    {
        for (name, count) in counts.iter() {
            let known = status.collections.iter().find(|known| known.name == *name);
            if known.is_none_or(|known| !is_read(known.last_sync)) {
                totals.entry(name.clone()).or_default().receive = Some(*count);
            }
        }
    }
    totals
}
