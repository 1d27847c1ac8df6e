//! The files of a profile that hold secrets: in clear, or encrypted with a key from the system keyring.
//!
//! `credentials.json` decides: while it is encrypted, new secrets are encrypted too. Every change of the form writes and
//! reads back the new file before it takes the place of the old one, and goes in steps after each of which the
//! secrets can be read. A run that was stopped between two steps is completed by the next one.

use std::path::Path;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::exit::{HostError, Result};
use crate::keyring::KeyringError;
use crate::profile::{Profile, read_if_there, remove_if_there};
use crate::sealed::{self, Envelope, Key, OpenError};

/// How a file of secrets is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// There is no file.
    Absent,
    /// Readable without a key.
    Clear,
    /// Encrypted with the key in the keyring.
    Encrypted,
}

/// A file of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secret {
    Credentials,
    Account,
    Token,
}

/// How a profile's secrets are to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// As the existing credentials; in clear if the profile has no credentials.
    AsBefore,
    /// Encrypted with a key in the system keyring.
    Keyring,
}

/// What is to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Encrypted,
    Clear,
}

/// How the secrets of a profile are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    has_key: bool,
    credentials: Form,
    account: Form,
    token: Form,
}

/// One step to a [`Goal`]. The secrets can be read before and after each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    MakeKey,
    Encrypt(Secret),
    Decrypt(Secret),
    RemoveKey,
}

/// The next step; `None` when the goal is reached. A key is never made while a file is encrypted with another one.
const fn next(goal: Goal, state: State) -> Option<Step> {
    match goal {
        Goal::Encrypted => match state {
            State { has_key: false, .. } => Some(Step::MakeKey),
            State {
                credentials: Form::Clear,
                ..
            } => Some(Step::Encrypt(Secret::Credentials)),
            State {
                account: Form::Clear,
                ..
            } => Some(Step::Encrypt(Secret::Account)),
            State {
                token: Form::Clear, ..
            } => Some(Step::Encrypt(Secret::Token)),
            _ => None,
        },
        Goal::Clear => match state {
            State {
                token: Form::Encrypted,
                ..
            } => Some(Step::Decrypt(Secret::Token)),
            State {
                account: Form::Encrypted,
                ..
            } => Some(Step::Decrypt(Secret::Account)),
            State {
                credentials: Form::Encrypted,
                ..
            } => Some(Step::Decrypt(Secret::Credentials)),
            State { has_key: true, .. } => Some(Step::RemoveKey),
            _ => None,
        },
    }
}

impl Profile {
    /// The content of a file of secrets, decrypted if it is encrypted; `None` if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or the keyring does not give its key.
    pub fn read_secret(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(bytes) = read_if_there(path)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        match sealed::envelope(&bytes) {
            None => Ok(Some(bytes)),
            Some(envelope) => {
                let key = self.key_for(&envelope)?;
                self.open(path, &envelope, &key).map(Some)
            }
        }
    }

    /// Writes a file of secrets, encrypted if the credentials are or `protection` wants it.
    ///
    /// # Errors
    /// When the file cannot be written, or the keyring does not give the key; the old file is then as it was.
    pub fn write_secret(&self, path: &Path, content: &[u8], protection: Protection) -> Result<()> {
        let credentials = read_if_there(&self.credentials_path())?.map(Zeroizing::new);
        let envelope = credentials.and_then(|bytes| sealed::envelope(&bytes));
        match (envelope, protection) {
            (Some(envelope), _) => {
                let key = self.key_for(&envelope)?;
                self.write_encrypted(path, content, &key)
            }
            (None, Protection::AsBefore) => self.write(path, content),
            (None, Protection::Keyring) => {
                let key = self.prepare_key()?;
                self.write_encrypted(path, content, &key)
            }
        }
    }

