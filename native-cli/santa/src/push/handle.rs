//! The handle by which the daemon controls push.

use selvedge_santa::push::Subject;
use tokio::sync::{mpsc, watch};

/// The state of push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// Not connected at the moment.
    Disconnected,
    /// Connected.
    Connected,
    /// Ended permanently.
    Ended,
}

impl PushState {
    /// The name of the state on the daemon's socket.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected | Self::Ended => "disconnected",
            Self::Connected => "connected",
        }
    }
}

/// The status of push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushStatus {
    /// The state.
    pub state: PushState,
    /// The server, without credentials.
    pub server: String,
    /// The last problem since the connection was established.
    pub problem: Option<String>,
}

/// A request of the handle to the connection task.
#[derive(Debug)]
pub(super) enum Request {
    /// Reconnect immediately.
    Reconnect,
}

/// Controls push. Dropping it stops push without an event.
#[derive(Debug)]
pub struct PushHandle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) status: watch::Receiver<PushStatus>,
    /// `None` for a transport without subjects.
    pub(super) subjects: Option<watch::Sender<Vec<Subject>>>,
}

impl PushHandle {
    /// The current status.
    #[must_use]
    pub fn status(&self) -> PushStatus {
        self.status.borrow().clone()
    }

    /// Closes the connection, if there is one, and reconnects immediately. Does nothing after push has ended.
    pub fn reconnect(&self) {
        // If the channel is full, a reconnect is already requested.
        let _full = self.requests.try_send(Request::Reconnect);
    }

    /// Replaces the subscriptions on the existing connection: subscribes to the valid subjects of `listed` and to the
    /// commands for `device`.
    pub fn resubscribe<'a>(&self, listed: impl IntoIterator<Item = &'a str>, device: &str) {
        if let Some(subjects) = &self.subjects {
            let wanted = selvedge_santa::push::subjects(listed, device);
            subjects.send_if_modified(|known| {
                let is_new = *known != wanted;
                *known = wanted;
                is_new
            });
        }
    }

    /// Stops push.
    pub fn stop(self) {}
}
