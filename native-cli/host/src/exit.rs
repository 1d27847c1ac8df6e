//! How the program ends: its exit codes and its errors.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use selvedge_core::account::mozilla::{AccountError, Problem};
use selvedge_core::error::Error;
use selvedge_core::host::StoreErrorKind;
use selvedge_core::http::FetchErrorKind;

use crate::keyring::KeyringError;
use crate::paths::shown;

/// The exit status: an interface for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command succeeded.
    Done = 0,
    /// Another failure.
    Failed = 1,
    /// The command line or the input is invalid.
    Usage = 2,
    /// The profile has no account, or the server refuses its credentials.
    SignedOut = 3,
    /// The record, collection or file does not exist.
    NotFound = 4,
    /// Conflict: another device wrote in between, or another process uses the profile.
    Conflict = 5,
    /// The server cannot be reached.
    Offline = 6,
    /// The server asked clients to wait.
    Wait = 7,
    /// The sync key does not match the account's data.
    WrongKey = 8,
    /// Some records failed; the others succeeded.
    Partial = 9,
    /// The local store or another file cannot be read or written: full, damaged, or not permitted.
    Storage = 10,
    /// The data on the server are damaged or of a newer format, or its answer cannot be read.
    BadData = 11,
    /// A person has to decide, because continuing would delete data of other devices.
    NeedsConsent = 12,
    /// The system keyring is locked or missing, or does not have the key of the profile's credentials.
    Keyring = 13,
    /// Interrupted with Ctrl-C: 128 plus the number of SIGINT, as in shells.
    Interrupted = 130,
}

/// The exit codes as `--help` lists them.
pub const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  failed for another reason
   2  the command line or the input is invalid
   3  signed out: this profile has no account, or the server refuses its credentials
   4  no such record, collection or file
   5  conflict: another device wrote in between, or another process uses the profile
   6  offline: the server cannot be reached
   7  the server asked clients to wait
   8  the sync key does not match the account's data
   9  partial: some records failed; the others succeeded
  10  the local store or a file: full, damaged or not permitted
  11  the data on the server are damaged, or of a newer format
  12  a person has to decide: continuing would delete data on the server
  13  the system keyring is locked, missing, or lacks the key of the credentials
 130  interrupted with Ctrl-C; changes made before that are kept";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed. The message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// An error of the core.
    #[error(transparent)]
    Core(#[from] Error),
    /// An accounts server refused.
    #[error(transparent)]
    Account(#[from] Problem),
    /// The command line or the input is invalid.
    #[error("{0}")]
    Usage(String),
    /// The thing does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The profile has no account.
    #[error(
        "this profile has no account: run `selvedge account create` or `selvedge account join`"
    )]
    NoAccount,
    /// The profile already has an account.
    #[error(
        "this profile already has an account: run `selvedge account forget` first, or choose another --profile"
    )]
    AccountExists,
    /// The records here belong to another account, and it was not chosen what to do with them.
    #[error(
        "this profile has {} of another account: keep them in a separate file with --keep-apart, or move them to \
         this account with --adopt-records (also if this is the same account with a new password); --dry-run shows them",
        crate::output::records(*.total)
    )]
    OtherRecords {
        /// How many there are.
        total: u64,
    },
    /// The records here are not those of the profile's account.
    #[error(
        "the records in this profile belong to another account than its credentials, so nothing was synced: \
         run `selvedge account forget`, then join the account again with --keep-apart or --adopt-records"
    )]
    OtherAccount,
    /// The profile has credentials of another account.
    #[error(
        "this profile has another account: choose another --profile for the new one, or run `selvedge account forget` first"
    )]
    AccountDiffers,
    /// Another process syncs this profile.
    #[error("another selvedge process is using this profile: wait until it ends")]
    InUse,
    /// Another daemon runs for this profile.
    #[error("another `selvedge daemon` is running for this profile: stop it first")]
    Served,
    /// A file cannot be read or written.
    #[error("{}: {source}", shown(.path))]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Other users can access a file or a directory with secrets.
    #[error("{0}")]
    Exposed(String),
    /// The system keyring does not give or take the key of the profile's credentials.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Interrupted with Ctrl-C.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// The content of a file is invalid.
    #[error("{}: {detail}", shown(.path))]
    BadFile {
        /// Which.
        path: PathBuf,
        /// What is invalid and what to do; never the content.
        detail: String,
    },
    /// Some records failed; the others succeeded.
    #[error("{0}")]
    Partial(String),
    /// A person has to decide how to continue.
    #[error("{0}")]
    NeedsConsent(String),
    /// An internal check failed.
    #[error("{0}")]
    Failed(String),
    /// The server refused with its own reason.
    #[error("{message}")]
    Refused {
        /// What it says and what to do.
        message: String,
        /// The exit code.
        exit: Exit,
    },
    /// An operation failed whose exit status has numbers of its own, which other programs know.
    #[error("{message}")]
    Numbered {
        /// The process's exit status.
        number: u8,
        /// The exit code that comes nearest to it.
        exit: Exit,
        /// A stable word for programs.
        code: &'static str,
        /// What happened and what to do about it.
        message: String,
    },
    /// The output cannot be written to stdout.
    #[error("the output cannot be written to stdout: {0}")]
    Output(#[source] io::Error),
}

