//! `selvedge sync`: one sync, or what one would do.

mod preview;
pub(super) mod report;

use std::collections::BTreeSet;

use selvedge_core::account::Credentials;
use selvedge_core::engine::{FIREFOX_ENGINES, Generic};
use selvedge_core::host::Store;
use selvedge_core::ids::CollectionName;
use selvedge_core::life::{
    self, Ending, GlobalState, KeptToken, Options, Preview, Report, Situation,
};
use selvedge_core::server::Conditional;

use self::preview::PreviewView;
use self::report::ReportView;
use crate::cli::SyncArgs;
use crate::device::{Device, USER_AGENT};
use crate::exit::{CliError, Result};
use crate::host::NativeHost;
use crate::progress::Progress;
use crate::remote::Remote;

/// Syncs once, or says what a sync would do.
///
/// # Errors
/// When the sync did not pass everything; the report is printed all the same.
pub async fn run(device: &Device, args: SyncArgs) -> Result<()> {
    let credentials = device.credentials()?;
    let _lock = device.profile.lock()?;
    let host = device.host()?;
    let kept = device.token()?;
    let mut token = kept.clone();
    let progress = Progress::new(&device.output);
    let selection = Selection::new(device, &host, args.collections).await?;
    let syncing = Syncing {
        host: &host,
        credentials: &credentials,
        selection: &selection,
        progress: &progress,
    };
    let outcome = if args.dry_run.dry_run {
        Outcome::Preview(syncing.preview(&mut token).await)
    } else {
        Outcome::Report(Box::new(syncing.sync(&mut token).await?))
    };
    drop(progress);
    device.keep_token(kept.as_ref(), token.as_ref())?;
    match outcome {
        Outcome::Preview(preview) => device.output.answer(&PreviewView(preview?)),
        Outcome::Report(report) => {
            let view = ReportView(*report);
            device.output.answer(&view)?;
            view.explain(device);
            view.verdict()
        }
    }
}

enum Outcome {
    Preview(Result<Preview>),
    Report(Box<Report>),
}

/// Which collections a sync is about.
enum Selection {
    /// These.
    Named(Vec<CollectionName>),
    /// All that the account or this device has. On a first sync the account's are only known when meta/global was read.
    All,
}

impl Selection {
    async fn new(device: &Device, host: &NativeHost, named: Vec<CollectionName>) -> Result<Self> {
        if !named.is_empty() {
            let known = known(host).await?;
            for name in &named {
                if !known.contains(name) {
                    look_on_server(device, name).await?;
                }
            }
            return Ok(Self::Named(named));
        }
        Ok(device
            .profile
            .settings()?
            .collections
            .map_or(Self::All, Self::Named))
    }

    async fn engines(&self, host: &NativeHost) -> Result<Vec<Generic>> {
        let names = match self {
            Self::Named(names) => names.iter().cloned().collect(),
            Self::All => known(host).await?,
        };
        let mut engines = Vec::new();
        for name in names {
            match (Generic::new(name), self) {
                (Ok(engine), _) => engines.push(engine),
                (Err(error), Self::Named(_)) => return Err(error.into()),
                // The sync keeps these itself.
                (Err(_), Self::All) => {}
            }
        }
        // Firefox's order first: small and valuable ones before the history.
        let place = |engine: &Generic| {
            use selvedge_core::engine::Engine as _;
            let name = engine.collection();
            FIREFOX_ENGINES
                .iter()
                .position(|known| known.name == name.as_str())
                .unwrap_or(FIREFOX_ENGINES.len())
        };
        engines.sort_by_key(place);
        Ok(engines)
    }
}

/// The collections that this device has, or that the server had, in agreement with meta/global, when it was last asked.
async fn known(host: &NativeHost) -> Result<BTreeSet<CollectionName>> {
    let global = host.global().await?;
    let global: GlobalState = global
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut names: BTreeSet<_> = host.collections().await?.into_iter().collect();
    let GlobalState { info, engines, .. } = global;
    let on_server = info.map(|info| info.collections).unwrap_or_default();
    names.extend(
        on_server
            .into_keys()
            .filter(|name| engines.contains_key(name.as_str())),
    );
    Ok(names)
}

/// A name that nobody knows is more likely a mistyped one than a new collection.
async fn look_on_server(device: &Device, name: &CollectionName) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let info = remote.client.info_collections(None).await?;
    if let Conditional::Changed { value, .. } = info
        && value.modified(name).is_none()
    {
        return Err(CliError::NotFound(format!(
            "there is no collection {name}, here or on the server: `selvedge records put {name}` begins one"
        )));
    }
    Ok(())
}

struct Syncing<'a> {
    host: &'a NativeHost,
    credentials: &'a Credentials,
    selection: &'a Selection,
    progress: &'a Progress,
}

impl Syncing<'_> {
    async fn preview(&self, token: &mut Option<KeptToken>) -> Result<Preview> {
        let engines = self.selection.engines(self.host).await?;
        let stage = |stage: life::Stage<'_>| self.progress.stage(stage);
        let options = options(engines, &stage);
        Ok(life::preview(self.host, self.credentials, token, &options).await?)
    }

    async fn sync(&self, token: &mut Option<KeptToken>) -> Result<Report> {
        let engines = self.selection.engines(self.host).await?;
        let mut report = self.sync_these(token, engines.clone()).await;
        if !matches!(self.selection, Selection::All) || !matches!(report.ending, Ending::Done) {
            return Ok(report);
        }
        // The first look at the account may have shown collections that were not known before.
        let new: Vec<_> = self
            .selection
            .engines(self.host)
            .await?
            .into_iter()
            .filter(|engine| !engines.contains(engine))
            .collect();
        if !new.is_empty() {
            append(&mut report, self.sync_these(token, new).await);
        }
        Ok(report)
    }

    async fn sync_these(&self, token: &mut Option<KeptToken>, engines: Vec<Generic>) -> Report {
        let stage = |stage: life::Stage<'_>| self.progress.stage(stage);
        life::sync(
            self.host,
            self.credentials,
            token,
            &options(engines, &stage),
        )
        .await
    }
}

fn options<'a>(engines: Vec<Generic>, progress: &'a dyn Fn(life::Stage<'_>)) -> Options<'a> {
    Options {
        engines,
        situation: Situation {
            is_asked_for: true,
            ..Situation::default()
        },
        user_agent: Some(USER_AGENT.into()),
        progress,
    }
}

/// Two syncs in a row, told as one.
fn append(report: &mut Report, second: Report) {
    report.ending = second.ending;
    report.fresh_start |= second.fresh_start;
    report.collections.extend(second.collections);
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
