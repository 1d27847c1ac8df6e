//! The grammar of `selvedge passwords`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::commands::records::ViewArgs;
use crate::commands::typed::Change;

/// The subcommands of `passwords`.
#[derive(Debug, Subcommand)]
pub enum PasswordsCommand {
    /// List the logins; their passwords are hidden.
    #[command(after_help = "Example:\n  selvedge passwords list")]
    List {
        /// Print the passwords.
        #[arg(long)]
        show_secrets: bool,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// List the logins whose site or user name has this text.
    #[command(after_help = "Example:\n  selvedge passwords search example")]
    Search {
        /// The text.
        text: String,
        /// Print the passwords.
        #[arg(long)]
        show_secrets: bool,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Show one login, or one field of it.
    #[command(after_help = "Example:\n  selvedge passwords show shop.example --field password")]
    Show {
        /// The login.
        #[command(flatten)]
        login: Wanted,
        /// Print only this field, as text: password, username, hostname, or another one of the record.
        #[arg(long, value_name = "NAME")]
        field: Option<String>,
        /// Print the password.
        #[arg(long)]
        show_secrets: bool,
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
    /// Add a login. The password is read from stdin, so that it is in no list of processes.
    #[command(
        after_help = "Example:\n  selvedge passwords add https://shop.example --username ann --generate"
    )]
    Add {
        /// The site: its origin, like `https://shop.example`.
        site: String,
        /// The user name.
        #[arg(long, default_value = "")]
        username: String,
        /// The origin that the form is sent to [default: the site].
        #[arg(long, value_name = "ORIGIN", conflicts_with = "realm")]
        action: Option<String>,
        /// The realm of a login that is not a form (HTTP authentication).
        #[arg(long)]
        realm: Option<String>,
        /// Make a password; `passwords show` prints it.
        #[arg(long)]
        generate: bool,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Change a login.
    #[command(after_help = "Example:\n  selvedge passwords edit shop.example --new-username anna")]
    Edit {
        /// The login.
        #[command(flatten)]
        login: Wanted,
        /// The new user name.
        #[arg(long, value_name = "NAME")]
        new_username: Option<String>,
        /// Read a new password from stdin.
        #[arg(long, conflicts_with = "generate")]
        new_password: bool,
        /// Make a new password.
        #[arg(long)]
        generate: bool,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Delete a login.
    #[command(after_help = "Example:\n  selvedge passwords delete shop.example --username ann")]
    Delete {
        /// The login.
        #[command(flatten)]
        login: Wanted,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Import logins from a CSV file of a browser or a password manager.
    #[command(
        long_about = "Import logins from a CSV file of a browser or a password manager.\n\nThe format is found by the titles of the columns: Firefox, Chrome, Bitwarden and KeePass. A login that is there already gets the file's password only with --replace. Delete the file afterwards: its passwords are readable.",
        after_help = "Example:\n  selvedge passwords import logins.csv --dry-run"
    )]
    Import {
        /// The file, or `-` for stdin.
        file: PathBuf,
        /// Replace passwords that differ.
        #[arg(long)]
        replace: bool,
        /// Print what would be done, but write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write all logins with their passwords as CSV to stdout.
    #[command(
        after_help = "Example:\n  selvedge passwords export --show-secrets --to bitwarden > logins.csv"
    )]
    Export {
        /// The program that reads it.
        #[arg(long, value_enum, default_value_t = CsvFormat::Firefox)]
        to: CsvFormat,
        /// Print the passwords; an export without them is refused.
        #[arg(long)]
        show_secrets: bool,
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
    /// Print a random password.
    #[command(after_help = "Example:\n  selvedge passwords generate --length 24")]
    Generate {
        /// The number of characters.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(8..=256))]
        length: u16,
        /// Only letters and digits.
        #[arg(long)]
        no_symbols: bool,
    },
    /// List logins that are there twice, and passwords that several sites share; the passwords are not printed.
    #[command(after_help = "Example:\n  selvedge passwords report")]
    Report {
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
}

/// One login.
#[derive(Debug, Clone, Args)]
pub struct Wanted {
    /// Its site (shop.example or https://shop.example), or its id.
    #[arg(value_name = "SITE|ID")]
    pub(super) site: String,
    /// The user name, if the site has several logins.
    #[arg(long)]
    pub(super) username: Option<String>,
}

/// CSV files of other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CsvFormat {
    /// Firefox.
    Firefox,
    /// Chrome, Edge and other Chromium browsers.
    Chrome,
    /// Bitwarden.
    Bitwarden,
    /// KeePass and KeePassXC.
    Keepass,
}
