//! The grammar of `selvedge backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;
use selvedge_host::backup::keep::Keep;

use crate::cli::{DryRun, collection};

/// The subcommands of `backup`.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Back up all collections of the account from the server, decrypted.
    #[command(
        long_about = "Back up all collections of the account from the server, decrypted: one file of JSON lines for each collection, with everything that is needed to restore it, bookmarks as HTML, and a manifest with counts and SHA-256.\n\nEach backup is a directory in PATH that is named for its time. Collections that have not changed since the last backup are linked, not downloaded; if nothing has changed, no backup is made, after one request. A backup appears under its name only when it is complete; an interrupted one is continued by the next run.\n\nThe files contain passwords in clear and have mode 0600. With --encrypt or --passphrase-file, the backup is one file that the program `age` can decrypt too: PATH is that file, or an existing directory in which it is named for its time. If anything has changed, everything is downloaded.\n\nRecords that cannot be decrypted are named on stderr and in the manifest; the others are backed up, and the exit code is 9. The account's keys (the collection crypto) are not part of a backup: a restore uses the keys of its account.",
        after_help = "Example:\n  selvedge backup create B --keep 7d,4w,12m\n  selvedge backup create B --keep 7d --print-unit > unit.txt"
    )]
    Create(CreateArgs),
    /// Check that the records of a backup are those that were backed up.
    #[command(
        long_about = "Check that the records of a backup are those that were backed up: every line is a record, and the counts and the SHA-256 of each collection are those of the manifest. Damaged collections are named, and the exit code is 11.",
        after_help = "Example:\n  selvedge backup verify B"
    )]
    Verify(VerifyArgs),
    /// List the backups of a directory.
    #[command(after_help = "Example:\n  selvedge backup list B")]
    List {
        /// The directory of `backup create`.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Show what was added, changed and deleted between two backups.
    #[command(after_help = "Example:\n  selvedge backup diff B B --at 2100-01-01")]
    Diff(DiffArgs),
    /// Restore records of a backup to the account of this profile, or to a local directory.
    #[command(
        long_about = "Restore records of a backup to the account of this profile, which may be another one than the backup's, or to a local directory.\n\nThe command first checks the backup, reads the account, and shows how many records would be added, changed and left. Then it asks. Records that were deleted since are added again. Nothing is deleted: records that only the server has stay. Each write requires that the collection has not changed since it was read; otherwise the command ends with exit code 5, and running it again continues.\n\nThe collections meta, crypto and clients are never restored, because devices write them themselves; tabs only if it is named.",
        after_help = "Example:\n  selvedge backup restore B --dry-run\n  selvedge backup restore B --collection bookmarks --only-missing --yes"
    )]
    Restore(RestoreArgs),
}

/// Arguments of `backup create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The directory of the backups; it is created if it is missing. With encryption, the file.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Encrypt to this public key of `age` (age1…); can be given several times.
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "passphrase_file")]
    pub encrypt: Vec<String>,
    /// Encrypt with the passphrase in this file, or `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// After a successful backup, delete older ones: keep the newest of each of the last days, weeks and months that have
    /// one, such as 7d,4w,12m.
    #[arg(long, value_name = "PERIODS", value_parser = keep)]
    pub keep: Option<Keep>,
    /// Print a systemd service and timer that make this backup every day, and exit.
    #[arg(long)]
    pub print_unit: bool,
    /// Print what would be done, but write nothing.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// What decrypts a backup.
#[derive(Debug, Clone, Args)]
pub struct Unlock {
    /// A file with the passphrase of an encrypted backup, or `-` for stdin; without it, there is a prompt at the terminal.
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub passphrase_file: Option<PathBuf>,
    /// A file with the secret key of an encrypted backup (AGE-SECRET-KEY-1…), as age-keygen writes it.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// Arguments of `backup verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A backup, or a directory of backups: then the newest one.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Check all backups of the directory.
    #[arg(long)]
    pub all: bool,
    /// What decrypts it.
    #[command(flatten)]
    pub unlock: Unlock,
}

/// Arguments of `backup diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The earlier backup; of a directory of backups, the oldest one.
    #[arg(value_name = "EARLIER")]
    pub earlier: PathBuf,
    /// The later backup; of a directory of backups, the newest one.
    #[arg(value_name = "LATER")]
    pub later: PathBuf,
    /// Of a directory of backups, take the newest one as LATER that is not newer than this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<ServerTime>,
    /// Only this collection; can be given several times.
    #[arg(long, value_name = "COLLECTION", value_parser = collection)]
    pub collection: Vec<CollectionName>,
    /// What decrypts them.
    #[command(flatten)]
    pub unlock: Unlock,
}

/// Arguments of `backup restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A backup, or a directory of backups: then the newest one.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Restore only this collection; can be given several times.
    #[arg(long, value_name = "COLLECTION", value_parser = collection)]
    pub collection: Vec<CollectionName>,
    /// Add missing records, and leave all that exist as they are.
    #[arg(long)]
    pub only_missing: bool,
    /// Of a directory of backups, take the newest one that is not newer than this time, such as 2026-11-21.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<ServerTime>,
    /// Write the records to this new directory, one file of JSON lines for each collection, and not to the account.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["only_missing", "yes"])]
    pub to_dir: Option<PathBuf>,
    /// Agree without a prompt.
    #[arg(long)]
    pub yes: bool,
    /// What decrypts it.
    #[command(flatten)]
    pub unlock: Unlock,
    /// Print what would be done, but write nothing.
    #[command(flatten)]
    pub dry_run: DryRun,
}

fn keep(text: &str) -> Result<Keep, String> {
    text.parse()
        .map_err(|error: selvedge_host::exit::HostError| error.to_string())
}

fn moment(text: &str) -> Result<ServerTime, String> {
    selvedge_host::moment::parse(text)
        .ok_or_else(|| "a time is like 2026-11-21 or 2026-11-21T03:12:41Z, in UTC".into())
}
