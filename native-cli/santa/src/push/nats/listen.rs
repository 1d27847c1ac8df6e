//! One connection to a NATS server.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, Message, ServerAddr, Subscriber,
};
use futures_util::StreamExt as _;
use selvedge_santa::Draw;
use selvedge_santa::push::{Gate, Subject, connect_wait_millis};
use tokio::sync::{mpsc, watch};

use super::answer::answer;
use super::config::NatsConfig;
use crate::push::carrier::{Link, Over, Push, draw};
use crate::push::event::{PushError, PushEvent};
use crate::push::reconnect::STEADY;

/// A server has so long to let this machine in.
const TIMEOUT: Duration = Duration::from_secs(60);

/// So many messages of one subject wait at most; more of them would not ask for more.
const MAX_WAITING: usize = 64;

/// A NATS server, as a carrier.
pub(super) struct Nats {
    address: ServerAddr,
    options: ConnectOptions,
    wanted: watch::Receiver<Vec<Subject>>,
    /// It outlives connections, so that a command that was seen is not believed again.
    gate: Option<Gate>,
}

/// What is told of a connection by itself.
enum Turn {
    Connected,
    Disconnected,
    Trouble(String),
}

impl Nats {
    pub(super) fn new(
        config: NatsConfig,
        wanted: watch::Receiver<Vec<Subject>>,
    ) -> Result<Self, PushError> {
        Ok(Self {
            address: config.address()?,
            options: config.options()?,
            wanted,
            gate: config.commands.map(|commands| commands.gate()),
        })
    }

    /// The server for people.
    pub(super) fn server(&self) -> String {
        format!(
            "{}://{}:{}",
            self.address.scheme(),
            self.address.host(),
            self.address.port()
        )
    }

    fn wanted(&mut self) -> Vec<Subject> {
        self.wanted.borrow_and_update().clone()
    }

    async fn connect(&self) -> Result<(Client, mpsc::Receiver<Turn>), PushError> {
        install_tls();
        let (told, turns) = mpsc::channel(16);
        let is_first = Arc::new(AtomicBool::new(true));
        let options = self.options.clone();
        let options = options
            .connection_timeout(TIMEOUT)
            .ignore_discovered_servers()
            .subscription_capacity(MAX_WAITING)
            .max_reconnects(1)
            .reconnect_delay_callback(move |_| match is_first.swap(false, Ordering::Relaxed) {
                true => Duration::ZERO,
                false => Duration::from_millis(connect_wait_millis(1, draw())),
            })
            .event_callback(move |event| {
                let told = told.clone();
                async move {
                    if let Some(turn) = turn(event) {
                        // What nobody takes any more, or too much of it, need not be told.
                        let _full = told.try_send(turn);
                    }
                }
            });
        let client = options.connect(self.address.clone()).await;
        client.map(|client| (client, turns)).map_err(why)
    }

    /// Listens until the connection is over.
    async fn hear(
        &mut self,
        client: &Client,
        turns: &mut mpsc::Receiver<Turn>,
        link: &mut Link,
    ) -> Result<(), PushError> {
        let mut heard = Subscriptions::default();
        heard.change(client, &self.wanted()).await?;
        // The server is told at once; that it has heard is not known, which a sync after each connection makes good.
        client.flush().await.map_err(|_| PushError::Lost)?;
        link.connected().await;
        loop {
            tokio::select! {
                changed = self.wanted.changed() => {
                    // Without a handle there is nothing to go on for.
                    changed.map_err(|_| PushError::Lost)?;
                    heard.change(client, &self.wanted()).await?;
                }
                turn = turns.recv() => match turn {
                    // The first connection is told of late: it is known already.
                    Some(Turn::Connected) if link.stood().is_none() => link.connected().await,
                    Some(Turn::Connected) => {}
                    Some(Turn::Disconnected) => {
                        let was_steady = link.stood().is_some_and(|stood| stood >= STEADY);
                        if !was_steady {
                            return Err(PushError::Lost);
                        }
                        link.disconnected(PushError::Lost).await;
                    }
                    Some(Turn::Trouble(what)) => link.trouble(&what).await,
                    None => return Err(PushError::Lost),
                },
                message = heard.next() => {
                    let (subject, message) = message.ok_or(PushError::Lost)?;
                    match subject.message(&message.payload) {
                        Some(message) => link.tell(PushEvent::Message(message)).await,
                        None => answer(self.gate.as_mut(), message, client, link),
                    }
                }
            }
        }
    }
}

impl Push for Nats {
    async fn listen(&mut self, link: &mut Link) -> Over {
        let (client, mut turns) = match self.connect().await {
            Ok(connected) => connected,
            Err(error) => return Over::Lost(error),
        };
        match self.hear(&client, &mut turns, link).await {
            Ok(()) => Over::Done,
            Err(error) => Over::Lost(error),
        }
    }

    fn first_pause(&self, _: Draw) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, failures: u32, draw: Draw) -> Duration {
        Duration::from_millis(connect_wait_millis(failures, draw))
    }
}

/// What is listened to.
#[derive(Default)]
struct Subscriptions(Vec<(Subject, Subscriber)>);

impl Subscriptions {
    /// Listens to what is wanted and to nothing else. What stays is not interrupted.
    async fn change(&mut self, client: &Client, wanted: &[Subject]) -> Result<(), PushError> {
        self.0.retain(|(subject, _)| wanted.contains(subject));
        for subject in wanted {
            if self.0.iter().any(|(known, _)| known == subject) {
                continue;
            }
            let subscriber = client.subscribe(subject.as_str().to_owned()).await;
            let subscriber = subscriber.map_err(|_| PushError::Lost)?;
            self.0.push((subject.clone(), subscriber));
        }
        Ok(())
    }

    /// The next message; `None` when the connection is over.
    async fn next(&mut self) -> Option<(Subject, Message)> {
        poll_fn(|context| {
            for (subject, subscriber) in &mut self.0 {
                if let Poll::Ready(message) = subscriber.poll_next_unpin(context) {
                    return Poll::Ready(message.map(|message| (subject.clone(), message)));
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn turn(event: Event) -> Option<Turn> {
    match event {
        Event::Connected => Some(Turn::Connected),
        Event::Disconnected => Some(Turn::Disconnected),
        Event::ServerError(error) => Some(Turn::Trouble(error.to_string())),
        _ => None,
    }
}

/// Another part of the process may have chosen the provider already; then that one serves as well.
pub(super) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Why there is no connection.
pub(super) fn why(error: async_nats::ConnectError) -> PushError {
    let source = std::error::Error::source(&error);
    let cause = source.map_or_else(|| error.kind().to_string(), ToString::to_string);
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            PushError::Refused
        }
        ConnectErrorKind::Tls => PushError::Tls(cause),
        _ if source.is_some_and(is_of_tls) => PushError::Tls(cause),
        _ => PushError::Unreachable(cause),
    }
}

/// Whether TLS failed: it hides in errors of input and output.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<rustls::Error>()) || error.source().is_some_and(is_of_tls)
}
