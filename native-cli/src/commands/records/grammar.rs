//! The grammar of `selvedge records`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::{LocalTime, ServerTime};

use crate::cli::{DryRun, collection};
use selvedge_host::moment;

/// What to do with records.
#[derive(Debug, Subcommand)]
pub enum RecordsCommand {
    /// List a collection's records.
    #[command(after_help = "Example:\n  selvedge records list notes --format jsonl")]
    List(ListArgs),
    /// Print one record.
    #[command(after_help = "Example:\n  selvedge records get notes milk")]
    Get {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The record.
        #[arg(allow_hyphen_values = true, value_parser = record_id)]
        id: RecordId,
        /// Read it from the server rather than from this device's store.
        #[arg(long)]
        remote: bool,
        /// The server's envelope with its payload, undecrypted.
        #[arg(long, requires = "remote")]
        raw: bool,
        /// Print passwords and card numbers too, which are left out otherwise.
        #[arg(long)]
        show_secrets: bool,
    },
    /// Put whole records: JSON objects from stdin, a file or the command line.
    #[command(
        long_about = "Put whole records: JSON objects from stdin, a file or the command line.\n\nMany objects, one after another or in one array, are put together. A record without an id gets a new one. The next sync sends them.",
        after_help = "Example:\n  selvedge records put notes milk --record '{\"title\":\"milk\"}'"
    )]
    Put {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The record's id, if it is one record and the object does not tell.
        #[arg(allow_hyphen_values = true, value_parser = record_id)]
        id: Option<RecordId>,
        /// Where the records come from.
        #[command(flatten)]
        source: Source,
        /// Write to the server straight rather than to this device's store.
        #[arg(long)]
        remote: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Change fields of one record: those given are set, those given as null are removed.
    #[command(
        after_help = "Example:\n  selvedge records edit notes milk --record '{\"done\":true,\"title\":null}'"
    )]
    Edit {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The record.
        #[arg(allow_hyphen_values = true, value_parser = record_id)]
        id: RecordId,
        /// Where the changes come from.
        #[command(flatten)]
        source: Source,
        /// Write to the server straight rather than to this device's store.
        #[arg(long)]
        remote: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// List the values that a sync replaced: they can be restored for 30 days.
    #[command(
        long_about = "List the values that a sync replaced, the newest first.\n\nOf two changes of one field the later one stays: the time of the edit on this device is compared with the time at which the server got the other's. The other value is listed here, so are records that another device deleted, and those that a command of another device removed. They are kept for 30 days, at most 10,000 of them and 16 MiB. With --json the values themselves are told.",
        after_help = "Example:\n  selvedge records conflicts notes"
    )]
    Conflicts {
        /// Only those of this collection.
        #[arg(value_parser = collection)]
        collection: Option<CollectionName>,
    },
    /// Restore a value that a sync replaced; the next sync sends it.
    #[command(after_help = "Example:\n  selvedge records restore notes milk --dry-run")]
    Restore {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The record.
        #[arg(allow_hyphen_values = true, value_parser = record_id)]
        id: RecordId,
        /// The newest value that was replaced at or before this time, as `records conflicts` tells it; the newest of all if not
        /// said.
        #[arg(long, value_name = "TIME", value_parser = moment::parse_local_arg)]
        at: Option<LocalTime>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Delete records; the next sync tells the other devices.
    #[command(after_help = "Example:\n  selvedge records delete notes milk")]
    Delete {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The records; after `--` if an id begins with a dash, so that no mistyped option is taken for one.
        #[arg(required = true, value_name = "ID", value_parser = record_id)]
        ids: Vec<RecordId>,
        /// Delete on the server straight: a tombstone takes the record's place.
        #[arg(long)]
        remote: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// Where a JSON object comes from; without either, from stdin.
#[derive(Debug, Clone, Args)]
pub struct Source {
    /// The JSON object itself. Other users may see it in the process list.
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    pub record: Option<String>,
    /// A file, or `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Which records, and how they are shown.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The collection.
    #[arg(value_parser = collection)]
    pub collection: CollectionName,
    /// Read the server straight, without this device's store; records are printed as they arrive.
    #[arg(long)]
    pub remote: bool,
    /// How records are printed; `table` on a terminal and `jsonl` elsewhere if not said. --json means `json`.
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    /// The server's envelopes with their payloads, undecrypted.
    #[arg(long, requires = "remote")]
    pub raw: bool,
    /// Only those that the server got after this time: RFC 3339 in UTC like 2026-11-21T03:12:41Z, or seconds or milliseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = server_time)]
    pub newer: Option<ServerTime>,
    /// At most so many.
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// In which order; by id here and as the server likes there if not said.
    #[arg(long, value_enum)]
    pub sort: Option<SortBy>,
    /// Only these.
    #[arg(long, value_name = "ID,…", value_delimiter = ',', allow_hyphen_values = true, value_parser = record_id)]
    pub ids: Option<Vec<RecordId>>,
    /// The fields that are columns of tables, csv and tsv, rather than those that there are, or the whole record in one.
    /// `modified` is when the server got the record.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = field)]
    pub fields: Option<Vec<String>>,
    /// Print passwords and card numbers too, which are left out otherwise.
    #[arg(long)]
    pub show_secrets: bool,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One array.
    Json,
    /// One object a line.
    Jsonl,
    /// For people.
    Table,
    /// Comma-separated values.
    Csv,
    /// Tab-separated values.
    Tsv,
}

/// The order of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// The latest written first.
    Newest,
    /// The latest written last.
    Oldest,
    /// The highest sortindex first; only with --remote.
    Index,
}

fn record_id(text: &str) -> Result<RecordId, String> {
    RecordId::new(text).map_err(|error| error.to_string())
}

fn field(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a field has a name: give names with commas between them".into()),
        name => Ok(name.to_owned()),
    }
}

fn server_time(text: &str) -> Result<ServerTime, String> {
    moment::parse(text)
        .ok_or_else(|| "a time is RFC 3339 in UTC like 2026-11-21T03:12:41Z, or seconds since 1970 like 1388635807.41".into())
}
