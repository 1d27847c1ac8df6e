//! Those who asked for a sync over the socket, from the asking to the answer.
//!
//! Core's schedule keeps which syncs wait, in their order; here is, in the same order, who is to hear of them.

use std::collections::VecDeque;

use selvedge_santa::ipc::{Fault, Progress};
use selvedge_santa::{Report, Stage, Status};
use serde_json::{Value, json};

use super::peers::Reply;

/// Somebody who asked.
#[derive(Debug)]
pub(super) struct Waiter {
    reply: Option<Reply>,
    log: bool,
}

impl Waiter {
    /// Who does not wait is answered now that the sync is going to be done.
    pub(super) fn new(reply: Reply, log: bool, wait: bool) -> Self {
        if wait {
            return Self {
                reply: Some(reply),
                log,
            };
        }
        reply.answer(Ok(result(Status::Started, None)));
        Self { reply: None, log }
    }

    fn tell(&self, progress: &Progress) {
        if let Some(reply) = &self.reply {
            reply.tell(progress);
        }
    }

    fn answer(self, answer: Result<Value, Fault>) {
        if let Some(reply) = self.reply {
            reply.answer(answer);
        }
    }
}

/// All who asked.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: VecDeque<Waiter>,
    current: Option<Waiter>,
}

impl Waiters {
    /// One more waits.
    pub(super) fn push(&mut self, waiter: Waiter) {
        self.waiting.push_back(waiter);
    }

    /// How many wait, that of the running sync not counted.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The sync has begun that the first one asked for.
    pub(super) fn begun(&mut self) {
        self.current = self.waiting.pop_front();
        if let Some(waiter) = &self.current {
            waiter.tell(&Progress::Started);
        }
    }

    /// Tells whoever asked for the running sync, and wants to know.
    pub(super) fn log(&self, level: &str, text: &str) {
        if let Some(waiter) = self.current.as_ref().filter(|waiter| waiter.log) {
            waiter.tell(&Progress::Log {
                level: level.into(),
                text: text.into(),
            });
        }
    }

    /// The running sync has ended.
    pub(super) fn ended(&mut self, answer: Result<Value, Fault>) {
        if let Some(waiter) = self.current.take() {
            waiter.answer(answer);
        }
    }

    /// No sync that was asked for will be done.
    pub(super) fn dismiss(&mut self, fault: Fault) {
        for waiter in self
            .current
            .take()
            .into_iter()
            .chain(self.waiting.drain(..))
        {
            waiter.answer(Err(fault));
        }
    }
}

/// The result of `sync.run`.
pub(super) fn result(status: Status, report: Option<&Report>) -> Value {
    let stages = report.map_or_else(
        || json!({}),
        |report| {
            json!({
                "preflight": report.preflight,
                "log_upload": report.log_upload,
                "event_upload": report.event_upload,
                "rule_download": report.rule_download,
                "postflight": report.postflight,
            })
        },
    );
    json!({"status": status.number(), "stages": stages, "report": report})
}

/// How far a sync is, in words for people.
pub(super) fn words(stage: Stage) -> Option<&'static str> {
    Some(match stage {
        Stage::Preflight => "preflight: telling the server of this machine",
        Stage::EventUpload => "eventupload: sending what happened",
        Stage::RuleDownload => "ruledownload: fetching rules",
        Stage::Postflight => "postflight: telling the server what became of it",
        // It is there for the schedule, or happens seldom.
        Stage::Preflighted(_) | Stage::LogUpload => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_has_a_status_and_what_became_of_each_stage() {
        let value = result(Status::Success, Some(&Report::default()));
        assert_eq!(value["status"], 0);
        assert_eq!(value["stages"]["preflight"], "not run");
        assert_eq!(result(Status::Started, None)["status"], 9);
    }
}
