//! Node, the tools that come from npm at the versions of the lock files, and tests that are JavaScript.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::workspace::{Workspace, read, run, write};

/// Installs what the lock file in a directory names, unless it is there already.
pub(crate) fn install(place: &Path) -> Result<(), Error> {
    let lock = read(&place.join("package-lock.json"))?;
    let installed = place.join("node_modules").join(".selvedge-lock");
    if fs::read_to_string(&installed).is_ok_and(|found| found == lock) {
        return Ok(());
    }
    run(Command::new("npm")
        .args(["ci", "--loglevel", "error", "--no-audit", "--no-fund"])
        .current_dir(place))?;
    write(&installed, lock)
}

/// A tool by its name. It runs in Node, so that no shell of the system has a say.
pub(crate) fn tool(workspace: &Workspace, name: &str) -> Command {
    Command::new(program(workspace, name))
}

/// Where a tool is.
pub(crate) fn program(workspace: &Workspace, name: &str) -> PathBuf {
    let modules = workspace.wasm().join("node_modules");
    modules.join(".bin").join(name)
}

/// A Node that has the module `node:sqlite`, whatever the one is that runs the tests.
pub(crate) fn with_sqlite(workspace: &Workspace) -> PathBuf {
    let modules = workspace.wasm().join("node_modules");
    modules.join("node").join("bin").join("node")
}

/// How the names of scripts with tests end.
pub(crate) const TEST: &str = ".test.mjs";

/// The scripts with tests in a directory, in order.
pub(crate) fn tests_in(place: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(place).map_err(Error::file(place))?.flatten();
    let mut scripts: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(TEST))
        .collect();
    scripts.sort();
    Ok(scripts)
}

/// Runs scripts with tests by a command that is Node in the right place, and says how many passed.
#[allow(clippy::print_stdout, reason = "the count is what this command says")]
pub(crate) fn test(
    mut command: Command,
    scripts: impl IntoIterator<Item = String>,
    report: &Path,
) -> Result<(), Error> {
    command.args([
        "--test",
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=tap",
    ]);
    let mut destination = OsString::from("--test-reporter-destination=");
    destination.push(report);
    let ended = run(command.arg(destination).args(scripts));
    let counts = read(report)?;
    let count = |what: &str| {
        counts
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(what)?.trim().parse::<u64>().ok())
    };
    let (passed, failed) = (count("# pass").unwrap_or(0), count("# fail").unwrap_or(0));
    let verdict = if ended.is_ok() { "ok" } else { "FAILED" };
    println!("test result: {verdict}. {passed} passed; {failed} failed");
    ended?;
    if passed == 0 {
        return Err(Error::Tests("no test ran".into()));
    }
    Ok(())
}
