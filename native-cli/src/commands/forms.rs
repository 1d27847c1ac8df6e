//! `selvedge forms`: texts that were typed into forms.

use clap::Subcommand;
use selvedge_core::ids::RecordId;
use selvedge_host::exit::Result;
use serde_json::{Value, json};

use super::records::{self, ViewArgs, record_id};
use super::typed::{Change, collection, contains, text};
use crate::device::Device;

/// The subcommands of `forms`.
#[derive(Debug, Subcommand)]
pub enum FormsCommand {
    /// List the entries.
    #[command(after_help = "Example:\n  selvedge forms list --name city")]
    List {
        /// Only entries of fields whose name has this text.
        #[arg(long)]
        name: Option<String>,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Delete entries.
    #[command(
        long_about = "Delete entries.\n\nFirefox gives an entry that it received its own id, so that a deletion may not reach it; it then keeps the entry.",
        after_help = "Example:\n  selvedge forms delete Qm9Xc2VwbHVz"
    )]
    Delete {
        /// Their ids; after `--` if an id begins with a dash.
        #[arg(required = true, value_name = "ID", value_parser = record_id)]
        ids: Vec<RecordId>,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
}

/// Runs it.
///
/// # Errors
/// When an entry does not exist, or the store or the server fails.
pub async fn run(device: &Device, command: FormsCommand) -> Result<()> {
    let forms = collection("forms");
    match command {
        FormsCommand::List { name, view } => {
            let wanted = name.unwrap_or_default();
            let row = move |id: &str, record: &Value| {
                let name = text(record, "name");
                let row = || json!({"id": id, "name": name, "value": text(record, "value")});
                contains(name, &wanted).then(row).into_iter().collect()
            };
            view.list(device, forms, true, &["id", "name", "value"], row)
                .await
        }
        FormsCommand::Delete { ids, change } => {
            records::delete(device, forms, ids, change.parts()).await
        }
    }
}
