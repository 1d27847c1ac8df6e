//! The master secret on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use super::token::MasterSecret;

/// Longer files are no secrets.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the secret from a file: all of its bytes but for one line ending at the end, so that a token server can be given
/// the same text.
///
/// # Errors
/// When the file cannot be read, is empty or has more than 64 KiB.
pub(super) fn read(path: &Path) -> io::Result<MasterSecret> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    let mut length = bytes.len();
    for ending in [b'\n', b'\r'] {
        if length > 0 && bytes.get(length - 1) == Some(&ending) {
            length -= 1;
        }
    }
    bytes.truncate(length);
    if bytes.is_empty() || bytes.len() as u64 > MAX_BYTES {
        let text = "a master secret has 1 to 65536 bytes";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(MasterSecret::new(bytes))
}

/// As [`read`], but makes a file with a random secret, readable by its owner alone, if there is none.
pub(super) fn read_or_make(path: &Path) -> io::Result<MasterSecret> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            file.write_all(random()?.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    read(path)
}

/// A secret that nobody else will ever know.
pub(super) fn make() -> io::Result<MasterSecret> {
    Ok(MasterSecret::new(Zeroizing::new(
        random()?.as_bytes().to_vec(),
    )))
}

fn random() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
    Ok(Zeroizing::new(Base64UrlUnpadded::encode_string(&*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_ending_is_no_part_of_the_secret() {
        let directory = tempfile::tempdir().unwrap();
        let id = |bytes: &[u8]| {
            let path = directory.path().join("secret");
            std::fs::write(&path, bytes).unwrap();
            read(&path).map(|secret| secret.hashed("x"))
        };
        let plain = id(b"secret").unwrap();
        assert_eq!(id(b"secret\n").unwrap(), plain);
        assert_eq!(id(b"secret\r\n").unwrap(), plain);
        assert_ne!(id(b"secret\n\n").unwrap(), plain);
        assert_ne!(id(b" secret").unwrap(), plain);
        assert!(id(b"").is_err() && id(b"\n").is_err());
    }

    #[test]
    fn a_made_secret_stays_and_is_the_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let first = read_or_make(&path).unwrap().hashed("x");
        assert_eq!(read_or_make(&path).unwrap().hashed("x"), first);
        assert_ne!(make().unwrap().hashed("x"), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }
}
