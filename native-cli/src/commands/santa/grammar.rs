//! The grammar of `selvedge santa`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use selvedge_santa::wire::{Policy, RuleType};

use crate::cli::DryRun;
#[cfg(target_os = "linux")]
use crate::commands::santa::daemon::DaemonArgs;
use crate::commands::santa::serve::ServeArgs;
use crate::commands::santa::simulate::SimulateArgs;

/// The subcommands of `santa`.
#[derive(Debug, Subcommand)]
pub enum SantaCommand {
    /// Show a machine that syncs with a server and receives push messages, all on this machine.
    #[cfg(target_os = "linux")]
    #[command(
        long_about = "Show a machine that syncs with a server and receives push messages, all on this machine.\n\nA server runs in this process and a daemon in a separate one. An event is posted on the daemon's socket and looked up in the server's log; the server's rules are changed, a push message is sent, and the rules are looked up on the machine. The exit code is 0 if all checks pass. All files are deleted at the end.",
        after_help = "Example:\n  selvedge santa demo"
    )]
    Demo,
    /// Sync once with the server.
    #[command(
        long_about = "Sync once with the server.\n\nIf a daemon is running for this profile, it does the sync; otherwise, or with --once, this process does. The exit code is the status number of Santa's own program: 0 done, 1 preflight failed, 3 rules could not be fetched or applied, 5 another sync is running, 6 no server is set, 7 the machine has no id, 8 the local store failed, 10 the connection to the daemon was lost.",
        after_help = "Example:\n  selvedge santa sync --once"
    )]
    Sync(SyncArgs),
    /// Show the sync state of this machine, without contacting the server.
    #[command(after_help = "Example:\n  selvedge santa status --json")]
    Status(ConfigFile),
    /// Check the configuration and the server, and print what to fix.
    #[command(
        long_about = "Check the configuration and the server, and print what to fix.\n\nPreflight is sent several times as this machine, once in each format and encoding, and all pages of rules are fetched. Nothing is applied here, and no sync is completed on the server. The exit code is 0 without errors, 2 for an error in the configuration, 6 if the server cannot be reached, 1 for errors of the server, and 10 if the local store cannot be read; with several errors, that of the first. With --strict, warnings give 1 if there are no errors.",
        after_help = "Example:\n  selvedge santa doctor"
    )]
    Doctor(DoctorArgs),
    /// List the settings of santa.toml.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check, list, add, remove, export or import rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Add or list events that wait for the next sync.
    #[command(subcommand)]
    Events(EventsCommand),
    /// Sync on a schedule and serve agents and commands on a socket, until stopped.
    #[cfg(target_os = "linux")]
    Daemon(DaemonArgs),
    /// Run a small server for tests.
    Serve(Box<ServeArgs>),
    /// Simulate many machines that sync with a server, to test its capacity.
    #[command(
        long_about = "Simulate many machines that sync with a server, to test its capacity.\n\nEach machine has its own id, rules, state and schedule, runs programs, and syncs like a real one. The report shows response times, errors, and whether the machines have the server's rules. Ctrl-C ends the simulation early, with a report.",
        after_help = "Example:\n  selvedge santa simulate --machines 20 --duration 4s --server http://127.0.0.1:8080/v1/santa"
    )]
    Simulate(Box<SimulateArgs>),
}

/// The configuration file.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The configuration file [default: santa.toml in the profile's directory].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How to sync.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Request a clean sync: all rules except transitive ones are replaced.
    #[arg(long, conflicts_with = "clean_all")]
    pub clean: bool,
    /// Request a clean sync that also replaces transitive rules.
    #[arg(long)]
    pub clean_all: bool,
    /// Sync in this process, even if a daemon is running.
    #[arg(long)]
    pub once: bool,
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// What to check.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Treat warnings as errors.
    #[arg(long)]
    pub strict: bool,
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// The subcommands of `santa config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List every setting of santa.toml with its type, its default and its meaning.
    #[command(after_help = "Example:\n  selvedge santa config keys")]
    Keys,
}

