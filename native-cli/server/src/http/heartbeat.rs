//! The last check of the storage.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a result is reused: everyone may ask, and each check writes to the disk.
const VALID_FOR: Duration = Duration::from_secs(1);

/// The result of the last check of the storage.
#[derive(Debug, Default)]
pub(crate) struct LastHeartbeat(Mutex<Option<(Instant, bool)>>);

impl LastHeartbeat {
    /// Whether the storage works; runs `check` unless the last result is still valid.
    pub(super) async fn is_healthy(&self, check: impl Future<Output = bool>) -> bool {
        let mut last = self.0.lock().await;
        match *last {
            Some((at, is_healthy)) if at.elapsed() < VALID_FOR => is_healthy,
            _ => {
                let is_healthy = check.await;
                *last = Some((Instant::now(), is_healthy));
                is_healthy
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_storage_is_checked_once_a_second() {
        let last = LastHeartbeat::default();
        let check = async |is_healthy| last.is_healthy(std::future::ready(is_healthy)).await;
        assert!(check(true).await);
        assert!(check(false).await, "not checked again");
        tokio::time::advance(VALID_FOR).await;
        assert!(!check(false).await);
        assert!(!check(true).await, "not checked again");
        tokio::time::advance(VALID_FOR).await;
        assert!(check(true).await);
    }
}
