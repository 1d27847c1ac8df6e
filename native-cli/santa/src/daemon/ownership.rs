//! Whether the user that root's daemon becomes can work where the machine's state is, and the one command that lets it.
//!
//! ```text
//! a directory above is closed ─→ chmod o+x
//! the directory, a file of Santa's sync in it ─→ chown to the user
//! ```
//!
//! `santa.toml` is not among those files: it stays root's, or root would not start by it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::User;

use crate::Paths;
use selvedge_host::exit::{HostError, Result};

/// Reading, writing and, of a directory, going through.
const ALL: u32 = 0o7;
const READ_WRITE: u32 = 0o6;
const GO_THROUGH: u32 = 0o1;

/// Who owns a file, and what others may do with it.
#[derive(Debug, Clone, Copy)]
struct Owned {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Owned {
    fn of(metadata: &Metadata) -> Self {
        Self {
            uid: metadata.uid(),
            gid: metadata.gid(),
            mode: metadata.mode(),
        }
    }

    /// Whether a user without further groups may do this.
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

/// Looks as root, before it becomes the user.
///
/// # Errors
/// When the user could not work there; the message holds one command after which it can.
pub(super) fn check(paths: &Paths, user: &User) -> Result<()> {
    let dir = paths
        .dir()
        .canonicalize()
        .map_err(HostError::file(paths.dir()))?;
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    let lacks = |path: &Path, wanted| {
        std::fs::metadata(path)
            .is_ok_and(|metadata| !Owned::of(&metadata).permits(uid, gid, wanted))
    };
    let closed: Vec<PathBuf> = dir
        .ancestors()
        .skip(1)
        .filter(|above| lacks(above, GO_THROUGH))
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
                "the user {} cannot work here: run `{command}`, or keep the state elsewhere, by --data-dir",
                user.name
            ),
        }),
    }
}

/// What lets the user work there; `None` when it can.
fn command(closed: &[PathBuf], foreign: &[PathBuf], user: &str) -> Option<String> {
    let list = |paths: &[PathBuf]| {
        let quoted: Vec<String> = paths.iter().map(|path| in_shell(path)).collect();
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
pub(super) fn in_shell(path: &Path) -> String {
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
            (0, 0, 0o755, GO_THROUGH, true),
            (0, 0, 0o700, GO_THROUGH, false),
            (0, 0, 0o600, READ_WRITE, false),
            (7, 0, 0o600, READ_WRITE, true),
        ];
        for (uid, gid, mode, wanted, expected) in rows {
            let owned = Owned { uid, gid, mode };
            assert_eq!(
                owned.permits(7, 8, wanted),
                expected,
                "{owned:?} {wanted:o}"
            );
        }
    }

    #[test]
    fn one_command_does_all() {
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