/// The subcommands of `santa rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check a file of rules as a machine checks the rules of a server.
    #[command(
        long_about = "Check a file of rules as a machine checks the rules of a server.\n\nThe file contains a list of rules in JSON, a page as a server sends it, or one rule per line.",
        after_help = "Example:\n  selvedge santa rules check rules.json"
    )]
    Check {
        /// The file; - for standard input.
        file: PathBuf,
    },
    /// List the rules of this machine: from the server, added locally, and from the configuration.
    #[command(after_help = "Example:\n  selvedge santa rules list --from server")]
    List {
        /// Only these.
        #[arg(long, value_enum)]
        from: Option<Origin>,
        /// The configuration file.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Add a local rule on this machine. Servers do not change it; it is counted, but not part of the rules' hash.
    #[command(
        after_help = "Example:\n  selvedge santa rules add EQHXZ8M8AV --type TEAMID --policy ALLOWLIST"
    )]
    Add(Box<AddArgs>),
    /// Remove a rule that was added on this machine.
    #[command(after_help = "Example:\n  selvedge santa rules remove EQHXZ8M8AV --type TEAMID")]
    Remove {
        /// The identifier.
        identifier: String,
        /// The type of the identifier.
        #[arg(long = "type", value_name = "TYPE", value_parser = rule_type, default_value = "BINARY")]
        rule_type: RuleType,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Write rules to stdout: as JSON, one per line, or as a moroz configuration.
    #[command(after_help = "Example:\n  selvedge santa rules export --format moroz > rules.toml")]
    Export {
        /// The format.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
        /// Only these.
        #[arg(long, value_enum)]
        from: Option<Origin>,
        /// The configuration file.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Add the rules of a file on this machine; REMOVE rules delete local rules.
    #[command(
        long_about = "Add the rules of a file on this machine; REMOVE rules delete local rules.\n\nThe file contains a list of rules in JSON, a page as a server sends it, one rule per line, or a moroz configuration in TOML.",
        after_help = "Example:\n  selvedge santa rules import rules.toml"
    )]
    Import {
        /// The file; - for standard input.
        file: PathBuf,
        /// The format [default: moroz for .toml, otherwise jsonl].
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// A rule to add.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The identifier: a SHA-256, a team id, a signing id or a code directory's hash.
    pub identifier: String,
    /// The type of the identifier: BINARY, CERTIFICATE, TEAMID, SIGNINGID or CDHASH.
    #[arg(long = "type", value_name = "TYPE", value_parser = rule_type, default_value = "BINARY")]
    pub rule_type: RuleType,
    /// The policy: ALLOWLIST, ALLOWLIST_COMPILER, BLOCKLIST, SILENT_BLOCKLIST or CEL.
    #[arg(long, value_parser = policy)]
    pub policy: Policy,
    /// The message for users.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub message: String,
    /// The URL with more information for users.
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    pub url: String,
    /// The expression that decides, with the policy CEL.
    #[arg(
        long,
        value_name = "EXPRESSION",
        default_value = "",
        hide_default_value = true
    )]
    pub cel: String,
    /// Print what would be done, but write nothing.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From the server, or made by this machine through a compiler's rule.
    Server,
    /// Added on this machine.
    Local,
    /// From the configuration.
    Configured,
}

/// The form of a file of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One rule per line, in JSON, as a server sends it.
    Jsonl,
    /// A moroz configuration in TOML.
    Moroz,
}

/// The subcommands of `santa events`.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Add events for the next sync: one in JSON, a list, or one per line.
    #[command(
        long_about = "Add events for the next sync: one in JSON, a list, or one per line.\n\nAn event is an execution with the field names of the protocol; {\"file_access\": …} and {\"audit\": …} contain the other kinds. All events are checked before any is stored. An event is dropped if one of the same file is pending.",
        after_help = "Example:\n  selvedge santa events add events.json"
    )]
    Add {
        /// The file; standard input without one, or with -.
        file: Option<PathBuf>,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// List the pending events.
    #[command(after_help = "Example:\n  selvedge santa events list --limit 10")]
    List {
        /// The maximum number of events, oldest first.
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: u32,
    },
}

fn rule_type(name: &str) -> Result<RuleType, String> {
    RuleType::from_name(&name.to_ascii_uppercase()).ok_or_else(|| names(RuleType::ALL))
}

fn policy(name: &str) -> Result<Policy, String> {
    Policy::from_name(&name.to_ascii_uppercase())
        .filter(|policy| *policy != Policy::Remove)
        .ok_or_else(|| names(Policy::ALL))
}

fn names(all: &[impl ToString]) -> String {
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    format!("one of {}", names.join(", "))
}
