//! Lines of systemd units.

use std::path::Path;

/// A path as systemd reads it: in quotes, with its own signs doubled.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    format!("\"{text}\"")
}

/// The lines that take from a service what it does not need: everything but the directories it may write, and sockets
/// of these families.
pub(crate) fn sandbox(writable: &[&Path], families: &str) -> String {
    let writable: Vec<String> = writable.iter().map(|path| quoted(path)).collect();
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
