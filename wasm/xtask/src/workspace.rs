//! The directories of the workspace, and functions that run other programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde::Deserialize;

use crate::error::Error;

/// The directories of this workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The root, with the lock file.
    pub(crate) root: PathBuf,
    /// Cargo's target directory; it may be outside of the root.
    pub(crate) target: PathBuf,
    /// The version of every package.
    pub(crate) version: String,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

impl Workspace {
    /// Reads the directories from `cargo metadata`.
    pub(crate) fn find() -> Result<Self, Error> {
        let mut cargo = cargo();
        cargo.args(["metadata", "--format-version", "1", "--no-deps"]);
        let metadata: Metadata = serde_json::from_slice(&output(&mut cargo)?)?;
        let package = metadata
            .packages
            .into_iter()
            .find(|package| package.name == "selvedge-wasm");
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            version: package
                .ok_or(Error::NotBuilt("package selvedge-wasm"))?
                .version,
        })
    }

    /// The directory of the crate for JavaScript.
    pub(crate) fn wasm(&self) -> PathBuf {
        self.root.join("wasm")
    }

    /// The directory of the built package.
    pub(crate) fn package(&self) -> PathBuf {
        self.wasm().join("pkg")
    }

    /// An empty directory for this program's temporary files.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.target.join("xtask").join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(Error::file(&path))?;
        }
        fs::create_dir_all(&path).map_err(Error::file(&path))?;
        Ok(path)
    }
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs a program to its end; it inherits this program's standard output and error.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::Program(name(command))),
        Err(source) => Err(Error::Start {
            program: name(command),
            source,
        }),
    }
}

/// Runs a program to its end and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    match command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
    {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(_) => Err(Error::Program(name(command))),
        Err(source) => Err(Error::Start {
            program: name(command),
            source,
        }),
    }
}

fn name(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.take(3).map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

/// Reads a file of text.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::file(path))
}

/// Writes a file.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    fs::write(path, bytes).map_err(Error::file(path))
}
