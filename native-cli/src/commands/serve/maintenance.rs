//! `selvedge serve backup` and `selvedge serve compact`.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::default_data;
use crate::output::bytes;
use selvedge_server::{ServeError, backup, compact};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  selvedge serve backup backup.sqlite --data ~/selvedge-server\n\nA plain copy of the database lacks what a running server has only in its log. To restore, stop the server, put the backup\nas server.sqlite into an empty data directory, and master-secret beside it."
)]
pub(super) struct BackupArgs {
    /// The new file; it must not exist.
    file: PathBuf,
    /// The server's data directory; the server may be running.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selvedge serve compact --data ~/selvedge-server")]
pub(super) struct CompactArgs {
    /// The server's data directory; the server must be stopped, and there must be room for a second copy.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A new backup.
#[derive(Serialize)]
pub(super) struct BackedUp {
    /// The file.
    file: PathBuf,
    /// Its size, in bytes.
    bytes: u64,
}

impl fmt::Display for BackedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, size) = (self.file.display(), bytes(self.bytes));
        write!(f, "{file} has all accounts and records, {size}.")
    }
}

/// A compacted database.
#[derive(Serialize)]
pub(super) struct Compacted {
    /// Bytes before.
    before: u64,
    /// Bytes after.
    after: u64,
}

impl fmt::Display for Compacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (bytes(self.before), bytes(self.after));
        write!(f, "The database had {before} and has {after} now.")
    }
}

pub(super) fn back_up(args: BackupArgs) -> Result<BackedUp, ServeError> {
    let data = args.data.unwrap_or_else(default_data);
    Ok(BackedUp {
        bytes: backup(&data, &args.file)?,
        file: args.file,
    })
}

pub(super) async fn make_small(args: CompactArgs) -> Result<Compacted, ServeError> {
    let (before, after) = compact(&args.data.unwrap_or_else(default_data)).await?;
    Ok(Compacted { before, after })
}
