//! The file with the master secret.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use super::storage_token::MasterSecret;

/// Minimum size. A shorter secret can be guessed offline with a single token.
const MIN_BYTES: usize = 16;
/// Maximum size.
const MAX_BYTES: usize = 64 * 1024;

/// A secret, and a warning for the operator.
#[derive(Debug)]
pub(crate) struct ReadSecret {
    pub(crate) secret: MasterSecret,
    pub(crate) warning: Option<String>,
}

/// Reads the secret from a file: all of its bytes except one line ending at the end, so that a token server can be
/// configured with the same text.
///
/// # Errors
/// When the file cannot be read, is writable by everyone, or has fewer than 16 bytes or more than 64 KiB.
pub(crate) fn read(path: &Path) -> io::Result<ReadSecret> {
    let file = File::open(path)?;
    let warning = check_mode(path, &file)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let mut length = bytes.len();
    for ending in [b'\n', b'\r'] {
        if length > 0 && bytes.get(length - 1) == Some(&ending) {
            length -= 1;
        }
    }
    bytes.truncate(length);
    if !(MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
        return Err(invalid(format!(
            "a master secret has {MIN_BYTES} to {MAX_BYTES} bytes, and this has {length}: delete the file, and a random \
             secret is created"
        )));
    }
    Ok(ReadSecret {
        secret: MasterSecret::new(bytes),
        warning,
    })
}

/// Refuses a file that is writable by everyone, and warns about one that others can read, as mounted secrets often are.
#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> io::Result<Option<String>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o002 != 0 {
        return Err(invalid(format!(
            "it is writable by everyone (mode {mode:o}): run `chmod 600` on it, and make sure that it was not changed"
        )));
    }
    Ok((mode & 0o077 != 0).then(|| {
        format!(
            "the master secret {0} is readable by others (mode {mode:o}), and gives access to every account: run \
             `chmod 600 {0}`",
            path.display()
        )
    }))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where files have modes")]
fn check_mode(_path: &Path, _file: &File) -> io::Result<Option<String>> {
    Ok(None)
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// As [`read`], but creates a file with a random secret, readable only by its owner, if there is none.
pub(crate) fn read_or_make(path: &Path) -> io::Result<ReadSecret> {
    if !path.try_exists()? {
        write_new(path, &random()?)?;
    }
    read(path)
}

/// Writes a secret as a line to a file that only its owner can access. The file appears when it is complete; one that another
/// process creates at the same time is not changed.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// A random secret of this process.
pub(crate) fn make() -> io::Result<MasterSecret> {
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
            read(&path).map(|read| read.secret.hashed("x"))
        };
        let plain = id(b"sixteen bytes ..").unwrap();
        assert_eq!(id(b"sixteen bytes ..\n").unwrap(), plain);
        assert_eq!(id(b"sixteen bytes ..\r\n").unwrap(), plain);
        assert_ne!(id(b"sixteen bytes ..\n\n").unwrap(), plain);
        assert_ne!(id(b" sixteen bytes ..").unwrap(), plain);
    }

    #[test]
    fn a_secret_that_is_too_short_or_too_long_is_refused_with_its_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        for (bytes, length) in [
            (&b""[..], "this has 0"),
            (b"\n", "this has 0"),
            (b"fifteen bytes .\n", "this has 15"),
            (&[b'x'; MAX_BYTES + 1], "this has 65537"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(length) && error.contains("16"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_read_is_warned_of_and_what_everybody_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "sixteen bytes ..").unwrap();
        for (mode, warned) in [
            (0o600, Some(false)),
            (0o400, Some(false)),
            (0o640, Some(true)),
            (0o644, Some(true)),
            (0o606, None),
            (0o666, None),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = read(&path).map(|read| read.warning);
            assert_eq!(read.as_ref().ok().map(Option::is_some), warned, "{mode:o}");
            let text = match read {
                Ok(warning) => warning.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            assert!(
                warned == Some(false) || text.contains(&format!("{mode:o}")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_made_secret_stays_and_is_the_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let first = read_or_make(&path).unwrap();
        assert_eq!(first.warning, None);
        let name = |read: ReadSecret| read.secret.hashed("x");
        let first = name(first);
        assert_eq!(name(read_or_make(&path).unwrap()), first);
        write_new(&path, "another secret of many bytes").unwrap();
        assert_eq!(name(read_or_make(&path).unwrap()), first);
        assert_ne!(make().unwrap().hashed("x"), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let files = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, 1, "nothing else is left behind");
    }
}
