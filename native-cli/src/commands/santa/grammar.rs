//! The command line arguments of `selvedge santa`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use selvedge_santa::wire::{Policy, RuleType};

use crate::cli::DryRun;
#[cfg(target_os = "linux")]
use crate::commands::santa::daemon::DaemonArgs;
use crate::commands::santa::serve::ServeArgs;
use crate::commands::santa::simulate::SimulateArgs;

/// Sync rules and events of this machine with a Santa server.
#[derive(Debug, Subcommand)]
pub enum SantaCommand {
    /// Demonstrate a machine, a server and push on this computer.
    #[cfg(target_os = "linux")]
    #[command(
        long_about = "Demonstrate a machine, a server and push on this computer.\n\nA server runs in this process and a daemon in a child process. The demo posts an event on the daemon's socket and checks the server's log; then it changes the server's rules, sends a push message, and checks the rules on the machine. The exit code is 0 when all checks succeed. All files are removed.",
        after_help = "Example:\n  selvedge santa demo"
    )]
    Demo,
    /// Sync once with the server.
    #[command(
        long_about = "Sync once with the server.\n\nIf a daemon runs for this profile, it performs the sync; without one, or with --once, this process does. The exit code is the status of Santa's own program: 0 success, 1 preflight failed, 3 rules could not be downloaded or applied, 5 another sync is running, 6 no server is configured, 7 the machine has no id, 8 the local store failed, 10 the connection to the daemon was lost.",
        after_help = "Example:\n  selvedge santa sync --once"
    )]
    Sync(SyncArgs),
    /// Show the sync state of this machine without contacting the server.
    #[command(after_help = "Example:\n  selvedge santa status --json")]
    Status(ConfigFile),
    /// Check the configuration and the server, and show how to fix problems.
    #[command(
        long_about = "Check the configuration and the server, and show how to fix problems.\n\nThe doctor sends preflight as this machine in each format and encoding, and downloads all pages of rules. It applies nothing here, and completes no sync on the server. The exit code is 0 without a fault, 2 for a fault of the configuration, 6 when the server cannot be reached, 1 for a fault of the server, and 10 when the local store cannot be read; with several faults, the first one decides. With --strict, warnings without a fault give 1.",
        after_help = "Example:\n  selvedge santa doctor"
    )]
    Doctor(DoctorArgs),
    /// List the settings of santa.toml.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check, list, add, remove, export or import rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Add or list events that are pending for the next sync.
    #[command(subcommand)]
    Events(EventsCommand),
    /// Sync on a schedule and serve agents and commands on a socket, until stopped.
    #[cfg(target_os = "linux")]
    Daemon(DaemonArgs),
    /// Run a small server for tests.
    Serve(Box<ServeArgs>),
    /// Simulate many machines that sync with a server, as a load test.
    #[command(
        long_about = "Simulate many machines that sync with a server, as a load test.\n\nEach machine has its own id, rules, state and schedule, creates events, and syncs like a real one. The report has latencies, errors, and whether the machines have the server's rules. Ctrl-C ends the simulation early, with a report.",
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

/// Arguments of `santa sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Request a clean sync, which replaces all rules except transitive ones.
    #[arg(long, conflicts_with = "clean_all")]
    pub clean: bool,
    /// Request a clean sync that also removes transitive rules.
    #[arg(long)]
    pub clean_all: bool,
    /// Sync in this process, even if a daemon runs.
    #[arg(long)]
    pub once: bool,
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// Arguments of `santa doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Treat warnings as faults.
    #[arg(long)]
    pub strict: bool,
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// Commands for the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List the settings of santa.toml with type, default and meaning.
    #[command(after_help = "Example:\n  selvedge santa config keys")]
    Keys,
}

/// Commands for rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check the rules of a file like a machine that receives them from a server.
    #[command(
        long_about = "Check the rules of a file like a machine that receives them from a server.\n\nThe file contains a list of rules in JSON, a response of ruledownload, or one rule per line.",
        after_help = "Example:\n  selvedge santa rules check rules.json"
    )]
    Check {
        /// The file; - for standard input.
        file: PathBuf,
    },
    /// List the rules of this machine: from the server, added locally, and from the configuration.
    #[command(after_help = "Example:\n  selvedge santa rules list --from server")]
    List {
        /// Only rules of this origin.
        #[arg(long, value_enum)]
        from: Option<Origin>,
        /// The configuration file.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Add a rule on this machine. Servers do not change it; it is counted, but not part of the rules hash.
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
        /// Show the result without changes.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Write rules to standard output: one per line as JSON, or as a moroz configuration.
    #[command(after_help = "Example:\n  selvedge santa rules export --format moroz > rules.toml")]
    Export {
        /// The format.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
        /// Only rules of this origin.
        #[arg(long, value_enum)]
        from: Option<Origin>,
        /// The configuration file.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Add the rules of a file on this machine. Rules with the policy REMOVE remove local rules.
    #[command(
        long_about = "Add the rules of a file on this machine. Rules with the policy REMOVE remove local rules.\n\nThe file contains a list of rules in JSON, a response of ruledownload, one rule per line, or a moroz configuration in TOML.",
        after_help = "Example:\n  selvedge santa rules import rules.toml"
    )]
    Import {
        /// The file; - for standard input.
        file: PathBuf,
        /// The format [default: moroz for .toml, else jsonl].
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// Show the result without changes.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// A rule to add.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The identifier: a SHA-256 hash, a team id, a signing id or a code directory hash.
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
    /// The URL with details for users.
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    pub url: String,
    /// The CEL expression, for the policy CEL.
    #[arg(
        long,
        value_name = "EXPRESSION",
        default_value = "",
        hide_default_value = true
    )]
    pub cel: String,
    /// Show the result without changes.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// The origin of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From the server, including transitive rules.
    Server,
    /// Added on this machine.
    Local,
    /// From the configuration.
    Configured,
}

/// The format of a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One rule per line in JSON, with the field names of the protocol.
    Jsonl,
    /// A moroz configuration in TOML.
    Moroz,
}

/// Commands for events.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Add events for the next sync: one event in JSON, a list, or one per line.
    #[command(
        long_about = "Add events for the next sync: one event in JSON, a list, or one per line.\n\nAn event is an execution with the field names of the protocol; {\"file_access\": …} and {\"audit\": …} contain the other kinds. All events are validated before any is stored. An event is dropped while another one of the same file is pending.",
        after_help = "Example:\n  selvedge santa events add events.json"
    )]
    Add {
        /// The file [default: standard input, like -].
        file: Option<PathBuf>,
        /// Show the result without changes.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// List the events that are pending for the next sync.
    #[command(after_help = "Example:\n  selvedge santa events list --limit 10")]
    List {
        /// Maximum number of events, oldest first.
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
