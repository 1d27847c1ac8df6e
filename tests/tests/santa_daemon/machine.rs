//! A machine with its daemon. Root's daemon becomes nobody, and its socket is where only root may make one.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use selvedge_tests::{DaemonProcess, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::talk::Talk;

/// Its id.
pub(crate) const MACHINE: &str = "50C7E1EB-2EF5-42D4-A084-A7966FC45A95";

const NOBODY: u32 = 65_534;

/// Whether the tests are run by root.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.unwrap().split_whitespace().nth(1) == Some("0")
}

pub(crate) struct Machine {
    dir: TempDir,
}

impl Machine {
    /// A machine whose server has this URL; an empty one is none.
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

    /// Sets its server.
    pub(crate) fn configure(&self, url: &str) {
        self.configure_with(url, "");
    }

    /// Sets its server, and something more.
    pub(crate) fn configure_with(&self, url: &str, more: &str) {
        self.configure_all("", url, more);
    }

    /// Sets its server, and something more before our own settings and after them.
    pub(crate) fn configure_all(&self, before: &str, url: &str, more: &str) {
        let user = match is_root() {
            true => "user = \"nobody\"\n",
            false => "",
        };
        let socket = self.socket();
        self.write_config(&format!(
            "{before}SyncBaseURL = \"{url}\"\nMachineID = \"{MACHINE}\"\n[selvedge]\n{user}socket = \"{}\"\n{more}\n",
            socket.display()
        ));
    }

    /// Puts a configuration in the place of the old one.
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

    /// A command of this machine.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let dir = self.dir();
        let place = ["--data-dir", dir.to_str().unwrap()];
        Run::new(place.iter().chain(args))
    }
}

pub(crate) struct Daemon {
    process: DaemonProcess,
    socket: PathBuf,
}

impl Daemon {
    /// Starts it, and waits until it answers.
    pub(crate) fn start(machine: &Machine, args: &[&str]) -> Self {
        Self::start_with(machine, args, |run| run)
    }

    /// Starts it in surroundings of its own, and waits until it answers.
    pub(crate) fn start_with(
        machine: &Machine,
        args: &[&str],
        given: impl FnOnce(Run) -> Run,
    ) -> Self {
        let args = [&["santa", "daemon"], args].concat();
        let daemon = Self {
            process: DaemonProcess::start(given(machine.run(&args))),
            socket: machine.socket(),
        };
        let _status = daemon.talk().call("status", &json!({}));
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// A connection to it.
    pub(crate) fn talk(&self) -> Talk {
        Talk::with(&self.socket)
    }

    /// What is answered to another user.
    pub(crate) fn call_as(&self, uid: u32, method: &str, params: &Value) -> Value {
        open_to_everybody(&self.socket);
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let script = r#"my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!"; print $s "$ARGV[1]\n"; $s->flush; print scalar <$s>;"#;
        let asked = Command::new("/usr/bin/perl")
            .args(["-MIO::Socket::UNIX", "-e", script])
            .arg(&self.socket)
            .arg(call.to_string())
            .uid(uid)
            .gid(uid)
            .output()
            .expect("perl speaks as another user");
        let said = String::from_utf8_lossy(&asked.stderr).into_owned();
        serde_json::from_slice(&asked.stdout).unwrap_or_else(|_| panic!("no answer: {said}"))
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Tells it to stop.
    pub(crate) fn stops(self) {
        self.process.stops();
    }

    /// Waits for its end.
    pub(crate) fn ends_well(&mut self) {
        self.process.ends_well();
    }
}

/// Lets every user speak on a socket.
pub(crate) fn open_to_everybody(socket: &Path) {
    let mode = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(socket, mode).unwrap();
}
