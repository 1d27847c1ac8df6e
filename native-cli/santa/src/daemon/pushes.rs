//! Push, as the loop sees it: what its events mean for the schedule, and what commands are done here (spec §4).

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

/// Events that wait for the loop.
const EVENTS: usize = 64;

/// The connection by which push messages come, if there is one.
#[derive(Debug)]
pub(super) struct Pushes {
    log: Log,
    current: Option<(PushHandle, mpsc::Receiver<PushEvent>)>,
    /// Where messages for this machine go, as servers are told.
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

    /// The next event; waits for ever where there is no push.
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

    /// Ends the old connection and begins the one that a configuration wants.
    fn start(&mut self, runner: Option<&Runner>) {
        self.current = None;
        let Some(runner) = runner else {
            return;
        };
        runner.set_push_token(None);
        let Some(config) = wanted(runner.config()) else {
            return;
        };
        self.token = Some(match &config {
            PushConfig::Nats(_) => Token::from(runner.machine_id()),
            PushConfig::Fcm(fcm) => fcm.token.clone(),
        });
        let (sender, events) = mpsc::channel(EVENTS);
        match push::start(config, runner.machine_id(), sender) {
            Ok(handle) => self.current = Some((handle, events)),
            Err(error) => self.log.say("push", &format!("there is no push: {error}")),
        }
    }
}

/// What a configuration wants: a server of the fleet's own, else Firebase Cloud Messaging.
fn wanted(config: &Config) -> Option<PushConfig> {
    if !config.push_enabled {
        return None;
    }
    match (&config.nats, &config.fcm) {
        (Some(nats), _) => Some(PushConfig::Nats(of_nats(nats, config))),
        (None, Some(fcm)) => {
            let at_google = FcmConfig::new(fcm.token.clone());
            Some(PushConfig::Fcm(FcmConfig {
                connect_url: fcm.connect_url.clone().unwrap_or(at_google.connect_url),
                ack_url: fcm.ack_url.clone().unwrap_or(at_google.ack_url),
                token: at_google.token,
            }))
        }
        (None, None) => None,
    }
}

fn of_nats(nats: &NatsSettings, config: &Config) -> NatsConfig {
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
    /// Begins push anew, as the configuration wants it now.
    pub(super) fn push_anew(&mut self) {
        let runner = self.runner().cloned();
        self.pushes.start(runner.as_deref());
        if self.pushes.current.is_none() {
            self.tell(Wake::PushGone);
        }
    }

    /// Something came by push.
    pub(super) fn pushed(&mut self, event: PushEvent) {
        match event {
            PushEvent::Created => self.tell(Wake::PushPresent),
            PushEvent::Connected { server } => {
                self.log
                    .say("push", &format!("push messages come from {server}"));
                if let Some(runner) = self.runner() {
                    runner.set_push_token(self.pushes.token.clone());
                }
                self.tell(Wake::PushConnected);
            }
            PushEvent::Disconnected { why } => {
                self.log
                    .say("push", &format!("no push messages come for now: {why}"));
                self.tell(Wake::PushDisconnected);
            }
            PushEvent::Ended { why } => {
                self.log
                    .say("push", &format!("no push messages come any more: {why}"));
                if let Some(runner) = self.runner() {
                    runner.set_push_token(None);
                }
                self.tell(Wake::PushGone);
            }
            PushEvent::Trouble { what } => self.log.say("push", &what),
            PushEvent::Message(message) => {
                self.log.say("push", in_words(message));
                self.tell(Wake::Pushed(message));
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
                // Who does not wait any more needs no answer.
                let _ = reply.send(answered);
            }
        }
    }

    /// Does what a command asks, as far as it can be done without an agent.
    fn command(&mut self, asked: &Asked) -> Answered {
        let answered = course(asked);
        if answered == Answered::Done(Action::EventUpload, Vec::new()) {
            self.tell(Wake::Pushed(Message::Full));
        }
        let text = match &answered {
            Answered::Done(action, _) => format!("the command {} is done", action.as_str()),
            Answered::Not(_) => format!("the command {} is not done here", asked.action.as_str()),
        };
        self.log.say("command", &text);
        answered
    }
}

/// All that waits can be uploaded at once; a certain file, or a process, is an agent's affair.
fn course(asked: &Asked) -> Answered {
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

const fn in_words(message: Message) -> &'static str {
    match message {
        Message::Full => "push: sync everything now",
        Message::Tag { .. } => "push: sync everything, each machine at its own moment",
        Message::Rules { is_for_us: true } => "push: fetch rules now",
        Message::Rules { is_for_us: false } => "push: fetch rules, each machine at its own moment",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_done_here_is_said_to_be_done() {
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
            assert_eq!(course(&asked(action, details)), expected, "{action:?}");
        }
    }
}
