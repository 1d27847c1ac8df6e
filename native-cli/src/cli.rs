//! The grammar of the command line: nouns, then verbs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use selvedge_core::ids::CollectionName;

use crate::commands::account::AccountCommand;
use crate::commands::addons::{AddonsCommand, PrefsCommand};
use crate::commands::autofill::{AddressesCommand, CardsCommand};
use crate::commands::backup::BackupCommand;
use crate::commands::bookmarks::BookmarksCommand;
use crate::commands::clients::ClientsCommand;
use crate::commands::engines::EnginesCommand;
use crate::commands::extension_storage::ExtensionStorageCommand;
use crate::commands::forms::FormsCommand;
use crate::commands::history::HistoryCommand;
use crate::commands::passwords::PasswordsCommand;
use crate::commands::records::RecordsCommand;
use crate::commands::santa::grammar::SantaCommand;
use crate::commands::serve::ServeArgs;
use crate::commands::sync::SyncArgs;
use crate::commands::tabs::TabsCommand;
use selvedge_host::exit::EXIT_CODES;

/// Syncs, reads, edits and serves Firefox Sync data, end-to-end encrypted.
#[derive(Debug, Parser)]
#[command(name = "selvedge", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const GLOBAL: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The profile: each one is a separate device, with its own account, store and settings.
    #[arg(
        long,
        global = true, help_heading = GLOBAL,
        value_name = "NAME",
        default_value = "default",
        hide_env_values = true, env = "SELVEDGE_PROFILE"
    )]
    pub profile: String,
    /// The profile's directory; overrides --profile.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR", hide_env_values = true, env = "SELVEDGE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Also trust the certificates in this PEM file: of your own certificate authority, or a server's self-signed
    /// certificate.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", hide_env_values = true, env = "SELVEDGE_CA_FILE")]
    pub ca: Option<PathBuf>,
    /// Allow connections without TLS (http://) to other machines. An attacker on the network can then take over the
    /// account's session and see which records change, but not their content.
    #[arg(long, global = true, help_heading = GLOBAL, hide_env_values = true, env = "SELVEDGE_INSECURE_HTTP", value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure_http: bool,
    /// Print JSON on stdout, for programs; errors on stderr are JSON too.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Print no notes and no progress on stderr.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// Log requests on stderr: method, path, status, bytes and time; -vv also logs connections. RUST_LOG sets details.
    #[arg(long, short, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show two devices that sync through a server, all on this machine.
    #[command(after_help = "Example:\n  selvedge demo")]
    Demo,
    /// Create, join, show or forget the account of this device.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Sync once with the server.
    #[command(after_help = "Example:\n  selvedge sync notes")]
    Sync(SyncArgs),
    /// Sync on a schedule until stopped; for systemd and other service managers.
    #[cfg(unix)]
    #[command(
        long_about = "Sync on a schedule until stopped; for systemd and other service managers.\n\nThe first sync starts shortly after the daemon, to keep the load at boot low; then there is one per hour, sooner after local changes, later after failures, and never before the time that a server asked to wait for. SIGHUP starts a sync now. SIGTERM and SIGINT stop the daemon between two commits. There is one daemon per profile; other commands can sync at the same time. The daemon logs to stderr, with --json as JSON.",
        after_help = "Example:\n  selvedge daemon --print-unit"
    )]
    Daemon(DaemonArgs),
    /// Show the sync state of this device, without contacting the server.
    #[command(after_help = "Example:\n  selvedge status --json")]
    Status,
    /// List the server's collections, or choose which ones this device syncs.
    #[command(
        after_help = "Example:\n  selvedge collections",
        args_conflicts_with_subcommands = true
    )]
    Collections {
        /// The subcommand.
        #[command(subcommand)]
        command: Option<CollectionsCommand>,
    },
    /// List the account's engines, or enable and disable them for all devices.
    #[command(subcommand)]
    Engines(EnginesCommand),
    /// List the account's devices, rename this one, or send commands to others.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// List, read, put, edit or delete records, here or on the server.
    #[command(subcommand)]
    Records(RecordsCommand),
    /// List, search, change, import and export bookmarks.
    #[command(subcommand)]
    Bookmarks(BookmarksCommand),
    /// List, search, change, import and export logins.
    #[command(subcommand)]
    Passwords(PasswordsCommand),
    /// List, search and delete visited pages.
    #[command(subcommand)]
    History(HistoryCommand),
    /// List the open tabs of the account's devices, send pages to a device, and receive theirs.
    #[command(subcommand)]
    Tabs(TabsCommand),
    /// List and delete texts that were typed into forms.
    #[command(subcommand)]
    Forms(FormsCommand),
    /// List and change postal addresses.
    #[command(subcommand)]
    Addresses(AddressesCommand),
    /// List and change credit cards.
    #[command(subcommand)]
    Cards(CardsCommand),
    /// List add-ons.
    #[command(subcommand)]
    Addons(AddonsCommand),
    /// List preferences.
    #[command(subcommand)]
    Prefs(PrefsCommand),
    /// List, read and set what extensions store.
    #[command(subcommand)]
    ExtensionStorage(ExtensionStorageCommand),
    /// Back up all records of the account, check, compare and restore backups.
    #[command(subcommand)]
    Backup(Box<BackupCommand>),
    /// Run a sync server.
    Serve(Box<ServeArgs>),
    /// Sync with a Santa server, which decides which programs this machine may run.
    #[command(subcommand)]
    Santa(Box<SantaCommand>),
    /// Print the completions of a shell.
    #[command(after_help = "Example:\n  selvedge completions bash > selvedge.bash")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands to a directory.
    #[command(after_help = "Example:\n  selvedge man --dir man1")]
    Man {
        /// Write one page per command to this directory.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Print what would be done, but write nothing.
#[derive(Debug, Clone, Copy, Args)]
pub struct DryRun {
    /// Check everything and print what would be done, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of the daemon.
#[cfg(unix)]
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// Print a systemd unit for this profile, with sandboxing and a watchdog, and exit.
    #[arg(long)]
    pub print_unit: bool,
    /// Seconds between the start and the first sync.
    #[arg(long, value_name = "SECONDS", default_value_t = selvedge_core::schedule::Policy::FIREFOX.first_seconds, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub first_sync_after: u64,
    /// Seconds between two syncs when nothing changes [default: 3600].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(60..=2_592_000))]
    pub every: Option<u64>,
}

/// The subcommands of `collections`.
#[derive(Debug, Subcommand)]
pub enum CollectionsCommand {
    /// Choose the collections that `sync` without arguments syncs.
    #[command(after_help = "Example:\n  selvedge collections follow notes")]
    Follow {
        /// The collections.
        #[arg(value_name = "COLLECTION", value_parser = collection, required_unless_present = "all")]
        collections: Vec<CollectionName>,
        /// All collections of the account, including new ones; this is the default.
        #[arg(long, conflicts_with = "collections")]
        all: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// Parses the name of a device.
pub(crate) fn device_name(text: &str) -> Result<String, String> {
    let is_usable = !text.trim().is_empty()
        && text.chars().count() <= 64
        && !text.chars().any(char::is_control);
    is_usable
        .then(|| text.trim().to_owned())
        .ok_or_else(|| "a device's name has 1 to 64 characters and no control characters".into())
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
                let redirection = example.find(" > ").or_else(|| example.find(" < "));
                let words = shell_words(example[..redirection.unwrap_or(example.len())].trim());
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
