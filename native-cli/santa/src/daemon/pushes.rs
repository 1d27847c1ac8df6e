//! Push events in the event loop: their effect on the schedule, and commands (spec §4).

use selvedge_santa::Wake;
use selvedge_santa::push::{Action, Answered, Asked, CommandError, Message};

use super::event_loop::EventLoop;
use crate::push::PushEvent;

impl EventLoop {
    /// Restarts push with the current configuration.
    pub(super) fn restart_push(&mut self) {
        let runner = self.runner().cloned();
        self.pushes.start(runner.as_deref());
        if !self.pushes.is_started() {
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
                    runner.set_push_token(self.pushes.token());
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
