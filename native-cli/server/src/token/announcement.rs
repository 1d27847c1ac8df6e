//! Announces the token file of a running server to programs of the same user on this machine, whatever its data directory:
//! a private directory in the directory of temporary files, with a file for each port.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::local_token;

/// The announcement of a server, removed when it is dropped.
#[derive(Debug)]
pub struct Announcement(PathBuf);

impl Announcement {
    /// Announces the server at a loopback address.
    ///
    /// # Errors
    /// When other users can access the directory, or the file cannot be written.
    pub fn make(address: SocketAddr, data: &Path) -> io::Result<Self> {
        Self::make_in(&directory(&std::env::temp_dir())?, address, data)
    }

    fn make_in(directory: &Path, address: SocketAddr, data: &Path) -> io::Result<Self> {
        let path = directory.join(address.port().to_string());
        let token = fs::canonicalize(data)?.join(local_token::FILE);
        let token = token
            .to_str()
            .ok_or_else(|| io::Error::other("the data directory's name is not UTF-8"))?;
        // Made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        io::Write::write_all(&mut file, token.as_bytes())?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(Self(path))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The local token of the server at a URL, if it runs on this machine as this user.
pub fn token_of(server: &str) -> Option<Zeroizing<String>> {
    token_in(&directory(&std::env::temp_dir()).ok()?, server)
}

fn token_in(directory: &Path, server: &str) -> Option<Zeroizing<String>> {
    let port = loopback_port(server)?;
    let path = fs::read_to_string(directory.join(port.to_string())).ok()?;
    local_token::read(Path::new(&path)).ok()
}

/// The port of a URL on this machine; the token is sent nowhere else.
fn loopback_port(url: &str) -> Option<u16> {
    let uri: axum::http::Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority.host().trim_matches(['[', ']']);
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback());
    is_loopback.then_some(())?;
    match (authority.port_u16(), uri.scheme_str()?) {
        (Some(port), _) => Some(port),
        (None, "https") => Some(443),
        (None, _) => Some(80),
    }
}

/// The directory of this user, created if it is missing. Another user may have created one with this name.
#[cfg(unix)]
fn directory(temporary: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let user = rustix::process::geteuid().as_raw();
    let path = temporary.join(format!("selvedge-serve-of-{user}"));
    let made = fs::DirBuilder::new().mode(0o700).create(&path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(&path)?;
    let is_own = metadata.is_dir() && metadata.uid() == user && metadata.mode() & 0o077 == 0;
    if is_own {
        Ok(path)
    } else {
        let problem = format!("{} is accessible to other users: delete it", path.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
    }
}

#[cfg(not(unix))]
fn directory(_temporary: &Path) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_this_machine_is_found_by_its_port_until_it_ends() {
        let temporary = tempfile::tempdir().unwrap();
        let announced = directory(temporary.path()).unwrap();
        let data = temporary.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join(local_token::FILE), "a token\n").unwrap();
        let address = "127.0.0.1:8090".parse().unwrap();
        let announcement = Announcement::make_in(&announced, address, &data).unwrap();
        for (url, found) in [
            ("http://127.0.0.1:8090", true),
            ("http://localhost:8090/", true),
            ("https://[::1]:8090", true),
            ("http://127.0.0.1:8091", false),
            ("http://127.0.0.1", false),
            ("http://example.org:8090", false),
            ("http://localhost.example.org:8090", false),
            ("nonsense", false),
        ] {
            let token = token_in(&announced, url);
            assert_eq!(
                token.as_ref().map(|token| token.as_str()),
                found.then_some("a token"),
                "{url}"
            );
        }
        drop(announcement);
        assert!(token_in(&announced, "http://127.0.0.1:8090").is_none());
    }

    #[test]
    fn a_directory_that_others_may_enter_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let temporary = tempfile::tempdir().unwrap();
        let path = directory(temporary.path()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(directory(temporary.path()).is_err());
        fs::remove_dir(&path).unwrap();
        let elsewhere = temporary.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(directory(temporary.path()).is_err());
    }
}
