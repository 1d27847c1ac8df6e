//! The daemon's push connection, started from the configuration.

use std::collections::BTreeSet;

use selvedge_santa::push::Action;
use selvedge_santa::wire::Token;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::config::NatsSettings;
use crate::push::{self, Commands, FcmConfig, NatsConfig, PushConfig, PushEvent, PushHandle};
use crate::{Config, Runner};
use selvedge_host::service::Log;

/// Capacity of the queue of push events.
const EVENT_QUEUE: usize = 64;

/// The push connection, if push is configured.
#[derive(Debug)]
pub(super) struct Pushes {
    log: Log,
    current: Option<(PushHandle, mpsc::Receiver<PushEvent>)>,
    /// The push token that syncs send to the server.
    token: Option<Token>,
}

impl Pushes {
    pub(super) const fn new(log: Log) -> Self {
        Self {
            log,
            current: None,
            token: None,
        }
    }

    /// The next event. Never returns without push.
    pub(super) async fn next(&mut self) -> Option<PushEvent> {
        match &mut self.current {
            Some((_, events)) => match events.recv().await {
                Some(event) => Some(event),
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// The push token that syncs send to the server.
    pub(super) fn token(&self) -> Option<Token> {
        self.token.clone()
    }

    /// Whether there is a connection, or one is being made.
    pub(super) const fn is_started(&self) -> bool {
        self.current.is_some()
    }

    /// `push.status`.
    pub(super) fn status(&self) -> Value {
        match &self.current {
            None => json!({"state": "disabled"}),
            Some((handle, _)) => {
                let status = handle.status();
                json!({
                    "state": status.state.as_str(),
                    "server": status.server,
                    "problem": status.problem,
                })
            }
        }
    }

    /// `push.reconnect`.
    pub(super) fn reconnect(&self) {
        if let Some((handle, _)) = &self.current {
            handle.reconnect();
        }
    }

    /// Closes the old connection and starts the one of a configuration.
    pub(super) fn start(&mut self, runner: Option<&Runner>) {
        self.current = None;
        let Some(runner) = runner else {
            return;
        };
        runner.set_push_token(None);
        let Some(config) = push_config(runner.config()) else {
            return;
        };
        self.token = Some(match &config {
            PushConfig::Nats(_) => Token::from(runner.machine_id()),
            PushConfig::Fcm(fcm) => fcm.token.clone(),
        });
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        match push::start(config, runner.machine_id(), sender) {
            Ok(handle) => self.current = Some((handle, events)),
            Err(error) => self
                .log
                .say("push", &format!("push cannot be started: {error}")),
        }
    }
}

/// The push service of a configuration: a NATS server, else Firebase Cloud Messaging.
fn push_config(config: &Config) -> Option<PushConfig> {
    if !config.push_enabled {
        return None;
    }
    match (&config.nats, &config.fcm) {
        (Some(nats), _) => Some(PushConfig::Nats(nats_config(nats, config))),
        (None, Some(fcm)) => {
            let defaults = FcmConfig::new(fcm.token.clone());
            Some(PushConfig::Fcm(FcmConfig {
                connect_url: fcm.connect_url.clone().unwrap_or(defaults.connect_url),
                ack_url: fcm.ack_url.clone().unwrap_or(defaults.ack_url),
                token: defaults.token,
            }))
        }
        (None, None) => None,
    }
}

fn nats_config(nats: &NatsSettings, config: &Config) -> NatsConfig {
    let allowed = config.allowed_commands.as_ref().map(|names| {
        let known = names.iter().filter_map(|name| Action::from_name(name));
        known.collect::<BTreeSet<_>>()
    });
    let commands = nats.hmac_key.clone().map(|key| Commands {
        key,
        scheme: nats.hmac_scheme,
        allowed,
    });
    NatsConfig {
        server: nats.server.clone(),
        credentials: nats.credentials.clone(),
        roots: nats.roots.clone(),
        is_tls_first: nats.is_tls_first,
        subjects: nats.subjects.clone(),
        device: nats.device_id.clone(),
        commands,
    }
}
