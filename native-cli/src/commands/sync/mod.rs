//! `selvedge sync`: runs one sync, or shows what one would do.

pub(super) mod first;
mod grammar;
mod own_name;
mod preview;
pub(super) mod reinitialize;
pub(super) mod report;
mod selection;
mod totals;

use std::time::Duration;

use selvedge_core::account::Credentials;
use selvedge_core::engines::Engine;
use selvedge_core::error::Error;
use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{
    self, Ending, FirstPreview, KeptToken, Mode, Options, OwnClient, Preview, Report, Situation,
};

use self::first::{DryFirst, FirstReport};
pub use self::grammar::{First, SyncArgs};
use self::preview::PreviewView;
use self::report::ReportView;
use self::selection::Selection;
use crate::device::{Device, global_state};
use crate::progress::Progress;
use selvedge_host::NativeHost;
use selvedge_host::USER_AGENT;
use selvedge_host::exit::{HostError, Result};

/// Syncs once, or shows what a sync would do.
///
/// # Errors
/// When the sync did not transfer everything; the report is printed in any case.
pub async fn run(device: &Device, args: SyncArgs) -> Result<()> {
    device.credentials()?;
    let _lock = device.profile.lock()?;
    let host = device.host()?;
    let credentials = device.account(&host).await?;
    own_records(&host, &credentials).await?;
    let client = own_name::own_client(device, &host).await?;
    let totals = totals::expected(device, &host).await;
    let kept = device.token()?;
    let mut token = kept.clone();
    let mut selection = Selection::new(device, &host, args.collections).await?;
    let mut first = None;
    let mut pending = global_state(&host.store).await?.device.first_sync;
    if args.first == Some(First::None) {
        if !args.dry_run.dry_run {
            sync::intend(&host, None).await?;
        }
        pending = None;
    }
    if let Some(mode) = args.first.and_then(First::mode) {
        let progress = Progress::new(&device.output);
        let stage = |stage: sync::Stage<'_>| progress.stage(stage);
        let client = client.clone();
        let syncing = Syncing::new(device, &host, &credentials, &selection, client, &stage)?;
        let preview = syncing.first_preview(mode, &mut token).await;
        drop(progress);
        device.keep_token(kept.as_ref(), token.as_ref())?;
        let preview = preview?;
        if args.dry_run.dry_run {
            return device.output.answer(&DryFirst(&preview));
        }
        first::ask(device, &preview, args.yes)?;
        sync::intend(&host, Some(preview.intent())).await?;
        selection.include(&preview);
        first = Some(preview);
    }
    let progress = Progress::with_totals(&device.output, totals);
    let stage = |stage: sync::Stage<'_>| progress.stage(stage);
    let renewed;
    let mut syncing = Syncing::new(device, &host, &credentials, &selection, client, &stage)?;
    let outcome = if args.dry_run.dry_run {
        Outcome::Preview(syncing.preview(&mut token).await)
    } else {
        let mut report = syncing.sync(&mut token).await?;
        if is_refused(&report)
            && let Some(current) = device.account_again(&host).await?
        {
            // The access token was revoked before its end: once more with a new one.
            renewed = current;
            sync::forget_refusal(&host.store).await?;
            syncing.credentials = &renewed;
            token = None;
            report = syncing.sync(&mut token).await?;
        }
        Outcome::Report(Box::new(report))
    };
    drop(progress);
    device.keep_token(kept.as_ref(), token.as_ref())?;
    match outcome {
        Outcome::Preview(preview) => device.output.answer(&PreviewView {
            preview: preview?,
            pending,
        }),
        Outcome::Report(report) => {
            let view = ReportView(*report);
            if view.is_logged_out() {
                device.forget_account()?;
            }
            match &first {
                None => device.output.answer(&view)?,
                Some(preview) => device.output.answer(&FirstReport {
                    preview,
                    report: &view,
                })?,
            }
            view.explain(device);
            if let Some(left) = global_state(&host.store).await?.device.first_sync {
                device.output.note(first::left_note(&left));
            }
            view.verdict()?;
            crate::commands::tabs::announce(device).await;
            selection.check(&host).await
        }
    }
}

