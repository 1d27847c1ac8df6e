//! Notifies machines by push when the configuration changes.
//!
//! ```text
//! every second ─────────────────→ have the files changed? ─→ no: nothing
//!                                                         └→ yes: publish a message to each subject
//! the push server disconnects ──→ the client reconnects automatically and sends queued messages then
//! ```

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use selvedge_santa::push::{Subject, subjects};

use super::app::App;
use crate::push::{NatsConfig, PushError, SYNC_NOW, nats};

/// Interval between checks of the files.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Publishes notifications.
#[derive(Debug)]
pub(super) struct ChangeNotifier {
    client: Client,
    subjects: Vec<Subject>,
}

impl ChangeNotifier {
    /// Connects to the push server of a configuration, to publish to its subjects.
    pub(super) async fn connect(config: &NatsConfig) -> Result<Self, PushError> {
        for listed in &config.subjects {
            if !subjects([listed.as_str()], "")
                .iter()
                .any(|subject| subject.as_str() == listed)
            {
                return Err(PushError::Configuration(format!(
                    "machines do not subscribe to {listed}: use santa.tag.NAME or santa.host.ID"
                )));
            }
        }
        let mut wanted = subjects(config.subjects.iter().map(String::as_str), "");
        wanted.retain(|subject| !matches!(subject, Subject::Commands(_)));
        Ok(Self {
            client: nats::publisher(config).await?,
            subjects: wanted,
        })
    }

    /// Publishes each change. Runs until the task is aborted.
    pub(super) async fn run(self, app: Arc<App>) {
        let mut known = app.config_store.latest();
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let now = app.current().await;
            if Arc::ptr_eq(&known, &now) {
                continue;
            }
            known = now;
            for subject in &self.subjects {
                let subject = subject.as_str().to_owned();
                let sent = self
                    .client
                    .publish(subject, Bytes::from_static(&SYNC_NOW))
                    .await;
                if let Err(error) = sent {
                    eprintln!("selvedge santa serve: the change cannot be published: {error}");
                }
            }
        }
    }
}
