//! The systemd service and timer that make a backup every day.

use std::path::Path;

use super::grammar::CreateArgs;
use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::service::{check, quoted, sandbox};

/// Prints the service and the timer of these arguments.
pub(super) fn print(device: &Device, args: &CreateArgs) -> Result<()> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(HostError::file(path));
    let program = std::env::current_exe().map_err(HostError::file(Path::new("selvedge")))?;
    let (profile, target) = (absolute(device.profile.dir())?, absolute(&args.path)?);
    let passphrase = args.passphrase_file.as_deref();
    if passphrase.is_some_and(|path| path.as_os_str() == "-") {
        return Err(HostError::Usage(
            "a service has no stdin: pass a file with --passphrase-file".into(),
        ));
    }
    let passphrase = passphrase.map(absolute).transpose()?;
    for path in [&program, &profile, &target].into_iter().chain(&passphrase) {
        check(path)?;
    }
    let mut options = String::new();
    for recipient in &args.encrypt {
        check(Path::new(recipient))?;
        options.push_str(&format!(" --encrypt {}", quoted(Path::new(recipient))));
    }
    if let Some(path) = &passphrase {
        options.push_str(&format!(" --passphrase-file {}", quoted(path)));
    }
    if let Some(keep) = args.keep {
        options.push_str(&format!(" --keep {keep}"));
    }
    let is_file = !args.encrypt.is_empty() || passphrase.is_some();
    // The directory of the file that is replaced must be writable.
    let writable = match target.parent() {
        Some(parent) if is_file && !target.is_dir() => parent,
        _ => &target,
    };
    let user = std::env::var("USER").unwrap_or_else(|_| "root".into());
    let text = unit(&program, &profile, &target, writable, &options, &user);
    device.output.print(&text)
}

fn unit(
    program: &Path,
    profile: &Path,
    target: &Path,
    writable: &Path,
    options: &str,
    user: &str,
) -> String {
    // The profile keeps the storage token.
    let sandbox = sandbox(&[profile, writable], "AF_UNIX AF_INET AF_INET6");
    let (program, profile, target) = (quoted(program), quoted(profile), quoted(target));
    format!(
        "# Keep the first part as /etc/systemd/system/selvedge-backup.service, and the part after the line \"Timer\" as
# /etc/systemd/system/selvedge-backup.timer, then: systemctl enable --now selvedge-backup.timer
# The directory of the backups must exist before the first run.
[Unit]
Description=Selvedge backs up the account
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={user}
ExecStart={program} --data-dir {profile} backup create {target}{options}
UMask=0077
Nice=10

# It needs the network, its own directory and the backups, and nothing else.
{sandbox}
# Timer
[Unit]
Description=Selvedge backs up the account every day

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_profile_and_the_backups_may_be_written() {
        let path = Path::new;
        let text = unit(
            path("/usr/bin/selvedge"),
            path("/srv/p"),
            path("/srv/b"),
            path("/srv/b"),
            " --keep 7d",
            "ada",
        );
        for line in [
            "User=ada",
            "ExecStart=\"/usr/bin/selvedge\" --data-dir \"/srv/p\" backup create \"/srv/b\" --keep 7d",
            "ReadWritePaths=\"/srv/p\" \"/srv/b\"",
            "Type=oneshot",
            "OnCalendar=daily",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }
}
