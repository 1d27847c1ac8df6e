//! Copies the package to the directories of the page and the extension, and their shared modules to the extension's.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::workspace::{Workspace, run};

/// Files that only Node, readers and the tests of stores need.
const NOT_FOR_BROWSERS: [&str; 8] = [
    "LICENSE",
    "README.md",
    "file-store.js",
    "node.js",
    "package.json",
    "store-cases-data.js",
    "store-cases.d.ts",
    "store-cases.js",
];

/// Copies the built package and the shared modules to the directories from which browsers load them.
pub(crate) fn copy_package(workspace: &Workspace) -> Result<(), Error> {
    let www = workspace.root.join("www");
    let extension = www.join("extension");
    let is_for_browsers = |name: &str| !NOT_FOR_BROWSERS.contains(&name);
    copy(&workspace.package(), &www.join("selvedge"), is_for_browsers)?;
    copy(
        &workspace.package(),
        &extension.join("selvedge"),
        is_for_browsers,
    )?;
    copy(&www.join("shared"), &extension.join("shared"), |_| true)
}

/// Compresses the page's files; `selvedge serve --www` sends the compressed files.
pub(crate) fn compress(workspace: &Workspace) -> Result<(), Error> {
    let script = workspace.wasm().join("xtask").join("compress.mjs");
    run(Command::new("node")
        .arg(script)
        .arg(workspace.root.join("www")))
}

/// Replaces a directory by copies of the chosen files of another one.
fn copy(from: &Path, to: &Path, is_chosen: impl Fn(&str) -> bool) -> Result<(), Error> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(Error::file(to))?;
    }
    fs::create_dir_all(to).map_err(Error::file(to))?;
    for entry in fs::read_dir(from).map_err(Error::file(from))? {
        let entry = entry.map_err(Error::file(from))?;
        let name = entry.file_name();
        if is_chosen(&name.to_string_lossy()) {
            let path = entry.path();
            fs::copy(&path, to.join(&name)).map_err(Error::file(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chosen_files_are_copied_and_old_files_are_removed() {
        let scratch = std::env::temp_dir().join(format!("selvedge-www-{}", std::process::id()));
        let (from, to) = (scratch.join("from"), scratch.join("a").join("to"));
        for directory in [&from, &to] {
            fs::create_dir_all(directory).unwrap();
        }
        for path in [
            from.join("module.js"),
            from.join("node.js"),
            to.join("old.js"),
        ] {
            fs::write(path, "text").unwrap();
        }
        copy(&from, &to, |name| !NOT_FOR_BROWSERS.contains(&name)).unwrap();
        let names: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        fs::remove_dir_all(&scratch).unwrap();
        assert_eq!(names, ["module.js"]);
    }
}
