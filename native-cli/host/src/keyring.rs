//! The system keyring: the Secret Service on Linux and other Unix systems, the Keychain on macOS, the Credential Manager on
//! Windows. It keeps one key per profile, under the service `selvedge` and the path of the profile's directory.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::paths::shown;
use crate::sealed::Key;

/// Where keys are kept.
pub trait Keyring: fmt::Debug + Send + Sync {
    /// The key of a profile; `None` if there is no entry.
    ///
    /// # Errors
    /// [`KeyringError`]
    fn key(&self, profile: &Path) -> Result<Option<Key>, KeyringError>;

    /// Stores the key of a profile.
    ///
    /// # Errors
    /// [`KeyringError`]
    fn store(&self, profile: &Path, key: &Key) -> Result<(), KeyringError>;

    /// Removes the key of a profile. A missing entry is not an error.
    ///
    /// # Errors
    /// [`KeyringError`]
    fn remove(&self, profile: &Path) -> Result<(), KeyringError>;
}

/// Why the keyring does not give or take a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is no keyring service, or it does not work.
    #[error(
        "the system keyring is not available ({0}): run this in a desktop session with a Secret Service (GNOME Keyring, KWallet, KeePassXC) and DBUS_SESSION_BUS_ADDRESS set"
    )]
    Unavailable(String),
    /// It is locked, and was not unlocked.
    #[error("the system keyring is locked: unlock it, then run this command again")]
    Locked,
    /// It did not answer in time.
    #[error(
        "the system keyring did not answer within {0} seconds: answer its password prompt, or unlock it first, then run this command again"
    )]
    Timeout(u64),
    /// There is no entry for the profile.
    #[error(
        "the system keyring has no key for {}, and the credentials there are encrypted with it: log in as the user whose keyring has the entry `selvedge`, or move the profile back to the path where it was encrypted; if the key is lost, `selvedge account forget`, then join the account again",
        shown(.0)
    )]
    NoKey(PathBuf),
    /// The entry has another key than the one that encrypted the files.
    #[error(
        "the system keyring has another key for {} than the one that encrypted the credentials there: restore the entry `selvedge` from a backup of the keyring; if the key is lost, `selvedge account forget`, then join the account again",
        shown(.0)
    )]
    OtherKey(PathBuf),
    /// The entry is not a key.
    #[error(
        "the entry `selvedge` for {} in the system keyring is not a key of {bytes} bytes: delete the entry in the keyring's own program, or restore it from a backup",
        shown(.profile),
        bytes = crate::sealed::KEY_BYTES
    )]
    NotAKey {
        /// The path of the profile.
        profile: PathBuf,
    },
    /// More than one entry has the name.
    #[error(
        "the system keyring has more than one entry `selvedge` for {}: delete all but the right one in the keyring's own program",
        shown(.0)
    )]
    Ambiguous(PathBuf),
    /// The program was built without the feature `keyring`.
    #[error(
        "this program was built without support for the system keyring: use a build with the cargo feature `keyring`"
    )]
    Unsupported,
}

impl KeyringError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) | Self::Unsupported => "keyring-unavailable",
            Self::Locked | Self::Timeout(_) => "keyring-locked",
            Self::NoKey(_) => "keyring-no-key",
            Self::OtherKey(_) | Self::NotAKey { .. } | Self::Ambiguous(_) => "keyring-other-key",
        }
    }
}

/// The keyring of the user who runs the program.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemKeyring;

#[cfg(not(feature = "keyring"))]
impl Keyring for SystemKeyring {
    fn key(&self, _: &Path) -> Result<Option<Key>, KeyringError> {
        Err(KeyringError::Unsupported)
    }

    fn store(&self, _: &Path, _: &Key) -> Result<(), KeyringError> {
        Err(KeyringError::Unsupported)
    }

    fn remove(&self, _: &Path) -> Result<(), KeyringError> {
        Err(KeyringError::Unsupported)
    }
}

#[cfg(feature = "keyring")]
mod system {
    use std::sync::Arc;
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    #[cfg(target_os = "macos")]
    use apple_native_keyring_store::keychain::Store;
    use keyring_core::api::CredentialStoreApi as _;
    use keyring_core::{Entry, Error};
    #[cfg(windows)]
    use windows_native_keyring_store::Store;
    #[cfg(all(unix, not(target_os = "macos")))]
    use zbus_secret_service_keyring_store::Store;
    use zeroize::Zeroizing;

    use super::{Key, Keyring, KeyringError, Path, SystemKeyring, shown};

    /// The service of every entry.
    const SERVICE: &str = "selvedge";

    /// How long the keyring may take, with the time in which a person types its password.
    const TIMEOUT: Duration = Duration::from_secs(60);

    impl Keyring for SystemKeyring {
        fn key(&self, profile: &Path) -> Result<Option<Key>, KeyringError> {
            let found = with_entry(profile, |entry| match entry.get_secret() {
                Err(Error::NoEntry) => Ok(None),
                secret => secret.map(Zeroizing::new).map(Some),
            })?;
            found
                .map(|bytes| {
                    Key::from_bytes(&bytes).ok_or_else(|| KeyringError::NotAKey {
                        profile: profile.to_owned(),
                    })
                })
                .transpose()
        }

        fn store(&self, profile: &Path, key: &Key) -> Result<(), KeyringError> {
            let key = key.clone();
            with_entry(profile, move |entry| entry.set_secret(key.as_bytes()))
        }

        fn remove(&self, profile: &Path) -> Result<(), KeyringError> {
            with_entry(profile, |entry| match entry.delete_credential() {
                Err(Error::NoEntry) => Ok(()),
                removed => removed,
            })
        }
    }

    /// Does something with a profile's entry on a thread of its own: the keyring's client blocks, and may wait for a person.
    fn with_entry<T: Send + 'static>(
        profile: &Path,
        work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let user = shown(profile);
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let done = open(&user).and_then(|entry| work(&entry));
            // The receiver is gone if the time is over.
            let _ = sender.send(done);
        });
        match receiver.recv_timeout(TIMEOUT) {
            Ok(done) => done.map_err(|error| meaning(profile, &error)),
            Err(RecvTimeoutError::Timeout) => Err(KeyringError::Timeout(TIMEOUT.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err(KeyringError::Unavailable(
                "its client stopped unexpectedly".into(),
            )),
        }
    }

    fn open(user: &str) -> Result<Entry, Error> {
        let store: Arc<Store> = Store::new()?;
        store.build(SERVICE, user, None)
    }

    fn meaning(profile: &Path, error: &Error) -> KeyringError {
        match error {
            Error::NoEntry => KeyringError::NoKey(profile.to_owned()),
            Error::NoStorageAccess(_) => KeyringError::Locked,
            Error::Ambiguous(_) => KeyringError::Ambiguous(profile.to_owned()),
            Error::BadEncoding(_) | Error::BadDataFormat(..) => KeyringError::NotAKey {
                profile: profile.to_owned(),
            },
            Error::PlatformFailure(source) => KeyringError::Unavailable(source.to_string()),
            other => KeyringError::Unavailable(other.to_string()),
        }
    }
}
