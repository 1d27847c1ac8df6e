//! The statistics of a simulation: requests, syncs and events, over time and in total.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use selvedge_core::http::FetchErrorKind;
use selvedge_santa::{Report, StageReport, Status};
use serde::Serialize;

use super::histogram::Histogram;

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// Preflight.
    Preflight,
    /// Event upload.
    EventUpload,
    /// Rule download.
    RuleDownload,
    /// Postflight.
    Postflight,
    /// XSRF token.
    Xsrf,
}

impl RequestKind {
    /// All kinds in the order of a sync.
    pub const ALL: [Self; 5] = [
        Self::Preflight,
        Self::EventUpload,
        Self::RuleDownload,
        Self::Postflight,
        Self::Xsrf,
    ];

    /// Its name in the path of the URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::EventUpload => "eventupload",
            Self::RuleDownload => "ruledownload",
            Self::Postflight => "postflight",
            Self::Xsrf => "xsrf",
        }
    }

    /// The kind of request of a URL: the second to last segment of its path.
    pub(super) fn of(url: &str) -> Option<Self> {
        let part = url.rsplit('/').nth(1)?;
        Self::ALL.into_iter().find(|kind| kind.as_str() == part)
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failure {
    /// A status other than 200.
    Status(u16),
    /// No complete response.
    Network(&'static str),
}

impl Failure {
    pub(super) const fn of(kind: FetchErrorKind) -> Self {
        Self::Network(match kind {
            FetchErrorKind::Offline => "unreachable",
            FetchErrorKind::Timeout => "timeout",
            FetchErrorKind::Tls => "certificate",
            FetchErrorKind::Cut => "cut off",
            _ => "stopped",
        })
    }
}

/// One attempt of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) kind: RequestKind,
    pub(super) took: Duration,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) failure: Option<Failure>,
}

/// The statistics of the requests of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    pub(super) latency: Histogram,
    pub(super) failed: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// The statistics of one interval.
#[derive(Debug, Clone, Default)]
pub(super) struct Slice {
    pub(super) latency: Histogram,
    pub(super) failed: u64,
    pub(super) syncs: u64,
}

/// The results of syncs.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Syncs {
    /// All stages succeeded.
    pub ok: u64,
    /// The rules were synced, but eventupload or postflight failed.
    pub degraded: u64,
    /// Failed.
    pub failed: u64,
    /// Aborted at the end of the simulation.
    pub cut_off: u64,
    /// The number of clean syncs among the successful ones.
    pub clean: u64,
}

/// The counts of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Events {
    /// Created on the machines.
    pub made: u64,
    /// Dropped because the server's settings do not request them.
    pub not_kept: u64,
    /// Uploaded.
    pub uploaded: u64,
    /// Uploaded outside a sync, included in `uploaded`.
    pub uploaded_at_once: u64,
    /// Deleted by a clean sync without upload, as Santa does by default.
    pub deleted_unsent: u64,
    /// Pending for the next sync.
    pub waiting: u64,
}

/// The statistics of one thread.
#[derive(Debug, Clone)]
pub(super) struct FleetStats {
    started: Instant,
    slice: Duration,
    pub(super) requests: BTreeMap<RequestKind, Requests>,
    pub(super) failures: BTreeMap<(RequestKind, Failure), u64>,
    /// Failed stages by stage and error code.
    pub(super) failed_stages: BTreeMap<(RequestKind, &'static str), u64>,
    pub(super) slices: Vec<Slice>,
    pub(super) syncs: Syncs,
    pub(super) sync_latency: Histogram,
    /// The scheduling delay of this computer.
    pub(super) lateness: Histogram,
    pub(super) events: Events,
    pub(super) rules_received: u64,
    pub(super) machines_synced: u64,
    pub(super) running: u64,
}

/// Maximum number of intervals.
const MAX_SLICES: usize = 240;

impl FleetStats {
    pub(super) fn new(started: Instant, duration: Duration) -> Self {
        Self {
            started,
            slice: Duration::from_secs(duration.as_secs().div_ceil(MAX_SLICES as u64).max(1)),
            requests: BTreeMap::new(),
            failures: BTreeMap::new(),
            failed_stages: BTreeMap::new(),
            slices: Vec::new(),
            syncs: Syncs::default(),
            sync_latency: Histogram::default(),
            lateness: Histogram::default(),
            events: Events::default(),
            rules_received: 0,
            machines_synced: 0,
            running: 0,
        }
    }

    /// The length of an interval.
    pub(super) const fn slice_length(&self) -> Duration {
        self.slice
    }

