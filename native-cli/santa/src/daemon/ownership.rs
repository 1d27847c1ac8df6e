//! Whether the unprivileged user can access the state directory, and the command that grants access.
//!
//! ```text
//! no search permission for a parent directory ─→ chmod o+x
//! the directory or a state file is not writable ─→ chown to the user
//! ```
//!
//! `santa.toml` is not one of these files: it remains owned by root, which the start as root requires.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::User;

use crate::Paths;
use selvedge_host::exit::{HostError, Result};

/// Permission bits: read, write and search.
const ALL: u32 = 0o7;
const READ_WRITE: u32 = 0o6;
const SEARCH: u32 = 0o1;

/// Owner, group and mode of a file.
#[derive(Debug, Clone, Copy)]
struct Ownership {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Ownership {
    fn of(metadata: &Metadata) -> Self {
        Self {
            uid: metadata.uid(),
            gid: metadata.gid(),
            mode: metadata.mode(),
        }
    }

    /// Whether a user without supplementary groups has these permissions.
    const fn permits(self, uid: u32, gid: u32, wanted: u32) -> bool {
        let shift = if self.uid == uid {
            6
        } else if self.gid == gid {
            3
        } else {
            0
        };
        (self.mode >> shift) & wanted == wanted
    }
}

/// Checks the permissions as root, before the switch to the user.
///
/// # Errors
/// When the user has no access. The message contains the command that grants it.
pub(super) fn check(paths: &Paths, user: &User) -> Result<()> {
    let dir = paths
        .dir()
        .canonicalize()
        .map_err(HostError::file(paths.dir()))?;
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    let lacks = |path: &Path, wanted| {
        std::fs::metadata(path)
            .is_ok_and(|metadata| !Ownership::of(&metadata).permits(uid, gid, wanted))
    };
    let closed: Vec<PathBuf> = dir
        .ancestors()
        .skip(1)
        .filter(|above| lacks(above, SEARCH))
        .map(Path::to_owned)
        .collect();
    let dir_itself = Some(dir.clone()).filter(|dir| lacks(dir, ALL));
    let files = paths.kept_files().into_iter();
    let files = files.filter_map(|path| Some(dir.join(path.file_name()?)));
    let foreign: Vec<PathBuf> = dir_itself
        .into_iter()
        .chain(files.filter(|path| lacks(path, READ_WRITE)))
        .collect();
    match command(&closed, &foreign, &user.name) {
        None => Ok(()),
        Some(command) => Err(HostError::BadFile {
            path: dir,
            detail: format!(
                "the user {} has no access to this directory: run `{command}`, or set another directory with --data-dir",
                user.name
            ),
        }),
    }
}

/// The command that grants access; `None` when it is not needed.
fn command(closed: &[PathBuf], foreign: &[PathBuf], user: &str) -> Option<String> {
    let list = |paths: &[PathBuf]| {
        let quoted: Vec<String> = paths.iter().map(|path| shell_quoted(path)).collect();
        quoted.join(" ")
    };
    let mut commands = Vec::new();
    if !closed.is_empty() {
        commands.push(format!("chmod o+x {}", list(closed)));
    }
    if !foreign.is_empty() {
        commands.push(format!("chown {user} {}", list(foreign)));
    }
    (!commands.is_empty()).then(|| commands.join(" && "))
}

/// A path as a word of a shell.
pub(super) fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | ':');
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_those_of_the_owner_the_group_or_others() {
        let rows = [
            (7, 7, 0o700, ALL, true),
            (7, 7, 0o077, ALL, false),
            (0, 8, 0o070, ALL, true),
            (0, 8, 0o707, ALL, false),
            (0, 0, 0o007, ALL, true),
            (0, 0, 0o755, ALL, false),
            (0, 0, 0o755, SEARCH, true),
            (0, 0, 0o700, SEARCH, false),
            (0, 0, 0o600, READ_WRITE, false),
            (7, 0, 0o600, READ_WRITE, true),
        ];
        for (uid, gid, mode, wanted, expected) in rows {
            let ownership = Ownership { uid, gid, mode };
            assert_eq!(
                ownership.permits(7, 8, wanted),
                expected,
                "{ownership:?} {wanted:o}"
            );
        }
    }

    #[test]
    fn one_command_grants_all_permissions() {
        let paths = |names: &[&str]| -> Vec<PathBuf> { names.iter().map(PathBuf::from).collect() };
        let closed = paths(&["/root"]);
        let foreign = paths(&["/root/a b", "/root/a b/it's"]);
        assert_eq!(command(&[], &[], "nobody"), None);
        assert_eq!(
            command(&closed, &foreign, "nobody").unwrap(),
            r"chmod o+x /root && chown nobody '/root/a b' '/root/a b/it'\''s'"
        );
        let only = command(&[], &paths(&["/var/lib/selvedge"]), "selvedge").unwrap();
        assert_eq!(only, "chown selvedge /var/lib/selvedge");
    }
}
