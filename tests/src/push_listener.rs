//! Receives the events of a push client, as the daemon does.

use std::time::Duration;

use selvedge_santa::push::Message;
use selvedge_santa_host::push::{self, PushConfig, PushError, PushEvent, PushHandle};
use tokio::sync::mpsc;

/// Timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Receives the events of a push client; each method waits for the next event, and panics if it is of another kind.
#[derive(Debug)]
pub struct PushListener {
    /// The push client.
    pub handle: PushHandle,
    events: mpsc::Receiver<PushEvent>,
}

impl PushListener {
    /// Starts a push client.
    ///
    /// # Panics
    /// If its configuration is invalid.
    #[must_use]
    pub fn start(config: PushConfig, machine_id: &str) -> Self {
        let (sender, events) = mpsc::channel(64);
        let handle = push::start(config, machine_id, sender).expect("the configuration is right");
        Self { handle, events }
    }

    /// The next event.
    ///
    /// # Panics
    /// If there is none within the timeout.
    pub async fn next(&mut self) -> PushEvent {
        let next = tokio::time::timeout(TIMEOUT, self.events.recv()).await;
        let next = next.expect("the client sends an event in time");
        next.expect("the client is running")
    }

    /// Waits for a connection, and ignores failed attempts.
    ///
    /// # Panics
    /// If the next event is another one.
    pub async fn connected(&mut self) {
        loop {
            match self.next().await {
                PushEvent::Connected { .. } => return,
                PushEvent::Created | PushEvent::Disconnected { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the end of a connection or of an attempt, and returns its reason.
    ///
    /// # Panics
    /// If the next event is another one.
    pub async fn disconnected(&mut self) -> PushError {
        match self.next().await {
            PushEvent::Disconnected { why } => why,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a message.
    ///
    /// # Panics
    /// If the next event is another one.
    pub async fn message(&mut self) -> Message {
        match self.next().await {
            PushEvent::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }
}
