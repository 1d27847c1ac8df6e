//! The daemon's end of push.

use selvedge_santa::push::Subject;
use tokio::sync::{mpsc, watch};

/// How push is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// There is no connection now.
    Disconnected,
    /// There is one.
    Connected,
    /// There will be none any more.
    Ended,
}

impl PushState {
    /// Its word on the daemon's socket.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected | Self::Ended => "disconnected",
            Self::Connected => "connected",
        }
    }
}

/// How push is, and with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushStatus {
    /// Whether there is a connection.
    pub state: PushState,
    /// The server, as people may read it.
    pub server: String,
    /// What went wrong last, if it has not gone well since.
    pub problem: Option<String>,
}

/// What a handle orders.
#[derive(Debug)]
pub(super) enum Order {
    /// A new connection, now.
    Reconnect,
}

/// Push, as the daemon holds it. Dropping it ends push, without an event.
#[derive(Debug)]
pub struct PushHandle {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) status: watch::Receiver<PushStatus>,
    /// None for a carrier that has no subjects.
    pub(super) subjects: Option<watch::Sender<Vec<Subject>>>,
}

impl PushHandle {
    /// How push is now.
    #[must_use]
    pub fn status(&self) -> PushStatus {
        self.status.borrow().clone()
    }

    /// Gives up the connection, if there is one, and makes a new one at once. After push has ended it does nothing.
    pub fn reconnect(&self) {
        // An order that waits already is as good as this one.
        let _waiting = self.orders.try_send(Order::Reconnect);
    }

    /// Listens to other subjects, by the connection that there is: to those of `listed` that have the right form, and to
    /// the commands for `device`.
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

    /// Ends push.
    pub fn stop(self) {}
}
