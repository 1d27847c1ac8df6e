//! `selvedge account copy`: copies all records to another account, under its new keys.

use std::fmt;
use std::path::Path;

use selvedge_core::account::{Credentials, JoinCode};
use selvedge_core::error::Error;
use selvedge_core::server::Conditional;
use selvedge_core::sync::{self, Options, OwnClient, Report, Situation};
use serde::Serialize;

use super::{read_credentials, read_secret};
use crate::commands::sync::report::ReportView;
use crate::device::Device;
use crate::output::{Align, Output, Table, bytes, duration};
use crate::progress::{Progress, Total, Totals};
use crate::remote::Remote;
use selvedge_host::USER_AGENT;
use selvedge_host::exit::Result;
use selvedge_host::{NativeHost, SqliteStore};

/// The account to copy to.
pub(super) fn target(
    output: &Output,
    file: Option<&Path>,
    code_file: Option<&Path>,
) -> Result<Credentials> {
    if let Some(file) = file {
        return read_credentials(output, file);
    }
    let line = read_secret(output, code_file.unwrap_or(Path::new("-")))?;
    let code: JoinCode = line.parse().map_err(Error::from)?;
    Ok(code.into_credentials())
}

/// Copies, or reports what would be copied.
pub(super) async fn run(device: &Device, to: &Credentials, dry_run: bool) -> Result<()> {
    let from = device.account(&device.network()).await?;
    if dry_run {
        return preview(device, to).await;
    }
    let _lock = device.profile.lock()?;
    // The key id identifies the account, regardless of the device that the credentials belong to.
    let name = format!(
        "{} {}",
        to.server().to_owned(),
        to.kid.as_deref().unwrap_or_default()
    );
    let store = SqliteStore::open(&device.profile.copy_path(&name))?;
    let host = NativeHost::new(device.network().fetch, store);
    let progress = Progress::with_totals(&device.output, expected(device).await);
    let stage = |stage: sync::Stage<'_>| progress.stage(stage);
    let options = Options {
        engines: &[],
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: Some(USER_AGENT.into()),
        progress: &stage,
    };
    let report = sync::copy(&host, &from, to, &options).await;
    drop(progress);
    let view = CopyView(report?);
    device.output.answer(&view)?;
    let view = ReportView(view.0);
    view.explain(device);
    view.verdict()
}

/// The number of records of the source, by collection, for the progress line. Unknown without a response.
async fn expected(device: &Device) -> Totals {
    if !device.output.may_draw() {
        return Totals::new();
    }
    let host = device.network();
    let counts = match Remote::connect(device, &host).await {
        Ok(remote) => remote.client.info_collection_counts().await.ok(),
        Err(_) => None,
    };
    let counts = counts.unwrap_or_default();
    let total = |count: u64| Total {
        receive: Some(count),
        send: Some(count),
    };
    counts
        .iter()
        .map(|(name, count)| (name.clone(), total(*count)))
        .collect()
}

/// The preview of a copy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Preview {
    server: String,
    /// Records and tombstones, by collection.
    collections: Vec<(String, u64)>,
    dry_run: bool,
}

async fn preview(device: &Device, to: &Credentials) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    remote.keys()?;
    let info = remote.client.info_collections(None).await?;
    let names = match info {
        Conditional::Changed { value, .. } => value.iter().map(|(name, _)| name.clone()).collect(),
        Conditional::Unmodified => Vec::new(),
    };
    let counts = remote.client.info_collection_counts().await?;
    let collections = names
        .into_iter()
        .filter(|name| !matches!(name.as_str(), "meta" | "crypto" | "clients"))
        .map(|name| (name.to_string(), counts.get(&name).copied().unwrap_or(0)))
        .collect();
    device.output.answer(&Preview {
        server: to.server().to_owned(),
        collections,
        dry_run: true,
    })
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Would copy to the account on {}:", self.server)?;
        let mut table = Table::new(&[("COLLECTION", Align::Left), ("RECORDS", Align::Right)]);
        for (name, count) in &self.collections {
            table.row(vec![name.clone(), count.to_string()]);
        }
        write!(f, "{table}")
    }
}

/// The copied records, for people; the core writes the JSON.
#[derive(Serialize)]
#[serde(transparent)]
struct CopyView(Report);

impl fmt::Display for CopyView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        if report.fresh_start {
            writeln!(f, "The other account is set up with new keys.")?;
        }
        let mut table = Table::new(&[
            ("COLLECTION", Align::Left),
            ("STATUS", Align::Left),
            ("COPIED", Align::Right),
            ("FAILED", Align::Right),
            ("SECONDS", Align::Right),
        ]);
        for collection in &report.collections {
            table.row(vec![
                collection.name.to_string(),
                collection.status.word().into(),
                collection.pulled.received.to_string(),
                collection.pulled.failed_count.to_string(),
                duration(collection.millis).trim_end_matches(" s").into(),
            ]);
        }
        writeln!(f, "{table}")?;
        let traffic = report.traffic;
        writeln!(
            f,
            "Copied: {} requests, {} sent, {} received, {}.",
            traffic.requests,
            bytes(traffic.bytes_sent),
            bytes(traffic.bytes_received),
            duration(report.millis)
        )
    }
}
