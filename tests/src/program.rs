//! Runs the program `selvedge`, as users run it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The root of the workspace.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
}

/// The program: the path in `SELVEDGE_BIN`, or a build by cargo, once per process.
#[must_use]
pub fn selvedge() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = std::env::var_os("SELVEDGE_BIN") {
            let path = PathBuf::from(path);
            assert!(
                path.is_file(),
                "SELVEDGE_BIN names no file: {}",
                path.display()
            );
            return path;
        }
        build()
    })
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Benches are built with optimisation and need an optimised program.
    let profile = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    let output = Command::new(cargo)
        .args([
            "build",
            "--package",
            "selvedge-cli",
            "--bin",
            "selvedge",
            "--profile",
            profile,
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo could not build the program");
    let text = String::from_utf8(output.stdout).expect("cargo's messages are UTF-8");
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo's messages contain the path of the program")
}

/// A run of the program that is not started yet.
#[derive(Debug)]
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
}

impl Run {
    /// The program with these arguments, without access to the user's files and proxies.
    pub fn new<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(selvedge());
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("NO_COLOR", "1");
        Self {
            command,
            stdin: Vec::new(),
        }
    }

    /// Runs it by another program, which gets it and its arguments as the last arguments.
    #[must_use]
    pub fn under(self, prefix: &[String]) -> Self {
        let Some((program, args)) = prefix.split_first() else {
            return self;
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear();
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        Self { command, ..self }
    }

    /// Sets its standard input; the default is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets its working directory.
    #[must_use]
    pub fn current_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Starts it without waiting.
    #[must_use]
    pub fn spawn(mut self) -> Child {
        let child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.expect("the program starts")
    }

    /// Runs it to its end.
    #[must_use]
    pub fn outcome(mut self) -> Outcome {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let piped = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let bytes = std::mem::take(&mut self.stdin);
        // A program that ends early does not read all of it: ignore that error.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the writer ends");
        Outcome {
            shown,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    shown: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Outcome {
    /// Checks that it succeeded.
    ///
    /// # Panics
    /// If it failed.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Checks the exit code.
    ///
    /// # Panics
    /// If it is another one.
    #[must_use]
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The JSON on stdout.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("no JSON on stdout: {error}\n{self}"),
        }
    }

    /// Checks that it failed with this exit code and one error message, as text or as JSON, and returns the message.
    ///
    /// # Panics
    /// If the code is another one, the message is missing or too long, or the program panicked.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self}");
        let line = self.stderr.trim().lines().last().unwrap_or_default();
        let message = match serde_json::from_str::<Value>(line) {
            Ok(json) => json["error"]["message"].as_str().map(ToOwned::to_owned),
            Err(_) => Some(line.to_owned()),
        };
        let message = message.unwrap_or_else(|| panic!("no error on stderr\n{self}"));
        assert!(
            (15..600).contains(&message.len()),
            "the message is too short or too long: {message:?}\n{self}"
        );
        for word in [
            "panicked",
            "unwrap",
            "RUST_BACKTRACE",
            "Error {",
            "Some(",
            "Err(",
        ] {
            assert!(
                !self.stderr.contains(word),
                "{word} must not be in a message for users\n{self}"
            );
        }
        message
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            shown,
            code,
            stdout,
            stderr,
        } = self;
        let stdout: String = stdout.chars().take(4000).collect();
        write!(
            f,
            "selvedge {shown}\nexit {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}
