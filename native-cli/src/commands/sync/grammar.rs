//! The grammar of `selvedge sync`.

use clap::{Args, ValueEnum};
use selvedge_core::ids::CollectionName;

use crate::cli::{DryRun, collection};

/// What to sync.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The collections [default: those that this device follows].
    #[arg(value_name = "COLLECTION", value_parser = collection)]
    pub collections: Vec<CollectionName>,
    /// How to combine the records of this device and the server, once. What would be lost is shown first. The next sync
    /// continues an interrupted one; `none` cancels the rest.
    #[arg(long, value_enum, value_name = "MODE")]
    pub first: Option<First>,
    /// Agree to what --first deletes or replaces, without a prompt.
    #[arg(long, requires = "first")]
    pub yes: bool,
    /// Print what would be done, but write nothing.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// How the records of this device and the server are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum First {
    /// Both sides keep their records; all records are compared.
    Merge,
    /// The server's records replace the local ones.
    TakeServer,
    /// The local records replace the server's, and those on the account's other devices.
    TakeLocal,
    /// A normal sync; the rest of an earlier --first is cancelled.
    None,
}
