//! `selvedge engines`: the engines that the account syncs, on all its devices.

mod grammar;

use std::collections::BTreeSet;
use std::fmt;

use selvedge_core::host::Clock as _;
use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{self, AtRisk, EngineState, EngineStatus, Wish};
use serde::Serialize;

pub use self::grammar::EnginesCommand;
use crate::commands::consent::at_risk_table;
use crate::confirm::agree;
use crate::device::{Device, global_state};
use crate::output::{Align, Table};
use crate::remote::Remote;
use selvedge_host::exit::Result;
use selvedge_host::profile::Settings;
use selvedge_host::{SqliteStore, SystemClock};

#[derive(Debug, Serialize)]
struct Listing(Vec<Row>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    version: u64,
    state: &'static str,
    /// The choice made here, for the next sync.
    wish: Option<&'static str>,
    /// Whether it is one of Firefox's.
    firefox: bool,
    /// Whether a sync of this device without named collections includes it.
    followed: bool,
    /// Number of local records.
    records: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Chosen {
    engines: Vec<CollectionName>,
    wish: &'static str,
    /// The named engines that are already in the requested state, for which nothing is done.
    already: Vec<CollectionName>,
    /// Those that this device does not follow.
    not_followed: Vec<CollectionName>,
    /// Whether the next sync deletes their collections on the server.
    deletes_on_server: bool,
    /// The server's collections that would be deleted.
    at_risk: Vec<AtRisk>,
    dry_run: bool,
}

/// Lists the engines, or records a person's choice for some; the next sync uploads it.
///
/// # Errors
/// When the profile cannot be read or written, an engine cannot be chosen, or the answer is no.
pub async fn run(device: &Device, command: EnginesCommand) -> Result<()> {
    match command {
        EnginesCommand::List => list(device).await,
        EnginesCommand::Enable { engines, dry_run } => {
            choose(device, &engines, Wish::Enable, dry_run.dry_run, true).await
        }
        EnginesCommand::Disable {
            engines,
            delete_from_server,
            yes,
            dry_run,
        } => {
            let wish = if delete_from_server {
                Wish::Disable
            } else {
                Wish::Decline
            };
            choose(device, &engines, wish, dry_run.dry_run, yes).await
        }
    }
}

async fn list(device: &Device) -> Result<()> {
    let collections = device.profile.settings()?.collections;
    let engines = match device.store_if_there()? {
        Some(store) => sync::engine_list(&store).await?,
        None => sync::engine_list(&SqliteStore::in_memory()?).await?,
    };
    let row = |engine: EngineStatus| Row {
        followed: engine.state != EngineState::Declined
            && collections.as_ref().map_or(
                engine.state == EngineState::Enabled || engine.records > 0,
                |names| names.iter().any(|name| name.as_str() == engine.name),
            ),
        version: engine.version,
        state: engine.state.word(),
        wish: engine.wish.map(Wish::word),
        firefox: engine.is_firefoxs,
        records: engine.records,
        name: engine.name,
    };
    device
        .output
        .answer(&Listing(engines.into_iter().map(row).collect()))
}

async fn choose(
    device: &Device,
    engines: &[CollectionName],
    wish: Wish,
    dry_run: bool,
    yes: bool,
) -> Result<()> {
    let _lock = device.profile.lock()?;
    let store = device.profile.open_store()?;
    let state = global_state(&store).await?;
    let mut choices = state.device.choices.clone();
    let known = sync::engine_list(&store).await?;
    let (mut about, mut already, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
    for name in engines {
        let names = choices.choose(name, wish, SystemClock.now())?;
        if names.iter().all(|name| is_already(&known, name, wish)) {
            already.extend(names);
        } else {
            about.extend(names);
            chosen.push(name.clone());
        }
    }
    let followed = device.profile.settings()?.collections;
    let is_followed =
        |name: &CollectionName| followed.as_ref().is_none_or(|names| names.contains(name));
    let not_followed: Vec<_> = match wish {
        Wish::Enable => already
            .iter()
            .filter(|name| !is_followed(name))
            .cloned()
            .collect(),
        Wish::Disable | Wish::Decline => Vec::new(),
    };
    // A device that has not synced yet has not seen the account's data: its choices delete nothing.
    let at_risk = if wish == Wish::Disable && choices.is_settled && !about.is_empty() {
        on_server(device, &about).await?
    } else {
        Vec::new()
    };
    let deletes_on_server = !at_risk.is_empty();
    if deletes_on_server && !device.output.json {
        device
            .output
            .note(at_risk_table(&at_risk).to_string().trim_end());
    }
    if !dry_run && !chosen.is_empty() {
        if deletes_on_server {
            let loss = format!(
                "the next sync deletes the server's records of {}, for all devices; records on the devices stay",
                names(&about)
            );
            agree(&device.output, &loss, yes)?;
        }
        sync::choose(&store, &chosen, wish, SystemClock.now()).await?;
        let shown = at_risk
            .iter()
            .map(|found| (found.name.clone(), found.modified));
        sync::agree_to_delete(&store, shown).await?;
        if wish == Wish::Enable {
            follow(device, &about)?;
        }
    }
    device.output.answer(&Chosen {
        engines: about,
        wish: wish.word(),
        already,
        not_followed,
        deletes_on_server,
        at_risk,
        dry_run,
    })
}

/// The server's data of these collections.
async fn on_server(device: &Device, names: &[CollectionName]) -> Result<Vec<AtRisk>> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let info = remote.client.info_collections(None).await?.changed();
    let counts = remote.client.info_collection_counts().await.ok();
    let at_risk = |name: &CollectionName| {
        Some(AtRisk {
            name: name.clone(),
            records: counts.as_ref().and_then(|counts| counts.get(name).copied()),
            modified: info.as_ref()?.modified(name)?,
        })
    };
    Ok(names.iter().filter_map(at_risk).collect())
}

/// Whether an engine of the account is already in the requested state, and no other choice is pending.
fn is_already(known: &[EngineStatus], name: &CollectionName, wish: Wish) -> bool {
    let state = known.iter().find(|engine| engine.name == name.as_str());
    state.is_some_and(|engine| {
        let is_so = match wish {
            Wish::Enable => engine.state == EngineState::Enabled,
            // Disabling may be meant to delete the server's collection, also that of a declined engine.
            Wish::Disable => false,
            Wish::Decline => engine.state == EngineState::Declined,
        };
        is_so && engine.wish.is_none()
    })
}

/// A device that follows only some collections also follows engines that are enabled on it.
fn follow(device: &Device, engines: &[CollectionName]) -> Result<()> {
    let settings = device.profile.settings()?;
    let Some(followed) = &settings.collections else {
        return Ok(());
    };
    let all: BTreeSet<_> = followed.iter().chain(engines).cloned().collect();
    if all.len() == followed.len() {
        return Ok(());
    }
    device.profile.keep_settings(&Settings {
        collections: Some(all.into_iter().collect()),
        ..settings
    })
}

fn names(engines: &[CollectionName]) -> String {
    let names: Vec<&str> = engines.iter().map(CollectionName::as_str).collect();
    names.join(", ")
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            ("ENGINE", Align::Left),
            ("VERSION", Align::Right),
            ("STATE", Align::Left),
            ("NEXT SYNC", Align::Left),
            ("FOLLOWED", Align::Left),
            ("RECORDS", Align::Right),
        ]);
        for row in &self.0 {
            table.row(vec![
                row.name.clone(),
                row.version.to_string(),
                row.state.into(),
                row.wish.unwrap_or("-").into(),
                if row.followed { "yes" } else { "no" }.into(),
                row.records.to_string(),
            ]);
        }
        write!(f, "{table}")
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.dry_run { "would be" } else { "will be" };
        let what = match self.wish {
            "enable" => "enabled",
            _ => "disabled",
        };
        for name in &self.already {
            writeln!(
                f,
                "{name} is already {what} for the account; nothing changes."
            )?;
        }
        if !self.not_followed.is_empty() {
            let missing: Vec<&str> = self
                .not_followed
                .iter()
                .map(CollectionName::as_str)
                .collect();
            writeln!(
                f,
                "This device does not sync {}: run `selvedge collections follow` with all names that it should sync.",
                missing.join(", ")
            )?;
        }
        if self.engines.is_empty() {
            return Ok(());
        }
        let names = names(&self.engines);
        write!(
            f,
            "With the next sync {names} {would} {what} for all devices of the account."
        )?;
        match (self.wish, self.deletes_on_server) {
            ("enable", _) => writeln!(f),
            (_, true) => writeln!(
                f,
                " Its records on the server are deleted; records on devices stay."
            ),
            (_, false) => writeln!(f, " Records stay, on devices and on the server."),
        }
    }
}
