//! The token with which programs of the server's owner create accounts without an invitation, on the same machine. A program
//! that can read this file in the data directory could create invitations as well. Nothing else in a request proves where it
//! comes from.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::master_secret_file::write_new;
use super::secret::{hash_secret, make_secret};
use crate::model::SecretHash;

/// The file in the data directory.
pub(crate) const FILE: &str = "local-token";
/// 43 characters and a line ending.
const MAX_BYTES: u64 = 64;

/// Reads the token of a data directory, or creates one, and returns its hash.
///
/// # Errors
/// When the file cannot be read or created, or does not contain a token.
pub(crate) fn read_or_make(directory: &Path) -> io::Result<SecretHash> {
    let path = directory.join(FILE);
    if !path.try_exists()? {
        let (text, _) =
            make_secret().ok_or_else(|| io::Error::other("the system has no random bytes"))?;
        write_new(&path, &text)?;
    }
    let text = read(&path)?;
    hash_secret(&text).ok_or_else(|| {
        let problem = format!(
            "{} does not contain a token: delete it, and a new one is created",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
}

/// The token in a data directory, with which programs of its owner create accounts without an invitation.
///
/// # Errors
/// When no server ever ran there, or the file cannot be read.
pub fn local_token_of(data: &Path) -> io::Result<Zeroizing<String>> {
    read(&data.join(FILE))
}

/// Reads a token file.
///
/// # Errors
/// When it cannot be read or is too long.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "too long for a token",
        ));
    }
    let text = Zeroizing::new(fs::read_to_string(path)?);
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_once_and_its_hash_is_that_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let hash = read_or_make(directory.path()).unwrap();
        assert_eq!(read_or_make(directory.path()).unwrap(), hash);
        let text = read(&directory.path().join(FILE)).unwrap();
        assert_eq!(hash_secret(&text), Some(hash));
    }

    #[test]
    fn a_file_that_holds_no_token_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "nonsense\n", &"A".repeat(1000)] {
            fs::write(directory.path().join(FILE), text).unwrap();
            assert!(read_or_make(directory.path()).is_err());
        }
    }
}
