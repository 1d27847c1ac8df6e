//! Push events in the event loop: their effect on the schedule, and commands (spec §4).

use std::collections::BTreeSet;

use selvedge_santa::Wake;
use selvedge_santa::push::{Action, Answered, Asked, CommandError, Message};
use selvedge_santa::wire::Token;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::event_loop::EventLoop;
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
    fn start(&mut self, runner: Option<&Runner>) {
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

impl EventLoop {
    /// Restarts push with the current configuration.
    pub(super) fn restart_push(&mut self) {
        let runner = self.runner().cloned();
        self.pushes.start(runner.as_deref());
        if self.pushes.current.is_none() {
            self.notify_schedule(Wake::PushGone);
        }
    }

    /// Handles a push event.
    pub(super) fn handle_push_event(&mut self, event: PushEvent) {
        match event {
            PushEvent::Created => self.notify_schedule(Wake::PushPresent),
            PushEvent::Connected { server } => {
                self.log.say("push", &format!("connected to {server}"));
                if let Some(runner) = self.runner() {
                    runner.set_push_token(self.pushes.token.clone());
                }
                self.notify_schedule(Wake::PushConnected);
            }
            PushEvent::Disconnected { why } => {
                self.log
                    .say("push", &format!("disconnected, and reconnecting: {why}"));
                self.notify_schedule(Wake::PushDisconnected);
            }
            PushEvent::Ended { why } => {
                self.log.say(
                    "push",
                    &format!("push has ended until the configuration changes: {why}"),
                );
                if let Some(runner) = self.runner() {
                    runner.set_push_token(None);
                }
                self.notify_schedule(Wake::PushGone);
            }
            PushEvent::Problem { what } => self.log.say("push", &what),
            PushEvent::Message(message) => {
                self.log.say("push", describe(message));
                self.notify_schedule(Wake::Pushed(message));
            }
            PushEvent::Announced { hash, name } => {
                if let Some(runner) = self.runner() {
                    runner
                        .link()
                        .announcements
                        .borrow_mut()
                        .announce(hash, name);
                }
            }
            PushEvent::Command(asked, reply) => {
                let answered = self.command(&asked);
                // The sender may no longer wait for the answer.
                let _ = reply.send(answered);
            }
        }
    }

    /// Executes a command, if it can be done without an agent.
    fn command(&mut self, asked: &Asked) -> Answered {
        let answered = answer_for(asked);
        if answered == Answered::Done(Action::EventUpload, Vec::new()) {
            self.notify_schedule(Wake::Pushed(Message::Full));
        }
        let text = match &answered {
            Answered::Done(action, _) => {
                format!("the command {} has been executed", action.as_str())
            }
            Answered::Not(_) => format!("the command {} is not supported", asked.action.as_str()),
        };
        self.log.say("command", &text);
        answered
    }
}

/// The answer to a command. Uploading all pending events is supported; commands for a file or a process need an agent.
fn answer_for(asked: &Asked) -> Answered {
    match asked.action {
        Action::Ping => Answered::Done(Action::Ping, Vec::new()),
        Action::EventUpload if asked.details.is_empty() => {
            Answered::Done(Action::EventUpload, Vec::new())
        }
        Action::EventUpload | Action::Kill | Action::BinaryUpload => {
            Answered::Not(CommandError::UnknownRequestType)
        }
    }
}

const fn describe(message: Message) -> &'static str {
    match message {
        Message::Full => "push: full sync now",
        Message::Tag { .. } => "push: full sync after a random delay",
        Message::Rules { is_for_us: true } => "push: download rules now",
        Message::Rules { is_for_us: false } => "push: download rules after a random delay",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_supported_commands_are_answered_as_done() {
        let asked = |action, details: &[u8]| Asked {
            uuid: String::new(),
            action,
            details: details.to_vec(),
        };
        let unknown = || Answered::Not(CommandError::UnknownRequestType);
        for (action, details, expected) in [
            (Action::Ping, &b""[..], Answered::Done(Action::Ping, vec![])),
            (
                Action::EventUpload,
                b"",
                Answered::Done(Action::EventUpload, vec![]),
            ),
            (Action::EventUpload, b"\x0a\x01a", unknown()),
            (Action::Kill, b"", unknown()),
            (Action::BinaryUpload, b"", unknown()),
        ] {
            assert_eq!(answer_for(&asked(action, details)), expected, "{action:?}");
        }
    }
}
