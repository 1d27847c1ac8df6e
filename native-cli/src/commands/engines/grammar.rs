//! The grammar of `selvedge engines`.

use clap::Subcommand;
use selvedge_core::ids::CollectionName;

use crate::cli::{DryRun, collection};

/// What to do with the account's engines.
#[derive(Debug, Subcommand)]
pub enum EnginesCommand {
    /// List what the account syncs, what it has declined, and what was chosen here for the next sync.
    #[command(after_help = "Example:\n  selvedge engines list")]
    List,
    /// Let the account's devices sync these; the next sync tells them.
    #[command(after_help = "Example:\n  selvedge engines enable bookmarks")]
    Enable {
        /// The engines, by the names of their collections. `forms` goes with `history`.
        #[arg(required = true, value_name = "NAME", value_parser = collection)]
        engines: Vec<CollectionName>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Let no device of the account sync these any more; the next sync tells them.
    #[command(
        long_about = "Let no device of the account sync these any more; the next sync tells them.\n\nWhat the server has of them stays there, unless --delete-from-server says otherwise: that shows what it holds, asks, and has the next sync delete it if nothing of it was changed until then. Records on the devices stay, and go to the server again if the engine is enabled again.",
        after_help = "Example:\n  selvedge engines disable history"
    )]
    Disable {
        /// The engines, by the names of their collections. `forms` goes with `history`.
        #[arg(required = true, value_name = "NAME", value_parser = collection)]
        engines: Vec<CollectionName>,
        /// Also delete what the server has of them, for all devices.
        #[arg(long)]
        delete_from_server: bool,
        /// Agree that the server's records are deleted, without being asked.
        #[arg(long, requires = "delete_from_server")]
        yes: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
}
