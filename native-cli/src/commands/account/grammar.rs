//! The grammar of `selvedge account`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Subcommand};
use selvedge_core::account::mozilla::{DEFAULT_CLIENT_ID, MOZILLA};

use super::records::RecordsChoice;
use crate::cli::{DryRun, device_name};

/// The subcommands of `account`.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Create an account on a server run by `selvedge serve`, and print the join code for other devices.
    #[command(after_help = "Example:\n  selvedge account create --server http://127.0.0.1:8090")]
    Create {
        /// The server's URL.
        #[arg(long, value_name = "URL")]
        server: String,
        /// A file with the invitation from `selvedge serve invite`. It is not needed if the server runs on this machine as
        /// the same user.
        #[arg(long, value_name = "FILE")]
        invitation: Option<PathBuf>,
        /// The name of this device for the account's other devices [default: the machine's name].
        #[arg(long, value_name = "NAME", value_parser = device_name)]
        device_name: Option<String>,
        /// What to do with records of another account in this profile.
        #[command(flatten)]
        choice: RecordsChoice,
        /// Encrypt the account's secrets with a key in the system keyring, as `account keyring on` does.
        #[arg(long)]
        keyring: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Join the account of another device with its join code.
    #[command(after_help = "Example:\n  selvedge account join --code-file code.txt")]
    Join {
        /// The join code, or `-` to read it from stdin; without it, there is a prompt without echo. An argument is visible
        /// to other users in the process list.
        #[arg(conflicts_with = "code_file")]
        code: Option<String>,
        /// A file with the join code.
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        /// The name of this device for the account's other devices [default: the machine's name].
        #[arg(long, value_name = "NAME", value_parser = device_name)]
        device_name: Option<String>,
        /// What to do with records of another account in this profile.
        #[command(flatten)]
        choice: RecordsChoice,
        /// Encrypt the account's secrets with a key in the system keyring, as `account keyring on` does.
        #[arg(long)]
        keyring: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Use an account with credentials from elsewhere, or with a name and a password.
    #[command(
        long_about = "Use an account with credentials from elsewhere, or with a name and a password.\n\nFILE is JSON: a token server's response and the 64-byte sync key, {\"api_endpoint\", \"id\", \"key\", \"uid\", \"hashalg\", \"duration\", \"ksync_b64url\"}, or the credentials for such responses: {\"tokenserver_url\", \"access_token\", \"kid\", \"ksync_b64url\"}, or, for the older storage API 1.1, {\"server_url\", \"username\", \"password\", \"sync_key\"}. The first two may also have \"device_id\", the id of this device on an accounts server.\n\nWith --legacy, the account is one of the older storage API 1.1. Its password and its Sync Key are read from files, from a prompt, or from stdin: one line each, in this order.",
        after_help = "Example:\n  selvedge account use --credentials creds.json\n  selvedge account use --legacy --server http://127.0.0.1:8090 --username alice"
    )]
    Use {
        /// The file with the credentials, or `-` for stdin.
        #[arg(long, value_name = "FILE", required_unless_present = "legacy")]
        credentials: Option<PathBuf>,
        /// The account of the storage API 1.1.
        #[command(flatten)]
        legacy: LegacyArgs,
        /// The name of this device for the account's other devices [default: the machine's name].
        #[arg(long, value_name = "NAME", value_parser = device_name)]
        device_name: Option<String>,
        /// What to do with records of another account in this profile.
        #[command(flatten)]
        choice: RecordsChoice,
        /// Encrypt the account's secrets with a key in the system keyring, as `account keyring on` does.
        #[arg(long)]
        keyring: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Copy all records of the account to another, empty account, encrypted with new keys.
    #[command(
        long_about = "Copy all records of the account to another, empty account, on the same server or another one, encrypted with new keys.\n\nNothing is deleted, and this device continues to use its own account. Run the command again to continue an interrupted copy, or to copy what has changed since a complete one. The list of devices is not copied: each device adds itself when it joins the copy.",
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
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Set up again an account that cannot be synced, after showing what would be lost.
    #[command(
        long_about = "Set up again an account that cannot be synced, because its record meta/global or its keys are missing or damaged on the server.\n\nThe command shows what the server has, with counts and last changes, and asks. Then it deletes all of that on the server, unless something changed in the meantime, and sets up the account with the records of this device; other devices upload theirs when they sync. Nothing on the devices is deleted. An account that can be synced is not changed.",
        after_help = "Example:\n  selvedge account reinitialize --dry-run"
    )]
    Reinitialize {
        /// Write the missing record again from this device's copy, and delete nothing.
        #[arg(long, conflicts_with = "yes")]
        restore: bool,
        /// Agree to the loss without a prompt.
        #[arg(long)]
        yes: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Sign in with a Mozilla account, or with an account of your own accounts server.
    #[command(
        long_about = "Sign in with a Mozilla account, or with an account of your own accounts server (--accounts), so that `selvedge sync` works and renews its tokens itself.\n\nThe password is asked for without echo, or read from --password-file or stdin; it is never sent: the server gets a key derived from it. Codes of an authenticator app, recovery codes and codes by mail are asked for when they are needed, on stdin one line each. Sign in again at any time, for example after a new password: records and settings stay.",
        after_help = "Example:\n  selvedge account login me@example.org\n  selvedge account login me@example.org --accounts https://accounts.example.org --password-file pw.txt"
    )]
    Login(LoginArgs),
    /// Ask the accounts server whether this device is still signed in.
    #[command(after_help = "Example:\n  selvedge account status")]
    Status,
    /// Sign out: end this device's session, tokens and entry in the account; records stay here and on the server.
    #[command(after_help = "Example:\n  selvedge account logout")]
    Logout,
    /// List the devices of the signed-in account, or remove one.
    #[command(after_help = "Example:\n  selvedge account devices")]
    Devices {
        /// Also list devices that were not seen for three weeks.
        #[arg(long)]
        all: bool,
        /// Remove this device, by name or id, and sign it out.
        #[arg(long, value_name = "DEVICE")]
        remove: Option<String>,
    },
    /// List the programs that are signed in to the account.
    #[command(after_help = "Example:\n  selvedge account sessions")]
    Sessions,
    /// Show the account of this device.
    #[command(after_help = "Example:\n  selvedge account show")]
    Show {
        /// Also show the join code: anyone who has it can read and change all records.
        #[arg(long)]
        show_secrets: bool,
    },
    /// Send this program's version to the server, at most once a day, or not [default: off].
    #[command(after_help = "Example:\n  selvedge account tell-version on")]
    TellVersion {
        /// Whether the version is sent.
        #[arg(action = ArgAction::Set, value_name = "on|off", value_parser = on_or_off())]
        tells: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Encrypt the account's secrets on this device with a key in the system keyring, or store them in clear.
    #[command(
        subcommand,
        long_about = "Encrypt the account's secrets on this device with a key in the system keyring, or store them in clear.\n\nThe secrets are the sync key and what gets tokens (`credentials.json`), the tokens of a sign-in (`account.json`), and the storage token (`token.json`). They are in clear at first, with mode 0600. The keyring is the Secret Service on Linux (GNOME Keyring, KWallet, KeePassXC), the Keychain on macOS, and the Credential Manager on Windows; the entry has the service `selvedge` and the path of the profile as its user.\n\nIf the keyring is locked, missing, or lacks the key, commands that need the account fail with exit code 13; nothing is written in clear instead. Records (`store.sqlite`) are not encrypted."
    )]
    Keyring(KeyringCommand),
    /// Forget the account's secrets on this device; nothing on the server changes.
    #[command(after_help = "Example:\n  selvedge account forget --dry-run")]
    Forget {
        /// Also delete this device's records. If there are changes that were not sent, there is a prompt.
        #[arg(long)]
        with_records: bool,
        /// Agree to lose changes that were not sent, without a prompt.
        #[arg(long, requires = "with_records")]
        yes: bool,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// A sign-in with e-mail address and password.
#[derive(Debug, Clone, Args)]
pub struct LoginArgs {
    /// The account's e-mail address; without it, the one of the last sign-in, or a prompt.
    pub email: Option<String>,
    /// The URL of the accounts server's start page; its servers are read from `/.well-known/fxa-client-configuration`.
    #[arg(long, value_name = "URL", default_value = MOZILLA)]
    pub accounts: String,
    /// The URL of another token server than the one that the accounts server names.
    #[arg(long, value_name = "URL")]
    pub token_server: Option<String>,
    /// A file with the password, or `-` for stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub password_file: Option<PathBuf>,
    /// Read the password from the first line of stdin.
    #[arg(long)]
    pub password_stdin: bool,
    /// The OAuth client id of this program.
    #[arg(long, value_name = "ID", default_value = DEFAULT_CLIENT_ID, env = "SELVEDGE_CLIENT_ID", hide_env_values = true)]
    pub client_id: String,
    /// The name of this device for the account's other devices [default: the machine's name].
    #[arg(long, value_name = "NAME", value_parser = device_name)]
    pub device_name: Option<String>,
    /// What to do with records of another account in this profile.
    #[command(flatten)]
    pub choice: RecordsChoice,
    /// Encrypt the account's secrets with a key in the system keyring, as `account keyring on` does.
    #[arg(long)]
    pub keyring: bool,
}

/// What to do with the encryption of the account's secrets.
#[derive(Debug, Subcommand)]
pub enum KeyringCommand {
    /// Encrypt the account's secrets with a new key, which the system keyring stores.
    #[command(after_help = "Example:\n  selvedge account keyring on")]
    On {
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Write the account's secrets in clear, with mode 0600, and remove the key from the system keyring.
    #[command(after_help = "Example:\n  selvedge account keyring off")]
    Off {
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Show how the account's secrets are stored, and whether the system keyring has their key.
    #[command(after_help = "Example:\n  selvedge account keyring status")]
    Status,
}

/// An account with a name and a password.
#[derive(Debug, Clone, Args)]
pub struct LegacyArgs {
    /// An account of the older storage API 1.1, with a name, a password and a Sync Key.
    #[arg(long, conflicts_with = "credentials", requires_all = ["server", "username"])]
    pub legacy: bool,
    /// The URL of the account's server.
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
    /// Create a new Sync Key and print it: for an account without data.
    #[arg(long, requires = "legacy", conflicts_with = "sync_key_file")]
    pub new_sync_key: bool,
}

fn on_or_off() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["on", "off"]).map(|word| word == "on")
}
