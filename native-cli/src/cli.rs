//! The grammar of the command line: nouns, then verbs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;

use crate::commands::clients::ClientsCommand;
use crate::commands::serve::ServeArgs;
use crate::exit::EXIT_CODES;
use crate::moment;

/// Syncs, reads, edits and serves Firefox Sync data, end-to-end encrypted.
#[derive(Debug, Parser)]
#[command(name = "selvedge", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const GLOBAL: &str = "Options of every command";

/// What holds for every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The device's name for an account: each profile has its own account, store and settings.
    #[arg(
        long,
        global = true, help_heading = GLOBAL,
        value_name = "NAME",
        default_value = "default",
        hide_env_values = true, env = "SELVEDGE_PROFILE"
    )]
    pub profile: String,
    /// The profile's directory itself, wherever it is; --profile is not asked then.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR", hide_env_values = true, env = "SELVEDGE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Answer in JSON, for programs; errors on stderr are JSON too.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// No notes and no progress on stderr.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See two devices sync through an encrypted server, all on this machine.
    #[command(after_help = "Example:\n  selvedge demo")]
    Demo,
    /// Make, join, show or forget the account of this device.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Sync once with the server.
    #[command(after_help = "Example:\n  selvedge sync notes")]
    Sync(SyncArgs),
    /// Sync by schedule until it is stopped; for systemd and its like.
    #[cfg(unix)]
    #[command(
        long_about = "Sync by schedule until it is stopped; for systemd and its like.\n\nThe first sync comes a little after the start, so that a machine that just booted is left alone; then one an hour, sooner after changes made here, later after failures, and never before a server wants it. SIGHUP asks for a sync now. SIGTERM and SIGINT stop it between two commits. One daemon serves a profile; other commands may sync beside it. Lines on stderr tell what it does, with --json as JSON.",
        after_help = "Example:\n  selvedge daemon --print-unit"
    )]
    Daemon(DaemonArgs),
    /// Say what this device knows of its syncing, without asking the server.
    #[command(after_help = "Example:\n  selvedge status --json")]
    Status,
    /// List the server's collections, or choose those that this device follows.
    #[command(
        after_help = "Example:\n  selvedge collections",
        args_conflicts_with_subcommands = true
    )]
    Collections {
        /// What else to do with them.
        #[command(subcommand)]
        command: Option<CollectionsCommand>,
    },
    /// List the account's engines, or switch them on and off for all its devices.
    #[command(subcommand)]
    Engines(EnginesCommand),
    /// List the account's devices, name this one, or ask something of the others.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// List, read, put, edit or delete records, here or on the server.
    #[command(subcommand)]
    Records(RecordsCommand),
    /// Run a sync server.
    Serve(ServeArgs),
    /// Print the completions of a shell.
    #[command(after_help = "Example:\n  selvedge completions bash > selvedge.bash")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands.
    #[command(after_help = "Example:\n  selvedge man --dir man1")]
    Man {
        /// Write a page for each command into this directory.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Only say what would be done.
#[derive(Debug, Clone, Copy, Args)]
pub struct DryRun {
    /// Check everything and say what would be done, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What to do with the account.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make a new account on a server of `selvedge serve`, and print the join code for other devices.
    #[command(after_help = "Example:\n  selvedge account create --server http://127.0.0.1:8090")]
    Create {
        /// The server's address.
        #[arg(long, value_name = "URL")]
        server: String,
        /// The invitation that `selvedge serve invite` printed, for servers that ask for one.
        #[arg(long, value_name = "FILE")]
        invitation: Option<PathBuf>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Join the account of another device with its join code.
    #[command(after_help = "Example:\n  selvedge account join --code-file code.txt")]
    Join {
        /// The join code, or `-` to read it from stdin. As an argument other users may see it in the process list.
        #[arg(required_unless_present = "code_file", conflicts_with = "code_file")]
        code: Option<String>,
        /// A file with the join code.
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Use an account by credentials from elsewhere, or by name and password.
    #[command(
        long_about = "Use an account by credentials from elsewhere, or by name and password.\n\nFILE is JSON: a token server's answer and the 64-byte sync key, {\"api_endpoint\", \"id\", \"key\", \"uid\", \"hashalg\", \"duration\", \"ksync_b64url\"}, or what gets such answers: {\"tokenserver_url\", \"access_token\", \"kid\", \"ksync_b64url\"}, or, for the older storage API 1.1, {\"server_url\", \"username\", \"password\", \"sync_key\"}.\n\nWith --legacy it is an account of the older storage API 1.1. Its password and its Sync Key come from files, from a prompt, or from stdin: a line each, in this order.",
        after_help = "Example:\n  selvedge account use --credentials creds.json\n  selvedge account use --legacy --server http://127.0.0.1:8090 --username alice"
    )]
    Use {
        /// The file with the credentials, or `-` for stdin.
        #[arg(long, value_name = "FILE", required_unless_present = "legacy")]
        credentials: Option<PathBuf>,
        /// Who it is by name and password.
        #[command(flatten)]
        legacy: LegacyArgs,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Copy all records of the account to another, empty account, encrypted anew under new keys.
    #[command(
        long_about = "Copy all records of the account to another, empty account, on the same server or another one, encrypted anew under new keys.\n\nNothing is deleted anywhere, and this device goes on with its own account. A copy that was cut off goes on where it stood when the command is run again; one that is whole takes over what has changed since. The list of devices is left out: each device enters itself when it joins the copy.",
        after_help = "Example:\n  selvedge account copy --to creds.json"
    )]
    Copy {
        /// The credentials of the account to copy to, as `account use` takes them, or `-` for stdin.
        #[arg(
            long,
            value_name = "FILE",
            required_unless_present = "to_code_file",
            conflicts_with = "to_code_file"
        )]
        to: Option<PathBuf>,
        /// A file with the join code of the account to copy to, or `-` for stdin.
        #[arg(long, value_name = "FILE")]
        to_code_file: Option<PathBuf>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Show whose account this is.
    #[command(after_help = "Example:\n  selvedge account show")]
    Show {
        /// Show the join code too: who has it can read and change everything.
        #[arg(long)]
        show_secrets: bool,
    },
    /// Forget the account's secrets on this device; nothing on the server changes.
    #[command(after_help = "Example:\n  selvedge account forget --dry-run")]
    Forget {
        /// Delete this device's records too, those that were never sent among them.
        #[arg(long)]
        with_records: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// An account that servers know by name and password.
#[derive(Debug, Clone, Args)]
pub struct LegacyArgs {
    /// An account of the older storage API 1.1, with a name, a password and a Sync Key.
    #[arg(long, conflicts_with = "credentials", requires_all = ["server", "username"])]
    pub legacy: bool,
    /// The address of the server that knows the account.
    #[arg(long, value_name = "URL", requires = "legacy")]
    pub server: Option<String>,
    /// The account's name or e-mail address.
    #[arg(long, value_name = "NAME", requires = "legacy")]
    pub username: Option<String>,
    /// A file with the password, or `-` for stdin.
    #[arg(long, value_name = "FILE", requires = "legacy")]
    pub password_file: Option<PathBuf>,
    /// A file with the Sync Key, or `-` for stdin.
    #[arg(long, value_name = "FILE", requires = "legacy")]
    pub sync_key_file: Option<PathBuf>,
    /// Make a new Sync Key and print it: for an account that has no data yet.
    #[arg(long, requires = "legacy", conflicts_with = "sync_key_file")]
    pub new_sync_key: bool,
}

/// How the daemon runs.
#[cfg(unix)]
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// Print a systemd unit for this profile, with sandboxing and a watchdog, and do nothing else.
    #[arg(long)]
    pub print_unit: bool,
    /// Begin so long after the start.
    #[arg(long, value_name = "SECONDS", default_value_t = selvedge_core::schedule::Policy::FIREFOX.first_seconds, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub first_sync_after: u64,
    /// Sync so often when nothing happens, rather than once an hour.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(60..=2_592_000))]
    pub every: Option<u64>,
}

