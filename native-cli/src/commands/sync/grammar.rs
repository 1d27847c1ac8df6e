//! The grammar of `selvedge sync`.

use clap::{Args, ValueEnum};
use selvedge_core::ids::CollectionName;

use crate::cli::{DryRun, collection};

/// What to sync.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Only these collections; without any, all that this device follows.
    #[arg(value_name = "COLLECTION", value_parser = collection)]
    pub collections: Vec<CollectionName>,
    /// Bring this device and the server together in this way, once. What would be lost is shown first. A sync that was cut
    /// off leaves the rest of it to the next one; `none` drops that rest.
    #[arg(long, value_enum, value_name = "MODE")]
    pub first: Option<First>,
    /// Agree to what --first would delete or replace, without being asked.
    #[arg(long, requires = "first")]
    pub yes: bool,
    /// Only say what would be done.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// How this device and the server come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum First {
    /// Both keep what they have; all records are compared.
    Merge,
    /// The server's records take the place of those here.
    TakeServer,
    /// The records here take the place of the server's, and of those on the account's other devices.
    TakeLocal,
    /// An ordinary sync; what an earlier --first left to be done is not done any more.
    None,
}
