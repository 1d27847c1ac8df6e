//! The systemd units of the daemon.

use std::path::Path;

use selvedge_host::service::{quoted, sandbox};

/// The parameters of the units.
#[derive(Debug)]
pub struct Unit<'a> {
    /// The path of this program.
    pub program: &'a Path,
    /// The state directory.
    pub state_dir: &'a Path,
    /// The path of the socket.
    pub socket: &'a Path,
    /// The user of the daemon.
    pub user: &'a str,
    /// The group whose members may use the socket, besides the user.
    pub group: Option<&'a str>,
}

impl Unit<'_> {
    /// The service unit. The service has no privileges from the start.
    pub fn service(&self) -> String {
        let sandbox = sandbox(&[self.state_dir], "AF_UNIX AF_INET AF_INET6 AF_NETLINK");
        let (program, state_dir) = (quoted(self.program), quoted(self.state_dir));
        let user = self.user;
        let config = quoted(&self.state_dir.join("santa.toml"));
        let group = match self.group {
            Some(group) => format!("Group={group}\n"),
            None => String::new(),
        };
        let runtime = match self.runtime_directory() {
            Some(name) => format!(
                "RuntimeDirectory={name}\nRuntimeDirectoryPreserve=restart\nRuntimeDirectoryMode=0755\n"
            ),
            None => String::new(),
        };
        format!(
            "# Keep this as /etc/systemd/system/selvedge-santa.service, then: systemctl enable --now selvedge-santa
# The user owns the directory. Root owns the configuration, which the user can read:
# chown -R {user}: {state_dir} && chown root {config} && chmod u=rw,g=r,o= {config}
[Unit]
Description=Selvedge syncs rules and events of this machine
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User={user}
{group}ExecStart={program} --data-dir {state_dir} santa daemon
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
# Do not restart after exit code 2 (invalid configuration): a person has to fix it first.
RestartPreventExitStatus=2
WatchdogSec=120
TimeoutStopSec=20
UMask=0077
{runtime}
# The daemon needs only the network, its own directory and its socket.
{sandbox}
[Install]
WantedBy=multi-user.target
"
        )
    }

    /// The socket unit. The socket is owned by root and exists independently of the daemon.
    pub fn socket(&self) -> String {
        let group = match self.group {
            Some(group) => format!("SocketGroup={group}\n"),
            None => format!("SocketGroup={}\n", self.user),
        };
        let path = self.socket.display().to_string().replace('%', "%%");
        format!(
            "# Keep this as /etc/systemd/system/selvedge-santa.socket, then: systemctl enable --now selvedge-santa.socket
[Unit]
Description=Socket of Selvedge's sync of rules and events

[Socket]
ListenStream={path}
FileDescriptorName=sync
SocketUser=root
{group}SocketMode=0660
DirectoryMode=0755

[Install]
WantedBy=sockets.target
"
        )
    }

    /// The name of the socket's directory below /run, which systemd creates.
    fn runtime_directory(&self) -> Option<String> {
        let name = self.socket.parent()?.strip_prefix("/run").ok()?.to_str()?;
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.');
        (!name.is_empty() && name.bytes().all(is_plain)).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(socket: &str) -> Unit<'_> {
        Unit {
            program: Path::new("/usr/bin/selvedge"),
            state_dir: Path::new("/var/lib/selvedge"),
            socket: Path::new(socket),
            user: "selvedge",
            group: Some("santa"),
        }
    }

    #[test]
    fn the_service_is_restarted_watched_and_unprivileged() {
        let text = unit("/run/selvedge/sync.sock").service();
        for line in [
            "Type=notify",
            "User=selvedge",
            "Group=santa",
            "Restart=always",
            "RestartSec=1",
            "WatchdogSec=120",
            "RuntimeDirectory=selvedge",
            "ReadWritePaths=\"/var/lib/selvedge\"",
            "CapabilityBoundingSet=",
            "# chown -R selvedge: \"/var/lib/selvedge\" && chown root \"/var/lib/selvedge/santa.toml\" && chmod u=rw,g=r,o= \"/var/lib/selvedge/santa.toml\"",
            "ExecStart=\"/usr/bin/selvedge\" --data-dir \"/var/lib/selvedge\" santa daemon",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn only_a_directory_below_run_is_created() {
        for (socket, expected) in [
            ("/run/selvedge/sync.sock", Some("selvedge")),
            ("/run/sync.sock", None),
            ("/run/a b/sync.sock", None),
            ("/var/lib/selvedge/santa.sock", None),
        ] {
            assert_eq!(
                unit(socket).runtime_directory().as_deref(),
                expected,
                "{socket}"
            );
        }
    }

    #[test]
    fn the_socket_is_for_root_and_the_group() {
        let text = unit("/run/selvedge/100%.sock").socket();
        for line in [
            "ListenStream=/run/selvedge/100%%.sock",
            "SocketMode=0660",
            "SocketGroup=santa",
            "FileDescriptorName=sync",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }
}
