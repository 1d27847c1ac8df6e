//! The grammar of `selvedge account`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Subcommand};

use super::records::RecordsChoice;
use crate::cli::{DryRun, device_name};

/// What to do with the account.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make a new account on a server of `selvedge serve`, and print the join code for other devices.
    #[command(after_help = "Example:\n  selvedge account create --server http://127.0.0.1:8090")]
    Create {
        /// The server's address.
        #[arg(long, value_name = "URL")]
        server: String,
        /// A file with the invitation that `selvedge serve invite` printed. None is needed for a server that runs on this
        /// machine as the same user.
        #[arg(long, value_name = "FILE")]
        invitation: Option<PathBuf>,
        /// What the account's other devices call this one; the machine's name if nothing was ever said.
        #[arg(long, value_name = "NAME", value_parser = device_name)]
        device_name: Option<String>,
        /// What becomes of another account's records here.
        #[command(flatten)]
        choice: RecordsChoice,
        /// Encrypt the account's secrets with a key in the system keyring, as `account keyring on` does.
        #[arg(long)]
        keyring: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Join the account of another device with its join code.
    #[command(after_help = "Example:\n  selvedge account join --code-file code.txt")]
    Join {
        /// The join code, or `-` to read it from stdin; without it, it is asked for and not shown. As an argument other users
        /// may see it in the process list.
        #[arg(conflicts_with = "code_file")]
        code: Option<String>,
        /// A file with the join code.
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        /// What the account's other devices call this one; the machine's name if nothing was ever said.
        #[arg(long, value_name = "NAME", value_parser = device_name)]
        device_name: Option<String>,
        /// What becomes of another account's records here.
        #[command(flatten)]
        choice: RecordsChoice,
        /// Encrypt the account's secrets with a key in the system keyring, as `account keyring on` does.
        #[arg(long)]
        keyring: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Use an account by credentials from elsewhere, or by name and password.
    #[command(
        long_about = "Use an account by credentials from elsewhere, or by name and password.\n\nFILE is JSON: a token server's answer and the 64-byte sync key, {\"api_endpoint\", \"id\", \"key\", \"uid\", \"hashalg\", \"duration\", \"ksync_b64url\"}, or what gets such answers: {\"tokenserver_url\", \"access_token\", \"kid\", \"ksync_b64url\"}, or, for the older storage API 1.1, {\"server_url\", \"username\", \"password\", \"sync_key\"}. The first two may also have \"device_id\", what an accounts server calls this device.\n\nWith --legacy it is an account of the older storage API 1.1. Its password and its Sync Key come from files, from a prompt, or from stdin: a line each, in this order.",
        after_help = "Example:\n  selvedge account use --credentials creds.json\n  selvedge account use --legacy --server http://127.0.0.1:8090 --username alice"
    )]
    Use {
        /// The file with the credentials, or `-` for stdin.
        #[arg(long, value_name = "FILE", required_unless_present = "legacy")]
        credentials: Option<PathBuf>,
        /// Who it is by name and password.
        #[command(flatten)]
        legacy: LegacyArgs,
        /// What the account's other devices call this one; the machine's name if nothing was ever said.
        #[arg(long, value_name = "NAME", value_parser = device_name)]
        device_name: Option<String>,
        /// What becomes of another account's records here.
        #[command(flatten)]
        choice: RecordsChoice,
        /// Encrypt the account's secrets with a key in the system keyring, as `account keyring on` does.
        #[arg(long)]
        keyring: bool,
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
    /// Set an account up again that cannot be synced as it is, after showing what is lost.
    #[command(
        long_about = "Set an account up again that cannot be synced as it is: the record that says how it is set up, or the keys of its records, are missing or damaged on the server.\n\nIt shows what the server has, with counts and last changes, and asks. Then it deletes all of that on the server, if nothing of it was changed meanwhile, and sets the account up with the records of this device; other devices send what they have when they sync. Nothing on the devices is deleted. An account that can be synced is left alone.",
        after_help = "Example:\n  selvedge account reinitialize --dry-run"
    )]
    Reinitialize {
        /// Write the missing record again as this device remembers it, and delete nothing.
        #[arg(long, conflicts_with = "yes")]
        restore: bool,
        /// Agree to what is lost, without being asked.
        #[arg(long)]
        yes: bool,
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
    /// Let the server's operators know this program's version, once a day at most, or not; off if nothing was ever said.
    #[command(after_help = "Example:\n  selvedge account tell-version on")]
    TellVersion {
        /// Whether it is told.
        #[arg(action = ArgAction::Set, value_name = "on|off", value_parser = on_or_off())]
        tells: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Encrypt the account's secrets on this device with a key in the system keyring, or store them in clear.
    #[command(
        subcommand,
        long_about = "Encrypt the account's secrets on this device with a key in the system keyring, or store them in clear.\n\nThe secrets are the sync key and what gets tokens (`credentials.json`), and the storage token (`token.json`). They are in clear at first, with mode 0600. The keyring is the Secret Service on Linux (GNOME Keyring, KWallet, KeePassXC), the Keychain on macOS, and the Credential Manager on Windows; the entry has the service `selvedge` and the path of the profile as its user.\n\nIf the keyring is locked, missing, or lacks the key, commands that need the account fail with exit code 13; nothing is written in clear instead. Records (`store.sqlite`) are not encrypted."
    )]
    Keyring(KeyringCommand),
    /// Forget the account's secrets on this device; nothing on the server changes.
    #[command(after_help = "Example:\n  selvedge account forget --dry-run")]
    Forget {
        /// Delete this device's records too. Where changes were never sent, a person is asked.
        #[arg(long)]
        with_records: bool,
        /// Agree to lose what was never sent, without being asked.
        #[arg(long, requires = "with_records")]
        yes: bool,
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// What to do with the encryption of the account's secrets.
#[derive(Debug, Subcommand)]
pub enum KeyringCommand {
    /// Encrypt the account's secrets with a new key, which the system keyring stores.
    #[command(after_help = "Example:\n  selvedge account keyring on")]
    On {
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Write the account's secrets in clear, with mode 0600, and remove the key from the system keyring.
    #[command(after_help = "Example:\n  selvedge account keyring off")]
    Off {
        /// Only say what would be done.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Show how the account's secrets are stored, and whether the system keyring has their key.
    #[command(after_help = "Example:\n  selvedge account keyring status")]
    Status,
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

fn on_or_off() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["on", "off"]).map(|word| word == "on")
}
