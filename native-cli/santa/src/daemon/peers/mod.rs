//! Connections of the daemon's socket: identifies the peer, limits the number of connections, and reads the calls.
//!
//! ```text
//! accept ─→ user id from the kernel ─→ a permit, or error -32002 and close
//! line ───→ a call for the event loop, or an error; reading pauses while 32 answers are outstanding
//! a partial line for 60 s, or an answer that the peer does not read for 60 s ─→ close
//! ```

mod connection;
mod connection_limit;

use std::time::Duration;

use selvedge_santa::ipc::{Call, Caller, Fault, Id, Progress, answer_line, progress_line};
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use self::connection::Connection;
use self::connection_limit::ConnectionLimit;

/// Capacity of the queue of calls. When it is full, no connection is read.
const CALL_QUEUE: usize = 16;

/// Delay after a failed `accept`, for example without free file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long the daemon waits at shutdown until an answer is sent.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(1);

/// A call with the channel for its answer.
#[derive(Debug)]
pub(super) struct PendingCall {
    /// The call.
    pub(super) call: Call,
    /// The channel for its answer.
    pub(super) reply: Reply,
}

/// The channel for an answer. A slot in the queue of the connection is reserved for it.
#[derive(Debug)]
pub(super) struct Reply {
    id: Id,
    slot: mpsc::OwnedPermit<Vec<u8>>,
    lines: mpsc::Sender<Vec<u8>>,
}

impl Reply {
    /// Sends the answer. It is discarded if the connection is closed.
    pub(super) fn answer(self, answer: Result<Value, Fault>) {
        self.slot.send(answer_line(&self.id, &answer));
    }

    /// Sends the answer, and waits until the queue is empty, but at most [`DELIVERY_TIMEOUT`].
    pub(super) async fn deliver(self, answer: Result<Value, Fault>) {
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
    pub(super) fn send_progress(&self, progress: &Progress) {
        let _ = self.lines.try_send(progress_line(progress));
    }
}

/// Accepts connections while the future is polled. The receiver returns their calls.
pub(super) fn listen(
    listener: UnixListener,
    agent: Option<u32>,
) -> (impl Future<Output = ()>, mpsc::Receiver<PendingCall>) {
    let (sender, calls) = mpsc::channel(CALL_QUEUE);
    let accepting = async move {
        let connections = ConnectionLimit::default();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            };
            // A peer without credentials counts as an unprivileged user.
            let uid = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
            let caller = Caller::of(uid, agent);
            let permit = connections.acquire(uid, caller);
            tokio::task::spawn_local(Connection::new(stream, caller, permit).serve(sender.clone()));
        }
    };
    (accepting, calls)
}

#[cfg(test)]
mod tests;
