//! `selvedge clients`: the account's devices, and commands of this device to them.

mod grammar;
mod remove;
mod send;

use std::fmt;

use selvedge_core::sync::{KnownClient, Standing, list_clients};
use selvedge_core::time::ServerTime;
use serde::Serialize;

pub use self::grammar::{ClientsCommand, TargetArgs};
use crate::device::{Device, global_state};
use crate::output::{Align, Table};
use crate::remote::Remote;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::moment;

#[derive(Debug, Serialize)]
struct Listing(Vec<Row>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    name: String,
    #[serde(rename = "type")]
    device_type: Option<String>,
    os: Option<String>,
    application: Option<String>,
    version: Option<String>,
    fxa_device_id: Option<String>,
    #[serde(serialize_with = "moment::server_millis")]
    last_modified: ServerTime,
    /// Number of commands that wait for it.
    commands: usize,
    standing: &'static str,
    this_device: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    name: String,
    dry_run: bool,
}

/// Lists the account's devices, renames this one, or sends commands to others.
///
/// # Errors
/// When the account, the network or the device is missing, or the server refuses.
pub async fn run(device: &Device, command: ClientsCommand) -> Result<()> {
    match command {
        ClientsCommand::List { all } => list(device, all).await,
        ClientsCommand::Rename { name, dry_run } => rename(device, name, dry_run.dry_run),
        ClientsCommand::SendTab {
            client,
            url,
            title,
            dry_run,
        } => send::tab(device, &client, url, title, dry_run.dry_run).await,
        ClientsCommand::Remove {
            client,
            yes,
            dry_run,
        } => remove::run(device, &client, yes, dry_run.dry_run).await,
        ClientsCommand::Wipe(args) => send::order(device, send::Order::Wipe, args).await,
        ClientsCommand::Reset(args) => send::order(device, send::Order::Reset, args).await,
    }
}

/// The account's devices, with the id of this one if it has synced.
struct Account {
    clients: Vec<KnownClient>,
    standings: Vec<Standing>,
    own: Option<String>,
}

impl Account {
    async fn look(device: &Device, remote: &Remote<'_>) -> Result<Self> {
        let clients = list_clients(&remote.client, &remote.keys()?).await?;
        let own = own_id(device).await?;
        Ok(Self {
            standings: Standing::of_all(&clients),
            clients,
            own,
        })
    }

    fn is_own(&self, client: &KnownClient) -> bool {
        self.own.as_deref() == Some(client.id.as_str())
    }

    /// Another device by its id, or by its name if that is unambiguous.
    fn find(&self, asked: &str) -> Result<&KnownClient> {
        let named = || {
            let clients = self.clients.iter().zip(&self.standings);
            clients.filter(|(client, standing)| {
                client.name == asked && **standing == Standing::Current && !self.is_own(client)
            })
        };
        let by_id = self
            .clients
            .iter()
            .find(|client| client.id.as_str() == asked);
        match (by_id, named().count()) {
            (Some(client), _) if self.is_own(client) => Err(HostError::Usage(
                "this is this device: name another one".into(),
            )),
            (Some(client), _) => Ok(client),
            (None, 0 | 1) => named().map(|(client, _)| client).next().ok_or_else(|| {
                HostError::NotFound(format!(
                    "the account has no other device {asked}: `selvedge clients list` lists all devices"
                ))
            }),
            (None, several) => Err(HostError::Usage(format!(
                "{several} devices have the name {asked}: use the id of one, which `selvedge clients list` shows"
            ))),
        }
    }
}

/// The id of this device, which its first sync generates.
async fn own_id(device: &Device) -> Result<Option<String>> {
    let Some(store) = device.store_if_there()? else {
        return Ok(None);
    };
    let state = global_state(&store).await?;
    Ok(state.device.clients.id.map(|id| id.to_string()))
}

async fn list(device: &Device, all: bool) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let account = Account::look(device, &remote).await?;
    let clients = account.clients.iter().zip(&account.standings);
    let shown = clients.filter(|(client, standing)| {
        all || **standing == Standing::Current || account.is_own(client)
    });
    let rows = shown.map(|(client, standing)| Row {
        id: client.id.to_string(),
        name: client.name.clone(),
        device_type: client.device_type.clone(),
        os: client.os.clone(),
        application: client.application.clone(),
        version: client.version.clone(),
        fxa_device_id: client.fxa_device_id.clone(),
        last_modified: client.modified,
        commands: client.commands,
        standing: standing.word(),
        this_device: account.is_own(client),
    });
    device.output.answer(&Listing(rows.collect()))
}

fn rename(device: &Device, name: String, dry_run: bool) -> Result<()> {
    if !dry_run {
        device.keep_name(&name)?;
    }
    device.output.answer(&Renamed { name, dry_run })
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "The account has no devices yet: run `selvedge sync`.");
        }
        let mut table = Table::new(&[
            ("ID", Align::Left),
            ("NAME", Align::Left),
            ("TYPE", Align::Left),
            ("OS", Align::Left),
            ("APPLICATION", Align::Left),
            ("LAST MODIFIED", Align::Left),
            ("WAITING", Align::Right),
            ("", Align::Left),
        ]);
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        for row in &self.0 {
            let note = match (row.this_device, row.standing) {
                (true, _) => "this device",
                (false, "current") => "",
                (false, standing) => standing,
            };
            table.row(vec![
                row.id.clone(),
                row.name.clone(),
                text(&row.device_type),
                text(&row.os),
                text(&row.application),
                moment::server(row.last_modified),
                row.commands.to_string(),
                note.into(),
            ]);
        }
        write!(f, "{table}")
    }
}

impl fmt::Display for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is = if self.dry_run { "would be" } else { "is" };
        writeln!(
            f,
            "The name of this device {is} {}; the next sync sends it to the others.",
            self.name
        )
    }
}
