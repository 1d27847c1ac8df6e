//! `cargo xtask pack`: builds the npm package: one optimised module with its JavaScript and its types.

use std::fs;
use std::path::Path;

use wasm_bindgen_cli_support::Bindgen;

use crate::error::Error;
use crate::workspace::{Workspace, read, run, write};
use crate::{build, node, size_by_crate, www};

/// The module's name by wasm-bindgen, and its name in the package.
const MODULE: (&str, &str) = ("selvedge_bg.wasm", "selvedge.wasm");

/// Maximum size of the module with gzip, in bytes: every page that uses the package downloads it.
const MAX_MODULE_BYTES: usize = 310_000;

/// Number of crates whose size is printed.
const PRINTED_CRATES: usize = 12;

/// The files of the package that are not generated.
const SOURCES: [&str; 19] = [
    "README.md",
    "change-channel.js",
    "checks.js",
    "collection.js",
    "decode-records.js",
    "errors.js",
    "file-store.js",
    "indexed-db-deletion.js",
    "indexed-db-store.js",
    "memory-store.js",
    "module.js",
    "node.js",
    "public-api.js",
    "report.js",
    "request.js",
    "selvedge.js",
    "store-cases.d.ts",
    "store-cases.js",
    "store-rules.js",
];

/// Builds `wasm/pkg` and prints its size.
pub(crate) fn pack(workspace: &Workspace) -> Result<(), Error> {
    node::install(&workspace.wasm())?;
    let compiled = build::module(workspace)?;
    let scratch = workspace.scratch("pack")?;
    let package = scratch.join("pkg");
    bind(&compiled, &scratch)?;
    fs::create_dir(&package).map_err(Error::file(&package))?;
    let named = scratch.join("named.wasm");
    optimise(workspace, &scratch.join(MODULE.0), &named)?;
    strip(workspace, &named, &package.join(MODULE.1))?;
    write(
        &package.join("glue.js"),
        glue(&read(&scratch.join("selvedge.js"))?)?,
    )?;
    let sources = workspace.wasm().join("npm");
    let types = types(&read(&scratch.join("selvedge.d.ts"))?)?;
    let written = read(&sources.join("selvedge.d.ts"))?;
    write(&package.join("selvedge.d.ts"), types + &written)?;
    for name in SOURCES {
        write(&package.join(name), read(&sources.join(name))?)?;
    }
    let cases = workspace
        .root
        .join("tests")
        .join("vectors")
        .join("stores.json");
    write(
        &package.join("store-cases-data.js"),
        format!("export default {};\n", read(&cases)?.trim_end()),
    )?;
    write(
        &package.join("LICENSE"),
        read(&workspace.root.join("LICENSE"))?,
    )?;
    write(
        &package.join("package.json"),
        manifest(&read(&sources.join("package.json"))?, &workspace.version)?,
    )?;
    replace(&package, &workspace.package())?;
    www::copy_package(workspace)?;
    www::compress(workspace)?;
    check_size(&workspace.package(), &named)
}

/// Generates the module's JavaScript and types.
fn bind(module: &Path, directory: &Path) -> Result<(), Error> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name("selvedge")
        .typescript(true);
    bindgen
        .omit_default_module_path(false)
        .remove_name_section(false)
        .remove_producers_section(true);
    let generated = bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(directory));
    generated.map_err(|error| Error::Glue(error.to_string()))
}

/// Optimises for speed, but does not inline large functions with one caller: a few huge functions compress badly.
const OPTIMISER_ARGUMENTS: [&str; 3] = ["-O2", "--one-caller-inline-max-function-size", "4"];

fn optimise(workspace: &Workspace, from: &Path, to: &Path) -> Result<(), Error> {
    run(node::tool(workspace, "wasm-opt")
        .args(OPTIMISER_ARGUMENTS)
        .arg("--debuginfo")
        .arg(from)
        .arg("-o")
        .arg(to))
}

/// Sorts the functions by name, because adjacent instances of one generic function compress well, and then removes the
/// names.
fn strip(workspace: &Workspace, from: &Path, to: &Path) -> Result<(), Error> {
    run(node::tool(workspace, "wasm-opt")
        .args(["--reorder-functions-by-name", "--strip-debug"])
        .arg(from)
        .arg("-o")
        .arg(to))
}

/// Replaces the module's name in the glue, and wraps the module's exports to detect traps (`wasm/npm/module.js`).
fn glue(text: &str) -> Result<String, Error> {
    const EXPORTS: &str = "wasm = instance.exports;";
    for needed in [MODULE.0, EXPORTS] {
        if !text.contains(needed) {
            return Err(Error::Glue(format!(
                "the generated glue does not contain {needed}"
            )));
        }
    }
    let text = text
        .replace(MODULE.0, MODULE.1)
        .replace(EXPORTS, "wasm = watched(instance.exports);");
    Ok(format!(
        "import {{ watched }} from \"./module.js\";\n{text}"
    ))
}

