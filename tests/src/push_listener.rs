//! The daemon's side of push: what a push client tells it.

use std::time::Duration;

use selvedge_santa::push::Message;
use selvedge_santa_host::push::{self, PushConfig, PushError, PushEvent, PushHandle};
use tokio::sync::mpsc;

/// A slow machine gets this long for anything.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Hears what a push client tells; each question waits for the next event, and panics when it is another one.
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
    /// When its configuration is wrong.
    #[must_use]
    pub fn start(config: PushConfig, machine_id: &str) -> Self {
        let (sender, events) = mpsc::channel(64);
        let handle = push::start(config, machine_id, sender).expect("the configuration is right");
        Self { handle, events }
    }

    /// The next event.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> PushEvent {
        let next = tokio::time::timeout(TIMEOUT, self.events.recv()).await;
        let next = next.expect("the client says something in time");
        next.expect("the client goes on")
    }

    /// Waits for a connection, over attempts in vain.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn connected(&mut self) {
        loop {
            match self.next().await {
                PushEvent::Connected { .. } => return,
                PushEvent::Created | PushEvent::Disconnected { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the end of a connection or of an attempt, and tells why.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn disconnected(&mut self) -> PushError {
        match self.next().await {
            PushEvent::Disconnected { why } => why,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a message.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn message(&mut self) -> Message {
        match self.next().await {
            PushEvent::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }
}
