//! The daemon's Unix socket (spec §5.4).
//!
//! ```text
//! the service manager passes a socket ─────→ use it, if it is a listening Unix socket
//! the supervisor passes one as stdin ──────→ the same
//! a process accepts connections at the path → another daemon runs: refused
//! else ────────────────────────────────────→ create a socket for root or the user, and for the configured group
//! ```

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, SockType, SockaddrLike as _, SockaddrStorage, getsockname};
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Group;

use selvedge_host::exit::{HostError, Result};

/// The name of the socket in a systemd unit (`FileDescriptorName`).
const NAME: &str = "sync";

/// A listening socket.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    /// The path to remove at the end; `None` if another process created the socket.
    created: Option<PathBuf>,
}

impl Socket {
    /// Takes the socket of the service manager, or creates one.
    pub(super) fn open(path: &Path, group: Option<&str>) -> Result<Self> {
        match from_service_manager()? {
            Some(listener) => Ok(Self {
                listener,
                created: None,
            }),
            None => Self::make(path, group),
        }
    }

    /// The socket that a supervisor passed as stdin.
    pub(super) fn of_input() -> Result<Self> {
        let fd = io::stdin().as_fd().try_clone_to_owned();
        let listener = fd.map(checked).map_err(|error| {
            HostError::Failed(format!(
                "the socket of the supervisor cannot be used: {error}"
            ))
        })??;
        Ok(Self {
            listener,
            created: None,
        })
    }

    fn make(path: &Path, group: Option<&str>) -> Result<Self> {
        let of_path = || HostError::file(path);
        if let Some(dir) = path.parent() {
            make_dir(dir).map_err(HostError::file(dir))?;
        }
        remove_stale(path)?;
        let listener = UnixListener::bind(path).map_err(of_path())?;
        let socket = Self {
            listener,
            created: Some(path.to_owned()),
        };
        if let Some(group) = group {
            give_to_group(path, group)?;
        }
        let mode = std::fs::Permissions::from_mode(0o660);
        std::fs::set_permissions(path, mode).map_err(of_path())?;
        Ok(socket)
    }

    /// A duplicate of the socket for a child process.
    pub(super) fn share(&self) -> io::Result<OwnedFd> {
        self.listener.as_fd().try_clone_to_owned()
    }

    /// The socket for the event loop.
    pub(super) fn listener(&self) -> io::Result<tokio::net::UnixListener> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(path) = &self.created {
            // If permissions are missing, it remains and the next start removes it.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn from_service_manager() -> Result<Option<UnixListener>> {
    // Without our process id, the sockets belong to another process.
    if std::env::var_os("LISTEN_PID").is_none() {
        return Ok(None);
    }
    let names = std::env::var("LISTEN_FDNAMES").ok();
    let taken = listenfd::ListenFd::from_env().take_unix_listener(socket_index(names.as_deref()));
    let refused = |error| {
        HostError::Failed(format!(
            "the service manager's socket cannot be used: {error}"
        ))
    };
    taken
        .map_err(refused)?
        .map(|listener| checked(listener.into()))
        .transpose()
}

/// The index of our socket among the passed sockets: the one with our name, else the first.
fn socket_index(names: Option<&str>) -> usize {
    let at = |names: &str| names.split(':').position(|name| name == NAME);
    names.and_then(at).unwrap_or(0)
}

fn checked(fd: OwnedFd) -> Result<UnixListener> {
    use std::os::fd::AsRawFd as _;

    let family = getsockname::<SockaddrStorage>(fd.as_raw_fd()).map(|address| address.family());
    let is_ours = family == Ok(Some(AddressFamily::Unix))
        && getsockopt(&fd, sockopt::SockType) == Ok(SockType::Stream)
        && getsockopt(&fd, sockopt::AcceptConn) == Ok(true);
    if is_ours {
        Ok(fd.into())
    } else {
        Err(HostError::Usage(
            "the passed file descriptor is not a listening Unix stream socket: fix the socket unit (ListenStream=)"
                .into(),
        ))
    }
}

/// Creates the directory of the socket, searchable by all users.
fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(dir)?;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))
}

/// Removes the socket of a killed daemon, on which no process listens. Nothing else is removed.
fn remove_stale(path: &Path) -> Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        let detail = "it is not a socket: remove it, or set another path in santa.toml".into();
        let path = path.to_owned();
        return Err(HostError::BadFile { path, detail });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(HostError::Served),
        Err(_) => std::fs::remove_file(path).map_err(HostError::file(path)),
    }
}

fn give_to_group(path: &Path, name: &str) -> Result<()> {
    let group = Group::from_name(name)
        .map_err(|error| HostError::Failed(format!("groups cannot be looked up: {error}")))?
        .ok_or_else(|| {
            HostError::Usage(format!(
                "the group {name} does not exist: create it with `groupadd --system {name}`"
            ))
        })?;
    let metadata = std::fs::metadata(path).map_err(HostError::file(path))?;
    // Skip a needless chown: the sandbox of the systemd unit kills the process for this system call.
    if metadata.gid() == group.gid.as_raw() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, None, Some(group.gid.as_raw())).map_err(HostError::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_socket_with_our_name_is_selected() {
        for (names, expected) in [
            (None, 0),
            (Some("selvedge-santa.socket"), 0),
            (Some("metrics:sync"), 1),
            (Some(""), 0),
        ] {
            assert_eq!(socket_index(names), expected, "{names:?}");
        }
    }

    #[test]
    fn a_created_socket_is_for_owner_and_group_and_removed_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/sync.sock");
        let socket = Socket::make(&path, None).unwrap();
        assert_eq!(mode(&path), 0o660);
        assert_eq!(mode(&dir.path().join("run")), 0o755);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_in_use_is_kept_and_a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sync.sock");
        let left = UnixListener::bind(&path).unwrap();
        assert!(matches!(Socket::make(&path, None), Err(HostError::Served)));
        drop(left);
        let _socket = Socket::make(&path, None).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_regular_file_at_the_path_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sync.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(
            Socket::make(&path, None),
            Err(HostError::BadFile { .. })
        ));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn only_a_listening_unix_socket_is_accepted() {
        let (connected, _other) = UnixStream::pair().unwrap();
        assert!(checked(connected.into()).is_err());
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(checked(tcp.into()).is_err());
        let file = tempfile::tempfile().unwrap();
        assert!(checked(file.into()).is_err());
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        assert!(checked(listener.into()).is_ok());
    }
}
