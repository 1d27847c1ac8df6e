//! Drops root's privileges permanently (spec §5.5).
//!
//! ```text
//! not root ──────────────────────→ no change, except that no privileges can be gained any more (no_new_privs)
//! root, no user is configured ───→ refused
//! root, and the user is root ────→ refused
//! root ──────────────────────────→ clear the bounding set and the groups, set the user's ids, clear all capabilities,
//!                                  then try to become root again: if that succeeds, exit
//! ```

use std::path::Path;

use caps::CapSet;
use nix::unistd::{
    Gid, Uid, User, getgroups, getresgid, getresuid, setgid, setgroups, setresgid, setresuid,
    setuid,
};

use selvedge_host::exit::{HostError, Result};

/// The change of the process's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UserChange {
    /// Keep the current, unprivileged user.
    Keep,
    /// Switch to this user.
    SwitchTo(Box<User>),
}

/// Decides by the current user and the configured user.
pub(super) fn user_change(own: Uid, wanted: Option<&str>) -> Result<UserChange> {
    if !own.is_root() {
        return Ok(UserChange::Keep);
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
                "the user {name} does not exist: create it with `useradd --system {name}`"
            ))
        })?;
    if user.uid.is_root() || user.gid == Gid::from_raw(0) {
        return Err(HostError::Usage(format!(
            "the daemon does not run as root, and {name} is root or a member of root's group: set another user in santa.toml"
        )));
    }
    Ok(UserChange::SwitchTo(Box::new(user)))
}

/// Carries out the change. The process must have one thread, because capabilities belong to a thread.
pub(super) fn apply(user_change: &UserChange) -> Result<()> {
    let UserChange::SwitchTo(user) = user_change else {
        return set_no_new_privs();
    };
    if threads() != Some(1) {
        return Err(failed("the process has other threads"));
    }
    let become_user = || -> nix::Result<()> {
        setgroups(&[])?;
        setresgid(user.gid, user.gid, user.gid)?;
        setresuid(user.uid, user.uid, user.uid)
    };
    // The bounding set can only be cleared as root.
    caps::clear(None, CapSet::Bounding).map_err(|error| failed(&error.to_string()))?;
    become_user().map_err(|error| failed(error.desc()))?;
    for set in [
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ] {
        caps::clear(None, set).map_err(|error| failed(&error.to_string()))?;
    }
    set_no_new_privs()?;
    if is_permanent(user) {
        Ok(())
    } else {
        Err(failed("the process could become root again"))
    }
}

/// Prevents this process and its children from gaining privileges by executing a program.
fn set_no_new_privs() -> Result<()> {
    nix::sys::prctl::set_no_new_privs().map_err(|error| failed(error.desc()))
}

fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Tries to become root again, and checks the ids and capabilities.
fn is_permanent(user: &User) -> bool {
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

fn failed(why: &str) -> HostError {
    HostError::Failed(format!(
        "root's privileges cannot be dropped ({why}): start the daemon as its user"
    ))
}

/// Creates a directory for the user. An existing one is not changed.
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
    fn root_switches_to_an_unprivileged_user_or_is_refused() {
        let (root, other) = (Uid::from_raw(0), Uid::from_raw(1000));
        assert_eq!(user_change(other, None).unwrap(), UserChange::Keep);
        assert_eq!(
            user_change(other, Some("nobody")).unwrap(),
            UserChange::Keep
        );
        for (wanted, expected) in [
            (None, "set `user`"),
            (Some("root"), "another user"),
            (Some("no such user"), "does not exist"),
        ] {
            let error = user_change(root, wanted).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_process_with_several_threads_is_refused() {
        // The test runner has several threads.
        assert!(threads().is_some_and(|count| count > 1));
        let nobody = User {
            uid: Uid::from_raw(65_534),
            gid: Gid::from_raw(65_534),
            ..User::from_uid(Uid::from_raw(0)).unwrap().unwrap()
        };
        let error = apply(&UserChange::SwitchTo(Box::new(nobody))).unwrap_err();
        assert!(error.to_string().contains("threads"), "{error}");
    }
}
