//! Starts the syncs of the event loop, and reports their results.

use std::rc::Rc;

use selvedge_santa::{self as santa, Due, Job, Report, Status, Wake};
use tokio::task::spawn_local;

use super::event_loop::EventLoop;
use super::job_event::{JobEvent, Running};
use super::waiters::result;
use crate::Runner;
use crate::failure::failed_status;
use selvedge_host::exit::{HostError, Result};

impl EventLoop {
    /// Starts the sync that is due, if a server is configured.
    pub(super) fn start_due(&mut self) {
        let Due::Now(job) = self.schedule.next(self.clock.now()) else {
            return;
        };
        if let Some(runner) = self.runner().cloned() {
            self.start(job, runner);
        }
    }

    fn start(&mut self, job: Job, runner: Rc<Runner>) {
        self.notify_schedule(Wake::Began(job));
        if matches!(job, Job::Full { kind: Some(_), .. }) {
            self.waiters.begun();
        }
        self.notifier.status("syncing");
        self.syncs += 1;
        let number = self.syncs;
        let (stages, ends) = (self.job_events.clone(), self.job_events.clone());
        let syncing = spawn_local(async move {
            let progress = |stage| {
                let _ = stages.send(JobEvent::Stage(number, stage));
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
                    "the sync ended unexpectedly: this is a bug, please report it".into(),
                ))
            };
            let report = syncing.await.unwrap_or_else(broken);
            let _ = ends.send(JobEvent::Ended(number, Box::new(report)));
        });
    }

    /// Aborts the running sync and refuses pending requests. No events are lost.
    pub(super) fn stop_syncing(&mut self, fault: santa::ipc::Fault) {
        if let Some(running) = self.running.take() {
            running.task.abort();
            self.notify_schedule(Wake::Ended);
        }
        self.waiters.dismiss(fault);
    }

    /// A sync has ended.
    pub(super) fn ended(&mut self, report: Result<Report>) {
        let job = self.running.take().map(|running| running.job);
        let answer = match report {
            Ok(report) => {
                let text = describe(job, &report);
                self.log.report("synced", &report, &text);
                self.waiters.log("info", &text);
                if job != Some(Job::Rules) && report.preflight.has_failed() {
                    self.notify_schedule(Wake::PreflightFailed);
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
        self.notify_schedule(Wake::Ended);
        self.report_next_sync();
    }
}

/// The result of a sync in one line.
fn describe(job: Option<Job>, report: &Report) -> String {
    let what = match job {
        Some(Job::Rules) => "rules only",
        _ => report.kind.map_or("no kind granted", santa::Kind::as_str),
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
            "; refused rules: {} (their expressions cannot be compiled), first {} {}",
            report.downloaded.refused.len(),
            first.rule_type().as_str(),
            first.identifier(),
        ));
    }
    if let Some(requested) = report.not_granted() {
        text.push_str(&format!(
            "; the server did not grant the requested {} sync: the next sync requests it again",
            requested.as_str().replace('_', " ")
        ));
    }
    if let Some(mode) = report.replaced_mode {
        text.push_str(&format!(
            "; LOCKDOWN replaces the mode {mode} that the server sets: see selvedge.allow_standalone"
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
    fn the_description_of_a_sync_has_refused_rules_and_failed_stages() {
        let mut report = Report::default();
        report.downloaded.received = 5;
        report.downloaded.processed = 4;
        let text = describe(Some(Job::Rules), &report);
        let expected = "synced: rules only, 0 events sent, 5 rules received, 4 usable, 0 requests";
        assert_eq!(text, expected);
        let key = RuleKey::new(RuleType::TeamId, "EQHXZ8M8AV").unwrap();
        report.downloaded.refused = vec![key];
        let refused =
            "; refused rules: 1 (their expressions cannot be compiled), first TEAMID EQHXZ8M8AV";
        assert_eq!(
            describe(Some(Job::Rules), &report),
            format!("{expected}{refused}")
        );
        report.requested = Some(santa::Kind::CleanAll);
        report.kind = Some(santa::Kind::Normal);
        report.replaced_mode = Some(santa::wire::ClientMode::Standalone);
        let text = describe(Some(Job::Rules), &report);
        assert!(
            text.contains(
                "; the server did not grant the requested clean all sync: the next sync requests it again"
            ),
            "{text}"
        );
        assert!(
            text.contains("; LOCKDOWN replaces the mode STANDALONE"),
            "{text}"
        );
        report.postflight = StageReport::Failed(santa::Error::Endless);
        let text = describe(Some(Job::Rules), &report);
        assert!(
            text.contains(refused) && text.contains("; postflight: "),
            "{text}"
        );
    }
}
