//! Node, the npm tools at the versions of the lock files, and the JavaScript tests.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::workspace::{Workspace, read, run, write};

/// Installs the packages of the lock file in a directory, unless they are installed.
pub(crate) fn install(directory: &Path) -> Result<(), Error> {
    let lock = read(&directory.join("package-lock.json"))?;
    let installed = directory.join("node_modules").join(".selvedge-lock");
    if fs::read_to_string(&installed).is_ok_and(|found| found == lock) {
        return Ok(());
    }
    run(Command::new("npm")
        .args(["ci", "--loglevel", "error", "--no-audit", "--no-fund"])
        .current_dir(directory))?;
    write(&installed, lock)
}

/// A command that runs an npm tool directly, without a shell.
pub(crate) fn tool(workspace: &Workspace, name: &str) -> Command {
    Command::new(program(workspace, name))
}

/// The path of an npm tool.
pub(crate) fn program(workspace: &Workspace, name: &str) -> PathBuf {
    let modules = workspace.wasm().join("node_modules");
    modules.join(".bin").join(name)
}

/// The path of a Node with the module `node:sqlite`; the Node that runs the tests may not have it.
pub(crate) fn with_sqlite(workspace: &Workspace) -> PathBuf {
    let modules = workspace.wasm().join("node_modules");
    modules.join("node").join("bin").join("node")
}

/// The suffix of test scripts.
pub(crate) const TEST: &str = ".test.mjs";

/// The test scripts in a directory, sorted by name.
pub(crate) fn tests_in(directory: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(directory)
        .map_err(Error::file(directory))?
        .flatten();
    let mut scripts: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(TEST))
        .collect();
    scripts.sort();
    Ok(scripts)
}

/// Runs test scripts with a Node command, and prints how many tests passed.
#[allow(clippy::print_stdout, reason = "the count is this command's output")]
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
        return Err(Error::Tests(
            "no test ran: check the filter and the scripts' names".into(),
        ));
    }
    Ok(())
}
