//! What became of a fleet; its JSON is what programs read.

use std::time::Duration;

use serde::Serialize;

use super::agreement::Agreement;
use super::histogram::{Latency, millis};
use super::limits::Used;
use super::plan::Plan;
use super::stats::{Asked, Events, Failure, FleetStats, Syncs};

/// What became of a fleet. Times are in milliseconds where no other unit is named, sizes in bytes.
#[derive(Debug, Clone, Serialize)]
pub struct FleetReport {
    /// The server's host: its URL may hold a secret.
    pub server: String,
    /// How many machines there were.
    pub machines: u32,
    /// By which they can be had again.
    pub seed: u64,
    /// How long they lived.
    pub elapsed_seconds: f64,
    /// Whether somebody ended it early.
    pub interrupted: bool,
    /// Requests of all kinds.
    pub requests: u64,
    /// Requests in a second, on average.
    pub requests_per_second: f64,
    /// Requests that were answered with anything but 200, or not wholly.
    pub requests_failed: u64,
    /// Bytes of bodies that were sent.
    pub bytes_sent: u64,
    /// Bytes of bodies that came, as they came.
    pub bytes_received: u64,
    /// Rules that came.
    pub rules_received: u64,
    /// Requests by what they ask for, in the order of a sync.
    pub stages: Vec<StageCounts>,
    /// Machines that synced at least once.
    pub machines_synced: u64,
    /// What became of syncs.
    pub syncs: Syncs,
    /// How long syncs took.
    pub sync_milliseconds: Latency,
    /// How late this computer was in doing what was due: where that is much, it did not keep up, and latencies are its
    /// own as well as the server's.
    pub late_milliseconds: Latency,
    /// What became of events.
    pub events: Events,
    /// What went wrong, the most frequent first.
    pub errors: Vec<Trouble>,
    /// Whether the machines have the server's rules.
    pub rules: Agreement,
    /// Seconds that one of the points stands for.
    pub point_seconds: u64,
    /// How it went over time.
    pub points: Vec<Point>,
    /// Requests at once, at most.
    pub connections: usize,
    /// The threads that ran the machines.
    pub threads: usize,
    /// What this process has used.
    #[serde(flatten)]
    pub used: Used,
}

/// Requests of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct StageCounts {
    /// What they ask for.
    pub stage: Asked,
    /// How many.
    pub requests: u64,
    /// In a second, on average.
    pub per_second: f64,
    /// Those that failed.
    pub failed: u64,
    /// Bytes of their bodies.
    pub bytes_sent: u64,
    /// Bytes of the answers' bodies.
    pub bytes_received: u64,
    /// From sending to the end of the answer.
    pub milliseconds: Latency,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What was asked for.
    pub stage: Asked,
    /// `attempt` for one request, which may have been repeated; `stage` for what a sync could not do in the end.
    pub what: &'static str,
    /// A status, or a word for what happened.
    pub kind: String,
    /// How often.
    pub count: u64,
}

/// One part of the time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Requests that ended then.
    pub requests: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Syncs that ended then.
    pub syncs: u64,
    /// Half of the requests took no longer, in milliseconds.
    pub p50: f64,
    /// 95 of 100 took no longer, in milliseconds.
    pub p95: f64,
}

impl FleetReport {
    pub(super) fn new(
        plan: &Plan,
        tally: &FleetStats,
        rules: Agreement,
        elapsed: Duration,
        interrupted: bool,
    ) -> Self {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let stages = Asked::ALL.into_iter().filter_map(|asked| {
            let requests = tally.requests.get(&asked)?;
            Some(StageCounts {
                stage: asked,
                requests: requests.latency.count(),
                per_second: tenths(requests.latency.count() as f64 / seconds),
                failed: requests.failed,
                bytes_sent: requests.sent,
                bytes_received: requests.received,
                milliseconds: requests.latency.latency(),
            })
        });
        let stages: Vec<StageCounts> = stages.collect();
        let sum = |of: fn(&StageCounts) -> u64| stages.iter().map(of).sum::<u64>();
        let requests = sum(|stage| stage.requests);
        Self {
            server: host(&plan.server),
            machines: plan.machines,
            seed: plan.seed,
            elapsed_seconds: tenths(seconds),
            interrupted,
            requests,
            requests_per_second: tenths(requests as f64 / seconds),
            requests_failed: sum(|stage| stage.failed),
            bytes_sent: sum(|stage| stage.bytes_sent),
            bytes_received: sum(|stage| stage.bytes_received),
            rules_received: tally.rules_received,
            machines_synced: tally.machines_synced,
            syncs: tally.syncs,
            sync_milliseconds: tally.sync_latency.latency(),
            late_milliseconds: tally.lateness.latency(),
            events: tally.events,
            errors: errors(tally),
            rules,
            point_seconds: tally.slice_length().as_secs(),
            points: points(tally),
            connections: plan.connections,
            threads: plan.threads,
            used: Used::now(),
            stages,
        }
    }

