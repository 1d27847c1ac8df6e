//! Signals to the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{HostError, Result};

/// A signal to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// SIGHUP: look again at what it works with.
    Hangup,
    /// SIGTERM or SIGINT: stop at the next safe point.
    Stop,
}

/// The signals that a daemon minds.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Minds them from now on.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn new() -> Result<Self> {
        let of = |kind| {
            signal(kind).map_err(|error| {
                HostError::Failed(format!("signal handlers cannot be installed: {error}"))
            })
        };
        Ok(Self {
            hangup: of(SignalKind::hangup())?,
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signalled {
        tokio::select! {
            _ = self.hangup.recv() => Signalled::Hangup,
            _ = self.terminate.recv() => Signalled::Stop,
            _ = self.interrupt.recv() => Signalled::Stop,
        }
    }
}
