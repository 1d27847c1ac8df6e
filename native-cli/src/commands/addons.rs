//! `selvedge addons` and `selvedge prefs`: what a Firefox syncs of itself; they are only read.

use clap::Subcommand;
use selvedge_host::exit::Result;
use serde_json::{Value, json};

use super::records::ViewArgs;
use super::typed::{collection, contains, text};
use crate::device::Device;

/// The subcommands of `addons`.
#[derive(Debug, Subcommand)]
pub enum AddonsCommand {
    /// List the add-ons.
    #[command(after_help = "Example:\n  selvedge addons list")]
    List(ViewArgs),
}

/// The subcommands of `prefs`.
#[derive(Debug, Subcommand)]
pub enum PrefsCommand {
    /// List the preferences that have a value.
    #[command(after_help = "Example:\n  selvedge prefs list --name browser.")]
    List {
        /// Only preferences whose name has this text.
        #[arg(long)]
        name: Option<String>,
        /// Also list those that have their default value.
        #[arg(long)]
        all: bool,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
}

/// Lists add-ons.
///
/// # Errors
/// When the store or the server fails.
pub async fn addons(device: &Device, command: AddonsCommand) -> Result<()> {
    let AddonsCommand::List(view) = command;
    let row = |id: &str, record: &Value| {
        vec![
            json!({"id": id, "addon": text(record, "addonID"), "enabled": record["enabled"], "source": text(record, "source")}),
        ]
    };
    view.list(
        device,
        collection("addons"),
        true,
        &["addon", "enabled", "source"],
        row,
    )
    .await
}

/// Lists preferences.
///
/// # Errors
/// When the store or the server fails.
pub async fn prefs(device: &Device, command: PrefsCommand) -> Result<()> {
    let PrefsCommand::List { name, all, view } = command;
    let wanted = name.unwrap_or_default();
    let row = move |_: &str, record: &Value| {
        let values = record["value"].as_object().into_iter().flatten();
        let shown =
            values.filter(|(name, value)| contains(name, &wanted) && (all || !value.is_null()));
        shown
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect()
    };
    view.list(device, collection("prefs"), true, &["name", "value"], row)
        .await
}