/// One sync without output, of these collections or of all that this device follows.
///
/// # Errors
/// When the account is missing, another process syncs, or the profile cannot be read or written.
#[cfg(unix)]
pub(super) async fn once(
    device: &Device,
    only: Vec<CollectionName>,
    is_asked_for: bool,
) -> Result<Report> {
    device.credentials()?;
    let _lock = device.profile.lock()?;
    let host = device.host()?;
    let credentials = device.account(&host).await?;
    own_records(&host, &credentials).await?;
    let client = own_name::own_client(device, &host).await?;
    let kept = device.token()?;
    let mut token = kept.clone();
    let selection = Selection::new(device, &host, only).await?;
    let stage = |_: sync::Stage<'_>| ();
    let renewed;
    let mut syncing = Syncing::new(device, &host, &credentials, &selection, client, &stage)?;
    syncing.situation.is_asked_for = is_asked_for;
    let mut report = syncing.sync(&mut token).await?;
    if is_refused(&report)
        && let Some(current) = device.account_again(&host).await?
    {
        renewed = current;
        sync::forget_refusal(&host.store).await?;
        syncing.credentials = &renewed;
        token = None;
        report = syncing.sync(&mut token).await?;
    }
    device.keep_token(kept.as_ref(), token.as_ref())?;
    if matches!(report.ending, Ending::LoggedOut) {
        device.forget_account()?;
    }
    Ok(report)
}

/// Whether the server refused the credentials.
fn is_refused(report: &Report) -> bool {
    matches!(&report.ending, Ending::Stopped(Error::SignedOut { .. }))
}

/// Prevents records of another account from being sent to the account's server.
async fn own_records(host: &NativeHost, credentials: &Credentials) -> Result<()> {
    match sync::owner(host, credentials).await?.may_sync() {
        true => Ok(()),
        false => Err(HostError::OtherAccount),
    }
}

enum Outcome {
    Preview(Result<Preview>),
    Report(Box<Report>),
}

struct Syncing<'a> {
    host: &'a NativeHost,
    credentials: &'a Credentials,
    selection: &'a Selection,
    client: OwnClient,
    situation: Situation,
    /// Whether this device has no chosen name.
    is_unnamed: bool,
    stage: &'a dyn Fn(sync::Stage<'_>),
}

