//! Those who speak to the daemon over its socket: who they are, how many there may be, and what they ask.
//!
//! ```text
//! accept ─→ the kernel says who it is ─→ a seat, or -32002 and the end
//! line ───→ a call for the loop, or an error; 32 answers of one peer may be outstanding, then it is not read on
//! half a line for 60 s, an answer that is not taken for 60 s ─→ the end
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

/// Calls that wait for the loop; while there are more, nobody is read.
const CALLS: usize = 16;

/// After the system had no room for another connection.
const REST: Duration = Duration::from_secs(1);

/// Something that is asked of the daemon.
#[derive(Debug)]
pub(super) struct Asked {
    /// What.
    pub(super) call: Call,
    /// Where the answer goes.
    pub(super) reply: Reply,
}

/// Where an answer goes. There is room for it from the beginning.
#[derive(Debug)]
pub(super) struct Reply {
    id: Id,
    room: mpsc::OwnedPermit<Vec<u8>>,
    lines: mpsc::Sender<Vec<u8>>,
}

impl Reply {
    /// Answers. If nobody is there any more, nobody misses it.
    pub(super) fn answer(self, answer: Result<Value, Fault>) {
        self.room.send(answer_line(&self.id, &answer));
    }

    /// Answers, and waits until nothing is left to send, for a second at most.
    pub(super) async fn deliver(self, answer: Result<Value, Fault>) {
        let lines = self.lines.clone();
        self.answer(answer);
        let sent = async {
            while lines.capacity() < lines.max_capacity() {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(REST, sent).await;
    }

    /// Tells what happens meanwhile. A peer that does not read misses some of it.
    pub(super) fn tell(&self, progress: &Progress) {
        let _ = self.lines.try_send(progress_line(progress));
    }
}

/// Takes connections for as long as it is polled. What they ask comes out of the receiver.
pub(super) fn listen(
    listener: UnixListener,
    agent: Option<u32>,
) -> (impl Future<Output = ()>, mpsc::Receiver<Asked>) {
    let (calls, asked) = mpsc::channel(CALLS);
    let accepting = async move {
        let connections = ConnectionLimit::default();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(REST).await;
                continue;
            };
            // Whom the kernel does not name is nobody special.
            let uid = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
            let caller = Caller::of(uid, agent);
            let seat = connections.take(uid, caller);
            tokio::task::spawn_local(Connection::new(stream, caller, seat).serve(calls.clone()));
        }
    };
    (accepting, asked)
}

#[cfg(test)]
mod tests;
