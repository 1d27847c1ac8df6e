//! Backups as one file that is encrypted with the format of the program `age`, without unencrypted files in between.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal as _};
use std::iter::once;
use std::path::Path;

use age::secrecy::SecretString;
use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Encryptor, x25519};
use zeroize::Zeroizing;

use super::grammar::{CreateArgs, Unlock};
use crate::commands::secret::{read_secret, secret};
use crate::output::Output;
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::paths::shown;

/// The largest work factor of a passphrase that is accepted: a hostile file could ask for hours.
const MAX_WORK_FACTOR: u8 = 22;

/// What a backup is encrypted with.
pub(super) enum Lock {
    Recipients(Vec<x25519::Recipient>),
    Passphrase(Zeroizing<String>),
}

/// An encrypted file that is being written.
pub(super) type Writer = StreamWriter<BufWriter<File>>;

impl Lock {
    /// By the arguments; `None` for no encryption.
    pub(super) fn of(output: &Output, args: &CreateArgs) -> Result<Option<Self>> {
        if let Some(file) = &args.passphrase_file {
            let text = read_secret(output, file)?;
            let line = text.lines().next().unwrap_or_default();
            if line.is_empty() {
                return Err(HostError::BadFile {
                    path: file.clone(),
                    detail: "the first line is to be the passphrase, and it is empty".into(),
                });
            }
            return Ok(Some(Self::Passphrase(Zeroizing::new(line.to_owned()))));
        }
        let recipients: Result<Vec<_>> = args
            .encrypt
            .iter()
            .map(|text| {
                text.parse().map_err(|_| {
                    HostError::Usage(
                        "--encrypt needs a public key of age, which begins with age1: `age-keygen -y key.txt` prints it".into(),
                    )
                })
            })
            .collect();
        let recipients = recipients?;
        Ok((!recipients.is_empty()).then_some(Self::Recipients(recipients)))
    }

    /// The public keys in the order of their text; none for a passphrase.
    pub(super) fn recipients(&self) -> Vec<String> {
        let mut texts: Vec<String> = match self {
            Self::Recipients(recipients) => recipients.iter().map(ToString::to_string).collect(),
            Self::Passphrase(_) => Vec::new(),
        };
        texts.sort();
        texts.dedup();
        texts
    }

    /// Whether the passphrase opens a file. What is encrypted to public keys cannot be opened with them.
    pub(super) fn may_open(&self, path: &Path) -> bool {
        let Self::Passphrase(text) = self else {
            return true;
        };
        let Ok(file) = File::open(path) else {
            return false;
        };
        Decryptor::new_buffered(BufReader::new(file))
            .is_ok_and(|decryptor| decryptor.is_scrypt() && unlock(decryptor, text).is_ok())
    }

    /// Begins an encrypted file.
    pub(super) fn wrap(&self, file: File, path: &Path) -> Result<Writer> {
        let encryptor = match self {
            Self::Passphrase(text) => Encryptor::with_user_passphrase(phrase(text)),
            Self::Recipients(recipients) => {
                let recipients = recipients.iter().map(|one| one as &dyn age::Recipient);
                Encryptor::with_recipients(recipients)
                    .map_err(|error| HostError::Usage(format!("--encrypt: {error}")))?
            }
        };
        encryptor
            .wrap_output(BufWriter::with_capacity(1 << 16, file))
            .map_err(HostError::file(path))
    }
}

/// Decrypts with a passphrase.
fn unlock(
    decryptor: Decryptor<BufReader<File>>,
    text: &str,
) -> std::result::Result<StreamReader<BufReader<File>>, DecryptError> {
    let mut identity = age::scrypt::Identity::new(phrase(text));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    decryptor.decrypt(once(&identity as &dyn age::Identity))
}

fn phrase(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

/// What decrypts a backup; a prompt is answered once for all files of a command.
pub(super) struct Key<'a> {
    output: &'a Output,
    unlock: &'a Unlock,
    passphrase: Option<Zeroizing<String>>,
}

impl<'a> Key<'a> {
    pub(super) fn new(output: &'a Output, unlock: &'a Unlock) -> Self {
        Self {
            output,
            unlock,
            passphrase: None,
        }
    }

    /// Opens an encrypted file.
    pub(super) fn open(&mut self, path: &Path) -> Result<Box<dyn BufRead + Send>> {
        let file = File::open(path).map_err(HostError::file(path))?;
        let decryptor = Decryptor::new_buffered(BufReader::with_capacity(1 << 16, file))
            .map_err(|error| said(path, &error))?;
        let reader = if decryptor.is_scrypt() {
            let text = self.passphrase(path)?;
            unlock(decryptor, &text)
        } else {
            let identities = self.identities(path)?;
            decryptor.decrypt(identities.iter().map(|one| one as &dyn age::Identity))
        };
        let reader = reader.map_err(|error| said(path, &error))?;
        Ok(Box::new(BufReader::with_capacity(1 << 16, reader)))
    }

    fn passphrase(&mut self, path: &Path) -> Result<Zeroizing<String>> {
        if let Some(text) = &self.passphrase {
            return Ok(text.clone());
        }
        let text = match &self.unlock.passphrase_file {
            Some(file) => {
                let text = read_secret(self.output, file)?;
                Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
            }
            None if std::io::stdin().is_terminal() => {
                secret(self.output, None, "Passphrase", "--passphrase-file")?
            }
            None => {
                return Err(HostError::Usage(format!(
                    "{} is encrypted with a passphrase: pass --passphrase-file",
                    shown(path)
                )));
            }
        };
        Ok(self.passphrase.insert(text).clone())
    }

    fn identities(&self, path: &Path) -> Result<Vec<x25519::Identity>> {
        let Some(file) = &self.unlock.identity else {
            return Err(HostError::Usage(format!(
                "{} is encrypted with a public key: pass the file of the secret key with --identity",
                shown(path)
            )));
        };
        let text = read_secret(self.output, file)?;
        let lines = text.lines().map(str::trim);
        let found: Vec<_> = lines.filter_map(|line| line.parse().ok()).collect();
        if found.is_empty() {
            return Err(HostError::BadFile {
                path: file.clone(),
                detail:
                    "it has no secret key of age, which is a line that begins with AGE-SECRET-KEY-1"
                        .into(),
            });
        }
        Ok(found)
    }
}

/// Why an encrypted file cannot be opened.
fn said(path: &Path, error: &DecryptError) -> HostError {
    let refused = |why: &str| HostError::Refused {
        message: format!("{}: {why}", shown(path)),
        exit: Exit::BadData,
    };
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => refused(
            "the passphrase is wrong, or the file is damaged: use the passphrase with which the backup was made",
        ),
        DecryptError::NoMatchingKeys => refused(
            "the secret key is not one of those that the backup was encrypted to: use another one with --identity",
        ),
        DecryptError::ExcessiveWork { .. } => refused(
            "its passphrase needs too much work to check: decrypt the file with the program age",
        ),
        _ => refused(
            "this is not a file that age encrypted, or its beginning is damaged: use another backup",
        ),
    }
}
