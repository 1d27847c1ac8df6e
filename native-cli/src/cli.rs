//! The grammar of the command line: nouns, then verbs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use selvedge_core::ids::CollectionName;

use crate::commands::account::AccountCommand;
use crate::commands::clients::ClientsCommand;
use crate::commands::engines::EnginesCommand;
use crate::commands::records::RecordsCommand;
use crate::commands::santa::grammar::SantaCommand;
use crate::commands::serve::ServeArgs;
use crate::commands::sync::SyncArgs;
use selvedge_host::exit::EXIT_CODES;

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
    /// Which profile: each is a device of its own, with its account, its store and its settings.
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
    /// Trust the certificates of this file in PEM beside the system's: of a certificate authority of your own, or a
    /// server's own certificate.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", hide_env_values = true, env = "SELVEDGE_CA_FILE")]
    pub ca: Option<PathBuf>,
    /// Speak to servers on other machines without TLS (http://) too. Others on the way can then take over the account's
    /// session and see which records change, though not what is in them.
    #[arg(long, global = true, help_heading = GLOBAL, hide_env_values = true, env = "SELVEDGE_INSECURE_HTTP", value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure_http: bool,
    /// Answer in JSON, for programs; errors on stderr are JSON too.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// No notes and no progress on stderr.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// Log requests on stderr: method, path, status, bytes and time; -vv logs connections too. RUST_LOG does it in detail.
    #[arg(long, short, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub verbose: u8,
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
    Serve(Box<ServeArgs>),
    /// Santa's sync: which programs this machine may run, as a server says.
    #[command(subcommand)]
    Santa(Box<SantaCommand>),
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

/// What a person calls a device.
pub(crate) fn device_name(text: &str) -> Result<String, String> {
    let is_usable = !text.trim().is_empty()
        && text.chars().count() <= 64
        && !text.chars().any(char::is_control);
    is_usable
        .then(|| text.trim().to_owned())
        .ok_or_else(|| "a device's name is 1 to 64 characters, without control characters".into())
}

pub(crate) fn collection(text: &str) -> Result<CollectionName, String> {
    CollectionName::new(text).map_err(|error| error.to_string())
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
    fn names_that_nobody_could_read_are_refused() {
        for name in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(device_name(name).is_err(), "{name:?}");
        }
        assert_eq!(device_name(" Attic "), Ok("Attic".into()));
    }

    #[test]
    fn the_id_of_a_device_may_begin_with_a_dash() {
        for line in [
            "selvedge clients wipe -yabcdefghij notes -y",
            "selvedge clients reset --yes --abcdefghij",
            "selvedge clients reset --all --yes",
            "selvedge clients send-tab -qabcdefghij https://example.org/ --dry-run",
        ] {
            let is_all = line.contains("--all");
            match Cli::try_parse_from(line.split(' ')).unwrap().command {
                Command::Clients(ClientsCommand::Wipe(args) | ClientsCommand::Reset(args)) => {
                    assert!(args.yes && args.client.is_some() != is_all, "{line}");
                }
                Command::Clients(ClientsCommand::SendTab { dry_run, .. }) => {
                    assert!(dry_run.dry_run, "{line}");
                }
                command => panic!("{command:?}"),
            }
        }
        // Where records are deleted, a mistyped option must not be taken for one.
        let mistyped = "selvedge records delete notes milk --dryrun";
        assert!(Cli::try_parse_from(mistyped.split(' ')).is_err());
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
