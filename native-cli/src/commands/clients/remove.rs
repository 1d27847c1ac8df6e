//! `selvedge clients remove`: removes an unused device from the account's list.

use std::fmt;

use selvedge_core::ids::CollectionName;
use selvedge_core::sync::Standing;
use serde::Serialize;

use super::Account;
use crate::confirm::agree;
use crate::device::Device;
use crate::output::printable;
use crate::remote::Remote;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::moment;

/// The entry that was removed, or would be removed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Removed {
    id: String,
    name: String,
    /// Number of commands that waited for it.
    commands: usize,
    dry_run: bool,
}

/// Deletes the entry of another device on the server, if it did not change in the meantime and the user agrees.
///
/// # Errors
/// When the device does not exist, is this one, the answer is no, or the server refuses.
pub(super) async fn run(device: &Device, asked: &str, yes: bool, dry_run: bool) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let account = Account::look(device, &remote).await?;
    if account.own.is_none() && !account.clients.is_empty() {
        return Err(HostError::Usage(
            "the account does not know this device yet, so it cannot be told apart from the others: run `selvedge sync` first"
                .into(),
        ));
    }
    let client = account.find(asked)?;
    let removed = Removed {
        id: client.id.to_string(),
        name: client.name.clone(),
        commands: client.commands,
        dry_run,
    };
    if !dry_run {
        let note = match Standing::judge(client, &account.clients) {
            Standing::Current => "if it still syncs, it adds itself again",
            Standing::Stale | Standing::Duplicate => "it is replaced by a newer entry",
        };
        let waiting = match client.commands {
            0 => String::new(),
            1 => ", with 1 pending command".into(),
            count => format!(", with {count} pending commands"),
        };
        let loss = format!(
            "this removes {} ({}, last seen {}) from the account's devices{waiting}; {note}",
            printable(&client.name),
            client.id,
            moment::server(client.modified)
        );
        agree(&device.output, &loss, yes)?;
        let clients =
            CollectionName::new("clients").map_err(|error| HostError::Failed(error.to_string()))?;
        // The condition is the entry's own time: a device that has just written it is still in use.
        remote
            .client
            .delete_record(&clients, &client.id, Some(client.modified))
            .await?;
    }
    device.output.answer(&removed)
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = if self.dry_run {
            "Would remove"
        } else {
            "Removed"
        };
        let name = printable(&self.name);
        writeln!(
            f,
            "{done} {name} ({}) from the account's devices; records stay.",
            self.id
        )
    }
}