impl<'a> Syncing<'a> {
    fn new(
        device: &Device,
        host: &'a NativeHost,
        credentials: &'a Credentials,
        selection: &'a Selection,
        client: OwnClient,
        stage: &'a dyn Fn(sync::Stage<'_>),
    ) -> Result<Self> {
        Ok(Self {
            host,
            credentials,
            selection,
            client: OwnClient {
                fxa_device_id: credentials.device_id.clone(),
                ..client
            },
            situation: Situation {
                is_asked_for: true,
                tells_version: device.version_to_tell()?,
                ..Situation::default()
            },
            is_unnamed: device.profile.settings()?.device_name.is_none(),
            stage,
        })
    }

    async fn first_preview(
        &self,
        mode: Mode,
        token: &mut Option<KeptToken>,
    ) -> Result<FirstPreview> {
        let options = self.options(&[]);
        let chosen = self.selection.chosen();
        Ok(sync::first_preview(self.host, self.credentials, token, &options, mode, chosen).await?)
    }

    async fn preview(&self, token: &mut Option<KeptToken>) -> Result<Preview> {
        let engines = self.selection.engines(self.host).await?;
        let options = self.options(&engines);
        let preview = match self.selection {
            // The first sync reads the account's collections: so does this.
            Selection::All(_) => {
                sync::preview_account(self.host, self.credentials, token, &options).await?
            }
            Selection::Named(_) | Selection::Followed(_) => {
                sync::preview(self.host, self.credentials, token, &options).await?
            }
        };
        Ok(preview)
    }

    async fn sync(&mut self, token: &mut Option<KeptToken>) -> Result<Report> {
        let is_first = global_state(self.host)
            .await?
            .device
            .clients
            .uploaded
            .is_none();
        let mut report = self.sync_selected(token).await?;
        if is_first && self.is_unnamed && matches!(report.ending, Ending::Done) {
            self.take_number(token, &mut report).await?;
        }
        Ok(report)
    }

    async fn sync_selected(&self, token: &mut Option<KeptToken>) -> Result<Report> {
        let engines = self.selection.engines(self.host).await?;
        let mut report = self.sync_these(token, &engines).await;
        if !matches!(self.selection, Selection::All(_)) || !matches!(report.ending, Ending::Done) {
            return Ok(report);
        }
        // The first read of the account may have found collections that were not known before.
        let new: Vec<_> = self
            .selection
            .engines(self.host)
            .await?
            .into_iter()
            .filter(|new| {
                let mut known = engines.iter();
                known.all(|engine| engine.collection() != new.collection())
            })
            .collect();
        if !new.is_empty() {
            append(&mut report, self.sync_these(token, &new).await);
        }
        Ok(report)
    }

    /// Renames this device if its first sync found another device with the machine's name.
    async fn take_number(
        &mut self,
        token: &mut Option<KeptToken>,
        report: &mut Report,
    ) -> Result<()> {
        let clients = global_state(self.host).await?.device.clients;
        let is_entered = clients.uploaded.is_some();
        let Some(name) = own_name::numbered(&clients, &self.client.name).filter(|_| is_entered)
        else {
            return Ok(());
        };
        self.client.name = name;
        let ending = report.ending.clone();
        let renamed = self.sync_these(token, &[]).await;
        append(report, renamed);
        // The records are synced, whether the new name is uploaded or not.
        report.ending = ending;
        Ok(())
    }

    async fn sync_these(
        &self,
        token: &mut Option<KeptToken>,
        engines: &[Box<dyn Engine>],
    ) -> Report {
        let options = self.options(engines);
        let report = sync::sync(self.host, self.credentials, token, &options).await;
        if !report.looks_again() {
            return report;
        }
        // Another device may be setting up the account at this moment.
        tokio::time::sleep(Duration::from_secs(sync::SECOND_LOOK_SECONDS)).await;
        sync::sync(self.host, self.credentials, token, &options).await
    }

    fn options<'o>(&'o self, engines: &'o [Box<dyn Engine>]) -> Options<'o> {
        Options {
            engines,
            situation: self.situation,
            client: self.client.clone(),
            user_agent: Some(USER_AGENT.into()),
            progress: self.stage,
        }
    }
}

/// Two consecutive syncs, reported as one.
fn append(report: &mut Report, second: Report) {
    report.ending = second.ending;
    report.fresh_start |= second.fresh_start;
    report.restored |= second.restored;
    report.first_sync = report.first_sync.or(second.first_sync);
    report.wiped_here.extend(second.wiped_here);
    report.wiped_there.extend(second.wiped_there);
    report.collections.extend(second.collections);
    report.kept_there.extend(second.kept_there);
    report.commands.extend(second.commands);
    report.tabs.extend(second.tabs);
    report.traffic.requests += second.traffic.requests;
    report.traffic.bytes_sent += second.traffic.bytes_sent;
    report.traffic.bytes_received += second.traffic.bytes_received;
    report.millis += second.millis;
    report.backoff = second.backoff;
    for alert in second.alerts {
        if !report.alerts.contains(&alert) {
            report.alerts.push(alert);
        }
    }
}

impl First {
    const fn mode(self) -> Option<Mode> {
        match self {
            Self::Merge => Some(Mode::Merge),
            Self::TakeServer => Some(Mode::TakeServer),
            Self::TakeLocal => Some(Mode::TakeLocal),
            Self::None => None,
        }
    }
}
