//! `cargo xtask browsers`: the tests that need real browsers, driven from Node.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;
use crate::workspace::Workspace;
use crate::{RUN_TESTS, build, node, pack};

/// The WebAssembly tests in every browser, then the extension and the page.
pub(crate) fn all(workspace: &Workspace, filter: Option<&str>) -> Result<(), Error> {
    let directory = workspace.root.join("tests").join("browser");
    let modules = build::tests(workspace)?;
    pack::pack(workspace)?;
    let program = build::program(workspace)?;
    node::install(&directory)?;
    let xtask = env::current_exe().map_err(Error::file("xtask"))?;
    let modules: Vec<_> = modules.iter().map(PathBuf::as_path).collect();
    let mut command = Command::new("node");
    command
        .current_dir(&directory)
        .env("SELVEDGE", program)
        .env("SELVEDGE_ROOT", &workspace.root)
        .env("SELVEDGE_WASM_TESTS", serde_json::to_string(&modules)?)
        .env(
            "SELVEDGE_WASM_RUNNER",
            serde_json::to_string(&(xtask, RUN_TESTS))?,
        );
    let report = workspace.scratch("browsers")?.join("report.tap");
    let scripts = node::tests_in(&directory)?;
    let is_selected =
        |name: &String| filter.is_none_or(|filter| name.strip_suffix(node::TEST) == Some(filter));
    node::test(command, scripts.into_iter().filter(is_selected), &report)
}