/// What to do if the server refuses the credentials, or the sync key is a different one.
const REPLACE_CREDENTIALS: &str = "to replace the credentials and keep the records, run `selvedge account use` or `selvedge account join` with new credentials of the account";

/// A result of a command.
pub type Result<T, E = HostError> = std::result::Result<T, E>;

impl HostError {
    /// An error of the file system about `path`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// The message for a person: what happened, and what to do about it.
    #[must_use]
    pub fn message(&self) -> String {
        let is_refused = matches!(self, Self::Core(_) | Self::Refused { .. })
            && matches!(self.exit(), Exit::SignedOut | Exit::WrongKey);
        match is_refused {
            true => format!("{self}; {REPLACE_CREDENTIALS}"),
            false => self.to_string(),
        }
    }

    /// The exit code of this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Core(error) => exit_of(error),
            Self::Account(problem) => exit_of_problem(problem),
            Self::Usage(_)
            | Self::AccountExists
            | Self::AccountDiffers
            | Self::OtherRecords { .. }
            | Self::OtherAccount => Exit::Usage,
            Self::NotFound(_) => Exit::NotFound,
            Self::NoAccount => Exit::SignedOut,
            Self::InUse | Self::Served => Exit::Conflict,
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => Exit::NotFound,
            Self::File { .. } | Self::Exposed(_) => Exit::Storage,
            Self::Keyring(_) => Exit::Keyring,
            Self::Interrupted(_) => Exit::Interrupted,
            Self::BadFile { .. } => Exit::Usage,
            Self::Partial(_) => Exit::Partial,
            Self::NeedsConsent(_) => Exit::NeedsConsent,
            Self::Failed(_) | Self::Output(_) => Exit::Failed,
            Self::Refused { exit, .. } | Self::Numbered { exit, .. } => *exit,
        }
    }

    /// The exit status: the number of [`HostError::exit`], except for operations with numbers of their own.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::Numbered { number, .. } => *number,
            _ => self.exit() as u8,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Core(error) => error.code(),
            Self::Account(problem) => problem.code(),
            Self::Usage(_) => "usage",
            Self::NotFound(_) => "not-found",
            Self::NoAccount => "no-account",
            Self::AccountExists => "account-exists",
            Self::OtherRecords { .. } | Self::OtherAccount | Self::AccountDiffers => {
                "other-account"
            }
            Self::InUse => "in-use",
            Self::Served => "served",
            Self::File { .. } => "file",
            Self::Exposed(_) => "exposed",
            Self::Keyring(error) => error.code(),
            Self::Interrupted(_) => "interrupted",
            Self::BadFile { .. } => "bad-file",
            Self::Partial(_) => "partial",
            Self::NeedsConsent(_) => "needs-consent",
            Self::Failed(_) => "failed",
            Self::Refused { .. } => "refused",
            Self::Numbered { code, .. } => code,
            Self::Output(_) => "output",
        }
    }

    /// Whether the reader of stdout has closed it, as `head` does. This is not reported.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<AccountError> for HostError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Problem(problem) => Self::Account(problem),
            AccountError::Core(error) => Self::Core(error),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// The exit code of a refusal by an accounts server.
