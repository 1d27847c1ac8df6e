//! Tells machines by push that what they are told has changed.
//!
//! ```text
//! every second ────────→ are the files other ones? ─→ no: nothing
//!                                                  └→ yes: a message to each subject
//! the push server goes ─→ the client connects again by itself, and sends then what it was given meanwhile
//! ```

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use selvedge_santa::push::{Subject, subjects};

use super::app::App;
use crate::push::{NatsConfig, PushError, SYNC_NOW, nats};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Where news go.
#[derive(Debug)]
pub(super) struct News {
    client: Client,
    subjects: Vec<Subject>,
}

impl News {
    /// Connects to the push server of a configuration, to publish to its subjects.
    pub(super) async fn connect(config: &NatsConfig) -> Result<Self, PushError> {
        for listed in &config.subjects {
            if !subjects([listed.as_str()], "")
                .iter()
                .any(|subject| subject.as_str() == listed)
            {
                return Err(PushError::Configuration(format!(
                    "{listed} is no subject to which machines listen: write santa.tag.NAME or santa.host.ID"
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

    /// Tells of each change, for as long as it is let.
    pub(super) async fn tell(self, app: Arc<App>) {
        let mut known = app.library.shelf();
        loop {
            tokio::time::sleep(LOOK).await;
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
                    eprintln!("selvedge santa serve: machines are not told of the change: {error}");
                }
            }
        }
    }
}
