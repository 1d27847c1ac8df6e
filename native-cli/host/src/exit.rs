//! How the program ends: its exit codes and its errors.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use selvedge_core::error::Error;
use selvedge_core::host::StoreErrorKind;
use selvedge_core::http::FetchErrorKind;

use crate::keyring::KeyringError;
use crate::paths::shown;

/// The exit status: an interface for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// Something else went wrong.
    Failed = 1,
    /// The command line or the input is not usable.
    Usage = 2,
    /// There is no account here, or the server does not take its credentials.
    SignedOut = 3,
    /// There is no such record, collection or file.
    NotFound = 4,
    /// Somebody else was at it: another device wrote in between, or another process uses the profile.
    Conflict = 5,
    /// The server cannot be reached.
    Offline = 6,
    /// The server wants to be left alone for a while.
    Wait = 7,
    /// The sync key does not fit the account's data.
    WrongKey = 8,
    /// Some records could not pass; the others did.
    Partial = 9,
    /// The local store or another file cannot be read or written: full, damaged, or not permitted.
    Storage = 10,
    /// The data on the server are damaged or of a newer format, or its answer cannot be read.
    BadData = 11,
    /// Only a person may decide how it goes on, because data of others would be deleted.
    NeedsConsent = 12,
    /// The system keyring is locked or missing, or does not have the key of the profile's credentials.
    Keyring = 13,
    /// A person stopped it with Ctrl-C: 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
}

/// The exit codes as `--help` lists them.
pub const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  failed for another reason
   2  the command line or the input is not usable
   3  signed out: no account here, or its credentials are refused
   4  no such record, collection or file
   5  conflict: another device or process was at it
   6  offline: the server cannot be reached
   7  the server wants to be left alone for a while
   8  the sync key does not fit the account's data
   9  some records could not pass; the others did
  10  the local store or a file: full, damaged or not permitted
  11  the data on the server are damaged, or of a newer format
  12  a person has to decide: going on would delete data on the server
  13  the system keyring is locked, missing, or lacks the key of the credentials
 130  interrupted with Ctrl-C; what was done until then is kept";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to. The message is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The core says so.
    #[error(transparent)]
    Core(#[from] Error),
    /// The command line or the input is not usable.
    #[error("{0}")]
    Usage(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The profile has no account.
    #[error(
        "there is no account here: begin with `selvedge account create` or `selvedge account join`"
    )]
    NoAccount,
    /// The profile has one already.
    #[error(
        "this profile has an account already: `selvedge account forget` it first, or choose another --profile"
    )]
    AccountExists,
    /// The records here are another account's, and nobody has chosen what becomes of them.
    #[error(
        "this profile has {} of another account: keep them in a file of their own with --keep-apart, or make them \
         this account's with --adopt-records (also if this is the same account with a new password); --dry-run shows them",
        crate::output::records(*.total)
    )]
    OtherRecords {
        /// How many there are.
        total: u64,
    },
    /// The records here are not those of the profile's account.
    #[error(
        "the records in this profile belong to another account than its credentials, so nothing was synced: \
         `selvedge account forget`, then name the account again with --keep-apart or --adopt-records"
    )]
    OtherAccount,
    /// The profile has credentials of another account.
    #[error(
        "this profile has another account: choose another --profile for this one, or `selvedge account forget` that one first"
    )]
    AccountDiffers,
    /// Another process syncs this profile.
    #[error("another selvedge is using this profile: wait for it to end")]
    InUse,
    /// Another daemon serves this profile.
    #[error("another `selvedge daemon` serves this profile: stop it first")]
    Served,
    /// A file cannot be read or written.
    #[error("{}: {source}", shown(.path))]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or a directory with secrets is not its owner's alone.
    #[error("{0}")]
    Exposed(String),
    /// The system keyring does not give or take the key of the profile's credentials.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A person stopped it with Ctrl-C.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// A file does not hold what it should.
    #[error("{}: {detail}", shown(.path))]
    BadFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it and what to do; never its content.
        detail: String,
    },
    /// Some records could not pass; the others did.
    #[error("{0}")]
    Partial(String),
    /// Only a person may decide how it goes on.
    #[error("{0}")]
    NeedsConsent(String),
    /// A check of the program's own did not hold.
    #[error("{0}")]
    Failed(String),
    /// The server refused with a reason of its own.
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
    /// The answer cannot be written to stdout.
    #[error("the answer cannot be written: {0}")]
    Output(#[source] io::Error),
}

/// What helps when the server refuses the credentials, or the sync key is another one.
const REPLACE_CREDENTIALS: &str = "`selvedge account use` or `selvedge account join` with new credentials of the account replaces these, and records stay";

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

    /// Whether the reader of stdout has gone away, as `head` does: then there is nobody to tell.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
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