    /// How the credentials are stored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn credentials_form(&self) -> Result<Form> {
        form(&self.credentials_path())
    }

    /// How the storage token is stored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn token_form(&self) -> Result<Form> {
        form(&self.token_path())
    }

    /// Whether the keyring has the key of this profile.
    ///
    /// # Errors
    /// When the keyring cannot be used.
    pub fn has_key(&self) -> Result<bool> {
        Ok(self.key()?.is_some())
    }

    /// Makes sure that the keyring answers, and writes nothing.
    ///
    /// # Errors
    /// When the keyring cannot be used.
    pub fn check_keyring(&self) -> Result<()> {
        // A directory that does not exist yet has no other name than the one that it was given.
        let path = match self.dir().exists() {
            true => self.keyring_path()?,
            false => std::path::absolute(self.dir()).map_err(HostError::file(self.dir()))?,
        };
        self.keyring().key(&path)?;
        Ok(())
    }

    /// Makes sure that the keyring has a key for this profile, and that it can be read back.
    ///
    /// # Errors
    /// When the keyring cannot be used; when files here are encrypted and their key is not there.
    pub fn prepare_key(&self) -> Result<Key> {
        if let Some(key) = self.key()? {
            return Ok(key);
        }
        self.make_dir()?;
        let path = self.keyring_path()?;
        let state = State {
            has_key: false,
            credentials: self.credentials_form()?,
            account: form(&self.account_path())?,
            token: self.token_form()?,
        };
        if state.credentials == Form::Encrypted {
            return Err(KeyringError::NoKey(path).into());
        }
        let key = Key::make().map_err(|_| {
            HostError::Failed("the system provides no random bytes for a new key".into())
        })?;
        self.keyring().store(&path, &key)?;
        match self.keyring().key(&path)? {
            Some(found) if found == key => Ok(key),
            _ => Err(KeyringError::OtherKey(path).into()),
        }
    }

    /// Encrypts the secrets with a key in the keyring. Answers whether anything was to be done.
    ///
    /// # Errors
    /// [`HostError::NoAccount`]; when a file cannot be read or written, or the keyring cannot be used. What was not
    /// changed yet is then in clear.
    pub fn encrypt_secrets(&self) -> Result<bool> {
        self.reach(Goal::Encrypted, usize::MAX)
    }

    /// Writes the secrets in clear, and removes the key from the keyring. Answers whether anything was to be done.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the keyring cannot be used. What was not changed yet is then encrypted.
    pub fn decrypt_secrets(&self) -> Result<bool> {
        self.reach(Goal::Clear, usize::MAX)
    }

    /// Removes the key from the keyring, where the files that it encrypted are gone.
    ///
    /// # Errors
    /// When the keyring cannot be used.
    pub fn remove_key(&self) -> Result<()> {
        self.cache().slot().take();
        Ok(self.keyring().remove(&self.keyring_path()?)?)
    }

    /// Takes at most this number of steps to the goal.
    fn reach(&self, goal: Goal, steps: usize) -> Result<bool> {
        if goal == Goal::Encrypted && self.credentials_form()? == Form::Absent {
            return Err(HostError::NoAccount);
        }
        let mut is_changed = false;
        for _ in 0..steps {
            let state = State {
                has_key: self.has_key()?,
                credentials: self.credentials_form()?,
                account: form(&self.account_path())?,
                token: self.token_form()?,
            };
            match next(goal, state) {
                None => break,
                Some(step) => self.carry_out(step)?,
            }
            is_changed = true;
        }
        Ok(is_changed)
    }

    fn carry_out(&self, step: Step) -> Result<()> {
        match step {
            Step::MakeKey => self.prepare_key().map(drop),
            Step::RemoveKey => self.remove_key(),
            Step::Encrypt(secret) => {
                let path = self.path_of(secret);
                let key = self.prepare_key()?;
                match read_if_there(&path)?.map(Zeroizing::new) {
                    Some(content) => self.write_encrypted(&path, &content, &key),
                    None => Ok(()),
                }
            }
            Step::Decrypt(secret) => {
                let path = self.path_of(secret);
                match self.read_secret(&path) {
                    Ok(Some(content)) => self.write(&path, &content),
                    Ok(None) => Ok(()),
                    // A token that cannot be opened is replaced by the next sync.
                    Err(HostError::BadFile { .. }) if secret == Secret::Token => {
                        remove_if_there(&path).map(drop)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    fn path_of(&self, secret: Secret) -> std::path::PathBuf {
        match secret {
            Secret::Credentials => self.credentials_path(),
            Secret::Account => self.account_path(),
            Secret::Token => self.token_path(),
        }
    }

    fn write_encrypted(&self, path: &Path, content: &[u8], key: &Key) -> Result<()> {
        let bytes = sealed::seal(key, &name(path), content).map_err(|_| {
            HostError::Failed("the system provides no random bytes for a nonce".into())
        })?;
        self.write_checked(path, &bytes, |written| {
            let opened =
                sealed::envelope(written).and_then(|envelope| envelope.open(key, &name(path)).ok());
            opened.is_some_and(|opened| *opened == content)
        })?;
        *self.cache().slot() = Some(key.clone());
        Ok(())
    }

    fn open(&self, path: &Path, envelope: &Envelope, key: &Key) -> Result<Zeroizing<Vec<u8>>> {
        envelope.open(key, &name(path)).map_err(|error| {
            let remedy = match error {
                OpenError::Version(_) => "use the version of selvedge that wrote it",
                _ => "restore it from a backup, or `selvedge account forget`, then join the account again",
            };
            HostError::BadFile {
                path: path.to_owned(),
                detail: format!("{error}: {remedy}"),
            }
        })
    }

    fn key(&self) -> Result<Option<Key>> {
        if !self.dir().exists() {
            return Ok(None);
        }
        Ok(self.keyring().key(&self.keyring_path()?)?)
    }

    /// The key that opens a file: the one that was read last, or the keyring's.
    fn key_for(&self, envelope: &Envelope) -> Result<Key> {
        if let Some(key) = &*self.cache().slot()
            && key.id() == envelope.key_id
        {
            return Ok(key.clone());
        }
        let path = self.keyring_path()?;
        let key = self
            .keyring()
            .key(&path)?
            .ok_or_else(|| KeyringError::NoKey(path.clone()))?;
        if key.id() != envelope.key_id {
            return Err(KeyringError::OtherKey(path).into());
        }
        *self.cache().slot() = Some(key.clone());
        Ok(key)
    }

    /// The name of the profile in the keyring: the path of its directory, without symbolic links.
    fn keyring_path(&self) -> Result<std::path::PathBuf> {
        std::fs::canonicalize(self.dir()).map_err(HostError::file(self.dir()))
    }
}

fn form(path: &Path) -> Result<Form> {
    let bytes = read_if_there(path)?.map(Zeroizing::new);
    Ok(match bytes {
        None => Form::Absent,
        Some(bytes) if sealed::envelope(&bytes).is_some() => Form::Encrypted,
        Some(_) => Form::Clear,
    })
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::keyring::Keyring;

    /// A keyring in memory, which can fail.
    #[derive(Debug, Default)]
    struct FakeKeyring {
        entries: Mutex<BTreeMap<PathBuf, Key>>,
        error: Mutex<Option<KeyringError>>,
    }

    impl FakeKeyring {
        fn check(&self) -> Result<(), KeyringError> {
            self.error.lock().unwrap().clone().map_or(Ok(()), Err)
        }
    }

    impl Keyring for FakeKeyring {
        fn key(&self, profile: &Path) -> Result<Option<Key>, KeyringError> {
            self.check()?;
            Ok(self.entries.lock().unwrap().get(profile).cloned())
        }

        fn store(&self, profile: &Path, key: &Key) -> Result<(), KeyringError> {
            self.check()?;
            let mut entries = self.entries.lock().unwrap();
            entries.insert(profile.to_owned(), key.clone());
            Ok(())
        }

        fn remove(&self, profile: &Path) -> Result<(), KeyringError> {
            self.check()?;
            self.entries.lock().unwrap().remove(profile);
            Ok(())
        }
    }

    const CREDENTIALS: &[u8] = br#"{"ksync_b64url":"the-sync-key"}"#;
    const TOKEN: &[u8] = br#"{"id":"the-token"}"#;

    struct Bench {
        keyring: Arc<FakeKeyring>,
        dir: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let bench = Self {
                keyring: Arc::default(),
                dir: tempfile::tempdir().unwrap(),
            };
            let profile = bench.profile();
            let path = profile.credentials_path();
            profile.write(&path, CREDENTIALS).unwrap();
            profile.write(&profile.token_path(), TOKEN).unwrap();
            bench
        }

        /// The profile as a new process sees it, without a cached key.
        fn profile(&self) -> Profile {
            let dir = self.dir.path().join("profile");
            Profile::find("default", Some(&dir))
                .unwrap()
                .with_keyring(Arc::clone(&self.keyring) as Arc<dyn Keyring>)
        }

        fn fail(&self, error: Option<KeyringError>) {
            *self.keyring.error.lock().unwrap() = error;
        }

        #[track_caller]
        fn assert_readable(&self) {
            let profile = self.profile();
            for (path, content) in [
                (profile.credentials_path(), CREDENTIALS),
                (profile.token_path(), TOKEN),
            ] {
                let read = profile.read_secret(&path).unwrap().unwrap();
                assert_eq!(*read, content, "{}", path.display());
            }
        }

        fn forms(&self) -> (Form, Form) {
            let profile = self.profile();
            (
                profile.credentials_form().unwrap(),
                profile.token_form().unwrap(),
            )
        }
    }

    #[test]
    fn every_row() {
        use Form::{Absent, Clear, Encrypted};
        let rows = [
            (Goal::Encrypted, false, Clear, Clear, Some(Step::MakeKey)),
            (
                Goal::Encrypted,
                true,
                Clear,
                Clear,
                Some(Step::Encrypt(Secret::Credentials)),
            ),
            (
                Goal::Encrypted,
                true,
                Encrypted,
                Clear,
                Some(Step::Encrypt(Secret::Token)),
            ),
            (Goal::Encrypted, true, Encrypted, Encrypted, None),
            (Goal::Encrypted, true, Encrypted, Absent, None),
            (
                Goal::Clear,
                true,
                Encrypted,
                Encrypted,
                Some(Step::Decrypt(Secret::Token)),
            ),
            (
                Goal::Clear,
                true,
                Encrypted,
                Clear,
                Some(Step::Decrypt(Secret::Credentials)),
            ),
            (Goal::Clear, true, Clear, Absent, Some(Step::RemoveKey)),
            (Goal::Clear, false, Clear, Clear, None),
            (Goal::Clear, true, Absent, Absent, Some(Step::RemoveKey)),
        ];
        for (goal, has_key, credentials, token, expected) in rows {
            let state = State {
                has_key,
                credentials,
                account: Absent,
                token,
            };
            assert_eq!(next(goal, state), expected, "{goal:?} {state:?}");
        }
    }

    #[test]
    fn a_stored_sign_in_is_encrypted_and_decrypted_with_the_credentials() {
        let bench = Bench::new();
        let path = bench.profile().account_path();
        bench.profile().write(&path, b"{}").unwrap();
        bench.profile().encrypt_secrets().unwrap();
        assert_eq!(form(&path).unwrap(), Form::Encrypted);
        assert_eq!(
            **bench.profile().read_secret(&path).unwrap().unwrap(),
            *b"{}"
        );
        bench.profile().decrypt_secrets().unwrap();
        assert_eq!(form(&path).unwrap(), Form::Clear);
        assert!(bench.keyring.entries.lock().unwrap().is_empty());
    }

    #[test]
    fn after_every_step_the_secrets_can_be_read_and_the_next_run_completes_it() {
        for (goal, all, reached) in [
            (Goal::Encrypted, 3, (Form::Encrypted, Form::Encrypted)),
            (Goal::Clear, 3, (Form::Clear, Form::Clear)),
        ] {
            for steps in 0..=all {
                let bench = Bench::new();
                if goal == Goal::Clear {
                    assert!(bench.profile().encrypt_secrets().unwrap());
                }
                bench.profile().reach(goal, steps).unwrap();
                bench.assert_readable();
                let is_changed = bench.profile().reach(goal, usize::MAX).unwrap();
                assert_eq!(is_changed, steps < all, "{goal:?} {steps}");
                assert_eq!(bench.forms(), reached);
                bench.assert_readable();
            }
        }
    }

    #[test]
    fn after_every_step_the_other_direction_completes_too() {
        for steps in 0..=3 {
            let bench = Bench::new();
            bench.profile().reach(Goal::Encrypted, steps).unwrap();
            bench.profile().decrypt_secrets().unwrap();
            assert_eq!(bench.forms(), (Form::Clear, Form::Clear));
            assert!(bench.keyring.entries.lock().unwrap().is_empty());
            bench.profile().encrypt_secrets().unwrap();
            bench.profile().reach(Goal::Clear, steps).unwrap();
            bench.profile().encrypt_secrets().unwrap();
            assert_eq!(bench.forms(), (Form::Encrypted, Form::Encrypted));
            bench.assert_readable();
        }
    }

    #[test]
    fn a_keyring_that_fails_changes_no_file() {
        let bench = Bench::new();
        bench.fail(Some(KeyringError::Locked));
        let error = bench.profile().encrypt_secrets().unwrap_err();
        assert_eq!(error.code(), "keyring-locked");
        assert_eq!(bench.forms(), (Form::Clear, Form::Clear));
        bench.assert_readable();
        bench.fail(None);
        bench.profile().encrypt_secrets().unwrap();
        let path = bench.profile().credentials_path();
        let before = std::fs::read(&path).unwrap();
        bench.fail(Some(KeyringError::Locked));
        let profile = bench.profile();
        assert!(profile.read_secret(&path).is_err());
        assert!(profile.decrypt_secrets().is_err());
        let written = profile.write_secret(&path, b"new", Protection::AsBefore);
        assert!(written.is_err(), "never in clear instead");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_lost_or_another_key_is_said_and_no_new_one_is_made() {
        let bench = Bench::new();
        bench.profile().encrypt_secrets().unwrap();
        let path = bench.profile().credentials_path();
        let before = std::fs::read(&path).unwrap();
        let entries = std::mem::take(&mut *bench.keyring.entries.lock().unwrap());
        for act in [Profile::encrypt_secrets, Profile::decrypt_secrets] {
            let error = act(&bench.profile()).unwrap_err();
            assert_eq!(error.code(), "keyring-no-key", "{error}");
        }
        assert!(bench.keyring.entries.lock().unwrap().is_empty());
        for profile in entries.keys() {
            let other = Key::make().unwrap();
            bench.keyring.store(profile, &other).unwrap();
        }
        let error = bench.profile().decrypt_secrets().unwrap_err();
        assert_eq!(error.code(), "keyring-other-key", "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        // With the right key all is well again.
        *bench.keyring.entries.lock().unwrap() = entries;
        bench.assert_readable();
    }

    #[test]
    fn new_secrets_are_stored_as_the_credentials_are() {
        let bench = Bench::new();
        let token = bench.profile().token_path();
        let write = |protection| {
            let profile = bench.profile();
            profile.write_secret(&token, TOKEN, protection).unwrap();
        };
        write(Protection::AsBefore);
        assert_eq!(bench.forms().1, Form::Clear);
        bench.profile().encrypt_secrets().unwrap();
        write(Protection::AsBefore);
        assert_eq!(bench.forms().1, Form::Encrypted);
        bench.assert_readable();
    }

    #[test]
    fn a_profile_without_an_account_has_nothing_to_encrypt() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::find("default", Some(dir.path())).unwrap();
        let profile = profile.with_keyring(Arc::new(FakeKeyring::default()));
        assert!(matches!(
            profile.encrypt_secrets(),
            Err(HostError::NoAccount)
        ));
        assert!(!profile.decrypt_secrets().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn an_encrypted_file_is_its_owners_alone_and_nothing_is_left_beside_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let bench = Bench::new();
        bench.profile().encrypt_secrets().unwrap();
        let profile = bench.profile();
        for path in [profile.credentials_path(), profile.token_path()] {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(profile.dir()).unwrap().count(), 2);
    }

    #[test]
    fn a_token_that_cannot_be_opened_is_dropped() {
        let bench = Bench::new();
        bench.profile().encrypt_secrets().unwrap();
        let profile = bench.profile();
        // The content of another file: its name does not fit.
        std::fs::copy(profile.credentials_path(), profile.token_path()).unwrap();
        profile.decrypt_secrets().unwrap();
        assert_eq!(bench.forms(), (Form::Clear, Form::Absent));
    }
}
