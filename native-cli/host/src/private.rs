//! Checks that only the owner can access files and directories with secrets.

use std::io::ErrorKind;
use std::path::Path;

use crate::exit::{HostError, Result};

/// Why other users may access a file or a directory with secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    /// It is a symbolic link: its target may belong to another user, and may change.
    Link,
    /// It is not of the expected kind, file or directory.
    OtherKind,
    /// It belongs to another user.
    Owner(u32),
    /// Others may read or write it.
    Mode(u32),
}

/// What is seen of a path.
#[derive(Debug, Clone, Copy)]
struct Seen {
    is_link: bool,
    is_expected_kind: bool,
    owner: u32,
    mode: u32,
}

/// Decides what is wrong, if this user runs the program.
const fn judge(seen: Seen, user: u32) -> Option<Exposure> {
    if seen.is_link {
        Some(Exposure::Link)
    } else if !seen.is_expected_kind {
        Some(Exposure::OtherKind)
    } else if seen.owner != user {
        Some(Exposure::Owner(seen.owner))
    } else if seen.mode & 0o077 != 0 {
        Some(Exposure::Mode(seen.mode & 0o7777))
    } else {
        None
    }
}

/// What a path should lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory, with mode 0700.
    Directory,
    /// A file, with mode 0600.
    File,
}

/// Refuses a path that other users can access. A missing path is accepted.
///
/// # Errors
/// [`HostError::Exposed`] with the command that fixes it; when the metadata cannot be read.
#[cfg(unix)]
pub fn check(path: &Path, kind: Kind) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(HostError::file(path)(error)),
    };
    let seen = Seen {
        is_link: metadata.is_symlink(),
        is_expected_kind: match kind {
            Kind::Directory => metadata.is_dir(),
            Kind::File => metadata.is_file(),
        },
        owner: metadata.uid(),
        mode: metadata.mode(),
    };
    let user = rustix::process::geteuid().as_raw();
    match judge(seen, user) {
        None => Ok(()),
        Some(exposure) => Err(HostError::Exposed(sentence(path, kind, exposure, user))),
    }
}

/// Other systems have no such modes.
#[cfg(not(unix))]
pub fn check(_: &Path, _: Kind) -> Result<()> {
    Ok(())
}

/// What to say of a file with secrets that a person names: whether others can read or change it, with the command that fixes
/// it. Pipes and terminals have no such modes; the owner may be another one, as for secrets that a service manager provides.
#[cfg(unix)]
#[must_use]
pub fn input_warning(path: &Path, metadata: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let mode = metadata.mode() & 0o7777;
    (metadata.is_file() && mode & 0o077 != 0).then(|| {
        let (shown, quoted) = (crate::paths::shown(path), crate::paths::shell_quoted(path));
        format!(
            "warning: {shown} has mode {mode:04o}, so that other users can access the secrets in it: run `chmod 600 {quoted}`, or delete the file when it is no longer needed"
        )
    })
}

/// Other systems have no such modes.
#[cfg(not(unix))]
#[must_use]
pub fn input_warning(_: &Path, _: &std::fs::Metadata) -> Option<String> {
    None
}

fn sentence(path: &Path, kind: Kind, exposure: Exposure, user: u32) -> String {
    let (shown, quoted) = (crate::paths::shown(path), crate::paths::shell_quoted(path));
    match (exposure, kind) {
        (Exposure::Link, Kind::Directory) => format!(
            "{shown} is a symbolic link, and links are not followed for secrets: pass the directory itself with --data-dir"
        ),
        (Exposure::Link, Kind::File) => format!(
            "{shown} is a symbolic link, and links are not followed for secrets: replace it with the file itself"
        ),
        (Exposure::OtherKind, Kind::Directory) => {
            format!("{shown} is not a directory: pass another one with --data-dir")
        }
        (Exposure::OtherKind, Kind::File) => format!("{shown} is not a regular file: move it away"),
        (Exposure::Owner(owner), _) => format!(
            "{shown} belongs to user {owner}, who could read or change the secrets of user {user} in it: run this as that user, or run `chown -R {user} {quoted}`"
        ),
        (Exposure::Mode(mode), Kind::Directory) => format!(
            "{shown} has mode {mode:04o}, so that other users can access secrets in it: run `chmod 700 {quoted}`"
        ),
        (Exposure::Mode(mode), Kind::File) => format!(
            "{shown} has mode {mode:04o}, so that other users can access secrets in it: run `chmod 600 {quoted}`"
        ),
    }
}

/// Keeps other processes of this user from reading this one's memory, and the system from writing it to a core dump, as
/// long as the process lives.
pub fn protect_memory() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        // A kernel that does not know this protects no less than before.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn every_row() {
        let good = Seen {
            is_link: false,
            is_expected_kind: true,
            owner: 7,
            mode: 0o100_600,
        };
        let rows = [
            (good, None),
            (
                Seen {
                    mode: 0o40700,
                    ..good
                },
                None,
            ),
            (
                Seen {
                    mode: 0o40400,
                    ..good
                },
                None,
            ),
            (
                Seen {
                    mode: 0o40750,
                    ..good
                },
                Some(Exposure::Mode(0o750)),
            ),
            (
                Seen {
                    mode: 0o100_604,
                    ..good
                },
                Some(Exposure::Mode(0o604)),
            ),
            (
                Seen {
                    mode: 0o100_620,
                    ..good
                },
                Some(Exposure::Mode(0o620)),
            ),
            (
                Seen {
                    mode: 0o41777,
                    ..good
                },
                Some(Exposure::Mode(0o1777)),
            ),
            (Seen { owner: 0, ..good }, Some(Exposure::Owner(0))),
            (
                Seen {
                    is_expected_kind: false,
                    ..good
                },
                Some(Exposure::OtherKind),
            ),
            (
                Seen {
                    is_link: true,
                    owner: 0,
                    ..good
                },
                Some(Exposure::Link),
            ),
        ];
        for (seen, expected) in rows {
            assert_eq!(judge(seen, 7), expected, "{seen:?}");
        }
    }

    #[test]
    fn an_input_file_is_reported_where_others_can_access_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("code");
        fs::write(&file, "x").unwrap();
        for (mode, expected) in [
            (0o600, false),
            (0o400, false),
            (0o640, true),
            (0o604, true),
            (0o620, true),
        ] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let warning = input_warning(&file, &fs::metadata(&file).unwrap());
            assert_eq!(warning.is_some(), expected, "{mode:o}");
            assert!(warning.is_none_or(|text| text.contains("chmod 600 '")));
        }
        let device = Path::new("/dev/null");
        assert_eq!(input_warning(device, &fs::metadata(device).unwrap()), None);
    }

    #[test]
    fn what_others_can_read_is_refused_with_the_command_that_helps() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("it's"), dir.path().join("link"));
        fs::write(&file, "x").unwrap();
        symlink(&file, &link).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        let said = |path: &Path, kind| check(path, kind).unwrap_err().to_string();
        mode(&file, 0o640);
        assert!(
            said(&file, Kind::File).contains(r"it'\''s'`"),
            "{}",
            said(&file, Kind::File)
        );
        mode(&file, 0o600);
        check(&file, Kind::File).unwrap();
        mode(dir.path(), 0o755);
        assert!(said(dir.path(), Kind::Directory).contains("chmod 700"));
        mode(dir.path(), 0o700);
        check(dir.path(), Kind::Directory).unwrap();
        assert!(said(&link, Kind::File).contains("symbolic link"));
        assert!(said(&file, Kind::Directory).contains("not a directory"));
        check(&dir.path().join("nothing"), Kind::File).unwrap();
    }
}
