//! What root believes: files and directories that nobody but root could have written.

use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use super::ownership::in_shell;
use crate::Config;
use selvedge_host::exit::{HostError, Result};

/// A configuration is smaller.
const MAX_BYTES: u64 = 4 << 20;

/// For the group, or for everybody.
const OTHERS_WRITE: u32 = 0o022;
const EVERYBODY_READS: u32 = 0o004;

fn is_roots(owner: u32, mode: u32) -> bool {
    owner == 0 && mode & OTHERS_WRITE == 0
}

/// Reads a configuration as root. The file that is looked at is the one that is read, whatever its path leads to next.
pub(super) fn load(path: &Path) -> Result<Config> {
    let mut file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => HostError::NotFound(format!(
            "{} is missing: write it, with SyncBaseURL = \"https://…\", and under [selvedge] the user that serves",
            path.display()
        )),
        _ => HostError::file(path)(error),
    })?;
    let metadata = file.metadata().map_err(HostError::file(path))?;
    if !is_roots(metadata.uid(), metadata.mode()) {
        return Err(HostError::BadFile {
            path: path.to_owned(),
            detail: format!(
                "root starts by this file, so that nobody else may write it: run `chown root {0} && chmod go-w {0}`",
                in_shell(path)
            ),
        });
    }
    let mut text = String::new();
    file.by_ref()
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(HostError::file(path))?;
    Config::parse(path, &text, metadata.mode() & EVERYBODY_READS != 0)
}

/// Whether a socket's directory is root's alone. It is made, for root and for everybody to go through, if it is not there.
pub(super) fn is_roots_dir(socket: &Path) -> bool {
    let Some(dir) = socket.parent() else {
        return false;
    };
    // Where it cannot be made, the socket cannot be made either, which is said then.
    let _ = std::fs::DirBuilder::new().mode(0o755).create(dir);
    std::fs::symlink_metadata(dir)
        .is_ok_and(|metadata| metadata.is_dir() && is_roots(metadata.uid(), metadata.mode()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_root_alone_writes_is_believed() {
        for (owner, mode, expected) in [
            (0, 0o100_644, true),
            (0, 0o100_600, true),
            (0, 0o100_664, false),
            (0, 0o100_646, false),
            (1000, 0o100_600, false),
        ] {
            assert_eq!(is_roots(owner, mode), expected, "{owner} {mode:o}");
        }
    }
}
