//! Builds for WebAssembly with cargo.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::Error;
use crate::workspace::{Workspace, cargo, output};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The module is compiled for size, because every page downloads it; this costs a few percent of speed.
const PROFILE: [&str; 5] = [
    "opt-level=\"z\"",
    "lto=\"fat\"",
    "codegen-units=1",
    "debug=false",
    // wasm-bindgen and wasm-opt read custom sections, and remove them.
    "strip=\"none\"",
];

/// Crates that use most of the time of a sync; these are compiled for speed.
const COMPILED_FOR_SPEED: [&str; 7] = [
    "aes",
    "base64-simd",
    "cbc",
    "const-hex",
    "memchr",
    "selvedge-blocks",
    "sha2",
];

/// The packages that are tested in WebAssembly: the core's tests, which also run natively, and the interface to JavaScript.
pub(crate) const TESTED: [&str; 11] = [
    "--package",
    "selvedge-blocks",
    "--package",
    "selvedge-core",
    "--package",
    "selvedge-santa",
    "--package",
    "selvedge-wasm",
    "--features",
    "selvedge-core/whole-collections",
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

/// Compiles the Rust tests, and returns the paths of their modules.
pub(crate) fn tests(workspace: &Workspace) -> Result<Vec<PathBuf>, Error> {
    let mut command = for_wasm(workspace, "test");
    command.args(TESTED).arg("--no-run");
    let messages = artifacts(&mut command)?;
    Ok(messages.filter_map(|message| message.executable).collect())
}

/// Compiles the program `selvedge`, whose server the tests use, or returns the path in the environment variable SELVEDGE.
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

/// A cargo command for WebAssembly: with SIMD, fully optimised, and without paths of this machine in the output. Tests and
/// package are compiled with the same settings: the tests run the same code, and nothing is compiled twice.
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
    for package in COMPILED_FOR_SPEED {
        cargo
            .arg("--config")
            .arg(format!("profile.release.package.{package}.opt-level=3"));
    }
    let mut flags = callers_flags();
    flags.extend(["-C".into(), "target-feature=+simd128".into()]);
    for (from, to) in sources(workspace) {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    }
    cargo
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo
}

/// The compiler flags of the caller, which the variable that is set here would override.
fn callers_flags() -> Vec<String> {
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

/// Directories with sources, and their names in panic messages.
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

/// Cargo's message about one artifact.
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

/// Runs cargo and returns a file of the artifact of a target.
fn artifact(
    command: &mut Command,
    name: &str,
    pick: impl Fn(Message) -> Option<PathBuf>,
) -> Result<Option<PathBuf>, Error> {
    let messages = artifacts(command)?;
    Ok(messages
        .filter(|message| message.target.name == name)
        .filter_map(pick)
        .last())
}

/// Runs cargo and reads its messages about artifacts.
fn artifacts(command: &mut Command) -> Result<impl Iterator<Item = Message>, Error> {
    command.arg("--message-format=json-render-diagnostics");
    let printed = output(command)?;
    // Cargo prints messages of several kinds; only those about artifacts have this form.
    let messages: Vec<_> = printed
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .collect();
    Ok(messages.into_iter())
}
