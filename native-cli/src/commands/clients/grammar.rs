//! The grammar of `selvedge clients`.

use clap::{Args, Subcommand};
use selvedge_core::ids::CollectionName;

use crate::cli::{DryRun, collection, device_name};

/// What to do with the account's devices.
#[derive(Debug, Subcommand)]
pub enum ClientsCommand {
    /// List the devices of the account.
    #[command(after_help = "Example:\n  selvedge clients list")]
    List {
        /// Those too that have been replaced: by a newer record of the same device, or one of the same name.
        #[arg(long)]
        all: bool,
    },
    /// Give this device a name for the others; the next sync tells them.
    #[command(after_help = "Example:\n  selvedge clients rename Attic")]
    Rename {
        /// The name.
        #[arg(value_parser = device_name)]
        name: String,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Show a page on another device, when it next syncs: one of this program, or an old Firefox.
    #[command(
        long_about = "Show a page on another device, when it next syncs: one of this program, or an old Firefox.\n\nThe page goes as the command displayURI through the account's list of devices. Current Firefox ignores that command: it takes pages only through Mozilla's accounts server.",
        after_help = "Example:\n  selvedge clients send-tab Attic https://example.org/"
    )]
    SendTab {
        /// The device, by name or id.
        #[arg(allow_hyphen_values = true)]
        client: String,
        /// The address of the page.
        url: String,
        /// Its title.
        #[arg(long, default_value = "")]
        title: String,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Remove a device from the account's list of devices; its records stay.
    #[command(
        long_about = "Remove a device from the account's list of devices; its records stay.\n\nThis is for devices that are gone: one that still syncs enters itself again. Commands that wait for the device are lost with its entry.",
        after_help = "Example:\n  selvedge clients remove Attic --yes"
    )]
    Remove {
        /// The device, by name or id.
        #[arg(allow_hyphen_values = true)]
        client: String,
        /// Do not ask whether it is meant.
        #[arg(long, short)]
        yes: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Have other devices delete their records and take those of the server.
    #[command(
        long_about = "Have other devices delete their records and take those of the server, when they next sync.\n\nChanges that such a device has not sent yet go into its conflict journal, for 30 days: `selvedge records conflicts`. A device that cannot read the newest record on the server deletes nothing.",
        after_help = "Example:\n  selvedge clients wipe Attic notes --yes"
    )]
    Wipe(TargetArgs),
    /// Have other devices compare all their records with the server's again; nothing is deleted.
    #[command(after_help = "Example:\n  selvedge clients reset --all --yes")]
    Reset(TargetArgs),
}

/// Which devices, and which of their collections.
#[derive(Debug, Args)]
#[command(
    override_usage = "selvedge clients <wipe|reset> [OPTIONS] <CLIENT|--all> [COLLECTION]..."
)]
pub struct TargetArgs {
    /// The device, by name or id; with --all, a collection.
    #[arg(
        value_name = "CLIENT",
        allow_hyphen_values = true,
        required_unless_present = "all"
    )]
    pub client: Option<String>,
    /// The collections; without any, all.
    #[arg(value_name = "COLLECTION", value_parser = collection)]
    pub collections: Vec<CollectionName>,
    /// All devices but this one.
    #[arg(long)]
    pub all: bool,
    /// Do not ask whether it is meant.
    #[arg(long, short)]
    pub yes: bool,
    /// Only say what would be done.
    #[command(flatten)]
    pub dry_run: DryRun,
}
