//! `cargo xtask test`: the tests in WebAssembly, then those of the package as it would be published.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::error::Error;
use crate::workspace::{Workspace, read, run, write};
use crate::{RUN_TESTS, build, node, pack};

/// Everything.
pub(crate) fn all(workspace: &Workspace) -> Result<(), Error> {
    in_node(workspace, None)?;
    pack::pack(workspace)?;
    let program = build::program(workspace)?;
    let consumer = consumer(workspace)?;
    check_types(workspace, &consumer)?;
    bundle(workspace, &consumer)?;
    package(workspace, &consumer, &program)
}

/// The tests that are Rust, compiled to WebAssembly and run in Node by this very program.
pub(crate) fn in_node(workspace: &Workspace, filter: Option<&str>) -> Result<(), Error> {
    let program = env::current_exe().map_err(Error::file("xtask"))?;
    let mut command = build::for_wasm(workspace, "test");
    command.args(build::TESTED);
    let runner = format!(
        "CARGO_TARGET_{}_RUNNER",
        build::TARGET.to_uppercase().replace('-', "_")
    );
    // As cargo splits this at blanks, the program's path stands in a setting that is a list.
    command.env_remove(&runner);
    let list = serde_json::to_string(&[program.to_string_lossy().as_ref(), RUN_TESTS])?;
    command
        .arg("--config")
        .arg(format!("target.{}.runner={list}", build::TARGET));
    command.env("WASM_BINDGEN_TEST_ONLY_NODE", "1");
    run(command.args(filter.map(|filter| ["--", filter]).into_iter().flatten()))
}

/// A project that has installed the package from its tarball, as npm would bring it, beside the tests.
fn consumer(workspace: &Workspace) -> Result<PathBuf, Error> {
    let place = workspace.scratch("consumer")?;
    let pack =
        |command: &mut Command| run(command.args(["--loglevel", "error"]).current_dir(&place));
    pack(Command::new("npm").arg("pack").arg(workspace.package()))?;
    let tarball = format!("selvedge-{}.tgz", workspace.version);
    write(
        &place.join("package.json"),
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
            write(&place.join(entry.file_name()), read(&entry.path())?)?;
        }
    }
    Ok(place)
}

/// Has a strict program's types checked, by every TypeScript and with every set of libraries that programs may have.
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

/// Makes one file of a program and the package, as a web page would have it.
fn bundle(workspace: &Workspace, consumer: &Path) -> Result<(), Error> {
    run(node::tool(workspace, "esbuild")
        .current_dir(consumer)
        .args([
            "bundled.mjs",
            "--bundle",
            "--format=esm",
            "--platform=browser",
        ])
        .args(["--outfile=bundle.mjs", "--log-level=warning"]))
}

/// The tests that are JavaScript, on the packed files and against the real server.
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
