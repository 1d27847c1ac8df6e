//! The number of records that a sync is expected to transfer, for the progress line.

use selvedge_core::host::Clock as _;
use selvedge_core::sync;

use crate::device::Device;
use crate::progress::{Total, Totals};
use crate::remote::Remote;
use selvedge_host::{NativeHost, SystemClock};

/// The numbers known before a sync. If a collection was never read, the server is asked for its number of records;
/// without a response the number is unknown.
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
