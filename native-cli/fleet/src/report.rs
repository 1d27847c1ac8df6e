//! The report of a simulation, also as JSON.

use std::time::Duration;

use serde::Serialize;

use super::agreement::Agreement;
use super::histogram::{Latency, millis};
use super::limits::ResourceUsage;
use super::plan::Plan;
use super::stats::{Events, Failure, FleetStats, RequestKind, Syncs};

/// The report of a simulation. Times are in milliseconds unless the name has another unit; sizes are in bytes.
#[derive(Debug, Clone, Serialize)]
pub struct FleetReport {
    /// The host of the server, because the URL may contain a secret.
    pub server: String,
    /// The number of machines.
    pub machines: u32,
    /// The seed, to repeat the simulation.
    pub seed: u64,
    /// The duration in seconds.
    pub elapsed_seconds: f64,
    /// Whether Ctrl-C ended it early.
    pub interrupted: bool,
    /// The number of all requests.
    pub requests: u64,
    /// The average number of requests per second.
    pub requests_per_second: f64,
    /// Requests without a complete response 200.
    pub requests_failed: u64,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of response bodies as received, before decompression.
    pub bytes_received: u64,
    /// The number of received rules.
    pub rules_received: u64,
    /// Requests by kind, in the order of a sync.
    pub stages: Vec<StageCounts>,
    /// Machines that synced at least once.
    pub machines_synced: u64,
    /// The results of syncs.
    pub syncs: Syncs,
    /// The duration of syncs.
    pub sync_milliseconds: Latency,
    /// The scheduling delay of this computer. If it is large, the computer is overloaded, and the measured latencies
    /// are not only the server's.
    pub late_milliseconds: Latency,
    /// The counts of events.
    pub events: Events,
    /// Errors, most frequent first.
    pub errors: Vec<ErrorCount>,
    /// The comparison of the machines' rules with the server's.
    pub rules: Agreement,
    /// The length of a point in seconds.
    pub point_seconds: u64,
    /// The values over time.
    pub points: Vec<Point>,
    /// Maximum number of concurrent requests.
    pub connections: usize,
    /// The number of threads.
    pub threads: usize,
    /// The resources that this process has used.
    #[serde(flatten)]
    pub used: ResourceUsage,
}

/// Requests of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct StageCounts {
    /// The kind.
    pub stage: RequestKind,
    /// The number of requests.
    pub requests: u64,
    /// The average number per second.
    pub per_second: f64,
    /// The number of failed requests.
    pub failed: u64,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of response bodies.
    pub bytes_received: u64,
    /// The duration from sending to the end of the response.
    pub milliseconds: Latency,
}

/// The count of one kind of error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorCount {
    /// The kind of request.
    pub stage: RequestKind,
    /// `attempt` for a failed request, which may have been retried; `stage` for a failed stage of a sync.
    pub what: &'static str,
    /// The status or the kind of error.
    pub kind: String,
    /// The count.
    pub count: u64,
}

/// The values of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The number of completed requests.
    pub requests: u64,
    /// The number of failed requests.
    pub failed: u64,
    /// The number of completed syncs.
    pub syncs: u64,
    /// The median duration of requests in milliseconds.
    pub p50: f64,
    /// The 95th percentile in milliseconds.
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
        let stages = RequestKind::ALL.into_iter().filter_map(|kind| {
            let requests = tally.requests.get(&kind)?;
            Some(StageCounts {
                stage: kind,
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
            used: ResourceUsage::now(),
            stages,
        }
    }

    /// The most important problem as a message; `None` when everything succeeded.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
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
                "{never} machines never synced: increase the duration or the number of connections"
            )),
            (0, _, _) => Some(format!(
                "the rules of {unknown} machines could not be compared: check the server, and run the simulation again"
            )),
            _ => Some(format!(
                "{differ} machines do not have the server's rules: see the reasons above"
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

fn errors(tally: &FleetStats) -> Vec<ErrorCount> {
    let attempts = tally
        .failures
        .iter()
        .map(|((stage, failure), count)| ErrorCount {
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
        .map(|((stage, code), count)| ErrorCount {
            stage: *stage,
            what: "stage",
            kind: (*code).to_owned(),
            count: *count,
        });
    let mut errors: Vec<ErrorCount> = attempts.chain(stages).collect();
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
    fn the_report_has_only_the_host_of_the_url() {
        let report = report(|_, _| {});
        assert_eq!(report.server, "sync.example.net:8443");
        let text = report.to_string() + &serde_json::to_string(&report).unwrap();
        assert!(!text.contains("a-secret"), "{text}");
    }

    #[test]
    fn each_problem_has_a_message() {
        assert_eq!(report(|_, _| {}).problem(), None);
        type Change = fn(&mut FleetStats, &mut Agreement);
        let rows: [(Change, &str); 4] = [
            (|tally, _| tally.syncs.failed = 3, "3 syncs failed"),
            (|_, rules| rules.differ = 2, "2 machines do not have"),
            (|_, rules| rules.unknown = 2, "the rules of 2 machines"),
            (|_, rules| rules.never_synced = 4, "4 machines never synced"),
        ];
        for (change, expected) in rows {
            let problem = report(change).problem().unwrap();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn errors_are_sorted_by_frequency() {
        let report = report(|tally, _| {
            for (count, failure) in [(1, Failure::Status(500)), (3, Failure::Network("timeout"))] {
                for _ in 0..count {
                    tally.attempt(&Attempt {
                        kind: RequestKind::Preflight,
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
