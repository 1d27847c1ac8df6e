//! The grammar of `selvedge records`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::{LocalTime, ServerTime};

use crate::cli::{DryRun, collection};
use selvedge_host::moment;

/// The subcommands of `records`.
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
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
        /// Print the server's envelope with the encrypted payload.
        #[arg(long, requires = "remote")]
        raw: bool,
        /// Also print passwords and card numbers, which are hidden by default.
        #[arg(long)]
        show_secrets: bool,
    },
    /// Put whole records: JSON objects from stdin, a file or the command line.
    #[command(
        long_about = "Put whole records: JSON objects from stdin, a file or the command line.\n\nSeveral objects, one after another or in one array, are written together. A record without an id gets a new one. The next sync sends them.",
        after_help = "Example:\n  selvedge records put notes milk --record '{\"title\":\"milk\"}'"
    )]
    Put {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The record's id, if there is one record and the object has no id.
        #[arg(allow_hyphen_values = true, value_parser = record_id)]
        id: Option<RecordId>,
        /// Where the records come from.
        #[command(flatten)]
        source: Source,
        /// Write directly to the server instead of this device's store.
        #[arg(long)]
        remote: bool,
        /// Print what would be done, but write nothing.
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
        /// Write directly to the server instead of this device's store.
        #[arg(long)]
        remote: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// List the values that a sync replaced: they can be restored for 30 days.
    #[command(
        long_about = "List the values that a sync replaced, the newest first.\n\nOf two changes to one field, the later one wins: the time of the edit on this device is compared with the time at which the server received the other. The losing value is listed here, as are records that another device deleted, and records that a command of another device removed. They are kept for 30 days, at most 10,000 of them and 16 MiB. --json prints the values.",
        after_help = "Example:\n  selvedge records conflicts notes"
    )]
    Conflicts {
        /// Only values of this collection.
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
        /// The newest value that was replaced at or before this time, as `records conflicts` prints it [default: the newest
        /// value].
        #[arg(long, value_name = "TIME", value_parser = moment::parse_local_arg)]
        at: Option<LocalTime>,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Delete records; the next sync sends the deletion to the other devices.
    #[command(after_help = "Example:\n  selvedge records delete notes milk")]
    Delete {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The records' ids; after `--` if an id begins with a dash.
        #[arg(required = true, value_name = "ID", value_parser = record_id)]
        ids: Vec<RecordId>,
        /// Delete directly on the server: a tombstone replaces the record.
        #[arg(long)]
        remote: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// The source of a JSON object; stdin by default.
#[derive(Debug, Clone, Args)]
pub struct Source {
    /// The JSON object. It is visible to other users in the process list.
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    pub record: Option<String>,
    /// A file, or `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Options of `records list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The collection.
    #[arg(value_parser = collection)]
    pub collection: CollectionName,
    /// Read from the server instead of this device's store; records are printed as they arrive.
    #[arg(long)]
    pub remote: bool,
    /// The output format [default: `table` on a terminal, `jsonl` elsewhere, `json` with --json].
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    /// Print the server's envelopes with the encrypted payloads.
    #[arg(long, requires = "remote")]
    pub raw: bool,
    /// Only records that the server received after this time: RFC 3339 in UTC like 2026-11-21T03:12:41Z, or seconds or milliseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = server_time)]
    pub newer: Option<ServerTime>,
    /// The maximum number of records.
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// The order [default: by id from the store, the server's order with --remote].
    #[arg(long, value_enum)]
    pub sort: Option<SortBy>,
    /// Only records with these ids.
    #[arg(long, value_name = "ID,…", value_delimiter = ',', allow_hyphen_values = true, value_parser = record_id)]
    pub ids: Option<Vec<RecordId>>,
    /// The fields that are the columns of table, csv and tsv [default: all fields of a table, the whole record in one column
    /// otherwise]. `modified` is the time at which the server received the record.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = field)]
    pub fields: Option<Vec<String>>,
    /// Also print passwords and card numbers, which are hidden by default.
    #[arg(long)]
    pub show_secrets: bool,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One array.
    Json,
    /// One object per line.
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

impl Source {
    /// A text that this program made.
    pub(crate) const fn text(json: String) -> Self {
        Self {
            record: Some(json),
            file: None,
        }
    }
}

impl ListArgs {
    /// All records of a collection.
    pub(crate) const fn all(collection: CollectionName, remote: bool) -> Self {
        Self {
            collection,
            remote,
            format: None,
            raw: false,
            newer: None,
            limit: None,
            sort: None,
            ids: None,
            fields: None,
            show_secrets: false,
        }
    }
}

pub(crate) fn record_id(text: &str) -> Result<RecordId, String> {
    RecordId::new(text).map_err(|error| error.to_string())
}

pub(super) fn field(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("the list has an empty field name: pass names separated by commas".into()),
        name => Ok(name.to_owned()),
    }
}

fn server_time(text: &str) -> Result<ServerTime, String> {
    moment::parse(text)
        .ok_or_else(|| "a time is RFC 3339 in UTC like 2026-11-21T03:12:41Z, or seconds since 1970 like 1388635807.41".into())
}
