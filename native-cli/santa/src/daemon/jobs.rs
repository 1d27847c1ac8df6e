//! Syncs, as the loop has them: one begins, and what came of it is told.

use std::rc::Rc;

use selvedge_santa::{self as santa, Due, Job, Report, Status, Wake};
use tokio::task::{AbortHandle, spawn_local};

use super::event_loop::{EventLoop, Happened};
use super::waiters::result;
use crate::Runner;
use crate::failure::failed_status;
use selvedge_host::exit::{HostError, Result};

/// The sync that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) number: u64,
    job: Job,
    task: AbortHandle,
}

impl EventLoop {
    /// Begins the sync that is due, if one is and there is a server.
    pub(super) fn begin_due(&mut self) {
        let Due::Now(job) = self.schedule.next(self.clock.now()) else {
            return;
        };
        if let Some(runner) = self.runner().cloned() {
            self.begin(job, runner);
        }
    }

    fn begin(&mut self, job: Job, runner: Rc<Runner>) {
        self.tell(Wake::Began(job));
        if matches!(job, Job::Full { kind: Some(_), .. }) {
            self.waiters.begun();
        }
        self.notifier.status("syncing");
        self.syncs += 1;
        let number = self.syncs;
        let (stages, ends) = (self.happened.clone(), self.happened.clone());
        let syncing = spawn_local(async move {
            let progress = |stage| {
                let _ = stages.send(Happened::Stage(number, stage));
            };
            match job {
                Job::Full { kind, is_pushed } => runner.sync(kind, is_pushed, &progress).await,
                Job::Rules => runner.sync_rules(&progress).await,
            }
        });
        self.running = Some(Running {
            number,
            job,
            task: syncing.abort_handle(),
        });
        spawn_local(async move {
            let broken = |_| {
                Err(HostError::Failed(
                    "the sync broke off: this is a fault of the program".into(),
                ))
            };
            let report = syncing.await.unwrap_or_else(broken);
            let _ = ends.send(Happened::Ended(number, Box::new(report)));
        });
    }

    /// Stops what runs and forgets what was asked for; nothing is lost by that.
    pub(super) fn stop_syncing(&mut self, fault: santa::ipc::Fault) {
        if let Some(running) = self.running.take() {
            running.task.abort();
            self.tell(Wake::Ended);
        }
        self.waiters.dismiss(fault);
    }

    /// A sync has ended.
    pub(super) fn ended(&mut self, report: Result<Report>) {
        let job = self.running.take().map(|running| running.job);
        let answer = match report {
            Ok(report) => {
                let text = in_words(job, &report);
                self.log.report("synced", &report, &text);
                self.waiters.log("info", &text);
                if job != Some(Job::Rules) && report.preflight.has_failed() {
                    self.tell(Wake::PreflightFailed);
                }
                Ok(result(report.status(), Some(&report)))
            }
            Err(error) => {
                self.log.say("failed", &error.to_string());
                self.waiters.log("error", &error.to_string());
                match failed_status(&error) {
                    Some(Status::TooManySyncs) => Err(santa::ipc::Fault::Busy),
                    Some(status) => Ok(result(status, None)),
                    None => Ok(result(Status::Agent, None)),
                }
            }
        };
        self.waiters.ended(answer);
        self.tell(Wake::Ended);
        self.say_next();
    }
}

/// What came of a sync, in a line.
fn in_words(job: Option<Job>, report: &Report) -> String {
    let what = match job {
        Some(Job::Rules) => "rules alone",
        _ => report.kind.map_or("not", santa::Kind::as_str),
    };
    let mut text = format!(
        "synced: {what}, {} events sent, {} rules received, {} usable, {} requests",
        report.uploaded.events,
        report.downloaded.received,
        report.downloaded.processed,
        report.traffic.requests,
    );
    if let Some(first) = report.downloaded.refused.first() {
        text.push_str(&format!(
            "; {} of them refused, for their expressions cannot be compiled: {} {} first",
            report.downloaded.refused.len(),
            first.rule_type().as_str(),
            first.identifier(),
        ));
    }
    if let Some(requested) = report.not_granted() {
        text.push_str(&format!(
            "; a {} sync was asked for and not granted: the next sync asks again",
            requested.as_str().replace('_', " ")
        ));
    }
    if let Some(mode) = report.replaced_mode {
        text.push_str(&format!(
            "; LOCKDOWN takes the paths of the mode {mode}, which the server sets: see selvedge.allow_standalone"
        ));
    }
    let stages = [
        ("preflight", &report.preflight),
        ("logupload", &report.log_upload),
        ("eventupload", &report.event_upload),
        ("ruledownload", &report.rule_download),
        ("postflight", &report.postflight),
    ];
    for (name, stage) in stages {
        if let santa::StageReport::Failed(error) = stage {
            text.push_str(&format!("; {name}: {error}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use santa::wire::RuleType;
    use santa::{RuleKey, StageReport};

    use super::*;

    #[test]
    fn a_sync_is_told_with_what_was_refused_and_what_failed() {
        let mut report = Report::default();
        report.downloaded.received = 5;
        report.downloaded.processed = 4;
        let text = in_words(Some(Job::Rules), &report);
        let expected = "synced: rules alone, 0 events sent, 5 rules received, 4 usable, 0 requests";
        assert_eq!(text, expected);
        let key = RuleKey::new(RuleType::TeamId, "EQHXZ8M8AV").unwrap();
        report.downloaded.refused = vec![key];
        let refused = "; 1 of them refused, for their expressions cannot be compiled: TEAMID EQHXZ8M8AV first";
        assert_eq!(
            in_words(Some(Job::Rules), &report),
            format!("{expected}{refused}")
        );
        report.requested = Some(santa::Kind::CleanAll);
        report.kind = Some(santa::Kind::Normal);
        report.replaced_mode = Some(santa::wire::ClientMode::Standalone);
        let text = in_words(Some(Job::Rules), &report);
        assert!(
            text.contains(
                "; a clean all sync was asked for and not granted: the next sync asks again"
            ),
            "{text}"
        );
        assert!(
            text.contains("; LOCKDOWN takes the paths of the mode STANDALONE"),
            "{text}"
        );
        report.postflight = StageReport::Failed(santa::Error::Endless);
        let text = in_words(Some(Job::Rules), &report);
        assert!(
            text.contains(refused) && text.contains("; postflight: "),
            "{text}"
        );
    }
}
