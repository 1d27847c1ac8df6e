//! Commands of this device to others.

use std::fmt;

use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{
    Command, KnownClient, ReceivedTab, Recipients, Sent, Standing, send_commands,
};
use serde::Serialize;

use super::{Account, TargetArgs};
use crate::commands::tabs;
use crate::confirm::agree;
use crate::device::Device;
use crate::output::printable;
use crate::remote::Remote;
use selvedge_host::exit::{HostError, Result};

/// A command about the records on other devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Delete them, and take the server's records.
    Wipe,
    /// Compare them with the server's records again.
    Reset,
}

impl Order {
    fn commands(self, collections: &[CollectionName]) -> Vec<Command> {
        match (self, collections) {
            (Self::Wipe, []) => vec![Command::WipeAll],
            (Self::Reset, []) => vec![Command::ResetAll],
            (Self::Wipe, names) => names.iter().cloned().map(Command::WipeEngine).collect(),
            (Self::Reset, names) => names.iter().cloned().map(Command::ResetEngine).collect(),
        }
    }
}

/// The command that was sent, or would be sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    sent: Vec<Sent>,
    dry_run: bool,
    /// The same for people.
    #[serde(skip)]
    sentence: String,
}

/// Sends a page to another device.
pub(super) async fn tab(
    device: &Device,
    client: &str,
    uri: String,
    title: String,
    dry_run: bool,
) -> Result<()> {
    if !uri.contains(':') || uri.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(HostError::Usage(format!(
            "{} is not the URL of a page: pass a full URL, like https://example.org/",
            printable(&uri)
        )));
    }
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let account = Account::look(device, &remote).await?;
    let client = account.find(client)?;
    let Some(sender) = account.own.clone() else {
        return Err(HostError::Usage(
            "the account does not know this device yet: run `selvedge sync` first".into(),
        ));
    };
    let page = printable(&uri);
    let name = printable(&client.name);
    if let Some(id) = &client.fxa_device_id
        && tabs::send_if_able(device, id, &uri, &title, dry_run).await?
    {
        let sentence = match dry_run {
            true => format!("Would send {page} to {name}."),
            false => format!("{page} is sent to {name} through the accounts server."),
        };
        return device.output.answer(&Answer {
            sent: Vec::new(),
            dry_run,
            sentence,
        });
    }
    let commands = [Command::DisplayUri(ReceivedTab { uri, sender, title })];
    let recipients = Recipients::One(&client.id);
    let sent = send(&remote, &host, recipients, &commands, dry_run, &[client]).await?;
    let sentence = match (dry_run, sent.iter().any(|sent| sent.added > 0)) {
        (true, _) => format!("Would send {page} to {name}."),
        (false, true) => format!(
            "{page} is queued for {name}, which may open it when it next syncs: current versions of Firefox ignore pages that are sent this way."
        ),
        (false, false) => format!("{page} is already queued for {name}."),
    };
    device.output.answer(&Answer {
        sent,
        dry_run,
        sentence,
    })
}

/// Sends a command to wipe or reset collections.
pub(super) async fn order(device: &Device, order: Order, args: TargetArgs) -> Result<()> {
    let TargetArgs {
        client,
        mut collections,
        all,
        yes,
        dry_run,
    } = args;
    // With --all, the first argument is a collection instead of a device.
    let client = match client {
        Some(name) if all => {
            let name =
                CollectionName::new(name).map_err(|error| HostError::Usage(error.to_string()))?;
            collections.insert(0, name);
            None
        }
        client => client,
    };
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let account = Account::look(device, &remote).await?;
    let (recipients, targets) = match &client {
        Some(client) => {
            let client = account.find(client)?;
            (Recipients::One(&client.id), vec![client])
        }
        None => {
            if account.own.is_none() && !account.clients.is_empty() {
                return Err(HostError::Usage(
                    "the account does not know this device yet, so it cannot be told apart from the others: run `selvedge sync` first".into(),
                ));
            }
            let others = account
                .clients
                .iter()
                .filter(|client| !account.is_own(client));
            (Recipients::AllBut(account.own.as_deref()), others.collect())
        }
    };
    let what = describe(order, &collections, &targets, &account);
    if !dry_run.dry_run && !targets.is_empty() {
        agree(&device.output, &format!("this asks {what}"), yes)?;
    }
    let commands = order.commands(&collections);
    let sent = send(
        &remote,
        &host,
        recipients,
        &commands,
        dry_run.dry_run,
        &targets,
    )
    .await?;
    let sentence = match (targets.is_empty(), dry_run.dry_run) {
        (true, _) => "The account has no other device.".into(),
        (false, true) => format!("Would ask: {what}."),
        (false, false) => format!("Queued for their next sync: {what}."),
    };
    device.output.answer(&Answer {
        sent,
        dry_run: dry_run.dry_run,
        sentence,
    })
}

async fn send(
    remote: &Remote<'_>,
    host: &selvedge_host::NativeHost<()>,
    recipients: Recipients<'_>,
    commands: &[Command],
    dry_run: bool,
    targets: &[&KnownClient],
) -> Result<Vec<Sent>> {
    if dry_run {
        let sent = |client: &&KnownClient| Sent {
            id: client.id.clone(),
            name: client.name.clone(),
            added: commands.len(),
            left_out: 0,
        };
        return Ok(targets.iter().map(sent).collect());
    }
    let keys = remote.keys()?;
    Ok(send_commands(&remote.client, host, &keys, recipients, commands).await?)
}

/// The effect, as a clause.
fn describe(
    order: Order,
    collections: &[CollectionName],
    targets: &[&KnownClient],
    account: &Account,
) -> String {
    let names: Vec<&str> = collections.iter().map(CollectionName::as_str).collect();
    let of = match names.as_slice() {
        [] => "all collections".into(),
        names => names.join(", "),
    };
    let is_current =
        |client: &KnownClient| Standing::judge(client, &account.clients) == Standing::Current;
    let who: Vec<String> = targets
        .iter()
        .map(|client| match is_current(client) {
            true => printable(&client.name),
            false => format!("{} ({}, replaced)", printable(&client.name), client.id),
        })
        .collect();
    let who = who.join(", ");
    match order {
        Order::Wipe => format!(
            "{who} to delete the records of {of} there, unsent changes with them, and take the server's"
        ),
        Order::Reset => format!("{who} to compare the records of {of} with the server's again"),
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.sentence)
    }
}
