//! `selvedge records`: reads and changes records, on this device or directly on the server.

mod columns;
mod grammar;
mod input;
mod journal;
mod list;
mod local;
mod print;
mod remote;
mod secrets;
mod view;

use std::fmt;

use selvedge_core::ids::{CollectionName, RecordId};
use serde::Serialize;

pub(crate) use self::grammar::record_id;
pub use self::grammar::{Format, ListArgs, RecordsCommand, SortBy, Source};
pub(crate) use self::list::{load, run as list};
pub(crate) use self::view::{Loaded, ViewArgs};
use crate::device::Device;
use crate::output::records;
use selvedge_host::exit::Result;

/// The change that was made, or would be made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    /// The action, in a word.
    done: &'static str,
    collection: CollectionName,
    ids: Vec<RecordId>,
    /// On the server, or on this device, waiting for a sync.
    remote: bool,
    dry_run: bool,
}

/// Reads or changes records.
///
/// # Errors
/// When the input is invalid, the record or the collection does not exist, or the store or the server fails.
pub async fn run(device: &Device, command: RecordsCommand) -> Result<()> {
    match command {
        RecordsCommand::List(args) => list::run(device, args, None).await,
        RecordsCommand::Get {
            collection,
            id,
            remote,
            raw,
            show_secrets,
        } => {
            let hidden = secrets::Hidden::of(&collection, show_secrets);
            match remote {
                true => remote::get(device, collection, id, raw, hidden).await,
                false => local::get(device, collection, id, hidden).await,
            }
        }
        RecordsCommand::Put {
            collection,
            id,
            source,
            remote,
            dry_run,
        } => {
            if remote {
                remote::put(device, collection, id, &source, dry_run.dry_run).await
            } else {
                local::put(device, collection, id, &source, dry_run.dry_run).await
            }
        }
        RecordsCommand::Edit {
            collection,
            id,
            source,
            remote,
            dry_run,
        } => {
            if remote {
                remote::edit(device, collection, id, &source, dry_run.dry_run).await
            } else {
                local::edit(device, collection, id, &source, dry_run.dry_run).await
            }
        }
        RecordsCommand::Conflicts { collection } => {
            journal::conflicts(device, collection.as_ref()).await
        }
        RecordsCommand::Restore {
            collection,
            id,
            at,
            dry_run,
        } => journal::restore(device, collection, id, at, dry_run.dry_run).await,
        RecordsCommand::Delete {
            collection,
            ids,
            remote,
            dry_run,
        } => {
            if remote {
                remote::delete(device, collection, ids, dry_run.dry_run).await
            } else {
                local::delete(device, collection, ids, dry_run.dry_run).await
            }
        }
    }
}

/// Puts whole records, on this device or directly on the server.
pub(crate) async fn put(
    device: &Device,
    collection: CollectionName,
    id: Option<RecordId>,
    json: String,
    (remote, dry_run): (bool, bool),
) -> Result<()> {
    let source = Source::text(json);
    if remote {
        remote::put(device, collection, id, &source, dry_run).await
    } else {
        local::put(device, collection, id, &source, dry_run).await
    }
}

/// Changes fields of one record, on this device or directly on the server.
pub(crate) async fn edit(
    device: &Device,
    collection: CollectionName,
    id: RecordId,
    patch: String,
    (remote, dry_run): (bool, bool),
) -> Result<()> {
    let source = Source::text(patch);
    if remote {
        remote::edit(device, collection, id, &source, dry_run).await
    } else {
        local::edit(device, collection, id, &source, dry_run).await
    }
}

/// Deletes records, on this device or directly on the server.
pub(crate) async fn delete(
    device: &Device,
    collection: CollectionName,
    ids: Vec<RecordId>,
    (remote, dry_run): (bool, bool),
) -> Result<()> {
    if remote {
        remote::delete(device, collection, ids, dry_run).await
    } else {
        local::delete(device, collection, ids, dry_run).await
    }
}

impl Changed {
    /// Prints the ids on stdout, and the result on stderr.
    fn tell(&self, device: &Device) -> Result<()> {
        device.output.answer(self)?;
        let (counted, name) = (records(self.ids.len() as u64), &self.collection);
        let Self { done, .. } = self;
        device.output.note(match (self.dry_run, self.remote) {
            (true, _) => {
                format!("{counted} would be {done} in {name}; nothing is changed.")
            }
            (false, true) => format!("{counted} {done} in {name} on the server."),
            (false, false) => {
                format!(
                    "{counted} {done} in {name}; `selvedge sync` sends this to the other devices."
                )
            }
        });
        Ok(())
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ids.iter().try_for_each(|id| writeln!(f, "{id}"))
    }
}
