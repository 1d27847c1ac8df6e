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

use super::command_reply::reply_to;
use super::config::NatsConfig;
use crate::push::event::{PushError, PushEvent};
use crate::push::reconnect::STABLE_AFTER;
use crate::push::transport::{ConnectionEnd, Reporter, Transport, draw};

/// Timeout for the connection, including authentication.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum number of queued messages per subject. Further messages would request the same sync.
const MAX_QUEUED: usize = 64;

/// The transport of NATS.
pub(super) struct Nats {
    address: ServerAddr,
    options: ConnectOptions,
    wanted: watch::Receiver<Vec<Subject>>,
    /// Outlives connections, so that a command cannot be replayed.
    gate: Option<Gate>,
}

/// An event of the NATS client.
enum ClientEvent {
    Connected,
    Disconnected,
    Problem(String),
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

    /// The name of the server for people.
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

    async fn connect(&self) -> Result<(Client, mpsc::Receiver<ClientEvent>), PushError> {
        install_tls();
        let (sender, events) = mpsc::channel(16);
        let is_first = Arc::new(AtomicBool::new(true));
        let options = self.options.clone();
        let options = options
            .connection_timeout(CONNECT_TIMEOUT)
            .ignore_discovered_servers()
            .subscription_capacity(MAX_QUEUED)
            .max_reconnects(1)
            .reconnect_delay_callback(move |_| {
                if is_first.swap(false, Ordering::Relaxed) {
                    Duration::ZERO
                } else {
                    Duration::from_millis(connect_wait_millis(1, draw()))
                }
            })
            .event_callback(move |event| {
                let sender = sender.clone();
                async move {
                    if let Some(event) = client_event(event) {
                        // Events are dropped when the channel is full or closed.
                        let _full = sender.try_send(event);
                    }
                }
            });
        let client = options.connect(self.address.clone()).await;
        client.map(|client| (client, events)).map_err(why)
    }

    /// Receives messages until the connection ends.
    async fn receive(
        &mut self,
        client: &Client,
        events: &mut mpsc::Receiver<ClientEvent>,
        reporter: &mut Reporter,
    ) -> Result<(), PushError> {
        let mut subscriptions = Subscriptions::default();
        subscriptions.change(client, &self.wanted()).await?;
        // The subscriptions are sent immediately. They are not confirmed, so the daemon syncs after each connection.
        client.flush().await.map_err(|_| PushError::Lost)?;
        reporter.connected().await;
        loop {
            tokio::select! {
                changed = self.wanted.changed() => {
                    // The handle has been dropped.
                    changed.map_err(|_| PushError::Lost)?;
                    subscriptions.change(client, &self.wanted()).await?;
                }
                event = events.recv() => match event {
                    // The event of the first connection arrives late, when it is already reported.
                    Some(ClientEvent::Connected) if reporter.uptime().is_none() => reporter.connected().await,
                    Some(ClientEvent::Connected) => {}
                    Some(ClientEvent::Disconnected) => {
                        let was_stable = reporter.uptime().is_some_and(|uptime| uptime >= STABLE_AFTER);
                        if !was_stable {
                            return Err(PushError::Lost);
                        }
                        reporter.disconnected(PushError::Lost).await;
                    }
                    Some(ClientEvent::Problem(what)) => reporter.problem(&what).await,
                    None => return Err(PushError::Lost),
                },
                message = subscriptions.next() => {
                    let (subject, message) = message.ok_or(PushError::Lost)?;
                    match subject.message(&message.payload) {
                        Some(message) => reporter.send(PushEvent::Message(message)).await,
                        None => reply_to(self.gate.as_mut(), message, client, reporter),
                    }
                }
            }
        }
    }
}

impl Transport for Nats {
    async fn listen(&mut self, reporter: &mut Reporter) -> ConnectionEnd {
        let (client, mut events) = match self.connect().await {
            Ok(connected) => connected,
            Err(error) => return ConnectionEnd::Lost(error),
        };
        match self.receive(&client, &mut events, reporter).await {
            Ok(()) => ConnectionEnd::Closed,
            Err(error) => ConnectionEnd::Lost(error),
        }
    }

    fn initial_delay(&self, _: Draw) -> Duration {
        Duration::ZERO
    }

    fn retry_delay(&self, failures: u32, draw: Draw) -> Duration {
        Duration::from_millis(connect_wait_millis(failures, draw))
    }
}

/// The active subscriptions.
#[derive(Default)]
struct Subscriptions(Vec<(Subject, Subscriber)>);

impl Subscriptions {
    /// Subscribes and unsubscribes to match `wanted`. Existing subscriptions are not interrupted.
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

    /// The next message; `None` when the connection has ended.
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

fn client_event(event: Event) -> Option<ClientEvent> {
    match event {
        Event::Connected => Some(ClientEvent::Connected),
        Event::Disconnected => Some(ClientEvent::Disconnected),
        Event::ServerError(error) => Some(ClientEvent::Problem(error.to_string())),
        _ => None,
    }
}

/// Installs the TLS provider. Fails if another part of the process has installed one, which works as well.
pub(super) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Why the connection failed.
pub(super) fn why(error: async_nats::ConnectError) -> PushError {
    let source = std::error::Error::source(&error);
    let cause = source.map_or_else(|| error.kind().to_string(), ToString::to_string);
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            PushError::Refused
        }
        ConnectErrorKind::Tls => PushError::Tls(cause),
        _ if source.is_some_and(is_tls_error) => PushError::Tls(cause),
        _ => PushError::Unreachable(cause),
    }
}

/// Whether TLS failed. Such an error is wrapped in an I/O error.
fn is_tls_error(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<rustls::Error>())
        || error.source().is_some_and(is_tls_error)
}
