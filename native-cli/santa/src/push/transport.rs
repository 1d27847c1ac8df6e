//! The trait of a push transport, and the channel by which it reports events.

use std::future::Future;
use std::time::{Duration, Instant};

use selvedge_core::host::Random as _;
use selvedge_santa::Draw;
use selvedge_santa::push::{Action, Answered, Asked, CommandError};
use tokio::sync::{mpsc, oneshot, watch};

use super::event::{PushError, PushEvent};
use super::handle::{PushState, PushStatus};
use selvedge_host::SystemRandom;

/// Timeout of a command. The slowest command, which kills a process, may take 90 seconds.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(100);

/// Maximum length of a server's error message in the log, in characters.
const MAX_ERROR_CHARACTERS: usize = 200;

/// A transport of push messages. It makes one connection at a time; [`start`](super::start) reconnects.
pub trait Transport: Send + 'static {
    /// Connects, reports events to `reporter`, and returns when the connection has ended.
    fn listen(&mut self, reporter: &mut Reporter) -> impl Future<Output = ConnectionEnd> + Send;

    /// The delay before the first connection.
    fn initial_delay(&self, draw: Draw) -> Duration;

    /// The delay before a reconnect after `failures` failed connections, at least 1.
    fn retry_delay(&self, failures: u32, draw: Draw) -> Duration;
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// Closed by the server as intended: reconnect immediately.
    Closed,
    /// Lost, or not established: reconnect after a delay.
    Lost(PushError),
    /// A reconnect would fail in the same way: give up.
    Fatal(PushError),
}

/// Reports the state of a connection: events to the daemon, and the status.
#[derive(Debug)]
pub struct Reporter {
    events: mpsc::Sender<PushEvent>,
    status: watch::Sender<PushStatus>,
    since: Option<Instant>,
}

impl Reporter {
    pub(super) const fn new(
        events: mpsc::Sender<PushEvent>,
        status: watch::Sender<PushStatus>,
    ) -> Self {
        Self {
            events,
            status,
            since: None,
        }
    }

    /// The connection is established.
    pub async fn connected(&mut self) {
        self.since = Some(Instant::now());
        self.status.send_modify(|status| {
            status.state = PushState::Connected;
            status.problem = None;
        });
        let server = self.status.borrow().server.clone();
        self.send(PushEvent::Connected { server }).await;
    }

    /// The connection has ended, and will be retried.
    pub async fn disconnected(&mut self, why: PushError) {
        self.since = None;
        self.set(PushState::Disconnected, &why);
        self.send(PushEvent::Disconnected { why }).await;
    }

    /// Push has ended permanently.
    pub(super) async fn ended(&mut self, why: PushError) {
        self.since = None;
        self.set(PushState::Ended, &why);
        self.send(PushEvent::Ended { why }).await;
    }

    /// How long the connection has existed; `None` without a connection.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }

    /// Reports an error message of the server.
    pub async fn problem(&self, what: &str) {
        let what: String = what
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .take(MAX_ERROR_CHARACTERS)
            .collect();
        self.status
            .send_modify(|status| status.problem = Some(what.clone()));
        self.send(PushEvent::Problem { what }).await;
    }

    /// Sends an event to the daemon. If the daemon has stopped, push is about to stop too.
    pub async fn send(&self, event: PushEvent) {
        let _closed = self.events.send(event).await;
    }

    /// Sends a command to the daemon. The answer is a separate future, so that it does not block the connection.
    pub fn execute(&self, asked: Asked) -> impl Future<Output = Answered> + Send + use<> {
        let events = self.events.clone();
        async move {
            // A ping needs no work in the daemon.
            if asked.action == Action::Ping {
                return Answered::Done(Action::Ping, Vec::new());
            }
            let (reply, answered) = oneshot::channel();
            let _closed = events.send(PushEvent::Command(asked, reply)).await;
            match tokio::time::timeout(COMMAND_TIMEOUT, answered).await {
                Ok(Ok(answered)) => answered,
                _ => Answered::Not(CommandError::UnknownRequestType),
            }
        }
    }

    fn set(&self, state: PushState, why: &PushError) {
        self.status.send_modify(|status| {
            status.state = state;
            status.problem = Some(why.to_string());
        });
    }
}

/// A random number from the system; the middle of the range if the system has no random bytes, which only means that
/// delays are not spread.
pub(super) fn draw() -> Draw {
    let mut bytes = [0; 4];
    match SystemRandom.fill(&mut bytes) {
        Ok(()) => Draw(u32::from_le_bytes(bytes)),
        Err(_) => Draw(1 << 31),
    }
}
