//! `selvedge collections`: the server's collections, and those that this device follows.

use std::collections::BTreeSet;
use std::fmt;

use selvedge_core::engines::Generic;
use selvedge_core::host::Clock as _;
use selvedge_core::ids::CollectionName;
use selvedge_core::server::Conditional;
use selvedge_core::sync::{self, EngineState, Wish};
use selvedge_core::time::ServerTime;
use serde::Serialize;

use crate::cli::CollectionsCommand;
use crate::device::Device;
use crate::output::{Align, Table};
use crate::remote::Remote;
use selvedge_host::SystemClock;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::moment;
use selvedge_host::profile::Settings;

#[derive(Debug, Serialize)]
struct Listing(Vec<Row>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: CollectionName,
    records: Option<u64>,
    /// Size of the payloads, in bytes.
    bytes: Option<u64>,
    #[serde(serialize_with = "moment::server_millis")]
    last_modified: ServerTime,
    followed: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Followed {
    /// `None`: all.
    collections: Option<Vec<CollectionName>>,
    /// Those that the account had declined, and that the next sync enables.
    enabled: Vec<CollectionName>,
    /// Whether this device followed exactly these before.
    already: bool,
    dry_run: bool,
}

/// Lists the server's collections, or chooses those to follow.
///
/// # Errors
/// When the account or the network is missing, or the server refuses.
pub async fn run(device: &Device, command: Option<CollectionsCommand>) -> Result<()> {
    match command {
        None => list(device).await,
        Some(CollectionsCommand::Follow {
            collections,
            all,
            dry_run,
        }) => follow(device, (!all).then_some(collections), dry_run.dry_run).await,
    }
}

async fn list(device: &Device) -> Result<()> {
    let chosen = device.profile.settings()?.collections;
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let Conditional::Changed { value: info, .. } = remote.client.info_collections(None).await?
    else {
        // A request without a condition is never answered with "unchanged".
        return device.output.answer(&Listing(Vec::new()));
    };
    let counts = remote.client.info_collection_counts().await?;
    let usage = remote.client.info_collection_usage().await?;
    let rows = info.iter().map(|(name, last_modified)| Row {
        name: name.clone(),
        records: counts.get(name).copied(),
        bytes: usage.get(name).copied(),
        last_modified,
        followed: chosen.as_ref().map_or_else(
            || Generic::new(name.clone()).is_ok(),
            |names| names.contains(name),
        ),
    });
    device.output.answer(&Listing(rows.collect()))
}

async fn follow(
    device: &Device,
    collections: Option<Vec<CollectionName>>,
    dry_run: bool,
) -> Result<()> {
    for name in collections.iter().flatten() {
        Generic::new(name.clone())?;
    }
    // Without duplicates, in order of name.
    let collections = collections.map(|names| {
        names
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    });
    let _lock = device.profile.lock()?;
    let enabled = enabled_by_following(device, collections.as_deref().unwrap_or_default()).await?;
    let before = device.profile.settings()?;
    let already = before.collections == collections && enabled.is_empty();
    let settings = Settings {
        collections,
        ..before
    };
    if !dry_run && !already {
        device.profile.keep_settings(&settings)?;
        if !enabled.is_empty() {
            let store = device.profile.open_store()?;
            sync::choose(&store, &enabled, Wish::Enable, SystemClock.now()).await?;
        }
    }
    device.output.answer(&Followed {
        collections: settings.collections,
        enabled,
        already,
        dry_run,
    })
}

/// Following an application's own collection implies that the account syncs it. Firefox's collections that the account
/// has declined are not enabled implicitly: its users may have had reasons.
async fn enabled_by_following(
    device: &Device,
    followed: &[CollectionName],
) -> Result<Vec<CollectionName>> {
    let Some(store) = device.store_if_there()? else {
        return Ok(Vec::new());
    };
    let engines = sync::engine_list(&store).await?;
    let mut enabled = Vec::new();
    for name in followed {
        let Some(engine) = engines.iter().find(|engine| engine.name == name.as_str()) else {
            continue;
        };
        if engine.state == EngineState::Declined && engine.wish != Some(Wish::Enable) {
            if engine.is_firefoxs {
                return Err(HostError::Usage(format!(
                    "{name} is declined for the whole account: run `selvedge engines enable {name}` first"
                )));
            }
            enabled.push(name.clone());
        }
    }
    Ok(enabled)
}

/// Kilobytes as defined by the protocol, with one decimal.
fn kilobytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1024, bytes % 1024 * 10 / 1024)
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(
                f,
                "The account has no collections yet: run `selvedge records put`, then `selvedge sync`."
            );
        }
        let mut table = Table::new(&[
            ("COLLECTION", Align::Left),
            ("RECORDS", Align::Right),
            ("KB", Align::Right),
            ("LAST MODIFIED", Align::Left),
            ("FOLLOWED", Align::Left),
        ]);
        let number =
            |value: Option<u64>| value.map_or_else(|| "-".into(), |value| value.to_string());
        for row in &self.0 {
            table.row(vec![
                row.name.to_string(),
                number(row.records),
                row.bytes.map_or_else(|| "-".into(), kilobytes),
                moment::server(row.last_modified),
                if row.followed { "yes" } else { "no" }.into(),
            ]);
        }
        write!(f, "{table}")
    }
}

impl fmt::Display for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.already {
            "already follows"
        } else if self.dry_run {
            "would follow"
        } else {
            "follows"
        };
        match &self.collections {
            None => writeln!(f, "This device {would} all collections of the account."),
            Some(names) => {
                let names: Vec<&str> = names.iter().map(CollectionName::as_str).collect();
                writeln!(f, "This device {would} {}.", names.join(", "))?;
                for name in &self.enabled {
                    writeln!(
                        f,
                        "The account had declined {name}: the next sync enables it for all devices."
                    )?;
                }
                Ok(())
            }
        }
    }
}
