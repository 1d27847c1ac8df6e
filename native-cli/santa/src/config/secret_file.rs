//! Files that a configuration names, and who may read them.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use selvedge_host::byte_order_mark::remove_mark;
use selvedge_host::exit::{HostError, Result};

/// Certificates, keys and secrets are smaller.
const MAX_BYTES: u64 = 4 << 20;

/// A file that a configuration names: its bytes, and whether everybody on this machine may read them.
pub(super) struct Named {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) is_for_everybody: bool,
}

/// Reads a file that a configuration names.
pub(super) fn read(path: &Path) -> Result<Named> {
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
            detail: "it is larger than 4 MiB: name another file".into(),
        });
    }
    remove_mark(&mut bytes);
    Ok(Named {
        bytes,
        is_for_everybody: is_for_everybody(&metadata),
    })
}

/// A secret's text: the file's first line.
pub(super) fn read_line(path: &Path) -> Result<(Zeroizing<String>, bool)> {
    let named = read(path)?;
    let text = std::str::from_utf8(&named.bytes).map_err(|_| HostError::BadFile {
        path: path.to_owned(),
        detail: "it holds no text: write the secret into its first line".into(),
    })?;
    let line = text.lines().next().unwrap_or_default().trim();
    Ok((Zeroizing::new(line.to_owned()), named.is_for_everybody))
}

#[cfg(unix)]
pub(super) fn is_for_everybody(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
pub(super) fn is_for_everybody(_: &Metadata) -> bool {
    false
}
