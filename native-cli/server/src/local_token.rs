//! Accounts without an invitation for programs of the person who runs the server, on the same machine: who can read the
//! token file in the data directory may as well make invitations. Nothing else about a request proves where it is from.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::accounts::make_secret;
use super::secret::write_new;
use super::storage::SecretHash;
use super::tokenserver::hash_secret;

/// The file in the data directory.
pub(crate) const FILE: &str = "local-token";
/// 43 characters and a line ending.
const MAX_BYTES: u64 = 64;

/// Reads the token of a data directory, or makes one, and returns its hash.
///
/// # Errors
/// When the file cannot be read or made, or holds no token.
pub(super) fn read_or_make(directory: &Path) -> io::Result<SecretHash> {
    let path = directory.join(FILE);
    if !path.try_exists()? {
        let (text, _) =
            make_secret().ok_or_else(|| io::Error::other("the system has no random bytes"))?;
        write_new(&path, &text)?;
    }
    let text = read(&path)?;
    hash_secret(&text).ok_or_else(|| {
        let problem = format!(
            "{} holds no token: delete it, and a new one is made",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
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
