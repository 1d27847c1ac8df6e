//! What push tells the daemon.

use selvedge_santa::push::{Answered, Asked, Message};
use tokio::sync::oneshot;

/// Something that push has to tell.
#[derive(Debug)]
pub enum PushEvent {
    /// There is a push client: push is in use from now on.
    Created,
    /// It has a connection.
    Connected {
        /// To whom, as people may read it.
        server: String,
    },
    /// It has no connection: one was lost, or could not be made. It will try again.
    Disconnected {
        /// Why.
        why: PushError,
    },
    /// It will not try again: push is over until it is started anew.
    Ended {
        /// Why.
        why: PushError,
    },
    /// Something is not as it should be, while the connection goes on: a subject that the server does not let this
    /// machine listen to.
    Trouble {
        /// What the server says.
        what: String,
    },
    /// A message came.
    Message(Message),
    /// A command came that is to be believed. What is sent back is its answer; without one it counts as unknown.
    Command(Asked, oneshot::Sender<Answered>),
    /// A program is announced that may run soon.
    Announced {
        /// The hash of the program, or of its bundle.
        hash: String,
        /// Its name.
        name: String,
    },
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// What is configured cannot work.
    #[error("{0}")]
    Configuration(String),
    /// Nobody answers, or not in time.
    #[error("the push server cannot be reached: {0}")]
    Unreachable(String),
    /// No safe connection.
    #[error("the push server's certificate is not trusted, or TLS failed: {0}")]
    Tls(String),
    /// The server does not let this machine in.
    #[error("the push server refuses the credentials: check the credentials file")]
    Refused,
    /// The server ended the connection, or the network did.
    #[error("the connection to the push server was lost")]
    Lost,
    /// An HTTP status that is none of success.
    #[error("the push server answered {0}")]
    Status(u16),
    /// It was asked for.
    #[error("push connects anew, as was asked for")]
    Asked,
}
