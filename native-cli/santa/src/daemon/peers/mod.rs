//! Connections of the daemon's socket: identifies the peer, limits the number of connections, and reads the calls.
//!
//! ```text
//! accept ─→ user id from the kernel ─→ a permit, or error -32002 and close
//! line ───→ a call for the event loop, or an error; reading pauses while 32 answers are outstanding
//! a partial line for 60 s, or an answer that the peer does not read for 60 s ─→ close
//! ```

mod connection;
mod connection_limit;
mod pending_call;

use std::time::Duration;

use selvedge_santa::ipc::Caller;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use self::connection::Connection;
use self::connection_limit::ConnectionLimit;
pub(super) use self::pending_call::{PendingCall, Reply};

/// Capacity of the queue of calls. When it is full, no connection is read.
const CALL_QUEUE: usize = 16;

/// Delay after a failed `accept`, for example without free file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

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
