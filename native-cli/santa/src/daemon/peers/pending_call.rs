//! A call of a peer, and the channel for its answer.

use std::time::Duration;

use selvedge_santa::ipc::{Call, Fault, Id, Progress, answer_line, progress_line};
use serde_json::Value;
use tokio::sync::mpsc;

/// How long the daemon waits at shutdown until an answer is sent.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(1);

/// A call with the channel for its answer.
#[derive(Debug)]
pub(in crate::daemon) struct PendingCall {
    /// The call.
    pub(in crate::daemon) call: Call,
    /// The channel for its answer.
    pub(in crate::daemon) reply: Reply,
}

/// The channel for an answer. A slot in the queue of the connection is reserved for it.
#[derive(Debug)]
pub(in crate::daemon) struct Reply {
    pub(super) id: Id,
    pub(super) slot: mpsc::OwnedPermit<Vec<u8>>,
    pub(super) lines: mpsc::Sender<Vec<u8>>,
}

impl Reply {
    /// Sends the answer. It is discarded if the connection is closed.
    pub(in crate::daemon) fn answer(self, answer: Result<Value, Fault>) {
        self.slot.send(answer_line(&self.id, &answer));
    }

    /// Sends the answer, and waits until the queue is empty, but at most [`DELIVERY_TIMEOUT`].
    pub(in crate::daemon) async fn deliver(self, answer: Result<Value, Fault>) {
        let lines = self.lines.clone();
        self.answer(answer);
        let sent = async {
            while lines.capacity() < lines.max_capacity() {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(DELIVERY_TIMEOUT, sent).await;
    }

    /// Sends a progress notification. It is dropped if the queue is full.
    pub(in crate::daemon) fn send_progress(&self, progress: &Progress) {
        let _ = self.lines.try_send(progress_line(progress));
    }
}