/// What to sync.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Only these collections; without any, all that this device follows.
    #[arg(value_name = "COLLECTION", value_parser = collection)]
    pub collections: Vec<CollectionName>,
    /// Bring this device and the server together in this way, once. What would be lost is shown first.
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
}

/// What else to do with collections.
#[derive(Debug, Subcommand)]
pub enum CollectionsCommand {
    /// Choose the collections that a sync without names syncs.
    #[command(after_help = "Example:\n  selvedge collections follow notes")]
    Follow {
        /// The collections.
        #[arg(value_name = "COLLECTION", value_parser = collection, required_unless_present = "all")]
        collections: Vec<CollectionName>,
        /// All that the account has, new ones included; so it is when nothing was chosen.
        #[arg(long, conflicts_with = "collections")]
        all: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// What to do with the account's engines.
#[derive(Debug, Subcommand)]
pub enum EnginesCommand {
    /// List what the account syncs, what it has declined, and what was chosen here for the next sync.
    #[command(after_help = "Example:\n  selvedge engines list")]
    List,
    /// Let the account's devices sync these; the next sync tells them.
    #[command(after_help = "Example:\n  selvedge engines enable bookmarks")]
    Enable {
        /// The engines, by the names of their collections. `forms` goes with `history`.
        #[arg(required = true, value_name = "NAME", value_parser = collection)]
        engines: Vec<CollectionName>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Let no device of the account sync these any more; the next sync tells them.
    #[command(
        long_about = "Let no device of the account sync these any more; the next sync tells them.\n\nThat sync also deletes what the server has of them, unless it is kept with --keep-server. Records on the devices stay, and go to the server again if the engine is enabled again.",
        after_help = "Example:\n  selvedge engines disable history --keep-server"
    )]
    Disable {
        /// The engines, by the names of their collections. `forms` goes with `history`.
        #[arg(required = true, value_name = "NAME", value_parser = collection)]
        engines: Vec<CollectionName>,
        /// Leave on the server what it has of them.
        #[arg(long)]
        keep_server: bool,
        /// Agree that the server's records are deleted, without being asked.
        #[arg(long, conflicts_with = "keep_server")]
        yes: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

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
    /// Delete records; the next sync tells the other devices.
    #[command(after_help = "Example:\n  selvedge records delete notes milk")]
    Delete {
        /// The collection.
        #[arg(value_parser = collection)]
        collection: CollectionName,
        /// The records; after `--` if an id begins with a dash.
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
    /// Only those that the server got after this time: seconds like 1388635807.41, or 2026-11-21T03:12:41.
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
    /// The fields that are columns of csv and tsv, rather than the whole record in one.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub fields: Option<Vec<String>>,
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

fn collection(text: &str) -> Result<CollectionName, String> {
    CollectionName::new(text).map_err(|error| error.to_string())
}

fn record_id(text: &str) -> Result<RecordId, String> {
    RecordId::new(text).map_err(|error| error.to_string())
}

fn server_time(text: &str) -> Result<ServerTime, String> {
    moment::parse(text)
        .ok_or_else(|| "a time is seconds like 1388635807.41, or 2026-11-21T03:12:41 in UTC".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_that_the_grammar_takes() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if command.get_subcommands().next().is_none() || !command.is_subcommand_required_set() {
                let help = command
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let example = help.lines().skip_while(|line| *line != "Example:").nth(1);
                let example = example.unwrap_or_else(|| panic!("{path} has no example"));
                let words = shell_words(example.trim().split(" > ").next().unwrap());
                assert!(
                    format!(" {}", words.join(" ")).starts_with(&path),
                    "{example}"
                );
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
            for command in command.get_subcommands() {
                check(command, &path);
            }
        }
        let root = Cli::command();
        for command in root.get_subcommands() {
            check(command, " selvedge");
        }
    }

    /// The words of a command line with single quotes.
    fn shell_words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        for (at, part) in line.split('\'').enumerate() {
            let mut pieces = part.split(' ').map(str::to_owned);
            if at % 2 == 1 {
                words.last_mut().unwrap().push_str(part);
                continue;
            }
            words.last_mut().unwrap().push_str(&pieces.next().unwrap());
            words.extend(pieces);
        }
        words.retain(|word| !word.is_empty());
        words
    }
}
