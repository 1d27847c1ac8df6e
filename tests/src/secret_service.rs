//! A real Secret Service, GNOME Keyring as Debian packages it, on a session bus of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Run;

/// The timeout of the start.
const TIMEOUT: Duration = Duration::from_secs(60);

const SERVICE: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";

/// A keyring that is unlocked at first. It ends with the value.
#[derive(Debug)]
pub struct SecretService {
    dir: TempDir,
    address: String,
    children: Vec<Child>,
}

impl SecretService {
    /// A keyring in directories of its own; `None`, and a line that says so, where a program is missing.
    ///
    /// # Panics
    /// When a program is missing under `CI=true`, or does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        for name in ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"] {
            if !is_installed(name) {
                crate::skipped(name);
                return None;
            }
        }
        let dir = TempDir::new().expect("there is room for a directory");
        for name in ["run", "home"] {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).expect("a directory can be made");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let private = std::fs::Permissions::from_mode(0o700);
                std::fs::set_permissions(&path, private).expect("the mode can be set");
            }
        }
        let mut service = Self {
            address: format!("unix:path={}/run/bus", dir.path().display()),
            dir,
            children: Vec::new(),
        };
        // Without directories of services the bus starts no second keyring and no password prompt.
        let configuration = service.dir.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>{}</listen><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>\
             </policy></busconfig>",
            service.address
        );
        std::fs::write(&configuration, text).expect("a file can be written");
        let mut bus = service.command("dbus-daemon");
        bus.args(["--nofork", "--nopidfile", "--print-address=1"])
            .arg(format!("--config-file={}", configuration.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut bus = bus.spawn().expect("dbus-daemon starts");
        let stdout = bus.stdout.take().expect("stdout is piped");
        service.children.push(bus);
        // It prints its address when it listens.
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("dbus-daemon prints its address");
        assert!(line.starts_with("unix:"), "{line}");
        service.start_keyring();
        Some(service)
    }

    fn start_keyring(&mut self) {
        let mut keyring = self.command("gnome-keyring-daemon");
        keyring
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut keyring = keyring.spawn().expect("gnome-keyring-daemon starts");
        let mut stdin = keyring.stdin.take().expect("stdin is piped");
        stdin
            .write_all(b"password of the keyring")
            .expect("it reads its password");
        drop(stdin);
        self.children.push(keyring);
        let began = Instant::now();
        while !self.call("ReadAlias", &["string:default"]).contains(LOGIN) {
            assert!(began.elapsed() < TIMEOUT, "the keyring does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn command(&self, name: &str) -> Command {
        let home = self.dir.path().join("home");
        let mut command = Command::new(name);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("XDG_DATA_HOME", home.join("data"))
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", self.runtime_dir())
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }

    fn runtime_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// Calls a method of the service; its answer as `dbus-send` prints it.
    fn call(&self, method: &str, args: &[&str]) -> String {
        self.send(
            ROOT,
            &format!("org.freedesktop.Secret.Service.{method}"),
            args,
        )
    }

    fn send(&self, path: &str, method: &str, args: &[&str]) -> String {
        let output = self
            .command("dbus-send")
            .args(["--session", "--print-reply"])
            .arg(format!("--dest={SERVICE}"))
            .args([path, method])
            .args(args)
            .output()
            .expect("dbus-send runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Locks the keyring, as a screen lock or its program does.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn lock(&self) {
        let answer = self.call("Lock", &[&format!("array:objpath:{LOGIN}")]);
        assert!(answer.contains(LOGIN), "it locks: {answer}");
    }

    /// Ends the keyring and starts it again, unlocked. Its entries stay.
    pub fn unlock(&mut self) {
        let mut keyring = self.children.pop().expect("the keyring was started");
        let _ended = keyring.kill();
        let _ended = keyring.wait();
        self.start_keyring();
    }

    /// The number of entries of the program.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.items().len()
    }

    /// Deletes the entries of the program behind its back.
    pub fn delete_entries(&self) {
        for item in self.items() {
            self.send(&item, "org.freedesktop.Secret.Item.Delete", &[]);
        }
        assert_eq!(self.entries(), 0);
    }

    fn items(&self) -> Vec<String> {
        let answer = self.call("SearchItems", &["dict:string:string:service,selvedge"]);
        let paths = answer.split('"').skip(1).step_by(2);
        paths.map(ToOwned::to_owned).collect()
    }

    /// A run of the program that reaches this keyring.
    #[must_use]
    pub fn reached_by(&self, run: Run) -> Run {
        run.env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("XDG_RUNTIME_DIR", self.runtime_dir())
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ended = child.kill();
            let _ended = child.wait();
        }
    }
}

fn is_installed(name: &str) -> bool {
    ["/usr/bin", "/bin"]
        .iter()
        .any(|dir| Path::new(dir).join(name).is_file())
}