    fn now(&mut self) -> Option<&mut Slice> {
        let past = self.started.elapsed().as_millis() / self.slice.as_millis().max(1);
        let index = usize::try_from(past)
            .unwrap_or(usize::MAX)
            .min(2 * MAX_SLICES);
        if self.slices.len() <= index {
            self.slices.resize_with(index + 1, Slice::default);
        }
        self.slices.get_mut(index)
    }

    /// Records an attempt.
    pub(super) fn attempt(&mut self, attempt: &Attempt) {
        let micros = u64::try_from(attempt.took.as_micros()).unwrap_or(u64::MAX);
        let requests = self.requests.entry(attempt.kind).or_default();
        requests.latency.add(micros);
        requests.sent = requests.sent.saturating_add(attempt.sent);
        requests.received = requests.received.saturating_add(attempt.received);
        requests.failed += u64::from(attempt.failure.is_some());
        if let Some(failure) = attempt.failure {
            *self.failures.entry((attempt.kind, failure)).or_default() += 1;
        }
        if let Some(slice) = self.now() {
            slice.latency.add(micros);
            slice.failed += u64::from(attempt.failure.is_some());
        }
    }

    /// Records a completed sync.
    pub(super) fn synced(&mut self, report: &Report) {
        let is_done = report.status() == Status::Success;
        match (is_done, report.is_degraded()) {
            (true, false) => self.syncs.ok += 1,
            (true, true) => self.syncs.degraded += 1,
            (false, _) => self.syncs.failed += 1,
        }
        let is_clean = report.kind.is_some_and(selvedge_santa::Kind::is_clean);
        self.syncs.clean += u64::from(is_done && is_clean);
        self.rules_received = self
            .rules_received
            .saturating_add(report.downloaded.received.into());
        self.sync_latency.add(report.millis.saturating_mul(1000));
        for (kind, stage) in [
            (RequestKind::Preflight, &report.preflight),
            (RequestKind::EventUpload, &report.event_upload),
            (RequestKind::RuleDownload, &report.rule_download),
            (RequestKind::Postflight, &report.postflight),
        ] {
            self.stage(kind, stage);
        }
        if let Some(slice) = self.now() {
            slice.syncs += 1;
        }
    }

    /// Records the error of a stage.
    pub(super) fn stage(&mut self, kind: RequestKind, stage: &StageReport) {
        if let StageReport::Failed(error) = stage {
            *self.failed_stages.entry((kind, error.code())).or_default() += 1;
        }
    }

    /// Adds the statistics of another thread.
    pub(super) fn merge(&mut self, other: &Self) {
        for (kind, requests) in &other.requests {
            let all = self.requests.entry(*kind).or_default();
            all.latency.merge(&requests.latency);
            all.failed += requests.failed;
            all.sent = all.sent.saturating_add(requests.sent);
            all.received = all.received.saturating_add(requests.received);
        }
        merge_counts(&mut self.failures, &other.failures);
        merge_counts(&mut self.failed_stages, &other.failed_stages);
        if self.slices.len() < other.slices.len() {
            self.slices.resize_with(other.slices.len(), Slice::default);
        }
        for (all, slice) in self.slices.iter_mut().zip(&other.slices) {
            all.latency.merge(&slice.latency);
            all.failed += slice.failed;
            all.syncs += slice.syncs;
        }
        self.syncs.ok += other.syncs.ok;
        self.syncs.degraded += other.syncs.degraded;
        self.syncs.failed += other.syncs.failed;
        self.syncs.cut_off += other.syncs.cut_off;
        self.syncs.clean += other.syncs.clean;
        self.sync_latency.merge(&other.sync_latency);
        self.lateness.merge(&other.lateness);
        self.events.made += other.events.made;
        self.events.not_kept += other.events.not_kept;
        self.events.uploaded += other.events.uploaded;
        self.events.uploaded_at_once += other.events.uploaded_at_once;
        self.events.deleted_unsent += other.events.deleted_unsent;
        self.events.waiting += other.events.waiting;
        self.rules_received = self.rules_received.saturating_add(other.rules_received);
        self.machines_synced += other.machines_synced;
        self.running += other.running;
    }
}

fn merge_counts<K: Ord + Copy>(all: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *all.entry(*key).or_default() += count;
    }
}

/// The statistics of a thread, shared with the display.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<FleetStats>>);

impl Shared {
    pub(super) fn new(tally: FleetStats) -> Self {
        Self(Arc::new(Mutex::new(tally)))
    }

    /// Ignores poisoning: counters are valid after a panic as well.
    pub(super) fn lock(&self) -> MutexGuard<'_, FleetStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
