//! The grammar of `selvedge engines`.

use clap::Subcommand;
use selvedge_core::ids::CollectionName;

use crate::cli::{DryRun, collection};

/// The subcommands of `engines`.
#[derive(Debug, Subcommand)]
pub enum EnginesCommand {
    /// List the enabled and declined engines of the account, and pending choices of this device.
    #[command(after_help = "Example:\n  selvedge engines list")]
    List,
    /// Enable engines for all devices of the account; the next sync sends the choice.
    #[command(after_help = "Example:\n  selvedge engines enable bookmarks")]
    Enable {
        /// The engines, by the names of their collections. `forms` follows `history`.
        #[arg(required = true, value_name = "NAME", value_parser = collection)]
        engines: Vec<CollectionName>,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Disable engines for all devices of the account; the next sync sends the choice.
    #[command(
        long_about = "Disable engines for all devices of the account; the next sync sends the choice.\n\nTheir records on the server stay, except with --delete-from-server: that shows what the server has, asks, and makes the next sync delete it unless something changed in the meantime. Records on the devices stay, and are uploaded again if the engine is enabled again.",
        after_help = "Example:\n  selvedge engines disable history"
    )]
    Disable {
        /// The engines, by the names of their collections. `forms` follows `history`.
        #[arg(required = true, value_name = "NAME", value_parser = collection)]
        engines: Vec<CollectionName>,
        /// Also delete their records on the server, for all devices.
        #[arg(long)]
        delete_from_server: bool,
        /// Agree to delete the server's records without a prompt.
        #[arg(long, requires = "delete_from_server")]
        yes: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
}
