//! A machine with its daemon. As root, the daemon switches to the user nobody, and the socket is in a directory that
//! only root can write.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use selvedge_tests::{DaemonProcess, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Client;

/// The id of the machine.
pub(crate) const MACHINE: &str = "50C7E1EB-2EF5-42D4-A084-A7966FC45A95";

const NOBODY: u32 = 65_534;

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.unwrap().split_whitespace().nth(1) == Some("0")
}

pub(crate) struct Machine {
    dir: TempDir,
}

impl Machine {
    /// A machine with the URL of a server; an empty URL means no server.
    pub(crate) fn of(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open.clone()).unwrap();
        for name in ["state", "run"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::set_permissions(dir.path().join(name), open.clone()).unwrap();
        }
        if is_root() {
            chown(dir.path().join("state"), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let machine = Self { dir };
        machine.configure(url);
        machine
    }

    /// Sets the server.
    pub(crate) fn configure(&self, url: &str) {
        self.configure_with(url, "");
    }

    /// Sets the server, and appends to the configuration.
    pub(crate) fn configure_with(&self, url: &str, more: &str) {
        self.configure_all("", url, more);
    }

    /// Sets the server, with additional configuration at the start and at the end.
    pub(crate) fn configure_all(&self, before: &str, url: &str, more: &str) {
        let user = if is_root() { "user = \"nobody\"\n" } else { "" };
        let socket = self.socket();
        self.write_config(&format!(
            "{before}SyncBaseURL = \"{url}\"\nMachineID = \"{MACHINE}\"\n[selvedge]\n{user}socket = \"{}\"\n{more}\n",
            socket.display()
        ));
    }

    /// Replaces the configuration atomically.
    pub(crate) fn write_config(&self, text: &str) {
        let new = self.path("santa.toml.new");
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::rename(new, self.path("santa.toml")).unwrap();
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("run/sync.sock")
    }

    /// A command with this machine's profile.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let dir = self.dir();
        let options = ["--data-dir", dir.to_str().unwrap()];
        Run::new(options.iter().chain(args))
    }
}

pub(crate) struct Daemon {
    process: DaemonProcess,
    socket: PathBuf,
}

impl Daemon {
    /// Starts the daemon and waits until it responds.
    pub(crate) fn start(machine: &Machine, args: &[&str]) -> Self {
        Self::start_with(machine, args, |run| run)
    }

    /// Starts the daemon with a changed environment, and waits until it responds.
    pub(crate) fn start_with(
        machine: &Machine,
        args: &[&str],
        prepare: impl FnOnce(Run) -> Run,
    ) -> Self {
        let args = [&["santa", "daemon"], args].concat();
        let daemon = Self {
            process: DaemonProcess::start(prepare(machine.run(&args))),
            socket: machine.socket(),
        };
        let _status = daemon.client().call("status", &json!({}));
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// A new connection to the socket.
    pub(crate) fn client(&self) -> Client {
        Client::with(&self.socket)
    }

    /// Calls a method as another user.
    pub(crate) fn call_as(&self, uid: u32, method: &str, params: &Value) -> Value {
        make_world_accessible(&self.socket);
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let script = r#"my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!"; print $s "$ARGV[1]\n"; $s->flush; print scalar <$s>;"#;
        let output = Command::new("/usr/bin/perl")
            .args(["-MIO::Socket::UNIX", "-e", script])
            .arg(&self.socket)
            .arg(call.to_string())
            .uid(uid)
            .gid(uid)
            .output()
            .expect("perl runs as another user");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no answer: {error}"))
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Stops the daemon.
    pub(crate) fn stops(self) {
        self.process.stops();
    }

    /// Waits until the daemon exits successfully.
    pub(crate) fn ends_well(&mut self) {
        self.process.ends_well();
    }
}

/// Allows all users to use a socket.
pub(crate) fn make_world_accessible(socket: &Path) {
    let mode = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(socket, mode).unwrap();
}
