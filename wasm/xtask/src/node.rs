//! The tools that come from npm, at the versions of `wasm/package-lock.json`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;
use crate::workspace::{Workspace, read, run, write};

/// Installs the tools, unless they are those of the lock file already.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Error> {
    let lock = read(&workspace.wasm().join("package-lock.json"))?;
    let installed = workspace.wasm().join("node_modules").join(".selvedge-lock");
    if fs::read_to_string(&installed).is_ok_and(|found| found == lock) {
        return Ok(());
    }
    run(Command::new("npm")
        .args(["ci", "--loglevel", "error"])
        .current_dir(workspace.wasm()))?;
    write(&installed, lock)
}

/// A tool by its name. It runs in Node, so that no shell of the system has a say.
pub(crate) fn tool(workspace: &Workspace, name: &str) -> Command {
    let program: PathBuf = workspace
        .wasm()
        .join("node_modules")
        .join(".bin")
        .join(name);
    Command::new(program)
}
