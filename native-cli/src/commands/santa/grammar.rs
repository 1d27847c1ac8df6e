//! The grammar of `selvedge santa`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use selvedge_santa::wire::{Policy, RuleType};

use crate::cli::DryRun;
#[cfg(target_os = "linux")]
use crate::commands::santa::daemon::DaemonArgs;
use crate::commands::santa::serve::ServeArgs;
use crate::commands::santa::simulate::SimulateArgs;

/// What to do with this machine and its server.
#[derive(Debug, Subcommand)]
pub enum SantaCommand {
    /// See a machine, its server and push at work, all on this machine.
    #[cfg(target_os = "linux")]
    #[command(
        long_about = "See a machine, its server and push at work, all on this machine.\n\nA server runs in this process and a daemon in one of its own. An event is posted on the daemon's socket and looked up in the server's log; the server's rules are changed, a push message is sent, and the rules are looked up on the machine. The exit code is 0 when every check holds. Nothing of it stays.",
        after_help = "Example:\n  selvedge santa demo"
    )]
    Demo,
    /// Sync once with the server.
    #[command(
        long_about = "Sync once with the server.\n\nA daemon that serves this profile is asked to do it; without one, or with --once, this process does it itself. The exit code is the status's number as Santa's own program has it: 0 done, 1 preflight failed, 3 rules could not be fetched or applied, 5 another sync is at it, 6 no server is set, 7 the machine has no id, 8 the local store did not do its work, 10 the daemon went away.",
        after_help = "Example:\n  selvedge santa sync --once"
    )]
    Sync(SyncArgs),
    /// Say how this machine's sync is, without asking the server.
    #[command(after_help = "Example:\n  selvedge santa status --json")]
    Status(ConfigFile),
    /// Check the configuration and the server, and say what to fix.
    #[command(
        long_about = "Check the configuration and the server, and say what to fix.\n\nPreflight is sent a few times as this machine, once in each form and encoding, and all pages of rules are fetched. Nothing is applied here, and no sync is finished there. The exit code is 0 without a fault, 2 for a fault of the configuration, 6 when the server cannot be reached, 1 for what the server gets wrong, and 10 when the local store cannot be read; of several faults, that of the first. With --strict, warnings give 1 where there is no fault.",
        after_help = "Example:\n  selvedge santa doctor"
    )]
    Doctor(DoctorArgs),
    /// Say which settings santa.toml may have.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check, list, add, remove, export or import rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Add or list events that wait for the next sync.
    #[command(subcommand)]
    Events(EventsCommand),
    /// Sync by schedule, and serve agents and people on a socket, until stopped.
    #[cfg(target_os = "linux")]
    Daemon(DaemonArgs),
    /// Run a small server, for tests and trials.
    Serve(Box<ServeArgs>),
    /// Let many machines sync with a server, to see whether it bears them.
    #[command(
        long_about = "Let many machines sync with a server, to see whether it bears them.\n\nEach machine has its own id, rules, state and schedule, runs programs, and syncs as a real one does. The report tells how fast the server answered, what went wrong, and whether the machines have its rules. Ctrl-C ends it early, with a report.",
        after_help = "Example:\n  selvedge santa simulate --machines 20 --duration 4s --server http://127.0.0.1:8080/v1/santa"
    )]
    Simulate(Box<SimulateArgs>),
}

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The configuration, rather than santa.toml in the profile's directory.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// How to sync.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Ask the server for a clean sync: all rules but transitive ones are replaced.
    #[arg(long, conflicts_with = "clean_all")]
    pub clean: bool,
    /// Ask the server for a clean sync in which transitive rules go too.
    #[arg(long)]
    pub clean_all: bool,
    /// Sync in this process, whether a daemon runs or not.
    #[arg(long)]
    pub once: bool,
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// What to check.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Let warnings count as faults.
    #[arg(long)]
    pub strict: bool,
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// What to say of the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List every setting of santa.toml with its type, its default and its meaning.
    #[command(after_help = "Example:\n  selvedge santa config keys")]
    Keys,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check a file of rules as a machine checks those of a server.
    #[command(
        long_about = "Check a file of rules as a machine checks those of a server.\n\nThe file holds a list of rules in JSON, a page as a server sends it, or one rule a line.",
        after_help = "Example:\n  selvedge santa rules check rules.json"
    )]
    Check {
        /// The file; - for standard input.
        file: PathBuf,
    },
    /// List the rules of this machine: the server's, those that were added here, and those of the configuration.
    #[command(after_help = "Example:\n  selvedge santa rules list --from server")]
    List {
        /// Only these.
        #[arg(long, value_enum)]
        from: Option<Origin>,
        /// Which configuration.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Add a rule on this machine. No server touches it; it is counted, but not part of the rules' hash.
    #[command(
        after_help = "Example:\n  selvedge santa rules add EQHXZ8M8AV --type TEAMID --policy ALLOWLIST"
    )]
    Add(Box<AddArgs>),
    /// Remove a rule that was added on this machine.
    #[command(after_help = "Example:\n  selvedge santa rules remove EQHXZ8M8AV --type TEAMID")]
    Remove {
        /// What it is about.
        identifier: String,
        /// What the identifier names.
        #[arg(long = "type", value_name = "TYPE", value_parser = rule_type, default_value = "BINARY")]
        rule_type: RuleType,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Write rules to standard output: one a line as JSON, or as a moroz configuration.
    #[command(after_help = "Example:\n  selvedge santa rules export --format moroz > rules.toml")]
    Export {
        /// The form.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
        /// Only these.
        #[arg(long, value_enum)]
        from: Option<Origin>,
        /// Which configuration.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Add the rules of a file on this machine; those that remove take rules away that were added here.
    #[command(
        long_about = "Add the rules of a file on this machine; those that remove take rules away that were added here.\n\nThe file holds a list of rules in JSON, a page as a server sends it, one rule a line, or a moroz configuration in TOML.",
        after_help = "Example:\n  selvedge santa rules import rules.toml"
    )]
    Import {
        /// The file; - for standard input.
        file: PathBuf,
        /// The form, if the file's name does not tell: moroz for .toml, else jsonl.
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// A rule to add.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// What it is about: a SHA-256, a team id, a signing id or a code directory's hash.
    pub identifier: String,
    /// What the identifier names: BINARY, CERTIFICATE, TEAMID, SIGNINGID or CDHASH.
    #[arg(long = "type", value_name = "TYPE", value_parser = rule_type, default_value = "BINARY")]
    pub rule_type: RuleType,
    /// What it does: ALLOWLIST, ALLOWLIST_COMPILER, BLOCKLIST, SILENT_BLOCKLIST or CEL.
    #[arg(long, value_parser = policy)]
    pub policy: Policy,
    /// What a user is told.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub message: String,
    /// Where a user reads more.
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
    /// Only say what would be done.
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
    /// One rule a line, in JSON, as a server sends it.
    Jsonl,
    /// A moroz configuration in TOML.
    Moroz,
}

/// What to do with events.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Add events for the next sync: one in JSON, a list, or one a line.
    #[command(
        long_about = "Add events for the next sync: one in JSON, a list, or one a line.\n\nAn event is an execution with the names that the protocol gives its fields; {\"file_access\": …} and {\"audit\": …} hold the other kinds. All are checked before any is kept. While an event of the same file waits, another one is dropped.",
        after_help = "Example:\n  selvedge santa events add events.json"
    )]
    Add {
        /// The file; standard input without one, or with -.
        file: Option<PathBuf>,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// List the events that wait for the next sync.
    #[command(after_help = "Example:\n  selvedge santa events list --limit 10")]
    List {
        /// No more than so many, the oldest first.
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
