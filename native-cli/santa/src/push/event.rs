//! Events of push for the daemon.

use selvedge_santa::push::{Answered, Asked, Message};
use tokio::sync::oneshot;

/// An event of push.
#[derive(Debug)]
pub enum PushEvent {
    /// Push has been started.
    Created,
    /// The connection is established.
    Connected {
        /// The server, without credentials.
        server: String,
    },
    /// The connection was lost or could not be established. Push will reconnect.
    Disconnected {
        /// The reason.
        why: PushError,
    },
    /// Push has ended and will not reconnect until it is started again.
    Ended {
        /// The reason.
        why: PushError,
    },
    /// An error of the server while the connection continues, for example a subject without permission.
    Problem {
        /// The server's message.
        what: String,
    },
    /// A message.
    Message(Message),
    /// An authenticated command, with the channel for its answer. Without an answer it is reported as unknown.
    Command(Asked, oneshot::Sender<Answered>),
    /// The announcement of a program for which rules follow.
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
    /// The configuration is invalid.
    #[error("{0}")]
    Configuration(String),
    /// The server cannot be reached, or does not respond in time.
    #[error("the push server cannot be reached: {0}")]
    Unreachable(String),
    /// TLS failed.
    #[error("the push server's certificate is not trusted, or TLS failed: {0}")]
    Tls(String),
    /// The server rejects the credentials.
    #[error("the push server rejects the credentials: check the credentials file")]
    Refused,
    /// The server or the network closed the connection.
    #[error("the connection to the push server was lost")]
    Lost,
    /// An HTTP error status.
    #[error("the push server responded with HTTP status {0}")]
    Status(u16),
    /// A reconnect was requested.
    #[error("a reconnect was requested")]
    ReconnectRequested,
}
