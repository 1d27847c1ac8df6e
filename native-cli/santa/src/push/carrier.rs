//! A way by which messages come.

use std::future::Future;
use std::time::{Duration, Instant};

use selvedge_core::host::Random as _;
use selvedge_santa::Draw;
use selvedge_santa::push::{Action, Answered, Asked, CommandError};
use tokio::sync::{mpsc, oneshot, watch};

use super::event::{PushError, PushEvent};
use super::handle::{PushState, PushStatus};
use selvedge_host::SystemRandom;

/// A command is waited for so long; the longest, which ends a process, may take 90 seconds.
const COMMAND_PATIENCE: Duration = Duration::from_secs(100);

/// A server's own words are cut to so many characters before they come into a log.
const MAX_WORDS: usize = 200;

/// A carrier of push messages. It makes one connection at a time; [`start`](super::start) makes them one after the
/// other.
pub trait Push: Send + 'static {
    /// Makes a connection, tells `link` what comes by it, and returns when it is over.
    fn listen(&mut self, link: &mut Link) -> impl Future<Output = Over> + Send;

    /// How long to wait before the first connection of all.
    fn first_pause(&self, draw: Draw) -> Duration;

    /// How long to wait after so many connections in vain, from 1.
    fn pause(&self, failures: u32, draw: Draw) -> Duration;
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// As it should: the next one is made at once.
    Done,
    /// It was lost or not made: the next one is made after a pause.
    Lost(PushError),
    /// There is no use in another one.
    Fatal(PushError),
}

/// What a carrier tells through: to the daemon by events, and to whom asks for the status.
#[derive(Debug)]
pub struct Link {
    events: mpsc::Sender<PushEvent>,
    status: watch::Sender<PushStatus>,
    since: Option<Instant>,
}

impl Link {
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

    /// There is a connection.
    pub async fn connected(&mut self) {
        self.since = Some(Instant::now());
        self.status.send_modify(|status| {
            status.state = PushState::Connected;
            status.problem = None;
        });
        let server = self.status.borrow().server.clone();
        self.tell(PushEvent::Connected { server }).await;
    }

    /// There is none, but will be.
    pub async fn disconnected(&mut self, why: PushError) {
        self.since = None;
        self.set(PushState::Disconnected, &why);
        self.tell(PushEvent::Disconnected { why }).await;
    }

    /// There will be none any more.
    pub(super) async fn ended(&mut self, why: PushError) {
        self.since = None;
        self.set(PushState::Ended, &why);
        self.tell(PushEvent::Ended { why }).await;
    }

    /// How long the connection has been standing, if there is one.
    #[must_use]
    pub fn stood(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }

    /// What a server says is wrong.
    pub async fn trouble(&self, what: &str) {
        let what: String = what
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .take(MAX_WORDS)
            .collect();
        self.status
            .send_modify(|status| status.problem = Some(what.clone()));
        self.tell(PushEvent::Trouble { what }).await;
    }

    /// Tells the daemon. When that is gone, push is about to end too.
    pub async fn tell(&self, event: PushEvent) {
        let _gone = self.events.send(event).await;
    }

    /// Has the daemon do a command. The answer does not hold up the connection: it is a future of its own.
    pub fn ask(&self, asked: Asked) -> impl Future<Output = Answered> + Send + use<> {
        let events = self.events.clone();
        async move {
            // That a machine is there is shown by any answer.
            if asked.action == Action::Ping {
                return Answered::Done(Action::Ping, Vec::new());
            }
            let (reply, answered) = oneshot::channel();
            let _gone = events.send(PushEvent::Command(asked, reply)).await;
            match tokio::time::timeout(COMMAND_PATIENCE, answered).await {
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

/// A draw from the system's random bytes; the middle where there are none, which spreads nothing and is no harm.
pub(super) fn draw() -> Draw {
    let mut bytes = [0; 4];
    match SystemRandom.fill(&mut bytes) {
        Ok(()) => Draw(u32::from_le_bytes(bytes)),
        Err(_) => Draw(1 << 31),
    }
}
