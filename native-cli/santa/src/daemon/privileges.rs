//! From root to a user who may do little, for good (spec §5.5).
//!
//! ```text
//! not root ─────────────────────→ go on as we are; nothing can be gained any more
//! root, and no user is set ─────→ refused
//! root, and the user is root ───→ refused
//! root ─────────────────────────→ no capability can be had again, no groups, the user's ids, no capabilities,
//!                                 and then it is tried whether root can be had back: if so, the end
//! ```

use std::path::Path;

use caps::CapSet;
use nix::unistd::{
    Gid, Uid, User, getgroups, getresgid, getresuid, setgid, setgroups, setresgid, setresuid,
    setuid,
};

use selvedge_host::exit::{HostError, Result};

/// What is to become of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    /// It is nobody special.
    Stay,
    /// It becomes this user.
    Become(Box<User>),
}

/// Decides by who the process is and who it is to be.
pub(super) fn course(own: Uid, wanted: Option<&str>) -> Result<Course> {
    if !own.is_root() {
        return Ok(Course::Stay);
    }
    let Some(name) = wanted else {
        return Err(HostError::Usage(
            "the daemon does not run as root: set `user` in the table [selvedge] of santa.toml, or start it as that user"
                .into(),
        ));
    };
    let user = User::from_name(name)
        .map_err(|error| HostError::Failed(format!("users cannot be looked up: {error}")))?
        .ok_or_else(|| {
            HostError::Usage(format!(
                "there is no user {name}: make one with `useradd --system {name}`"
            ))
        })?;
    if user.uid.is_root() || user.gid == Gid::from_raw(0) {
        return Err(HostError::Usage(format!(
            "the daemon does not run as root, and {name} is root or of its group: set another user in santa.toml"
        )));
    }
    Ok(Course::Become(Box::new(user)))
}

/// Carries it out. Only a process of one thread can do it wholly, for some of it is each thread's own.
pub(super) fn take(course: &Course) -> Result<()> {
    let Course::Become(user) = course else {
        return renounce();
    };
    if threads() != Some(1) {
        return Err(lost("other threads run already"));
    }
    let become_user = || -> nix::Result<()> {
        setgroups(&[])?;
        setresgid(user.gid, user.gid, user.gid)?;
        setresuid(user.uid, user.uid, user.uid)
    };
    // While it is root, it can still give up what could be had again.
    caps::clear(None, CapSet::Bounding).map_err(|error| lost(&error.to_string()))?;
    become_user().map_err(|error| lost(error.desc()))?;
    for set in [
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ] {
        caps::clear(None, set).map_err(|error| lost(&error.to_string()))?;
    }
    renounce()?;
    match is_for_good(user) {
        true => Ok(()),
        false => Err(lost("root can be had back")),
    }
}

/// Whatever is executed from now on gains nothing.
fn renounce() -> Result<()> {
    nix::sys::prctl::set_no_new_privs().map_err(|error| lost(error.desc()))
}

fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Tries to be root again, and looks at all that is left.
fn is_for_good(user: &User) -> bool {
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    let is_refused = setuid(root.0).is_err()
        && setresuid(root.0, root.0, root.0).is_err()
        && setgid(root.1).is_err();
    let uids = getresuid().is_ok_and(|ids| [ids.real, ids.effective, ids.saved] == [user.uid; 3]);
    let gids = getresgid().is_ok_and(|ids| [ids.real, ids.effective, ids.saved] == [user.gid; 3]);
    let groups = getgroups().is_ok_and(|groups| groups.iter().all(|group| *group == user.gid));
    let sets = [
        CapSet::Permitted,
        CapSet::Effective,
        CapSet::Inheritable,
        CapSet::Ambient,
        CapSet::Bounding,
    ];
    let has_nothing = |set| caps::read(None, set).is_ok_and(|found| found.is_empty());
    is_refused && uids && gids && groups && sets.into_iter().all(has_nothing)
}

fn lost(why: &str) -> HostError {
    HostError::Failed(format!(
        "the privileges of root cannot be given up ({why}): start the daemon as its user"
    ))
}

/// Makes a directory for the user, if there is none yet; an old one stays as it is.
pub(super) fn make_dir(dir: &Path, user: &User) -> Result<()> {
    if dir.exists() {
        return Ok(());
    }
    let made = std::fs::create_dir_all(dir)
        .and_then(|()| {
            std::os::unix::fs::chown(dir, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        })
        .and_then(|()| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o750);
            std::fs::set_permissions(dir, mode)
        });
    made.map_err(HostError::file(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_becomes_somebody_or_is_refused() {
        let (root, other) = (Uid::from_raw(0), Uid::from_raw(1000));
        assert_eq!(course(other, None).unwrap(), Course::Stay);
        assert_eq!(course(other, Some("nobody")).unwrap(), Course::Stay);
        for (wanted, expected) in [
            (None, "set `user`"),
            (Some("root"), "another user"),
            (Some("no such user"), "there is no user"),
        ] {
            let said = course(root, wanted).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn a_process_of_several_threads_is_refused() {
        // The runner of tests has a thread for each.
        assert!(threads().is_some_and(|count| count > 1));
        let nobody = User {
            uid: Uid::from_raw(65_534),
            gid: Gid::from_raw(65_534),
            ..User::from_uid(Uid::from_raw(0)).unwrap().unwrap()
        };
        let said = take(&Course::Become(Box::new(nobody))).unwrap_err();
        assert!(said.to_string().contains("threads"), "{said}");
    }
}