/// Removes the types of the module's internal exports, and checks that no other type is `any`.
fn types(text: &str) -> Result<String, Error> {
    const BEGINNING: &str = "export interface InitOutput {\n";
    let missing = || Error::Glue("the generated types do not contain InitOutput".into());
    let (before, rest) = text.split_once(BEGINNING).ok_or_else(missing)?;
    let (_, after) = rest.split_once("\n}\n").ok_or_else(missing)?;
    // Most programs do not include the library that declares `[Symbol.dispose]`.
    let mut typed = format!(
        "/// <reference lib=\"esnext.disposable\" />\n{before}{BEGINNING}  readonly memory: {{ readonly buffer: ArrayBufferLike }};\n}}\n{after}"
    );
    // A program for Node does not have the types of the DOM.
    for (dom_type, portable_type) in [
        ("RequestInfo | URL", "string | Request | URL"),
        ("BufferSource", "ArrayBuffer | ArrayBufferView"),
        ("WebAssembly.Module", "object"),
    ] {
        typed = typed.replace(dom_type, portable_type);
    }
    match typed.lines().find(|line| has_any_type(line)) {
        Some(line) => Err(Error::Glue(format!("a type is any: {}", line.trim()))),
        None => Ok(typed),
    }
}

/// Whether a line outside of comments has the type `any`.
fn has_any_type(line: &str) -> bool {
    let is_comment = ["*", "/*", "//"]
        .iter()
        .any(|mark| line.trim_start().starts_with(mark));
    !is_comment
        && line
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|word| word == "any")
}

/// Sets the version. The text is not parsed, because the order of the conditions in its exports matters.
fn manifest(text: &str, version: &str) -> Result<String, Error> {
    const UNSET: &str = "\"version\": \"0.0.0\"";
    if !text.contains(UNSET) {
        return Err(Error::Glue(format!("package.json has no {UNSET}")));
    }
    Ok(text.replacen(UNSET, &format!("\"version\": \"{version}\""), 1))
}

/// Replaces a directory by a copy of another one.
fn replace(from: &Path, to: &Path) -> Result<(), Error> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(Error::file(to))?;
    }
    fs::create_dir(to).map_err(Error::file(to))?;
    for entry in fs::read_dir(from).map_err(Error::file(from))? {
        let path = entry.map_err(Error::file(from))?.path();
        fs::copy(&path, to.join(path.file_name().unwrap_or_default()))
            .map_err(Error::file(&path))?;
    }
    Ok(())
}

/// Prints the size of the files that a host loads, and of the module's largest crates; fails if the module is too large.
#[allow(clippy::print_stdout, reason = "the sizes are this command's output")]
fn check_size(package: &Path, named: &Path) -> Result<(), Error> {
    println!("wasm/pkg");
    let mut module = 0;
    for name in [MODULE.1, "glue.js"] {
        let path = package.join(name);
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        let compressed = size_by_crate::gzip_size(&bytes);
        println!(
            "  {name:<20} {:>8} bytes, {compressed:>7} with gzip",
            bytes.len()
        );
        module = module.max(compressed);
    }
    let named = fs::read(named).map_err(Error::file(named))?;
    println!("the largest crates in the module, each compressed separately");
    let crates = size_by_crate::size_by_crate(&named).unwrap_or_default();
    for size_by_crate::CrateSize {
        name,
        bytes,
        compressed,
    } in crates.iter().take(PRINTED_CRATES)
    {
        println!("  {name:<20} {bytes:>8} bytes, {compressed:>7} with gzip");
    }
    if module > MAX_MODULE_BYTES {
        Err(Error::TooLarge {
            module,
            limit: MAX_MODULE_BYTES,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_internal_exports_are_removed_and_others_stay() {
        let text = "export class A {}\nexport interface InitOutput {\n    readonly f: (a: any) => any;\n}\n\nexport type B = 1;\n";
        let typed = types(text).unwrap();
        assert_eq!(
            typed,
            "/// <reference lib=\"esnext.disposable\" />\nexport class A {}\nexport interface InitOutput {\n  readonly memory: { readonly buffer: ArrayBufferLike };\n}\n\nexport type B = 1;\n"
        );
    }

    #[test]
    fn the_type_any_is_refused_but_not_the_word_in_comments() {
        let rest = "export interface InitOutput {\n  readonly memory: number;\n}\n";
        assert!(types(&format!("f(a: any): void;\n{rest}")).is_err());
        assert!(types(&format!("f(a: Promise<any>): void;\n{rest}")).is_err());
        assert!(
            types(&format!(
                "/**\n * any of many\n */\nf(company: string): void;\n{rest}"
            ))
            .is_ok()
        );
    }
}
