//! The grammar of `selvedge clients`.

use clap::{Args, Subcommand};
use selvedge_core::ids::CollectionName;

use crate::cli::{DryRun, collection, device_name};

/// The subcommands of `clients`.
#[derive(Debug, Subcommand)]
pub enum ClientsCommand {
    /// List the devices of the account.
    #[command(after_help = "Example:\n  selvedge clients list")]
    List {
        /// Also list replaced entries: those with a newer record of the same device, or a device of the same name.
        #[arg(long)]
        all: bool,
    },
    /// Rename this device for the others; the next sync sends the name.
    #[command(after_help = "Example:\n  selvedge clients rename Attic")]
    Rename {
        /// The name.
        #[arg(value_parser = device_name)]
        name: String,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Open a page on another device when it next syncs: with this program, or an old Firefox.
    #[command(
        long_about = "Open a page on another device when it next syncs: with this program, or an old Firefox.\n\nAfter `account login`, the page is sent through the accounts server to devices that receive pages there, as current versions of Firefox do. To other devices it is sent as the command displayURI in the account's list of devices, which current versions of Firefox ignore.",
        after_help = "Example:\n  selvedge clients send-tab Attic https://example.org/"
    )]
    SendTab {
        /// The device, by name or id.
        #[arg(allow_hyphen_values = true)]
        client: String,
        /// The URL of the page.
        url: String,
        /// The title of the page.
        #[arg(long, default_value = "")]
        title: String,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Remove a device from the account's list of devices; its records stay.
    #[command(
        long_about = "Remove a device from the account's list of devices; its records stay.\n\nThis is for devices that are no longer used: a device that still syncs adds itself again. Pending commands for the device are lost.",
        after_help = "Example:\n  selvedge clients remove Attic --yes"
    )]
    Remove {
        /// The device, by name or id.
        #[arg(allow_hyphen_values = true)]
        client: String,
        /// Do not ask for confirmation.
        #[arg(long, short)]
        yes: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Make other devices delete their records and download those of the server.
    #[command(
        long_about = "Make other devices delete their records and download those of the server when they next sync.\n\nChanges that such a device has not sent yet are kept in its conflict journal for 30 days: `selvedge records conflicts`. A device that cannot read the newest record on the server deletes nothing.",
        after_help = "Example:\n  selvedge clients wipe Attic notes --yes"
    )]
    Wipe(TargetArgs),
    /// Make other devices compare all their records with the server's again; nothing is deleted.
    #[command(after_help = "Example:\n  selvedge clients reset --all --yes")]
    Reset(TargetArgs),
}

/// Options of `clients wipe` and `clients reset`.
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
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub yes: bool,
    /// Print what would be done, but write nothing.
    #[command(flatten)]
    pub dry_run: DryRun,
}
