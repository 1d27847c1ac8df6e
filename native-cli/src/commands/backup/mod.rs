//! `selvedge backup`: backs up all records of the account, and checks, compares and restores backups.
//!
//! The decisions and the files are in `selvedge_host::backup`; here are the server, encryption and what people see.

mod bases;
mod collection;
mod create;
mod create_sealed;
mod diff;
mod download;
mod grammar;
mod open;
mod outcome;
mod preview;
mod readable;
mod restore;
mod restore_local;
mod rotate;
mod sealed;
mod sealed_index;
mod unit;
mod upload;
mod verify;

pub use grammar::{BackupCommand, CreateArgs, DiffArgs, RestoreArgs, Unlock, VerifyArgs};

use crate::device::Device;
use selvedge_host::exit::Result;

/// Runs one of the subcommands.
///
/// # Errors
/// Those of the server and of the files; damaged backups.
pub async fn run(device: &Device, command: BackupCommand) -> Result<()> {
    match command {
        BackupCommand::Create(args) if args.print_unit => unit::print(device, &args),
        BackupCommand::Create(args) => create::run(device, &args).await,
        BackupCommand::Verify(args) => verify::run(device, &args),
        BackupCommand::List { dir } => verify::list(device, &dir),
        BackupCommand::Diff(args) => diff::run(device, &args),
        BackupCommand::Restore(args) => restore::run(device, &args).await,
    }
}
