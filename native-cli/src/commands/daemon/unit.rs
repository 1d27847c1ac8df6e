//! The systemd unit of a profile's daemon.

use std::path::Path;

use selvedge_host::service::{quoted, sandbox};

/// A system service that runs the daemon as `user` and may write only to the profile's directory.
pub(super) fn unit(program: &Path, profile: &Path, user: &str) -> String {
    let sandbox = sandbox(&[profile], "AF_UNIX AF_INET AF_INET6");
    let (program, directory) = (quoted(program), quoted(profile));
    format!(
        "# Keep this as /etc/systemd/system/selvedge.service, then: systemctl enable --now selvedge
[Unit]
Description=Selvedge keeps data in step between devices
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User={user}
ExecStart={program} --data-dir {directory} daemon
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=5
# Wrong arguments, or no account: a person has to see to it first.
RestartPreventExitStatus=2 3
WatchdogSec=120
TimeoutStopSec=20
UMask=0077

# The daemon needs the network and its own directory, and nothing else.
{sandbox}
[Install]
WantedBy=multi-user.target
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_profile_may_be_written() {
        let text = unit(Path::new("/usr/bin/selvedge"), Path::new("/srv/p"), "ada");
        for line in [
            "User=ada",
            "ExecStart=\"/usr/bin/selvedge\" --data-dir \"/srv/p\" daemon",
            "ReadWritePaths=\"/srv/p\"",
            "ProtectSystem=strict",
            "Type=notify",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }
}