const fn exit_of_problem(problem: &Problem) -> Exit {
    match problem {
        Problem::Throttled { .. } | Problem::Busy { .. } | Problem::BotChallenge => Exit::Wait,
        Problem::ServerFailed { .. } => Exit::Offline,
        Problem::UnknownDevice => Exit::NotFound,
        Problem::UnknownClient
        | Problem::ScopeRefused
        | Problem::ClientRefused
        | Problem::NotGenuine { .. }
        | Problem::NoSuchCommand => Exit::Usage,
        Problem::Refused { .. } => Exit::Failed,
        _ => Exit::SignedOut,
    }
}

/// The exit code of an error of the core.
#[must_use]
pub fn exit_of(error: &Error) -> Exit {
    match error {
        Error::SignedOut { .. } => Exit::SignedOut,
        Error::WrongKey | Error::WrongCollectionKey => Exit::WrongKey,
        Error::Wait { .. } => Exit::Wait,
        Error::Conflict { .. }
        | Error::BatchLost { .. }
        | Error::SetupRace
        | Error::LookAgain { .. }
        | Error::ChangedSinceShown { .. } => Exit::Conflict,
        Error::NeedsConsent { .. } => Exit::NeedsConsent,
        Error::NotGenuine { .. } => Exit::Offline,
        Error::NotFound { .. } | Error::NotSetUp | Error::NoSuchRecord { .. } => Exit::NotFound,
        Error::Input(_) | Error::Moved { .. } | Error::OtherAccount => Exit::Usage,
        Error::Network { source, .. } => match source.kind {
            FetchErrorKind::Offline
            | FetchErrorKind::Timeout
            | FetchErrorKind::Tls
            | FetchErrorKind::Dropped
            | FetchErrorKind::Cut => Exit::Offline,
            FetchErrorKind::Insecure | FetchErrorKind::Proxy => Exit::Usage,
            _ => Exit::Failed,
        },
        Error::Store(error) if error.kind == StoreErrorKind::Busy => Exit::Conflict,
        Error::Store(_) => Exit::Storage,
        Error::UpgradeNeeded { .. }
        | Error::Undecodable { .. }
        | Error::Contradiction { .. }
        | Error::UnusableKey { .. }
        | Error::Answer { .. } => Exit::BadData,
        _ => Exit::Failed,
    }
}

impl From<selvedge_core::host::StoreError> for HostError {
    fn from(error: selvedge_core::host::StoreError) -> Self {
        Self::Core(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_exit_code_and_no_other() {
        let listed: Vec<u8> = EXIT_CODES
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
            .collect();
        let last = Exit::Keyring as u8;
        let interrupted = Exit::Interrupted as u8;
        assert_eq!(listed, (0..=last).chain([interrupted]).collect::<Vec<_>>());
    }

    #[test]
    fn refused_credentials_are_said_with_the_command_that_replaces_them() {
        let request =
            selvedge_core::error::RequestLine::new(selvedge_core::http::Method::Get, "info");
        for (error, helps) in [
            (HostError::Core(Error::SignedOut { request }), true),
            (HostError::Core(Error::WrongKey), true),
            (HostError::Core(Error::NotSetUp), false),
            (HostError::NoAccount, false),
        ] {
            let said = error.message();
            assert_eq!(said.contains("selvedge account use"), helps, "{said}");
        }
    }

    #[test]
    fn a_missing_file_is_told_from_an_unreadable_one() {
        let of = |kind: io::ErrorKind| HostError::file(Path::new("x"))(kind.into()).exit();
        assert_eq!(of(io::ErrorKind::NotFound), Exit::NotFound);
        assert_eq!(of(io::ErrorKind::PermissionDenied), Exit::Storage);
    }
}
