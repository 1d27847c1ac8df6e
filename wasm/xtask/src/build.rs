//! How cargo builds for WebAssembly.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::Error;
use crate::workspace::{Workspace, cargo, output};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A package on the web weighs: it is compiled for size, which costs a few hundredths of its speed.
const PROFILE: [&str; 4] = [
    "opt-level=\"z\"",
    "lto=\"fat\"",
    "codegen-units=1",
    "debug=false",
];

/// Where the time of a sync goes; these are compiled for speed.
const HOT: [&str; 7] = [
    "aes",
    "base64-simd",
    "cbc",
    "const-hex",
    "memchr",
    "selvedge-blocks",
    "sha2",
];

/// What is tested in WebAssembly: the core's decisions, laws and vectors as they are tested natively, and the border.
pub(crate) const TESTED: [&str; 9] = [
    "--package",
    "selvedge-blocks",
    "--package",
    "selvedge-core",
    "--package",
    "selvedge-santa",
    "--package",
    "selvedge-wasm",
    "--tests",
];

/// Compiles the package's module.
pub(crate) fn module(workspace: &Workspace) -> Result<PathBuf, Error> {
    let mut command = for_wasm(workspace, "build");
    command.args(["--package", "selvedge-wasm", "--lib"]);
    artifact(&mut command, "selvedge_wasm", |message| {
        message.filenames.into_iter().find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
    })?
    .ok_or(Error::NotBuilt("module selvedge_wasm"))
}

/// Compiles the tests that are Rust, and says where their modules are.
pub(crate) fn tests(workspace: &Workspace) -> Result<Vec<PathBuf>, Error> {
    let mut command = for_wasm(workspace, "test");
    command.args(TESTED).arg("--no-run");
    let told = artifacts(&mut command)?;
    Ok(told.filter_map(|message| message.executable).collect())
}

/// Compiles the program `selvedge`, whose server the tests talk to; or takes the one that the environment names.
pub(crate) fn program(workspace: &Workspace) -> Result<PathBuf, Error> {
    if let Some(program) = env::var_os("SELVEDGE") {
        return Ok(program.into());
    }
    let mut command = cargo();
    command.current_dir(&workspace.root).args([
        "build",
        "--package",
        "selvedge-cli",
        "--bin",
        "selvedge",
    ]);
    artifact(&mut command, "selvedge", |message| message.executable)?
        .ok_or(Error::NotBuilt("program selvedge"))
}

/// A command of cargo's for WebAssembly: with SIMD, with all that the compiler's optimiser has, and without a path of this
/// machine in what it makes. The tests are compiled as the package is: they try the same code, and nothing is built twice.
pub(crate) fn for_wasm(workspace: &Workspace, command: &str) -> Command {
    let mut cargo = cargo();
    cargo
        .current_dir(&workspace.root)
        .args([command, "--release", "--target", TARGET]);
    for setting in PROFILE {
        cargo
            .arg("--config")
            .arg(format!("profile.release.{setting}"));
    }
    for hot in HOT {
        cargo
            .arg("--config")
            .arg(format!("profile.release.package.{hot}.opt-level=3"));
    }
    let mut flags = given_flags();
    flags.extend(["-C".into(), "target-feature=+simd128".into()]);
    for (from, to) in sources(workspace) {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    }
    cargo
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo
}

/// The flags that the caller gave, for what is set here would hide them.
fn given_flags() -> Vec<String> {
    let list = |text: String, separator: char| -> Vec<String> {
        text.split(separator)
            .filter(|flag| !flag.is_empty())
            .map(Into::into)
            .collect()
    };
    env::var("CARGO_ENCODED_RUSTFLAGS")
        .map(|text| list(text, '\u{1f}'))
        .or_else(|_| env::var("RUSTFLAGS").map(|text| list(text, ' ')))
        .unwrap_or_default()
}

/// Directories that sources come from, and what they are called in messages.
fn sources(workspace: &Workspace) -> Vec<(PathBuf, &'static str)> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let registries = home.map(|home| home.join("registry").join("src"));
    let registries = registries
        .and_then(|path| fs::read_dir(path).ok())
        .into_iter()
        .flatten()
        .flatten();
    let registries = registries.map(|entry| (entry.path(), "crates"));
    registries
        .chain([(workspace.root.clone(), "selvedge")])
        .collect()
}

/// What cargo tells of one thing that it built.
#[derive(Deserialize)]
struct Message {
    target: Target,
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Runs cargo and picks a file out of what it built under the name of a target.
fn artifact(
    command: &mut Command,
    name: &str,
    pick: impl Fn(Message) -> Option<PathBuf>,
) -> Result<Option<PathBuf>, Error> {
    let told = artifacts(command)?;
    Ok(told
        .filter(|message| message.target.name == name)
        .filter_map(pick)
        .last())
}

/// Runs cargo and reads what it tells of what it built.
fn artifacts(command: &mut Command) -> Result<impl Iterator<Item = Message>, Error> {
    command.arg("--message-format=json-render-diagnostics");
    let told = output(command)?;
    // Its messages are of many kinds; those that are no artifact do not read as one.
    let messages: Vec<_> = told
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .collect();
    Ok(messages.into_iter())
}
