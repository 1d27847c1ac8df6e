//! Files and directories of a database.

use std::path::{Path, PathBuf};

/// Creates a directory that only this user can access.
pub(crate) fn make_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Creates a file that only this user can access; SQLite gives its log and its index the same mode.
pub(super) fn make_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// A temporary directory that is deleted once the database is open.
pub(super) struct Temporary(pub(super) PathBuf);

impl Temporary {
    pub(super) fn make() -> std::io::Result<Self> {
        let number = getrandom::u64().map_err(std::io::Error::other)?;
        let path = std::env::temp_dir().join(format!("selvedge-serve-{number:016x}"));
        make_private(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
