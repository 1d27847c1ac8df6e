//! Files that a configuration names, and whether they are world-readable.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use selvedge_host::byte_order_mark::remove_mark;
use selvedge_host::exit::{HostError, Result};

/// Maximum size of a file with certificates, keys or secrets.
const MAX_BYTES: u64 = 4 << 20;

/// A file that a configuration names.
pub(super) struct NamedFile {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) is_world_readable: bool,
}

/// Reads a file that a configuration names.
pub(super) fn read(path: &Path) -> Result<NamedFile> {
    let mut file = File::open(path).map_err(HostError::file(path))?;
    let metadata = file.metadata().map_err(HostError::file(path))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.by_ref()
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(HostError::file(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(HostError::BadFile {
            path: path.to_owned(),
            detail: "it is larger than the maximum of 4 MiB: check the path".into(),
        });
    }
    remove_mark(&mut bytes);
    Ok(NamedFile {
        bytes,
        is_world_readable: is_world_readable(&metadata),
    })
}

/// Reads a secret from the first line of a file.
pub(super) fn read_line(path: &Path) -> Result<(Zeroizing<String>, bool)> {
    let file = read(path)?;
    let text = std::str::from_utf8(&file.bytes).map_err(|_| HostError::BadFile {
        path: path.to_owned(),
        detail: "it is not a text file: write the secret into its first line".into(),
    })?;
    let line = text.lines().next().unwrap_or_default().trim();
    Ok((Zeroizing::new(line.to_owned()), file.is_world_readable))
}

#[cfg(unix)]
pub(super) fn is_world_readable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
pub(super) fn is_world_readable(_: &Metadata) -> bool {
    false
}
