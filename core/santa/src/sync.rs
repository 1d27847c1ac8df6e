//! One sync of a machine, with all stages from preflight to postflight (spec §2).

use alloc::vec::Vec;

use super::client::{Client, Link};
use super::error::Result;
use super::eventupload::{self, Uploaded};
use super::kind::Kind;
use super::logupload::{self, Sent};
use super::occurrence::Occurrence;
use super::preflight::{self, Plan};
use super::report::{Report, StageReport};
use super::session::{Host, Options, Session, Stage};
use super::state::SyncState;
use super::store::EventId;
use super::timing::{FULL_INTERVAL, Preflighted};
use super::{postflight, ruledownload};

/// Number of events in one request before any preflight.
const BATCH_SIZE: u32 = 50;

impl<H: Host> Session<'_, H> {
    async fn stages(&self, report: &mut Report) {
        let Some(plan) = self.preflight(report).await else {
            return;
        };
        (self.options.progress)(Stage::LogUpload);
        let sent = logupload::step(self, &plan.response).await;
        report.has_refused_logs = sent == Ok(Sent::Refused);
        if !matches!(sent, Ok(Sent::Nothing | Sent::Refused)) {
            report.log_upload = StageReport::of(&sent);
        }
        (self.options.progress)(Stage::EventUpload);
        let (is_clean, uploaded) = (plan.kind.is_clean(), &mut report.uploaded);
        let sent = eventupload::step(self, is_clean, plan.batch_size, uploaded).await;
        report.event_upload = StageReport::of(&sent);
        if !self.rule_download(plan.kind, report).await {
            return;
        }
        (self.options.progress)(Stage::Postflight);
        let error = postflight::step(self, &plan, &report.downloaded).await;
        report.postflight = match error {
            Ok(None) => StageReport::Done,
            Ok(Some(error)) | Err(error) => StageReport::Failed(error),
        };
    }

    async fn preflight(&self, report: &mut Report) -> Option<Plan> {
        (self.options.progress)(Stage::Preflight);
        let result = self.preflight_step().await;
        report.preflight = StageReport::of(&result);
        let (plan, preflighted) = result.ok()?;
        report.requested = Some(plan.requested);
        report.kind = Some(plan.kind);
        report.replaced_mode = self.options.machine.replaced(&plan.response);
        report.preflighted = Some(preflighted);
        self.link.batch_size.set(Some(plan.batch_size));
        (self.options.progress)(Stage::Preflighted(preflighted));
        Some(plan)
    }

    async fn preflight_step(&self) -> Result<(Plan, Preflighted)> {
        let state = SyncState::load(self.host).await?;
        let plan = preflight::step(self, &state).await?;
        let known = state.settings.full_sync_interval;
        let interval = plan.timing.full_interval.or(known);
        let preflighted = Preflighted {
            at: self.host.now(),
            timing: plan.timing,
            interval: interval.unwrap_or(FULL_INTERVAL),
        };
        Ok((plan, preflighted))
    }

    /// Downloads the rules; returns whether the local rules are now those of the server.
    async fn rule_download(&self, kind: Kind, report: &mut Report) -> bool {
        (self.options.progress)(Stage::RuleDownload);
        let result = ruledownload::step(self, kind).await;
        report.rule_download = StageReport::of(&result);
        match result {
            Ok(downloaded) => {
                report.downloaded = downloaded;
                true
            }
            Err(_) => false,
        }
    }

    fn close(&self, report: &mut Report, started: u64) {
        report.traffic = self.client.traffic();
        report.millis = self.host.now().millis().saturating_sub(started);
    }
}

/// Runs one sync with all stages. `link` contains what the process remembers about the server.
///
/// An interruption at any moment loses nothing: rules are applied all together or not at all, and an event is deleted
/// only after the server has accepted it.
pub async fn sync<H: Host>(host: &H, options: &Options<'_>, link: &Link) -> Report {
    let started = host.now().millis();
    let session = Session::new(host, options, link);
    let mut report = Report::default();
    session.stages(&mut report).await;
    session.close(&mut report, started);
    report
}

/// Downloads rules only, as a push message for rules requests: a normal sync without settings.
pub async fn sync_rules<H: Host>(host: &H, options: &Options<'_>, link: &Link) -> Report {
    let started = host.now().millis();
    let session = Session::new(host, options, link);
    let mut report = Report {
        kind: Some(Kind::Normal),
        ..Report::default()
    };
    session.rule_download(Kind::Normal, &mut report).await;
    session.close(&mut report, started);
    report
}

/// Sends events immediately, outside of any sync. Stored events, which have a number, are deleted after the server has
/// accepted them. The first part of the result counts what the server accepted before a failure.
pub async fn upload_now<H: Host>(
    host: &H,
    options: &Options<'_>,
    link: &Link,
    events: Vec<(Option<EventId>, Occurrence)>,
) -> (Uploaded, Result<()>) {
    let client = Client::new(host, &options.connection, link, options.is_online);
    let batch_size = link.batch_size.get().unwrap_or(BATCH_SIZE);
    let mut uploaded = Uploaded::default();
    let result = eventupload::send_now(host, &client, events, batch_size, &mut uploaded).await;
    (uploaded, result)
}
