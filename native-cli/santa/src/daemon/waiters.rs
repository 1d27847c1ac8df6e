//! Calls of `sync.run` that wait for their sync.
//!
//! The schedule in the core has the queue of requested syncs. This queue has, in the same order, the callers to notify.

use std::collections::VecDeque;

use selvedge_santa::ipc::{Fault, Progress};
use selvedge_santa::{Report, Stage, Status};
use serde_json::{Value, json};

use super::peers::Reply;

/// A caller of `sync.run`.
#[derive(Debug)]
pub(super) struct Waiter {
    reply: Option<Reply>,
    log: bool,
}

impl Waiter {
    /// A caller that does not wait is answered immediately that the sync is scheduled.
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

    fn send_progress(&self, progress: &Progress) {
        if let Some(reply) = &self.reply {
            reply.send_progress(progress);
        }
    }

    fn answer(self, answer: Result<Value, Fault>) {
        if let Some(reply) = self.reply {
            reply.answer(answer);
        }
    }
}

/// All callers of `sync.run`.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: VecDeque<Waiter>,
    current: Option<Waiter>,
}

impl Waiters {
    /// Adds a caller.
    pub(super) fn push(&mut self, waiter: Waiter) {
        self.waiting.push_back(waiter);
    }

    /// The number of waiting callers, without the one of the running sync.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The sync of the first caller has started.
    pub(super) fn begun(&mut self) {
        self.current = self.waiting.pop_front();
        if let Some(waiter) = &self.current {
            waiter.send_progress(&Progress::Started);
        }
    }

    /// Sends a log line to the caller of the running sync, if it requested log lines.
    pub(super) fn log(&self, level: &str, text: &str) {
        if let Some(waiter) = self.current.as_ref().filter(|waiter| waiter.log) {
            waiter.send_progress(&Progress::Log {
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

    /// Refuses all waiting calls.
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

/// The stage of a sync as a sentence for people.
pub(super) fn describe_stage(stage: Stage) -> Option<&'static str> {
    Some(match stage {
        Stage::Preflight => "preflight: sending the state of this machine to the server",
        Stage::EventUpload => "eventupload: uploading events",
        Stage::RuleDownload => "ruledownload: downloading rules",
        Stage::Postflight => "postflight: sending the result to the server",
        // For the schedule only, or rare.
        Stage::Preflighted(_) | Stage::LogUpload => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_has_the_status_and_each_stage() {
        let value = result(Status::Success, Some(&Report::default()));
        assert_eq!(value["status"], 0);
        assert_eq!(value["stages"]["preflight"], "not run");
        assert_eq!(result(Status::Started, None)["status"], 9);
    }
}
