//! Lines of systemd units.

use std::path::Path;

use crate::exit::{HostError, Result};
use crate::paths::shown;

/// Refuses a path that a unit cannot name: `ReadWritePaths=` has no escapes for bytes that are no UTF-8 or for line ends,
/// and a unit with another path than the one that was given would use another directory.
///
/// # Errors
/// [`HostError::Usage`].
pub fn check(path: &Path) -> Result<()> {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(()),
        _ => Err(HostError::Usage(format!(
            "{}: a systemd unit cannot name this path, whose name is not UTF-8 or has control characters: choose another one",
            shown(path)
        ))),
    }
}

/// A path as systemd reads it in a command line: in quotes, with its special characters escaped.
pub fn quoted(path: &Path) -> String {
    quoted_setting(path).replace('$', "$$")
}

/// A path as systemd reads it in a list of paths, where `$` has no meaning.
fn quoted_setting(path: &Path) -> String {
    let text = shown(path)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    format!("\"{text}\"")
}

/// The lines that take from a service what it does not need: everything but the directories it may write, and sockets
/// of these families.
pub fn sandbox(writable: &[&Path], families: &str) -> String {
    let writable: Vec<String> = writable.iter().map(|path| quoted_setting(path)).collect();
    format!(
        "ReadWritePaths={}
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies={families}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
",
        writable.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_systemd_reads_them() {
        let path = quoted(Path::new(r#"/a b/50% "of" $HOME\x"#));
        assert_eq!(path, r#""/a b/50%% \"of\" $$HOME\\x""#);
        let text = sandbox(&[Path::new("/srv/$p 5%")], "AF_UNIX");
        assert!(text.contains("ReadWritePaths=\"/srv/$p 5%%\"\n"), "{text}");
    }

    #[test]
    fn a_path_that_no_unit_can_name_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;

        for bytes in [&b"/d\xff"[..], b"/d\nExecStart=/bin/sh", b"/\xed\xa0\x80"] {
            let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
            assert!(matches!(check(path), Err(HostError::Usage(_))), "{path:?}");
        }
        assert!(check(Path::new("/srv/\u{e4} \"50%\" $x")).is_ok());
    }

    #[test]
    fn only_what_is_named_may_be_written() {
        let text = sandbox(&[Path::new("/srv/p"), Path::new("/run/p")], "AF_UNIX");
        for line in [
            r#"ReadWritePaths="/srv/p" "/run/p""#,
            "RestrictAddressFamilies=AF_UNIX",
            "ProtectSystem=strict",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }
}
