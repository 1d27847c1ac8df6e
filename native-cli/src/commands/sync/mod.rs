//! `selvedge sync`: one sync, or what one would do.

mod first;
mod preview;
pub(super) mod report;

use std::collections::BTreeSet;

use selvedge_core::account::Credentials;
use selvedge_core::engine::{Engine as _, Generic};
use selvedge_core::host::Store;
use selvedge_core::ids::CollectionName;
use selvedge_core::life::{
    self, Ending, FirstPreview, GlobalState, KeptToken, Mode, Options, OwnClient, Preview, Report,
    Situation, Wish, turn,
};
use selvedge_core::server::Conditional;

use self::first::{DryFirst, FirstReport};
use self::preview::PreviewView;
use self::report::ReportView;
use crate::cli::{First, SyncArgs};
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
    let mut selection = Selection::new(device, &host, args.collections).await?;
    let mut first = None;
    if let Some(mode) = args.first {
        let progress = Progress::new(&device.output);
        let syncing = Syncing {
            host: &host,
            credentials: &credentials,
            selection: &selection,
            client: device.own_client()?,
            progress: &progress,
        };
        let preview = syncing.first_preview(mode.into(), &mut token).await;
        drop(progress);
        device.keep_token(kept.as_ref(), token.as_ref())?;
        let preview = preview?;
        if args.dry_run.dry_run {
            return device.output.answer(&DryFirst(&preview));
        }
        first::ask(device, &preview, args.yes)?;
        life::intend(&host, Some(preview.intent())).await?;
        selection.include(&preview);
        first = Some(preview);
    }
    let progress = Progress::new(&device.output);
    let syncing = Syncing {
        host: &host,
        credentials: &credentials,
        selection: &selection,
        client: device.own_client()?,
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
            view.verdict()?;
            selection.check(&host).await
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
    /// What this device follows.
    Followed(Vec<CollectionName>),
    /// All that the account or this device has, and these. On a first sync the account's are only known when meta/global
    /// was read.
    All(Vec<CollectionName>),
}

impl Selection {
    async fn new(device: &Device, host: &NativeHost, named: Vec<CollectionName>) -> Result<Self> {
        if !named.is_empty() {
            let known = known(host).await?.names;
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
            .map_or_else(|| Self::All(Vec::new()), Self::Followed))
    }

    /// The collections by which a first sync is bounded; `None` for all.
    fn chosen(&self) -> Option<&[CollectionName]> {
        match self {
            Self::Named(names) | Self::Followed(names) => Some(names),
            Self::All(_) => None,
        }
    }

    /// Takes in what a first sync is about.
    fn include(&mut self, preview: &FirstPreview) {
        if let Self::All(names) = self {
            names.extend(preview.intent().collections);
        }
    }

    /// What was named and is declined was asked for in vain.
    async fn check(&self, host: &NativeHost) -> Result<()> {
        let Self::Named(names) = self else {
            return Ok(());
        };
        let off = known(host).await?.off;
        match names.iter().find(|name| off.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(CliError::Partial(format!(
                "{name} is declined for the whole account: `selvedge engines enable {name}` first"
            ))),
        }
    }

    async fn engines(&self, host: &NativeHost) -> Result<Vec<Generic>> {
        let names = match self {
            Self::Named(names) | Self::Followed(names) => names.iter().cloned().collect(),
            Self::All(also) => {
                let Known { mut names, off } = known(host).await?;
                names.retain(|name| !off.contains(name));
                names.extend(also.iter().cloned());
                names
            }
        };
        let mut engines = Vec::new();
        for name in names {
            match (Generic::new(name), self) {
                (Ok(engine), _) => engines.push(engine),
                (Err(error), Self::Named(_) | Self::Followed(_)) => return Err(error.into()),
                // The sync keeps these itself.
                (Err(_), Self::All(_)) => {}
            }
        }
        engines.sort_by_key(|engine| turn(engine.collection().as_str()));
        Ok(engines)
    }
}

/// What is known of the account's collections, without asking.
struct Known {
    /// Those that this device has, or that the server had, in agreement with meta/global, when it was last asked.
    names: BTreeSet<CollectionName>,
    /// Of these: those that the account has declined, or that were disabled here.
    off: BTreeSet<CollectionName>,
}

async fn known(host: &NativeHost) -> Result<Known> {
    let text = host.global().await?;
    let global: GlobalState = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let GlobalState {
        info,
        engines,
        declined,
        choices,
        ..
    } = global;
    let on_server = info.map(|info| info.collections).unwrap_or_default();
    let mut names: BTreeSet<_> = on_server
        .into_keys()
        .filter(|name| engines.contains_key(name.as_str()))
        .collect();
    names.extend(host.collections().await?);
    let is_declined = |name: &CollectionName| declined.iter().any(|known| known == name.as_str());
    let mut off: BTreeSet<_> = names
        .iter()
        .filter(|name| is_declined(name))
        .cloned()
        .collect();
    for (name, change) in choices.changes {
        match change.wish {
            Wish::Enable => off.remove(&name),
            Wish::Disable | Wish::Decline => off.insert(name.clone()),
        };
        names.insert(name);
    }
    Ok(Known { names, off })
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
    client: OwnClient,
    progress: &'a Progress,
}

impl Syncing<'_> {
    async fn first_preview(
        &self,
        mode: Mode,
        token: &mut Option<KeptToken>,
    ) -> Result<FirstPreview> {
        let stage = |stage: life::Stage<'_>| self.progress.stage(stage);
        let options = options(Vec::new(), self.client.clone(), &stage);
        let chosen = self.selection.chosen();
        Ok(life::first_preview(self.host, self.credentials, token, &options, mode, chosen).await?)
    }

    async fn preview(&self, token: &mut Option<KeptToken>) -> Result<Preview> {
        let engines = self.selection.engines(self.host).await?;
        let stage = |stage: life::Stage<'_>| self.progress.stage(stage);
        let options = options(engines, self.client.clone(), &stage);
        Ok(life::preview(self.host, self.credentials, token, &options).await?)
    }

    async fn sync(&self, token: &mut Option<KeptToken>) -> Result<Report> {
        let engines = self.selection.engines(self.host).await?;
        let mut report = self.sync_these(token, engines.clone()).await;
        if !matches!(self.selection, Selection::All(_)) || !matches!(report.ending, Ending::Done) {
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
            &options(engines, self.client.clone(), &stage),
        )
        .await
    }
}

fn options<'a>(
    engines: Vec<Generic>,
    client: OwnClient,
    progress: &'a dyn Fn(life::Stage<'_>),
) -> Options<'a> {
    Options {
        engines,
        situation: Situation {
            is_asked_for: true,
            ..Situation::default()
        },
        client,
        user_agent: Some(USER_AGENT.into()),
        progress,
    }
}

/// Two syncs in a row, told as one.
fn append(report: &mut Report, second: Report) {
    report.ending = second.ending;
    report.fresh_start |= second.fresh_start;
    report.first_sync = report.first_sync.or(second.first_sync);
    report.wiped_here.extend(second.wiped_here);
    report.wiped_there.extend(second.wiped_there);
    report.collections.extend(second.collections);
    report.clients.deleted.extend(second.clients.deleted);
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

impl From<First> for Mode {
    fn from(first: First) -> Self {
        match first {
            First::Merge => Self::Merge,
            First::TakeServer => Self::TakeServer,
            First::TakeLocal => Self::TakeLocal,
        }
    }
}
