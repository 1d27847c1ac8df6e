//! Checks that only root can write a configuration file or a directory.

use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use super::ownership::shell_quoted;
use crate::Config;
use selvedge_host::exit::{HostError, Result};

/// Maximum size of a configuration file.
const MAX_BYTES: u64 = 4 << 20;

/// Permission bits: writable by group or others, and readable by others.
const OTHERS_WRITE: u32 = 0o022;
const WORLD_READABLE: u32 = 0o004;

fn is_only_root_writable(owner: u32, mode: u32) -> bool {
    owner == 0 && mode & OTHERS_WRITE == 0
}

/// Reads a configuration as root. Owner and mode are checked on the open file, so the path cannot be replaced between
/// the check and the read.
pub(super) fn load(path: &Path) -> Result<Config> {
    let mut file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => HostError::NotFound(format!(
            "{} does not exist: create it with SyncBaseURL = \"https://…\" and, in the table [selvedge], the user of the daemon",
            path.display()
        )),
        _ => HostError::file(path)(error),
    })?;
    let metadata = file.metadata().map_err(HostError::file(path))?;
    if !is_only_root_writable(metadata.uid(), metadata.mode()) {
        return Err(HostError::BadFile {
            path: path.to_owned(),
            detail: format!(
                "root requires that no other user can write this file: run `chown root {0} && chmod go-w {0}`",
                shell_quoted(path)
            ),
        });
    }
    let mut text = String::new();
    file.by_ref()
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(HostError::file(path))?;
    Config::parse(path, &text, metadata.mode() & WORLD_READABLE != 0)
}

/// Whether only root can write the directory of a socket. The directory is created with mode 0755 if it does not exist.
pub(super) fn is_root_owned_dir(socket: &Path) -> bool {
    let Some(dir) = socket.parent() else {
        return false;
    };
    // If this fails, creating the socket fails as well and reports the error.
    let _ = std::fs::DirBuilder::new().mode(0o755).create(dir);
    std::fs::symlink_metadata(dir).is_ok_and(|metadata| {
        metadata.is_dir() && is_only_root_writable(metadata.uid(), metadata.mode())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_only_root_can_write_are_trusted() {
        for (owner, mode, expected) in [
            (0, 0o100_644, true),
            (0, 0o100_600, true),
            (0, 0o100_664, false),
            (0, 0o100_646, false),
            (1000, 0o100_600, false),
        ] {
            assert_eq!(
                is_only_root_writable(owner, mode),
                expected,
                "{owner} {mode:o}"
            );
        }
    }
}
