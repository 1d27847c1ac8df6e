//! `selvedge extension-storage`: what extensions store in the account.

use clap::Subcommand;
use selvedge_core::firefox::extension_storage::{check_quota, items};
use selvedge_host::exit::{HostError, Result};
use serde_json::{Value, json};

use super::records::{self, Loaded, ViewArgs};
use super::typed::{Change, collection, contains, id_of, load_or_empty, new_id, print, text};
use crate::device::Device;

/// The subcommands of `extension-storage`.
#[derive(Debug, Subcommand)]
pub enum ExtensionStorageCommand {
    /// List the keys and values of all extensions.
    #[command(
        after_help = "Example:\n  selvedge extension-storage list --extension dark@example.org"
    )]
    List {
        /// Only extensions whose id has this text.
        #[arg(long)]
        extension: Option<String>,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Print the value of a key, as JSON.
    #[command(after_help = "Example:\n  selvedge extension-storage get dark@example.org theme")]
    Get {
        /// The id of the extension.
        extension: String,
        /// The key; without it, all keys and values.
        key: Option<String>,
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
    /// Set a key of an extension to a JSON value, or remove it.
    #[command(
        after_help = "Example:\n  selvedge extension-storage set dark@example.org theme '\"dark\"'"
    )]
    Set {
        /// The id of the extension.
        extension: String,
        /// The key.
        key: String,
        /// The value, as JSON.
        #[arg(required_unless_present = "remove", conflicts_with = "remove")]
        value: Option<String>,
        /// Remove the key.
        #[arg(long)]
        remove: bool,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
}

/// Runs it.
///
/// # Errors
/// When a key does not exist, the input is invalid or too large, or the store or the server fails.
pub async fn run(device: &Device, command: ExtensionStorageCommand) -> Result<()> {
    let storage = collection("extension-storage");
    match command {
        ExtensionStorageCommand::List { extension, view } => {
            let wanted = extension.unwrap_or_default();
            let row = move |_: &str, record: &Value| {
                let extension = text(record, "extId");
                if !contains(extension, &wanted) {
                    return Vec::new();
                }
                let data: Value = serde_json::from_str(text(record, "data")).unwrap_or_default();
                let items = data.as_object().into_iter().flatten();
                items
                    .map(|(key, value)| json!({"extension": extension, "key": key, "value": value}))
                    .collect()
            };
            view.list(device, storage, true, &["extension", "key", "value"], row)
                .await
        }
        ExtensionStorageCommand::Get {
            extension,
            key,
            remote,
        } => {
            let known = records::load(device, &storage, remote).await?;
            let record = of(&known, &extension).ok_or_else(|| {
                HostError::NotFound(format!("the extension {extension} stores nothing"))
            })?;
            let data: Value =
                serde_json::from_str(text(&record.json(), "data")).unwrap_or_default();
            let value = match &key {
                None => &data,
                Some(key) => data.get(key).ok_or_else(|| {
                    HostError::NotFound(format!("the extension {extension} has no key {key}"))
                })?,
            };
            print(&format!("{value}\n"))
        }
        ExtensionStorageCommand::Set {
            extension,
            key,
            value,
            change,
            ..
        } => set(device, &extension, &key, value.as_deref(), change).await,
    }
}

fn of<'a>(known: &'a [Loaded], extension: &str) -> Option<&'a Loaded> {
    known
        .iter()
        .find(|record| text(&record.json(), "extId") == extension)
}

async fn set(
    device: &Device,
    extension: &str,
    key: &str,
    value: Option<&str>,
    change: Change,
) -> Result<()> {
    let storage = collection("extension-storage");
    let known = load_or_empty(device, &storage, change.remote).await?;
    let found = of(&known, extension);
    let (id, mut record) = match found {
        Some(found) => (id_of(found)?, found.json()),
        None => (new_id()?, json!({"extId": extension, "data": "{}"})),
    };
    let mut data: Value = serde_json::from_str(text(&record, "data")).unwrap_or_default();
    if !data.is_object() {
        data = json!({});
    }
    let Some(members) = data.as_object_mut() else {
        return Ok(());
    };
    match value {
        Some(value) => {
            let value: Value = serde_json::from_str(value).map_err(|error| {
                HostError::Usage(format!(
                    "the value is not JSON ({error}): write a text as '\"text\"'"
                ))
            })?;
            members.insert(key.to_owned(), value);
        }
        None => {
            members.remove(key).ok_or_else(|| {
                HostError::NotFound(format!("the extension {extension} has no key {key}"))
            })?;
        }
    }
    if members.is_empty() {
        // An extension without keys is a tombstone.
        return records::delete(device, storage, vec![id], change.parts()).await;
    }
    record["data"] = data.to_string().into();
    let checked: selvedge_core::json::Value = record
        .to_string()
        .parse()
        .map_err(|_| HostError::Usage("the value is nested too deeply: make it flatter".into()))?;
    check_quota(&items(&checked))
        .map_err(|quota| HostError::Usage(format!("{extension}: {quota}")))?;
    records::put(
        device,
        storage,
        Some(id),
        record.to_string(),
        change.parts(),
    )
    .await
}