    /// What is to be said at the end when not all is well; `None` when it is.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let (failed, never) = (self.syncs.failed, self.rules.never_synced);
        let (differ, unknown) = (self.rules.differ, self.rules.unknown);
        if failed > 0 {
            return Some(format!("{failed} syncs failed: see the errors above"));
        }
        if self.interrupted {
            return None;
        }
        match (differ, unknown, never) {
            (0, 0, 0) => None,
            (0, 0, _) => Some(format!(
                "{never} machines never synced: give more time, or more connections"
            )),
            (0, _, _) => Some(format!(
                "the rules of {unknown} machines could not be compared: sync them again"
            )),
            _ => Some(format!(
                "{differ} machines do not have the server's rules: see why above"
            )),
        }
    }
}

/// The host and port of a URL.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    host.rsplit('@').next().unwrap_or_default().to_owned()
}

pub(super) fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn errors(tally: &FleetStats) -> Vec<Trouble> {
    let attempts = tally
        .failures
        .iter()
        .map(|((stage, failure), count)| Trouble {
            stage: *stage,
            what: "attempt",
            kind: match failure {
                Failure::Status(status) => format!("status {status}"),
                Failure::Network(kind) => (*kind).to_owned(),
            },
            count: *count,
        });
    let stages = tally
        .failed_stages
        .iter()
        .map(|((stage, code), count)| Trouble {
            stage: *stage,
            what: "stage",
            kind: (*code).to_owned(),
            count: *count,
        });
    let mut errors: Vec<Trouble> = attempts.chain(stages).collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    errors
}

fn points(tally: &FleetStats) -> Vec<Point> {
    let slices = tally.slices.iter().map(|slice| Point {
        requests: slice.latency.count(),
        failed: slice.failed,
        syncs: slice.syncs,
        p50: millis(slice.latency.permille(500)),
        p95: millis(slice.latency.permille(950)),
    });
    slices.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::stats::Attempt;
    use super::*;

    fn report(change: impl FnOnce(&mut FleetStats, &mut Agreement)) -> FleetReport {
        let mut tally = FleetStats::new(Instant::now(), Duration::from_secs(10));
        let mut agreement = Agreement::default();
        change(&mut tally, &mut agreement);
        let plan = Plan::new("https://user@sync.example.net:8443/sync/a-secret/");
        FleetReport::new(&plan, &tally, agreement, Duration::from_secs(10), false)
    }

    #[test]
    fn of_the_url_only_the_host_is_told() {
        let report = report(|_, _| {});
        assert_eq!(report.server, "sync.example.net:8443");
        let text = report.to_string() + &serde_json::to_string(&report).unwrap();
        assert!(!text.contains("a-secret"), "{text}");
    }

    #[test]
    fn what_is_not_well_is_said_at_the_end() {
        assert_eq!(report(|_, _| {}).complaint(), None);
        type Change = fn(&mut FleetStats, &mut Agreement);
        let rows: [(Change, &str); 4] = [
            (|tally, _| tally.syncs.failed = 3, "3 syncs failed"),
            (|_, rules| rules.differ = 2, "2 machines do not have"),
            (|_, rules| rules.unknown = 2, "the rules of 2 machines"),
            (|_, rules| rules.never_synced = 4, "4 machines never synced"),
        ];
        for (change, expected) in rows {
            let complaint = report(change).complaint().unwrap();
            assert!(complaint.starts_with(expected), "{complaint}");
        }
    }

    #[test]
    fn the_most_frequent_error_comes_first() {
        let report = report(|tally, _| {
            for (count, failure) in [(1, Failure::Status(500)), (3, Failure::Network("timeout"))] {
                for _ in 0..count {
                    tally.attempt(&Attempt {
                        asked: Asked::Preflight,
                        took: Duration::from_millis(1),
                        sent: 5,
                        received: 0,
                        failure: Some(failure),
                    });
                }
            }
        });
        let kinds: Vec<&str> = report
            .errors
            .iter()
            .map(|error| error.kind.as_str())
            .collect();
        assert_eq!(kinds, ["timeout", "status 500"]);
        assert_eq!(
            (report.requests, report.requests_failed, report.bytes_sent),
            (4, 4, 20)
        );
        assert!(
            report
                .to_string()
                .contains("3 requests: preflight, timeout")
        );
    }
}
