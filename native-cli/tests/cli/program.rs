//! Runs the program, and a server of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// It must have ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// It must have ended with this code and one sentence on stderr, which is answered.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        let lines: Vec<&str> = self.err.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("selvedge: "),
            "{self:?}"
        );
        lines[0].into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// It must have ended with this code and a sentence that has these words.
#[track_caller]
pub(crate) fn says(ran: Ran, code: i32, words: &str) {
    let sentence = ran.refused(code);
    assert!(sentence.contains(words), "{sentence}");
}

/// A device: a profile of its own.
pub(crate) struct Device {
    dir: tempfile::TempDir,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A device with an account on a server.
    pub(crate) fn with_account(server: &Server) -> Self {
        let device = Self::new();
        device
            .run(&["account", "create", "--server", &server.url])
            .ok();
        device
    }

    /// Another device of the same account.
    pub(crate) fn joined(&self) -> Self {
        let shown = self
            .run(&["account", "show", "--show-secrets", "--json"])
            .json();
        let other = Self::new();
        let code = shown["joinCode"].as_str().unwrap();
        other.run_with(&["account", "join", "-"], code).ok();
        other
    }

    /// Where the profile is; the program makes it.
    pub(crate) fn profile(&self) -> PathBuf {
        self.dir.path().join("profile")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command
            .current_dir(self.dir.path())
            .arg("--data-dir")
            .arg(self.profile())
            .args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Ran {
        feed(self.command(args), stdin)
    }

    /// The records of a collection by `records list`, parsed, in order of id.
    pub(crate) fn records(&self, args: &[&str]) -> Vec<Value> {
        let mut command = vec!["records", "list"];
        command.extend(args);
        let out = self.run(&command).ok();
        let mut records: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        records.sort_by_key(|record| record["id"].to_string());
        records
    }

    /// Writes a file with mode 0600 beside the profile.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path.to_str().unwrap().into()
    }

    /// Puts a file of the profile there, whatever the program thinks of it.
    pub(crate) fn plant(&self, name: &str, content: &str) {
        let private = |path: &std::path::Path, mode| {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            }
        };
        std::fs::create_dir_all(self.profile()).unwrap();
        private(&self.profile(), 0o700);
        let path = self.profile().join(name);
        std::fs::write(&path, content).unwrap();
        private(&path, 0o600);
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command
        .env_remove("SELVEDGE_PROFILE")
        .env_remove("SELVEDGE_DATA_DIR");
    command
}

pub(crate) fn feed(mut command: Command, stdin: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not ask for its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data", ":memory:"]);
        Self::of(command)
    }

    /// The server that a command starts.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                line.split_once("listening on ")
                    .map(|(_, url)| url.to_owned())
            })
            .expect("it says where it listens");
        // Nobody reads on, but the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
