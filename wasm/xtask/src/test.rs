//! `cargo xtask test`: the tests in WebAssembly, then the tests of the package as it would be published.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::error::Error;
use crate::workspace::{Workspace, read, run, write};
use crate::{RUN_TESTS, build, node, pack};

/// All of these tests.
pub(crate) fn all(workspace: &Workspace) -> Result<(), Error> {
    in_node(workspace, None)?;
    pack::pack(workspace)?;
    let program = build::program(workspace)?;
    let consumer = consumer(workspace)?;
    check_types(workspace, &consumer)?;
    bundle(workspace, &consumer)?;
    package(workspace, &consumer, &program)
}

/// The Rust tests, compiled to WebAssembly; this program runs them in Node.
pub(crate) fn in_node(workspace: &Workspace, filter: Option<&str>) -> Result<(), Error> {
    let program = env::current_exe().map_err(Error::file("xtask"))?;
    let mut command = build::for_wasm(workspace, "test");
    command.args(build::TESTED);
    let runner = format!(
        "CARGO_TARGET_{}_RUNNER",
        build::TARGET.to_uppercase().replace('-', "_")
    );
    // Cargo splits the environment variable at blanks; the setting is a list, so that the path may contain blanks.
    command.env_remove(&runner);
    let list = serde_json::to_string(&[program.to_string_lossy().as_ref(), RUN_TESTS])?;
    command
        .arg("--config")
        .arg(format!("target.{}.runner={list}", build::TARGET));
    command.env("WASM_BINDGEN_TEST_ONLY_NODE", "1");
    run(command.args(filter.map(|filter| ["--", filter]).into_iter().flatten()))
}

/// A project with the package, installed from its tarball, and a copy of the tests.
fn consumer(workspace: &Workspace) -> Result<PathBuf, Error> {
    let directory = workspace.scratch("consumer")?;
    let pack = |command: &mut Command| {
        run(command
            .args(["--loglevel", "error"])
            .current_dir(&directory))
    };
    pack(Command::new("npm").arg("pack").arg(workspace.package()))?;
    let tarball = format!("selvedge-{}.tgz", workspace.version);
    write(
        &directory.join("package.json"),
        r#"{"private": true, "type": "module"}"#,
    )?;
    pack(
        Command::new("npm")
            .args(["install", "--offline", "--no-audit", "--no-fund"])
            .arg(format!("./{tarball}")),
    )?;
    for name in ["package", "types"] {
        let from = workspace.wasm().join("tests").join(name);
        for entry in fs::read_dir(&from).map_err(Error::file(&from))?.flatten() {
            write(&directory.join(entry.file_name()), read(&entry.path())?)?;
        }
    }
    Ok(directory)
}

/// Checks the types of a strict program, with each supported TypeScript version and each set of libraries.
fn check_types(workspace: &Workspace, consumer: &Path) -> Result<(), Error> {
    let modules = workspace.wasm().join("node_modules");
    for compiler in ["typescript", "typescript-5"] {
        for project in ["tsconfig.json", "tsconfig.dom.json", "tsconfig.node.json"] {
            run(Command::new("node")
                .arg(modules.join(compiler).join("bin").join("tsc"))
                .arg("--project")
                .arg(consumer.join(project))
                .arg("--typeRoots")
                .arg(modules.join("@types")))?;
        }
    }
    Ok(())
}

/// Bundles a program and the package into one file, as a web page would use it.
fn bundle(workspace: &Workspace, consumer: &Path) -> Result<(), Error> {
    run(node::tool(workspace, "esbuild")
        .current_dir(consumer)
        .args([
            "bundle-entry.mjs",
            "--bundle",
            "--format=esm",
            "--platform=browser",
        ])
        .args(["--outfile=bundle.mjs", "--log-level=warning"]))
}

/// The JavaScript tests, with the packed files and a real server.
fn package(workspace: &Workspace, consumer: &Path, program: &Path) -> Result<(), Error> {
    let mut command = Command::new("node");
    command
        .current_dir(consumer)
        .env("SELVEDGE", program)
        .env("SELVEDGE_ROOT", &workspace.root)
        .env("SELVEDGE_NODE_WITH_SQLITE", node::with_sqlite(workspace))
        .env("SELVEDGE_ESBUILD", node::program(workspace, "esbuild"));
    let scripts = node::tests_in(consumer)?;
    node::test(command, scripts, &consumer.join("report.tap"))
}
