//! `cargo xtask pack`: the npm package, from the Rust sources to one optimised module with its glue and its types.

use std::fs;
use std::path::Path;

use wasm_bindgen_cli_support::Bindgen;

use crate::error::Error;
use crate::workspace::{Workspace, read, run, write};
use crate::{build, node, parts, www};

/// What wasm-bindgen calls the module, and what the package calls it.
const MODULE: (&str, &str) = ("selvedge_bg.wasm", "selvedge.wasm");

/// What the module may weigh with gzip: every page that uses the package loads it.
const MOST: usize = 300_000;

/// So many parts of the module are told.
const PARTS: usize = 12;

/// The files that are the same in every build.
const FIXED: [&str; 19] = [
    "README.md",
    "border.js",
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
    "report.js",
    "request.js",
    "selvedge.js",
    "store-cases.d.ts",
    "store-cases.js",
    "store-rules.js",
    "windows.js",
];

/// Builds `wasm/pkg` and prints what it weighs.
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
    for name in FIXED {
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
    www::furnish(workspace)?;
    www::compress(workspace)?;
    weigh(&workspace.package(), &named)
}

/// Makes the JavaScript and the types around the module.
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
    let made = bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(directory));
    made.map_err(|error| Error::Glue(error.to_string()))
}

/// For speed; but what is called from one place stays a function of its own, for a few huge functions do not pack well.
const OPTIMISED: [&str; 3] = ["-O2", "--one-caller-inline-max-function-size", "4"];

fn optimise(workspace: &Workspace, from: &Path, to: &Path) -> Result<(), Error> {
    run(node::tool(workspace, "wasm-opt")
        .args(OPTIMISED)
        .arg("--debuginfo")
        .arg(from)
        .arg("-o")
        .arg(to))
}

/// Leaves the names of functions out, which only people read; before that the functions are put in the order of their
/// names, for copies of one generic function that lie side by side pack well.
fn strip(workspace: &Workspace, from: &Path, to: &Path) -> Result<(), Error> {
    run(node::tool(workspace, "wasm-opt")
        .args(["--reorder-functions-by-name", "--strip-debug"])
        .arg(from)
        .arg("-o")
        .arg(to))
}

/// Gives the module its shorter name in the glue, and has its exports watched for traps (`wasm/npm/module.js`).
fn glue(text: &str) -> Result<String, Error> {
    const EXPORTS: &str = "wasm = instance.exports;";
    for needed in [MODULE.0, EXPORTS] {
        if !text.contains(needed) {
            return Err(Error::Glue(format!("it has no {needed}")));
        }
    }
    let text = text
        .replace(MODULE.0, MODULE.1)
        .replace(EXPORTS, "wasm = watched(instance.exports);");
    Ok(format!(
        "import {{ watched }} from \"./module.js\";\n{text}"
    ))
}

/// Hides the module's own exports, whose types say nothing to people, and makes sure that all other types are real.
fn types(text: &str) -> Result<String, Error> {
    const BEGINNING: &str = "export interface InitOutput {\n";
    let missing = || Error::Glue("the types have no InitOutput".into());
    let (before, rest) = text.split_once(BEGINNING).ok_or_else(missing)?;
    let (_, after) = rest.split_once("\n}\n").ok_or_else(missing)?;
    // Its `[Symbol.dispose]` is not in the libraries that most programs name.
    let mut typed = format!(
        "/// <reference lib=\"esnext.disposable\" />\n{before}{BEGINNING}  readonly memory: {{ readonly buffer: ArrayBufferLike }};\n}}\n{after}"
    );
    // A program for Node has no types of the DOM.
    for (of_dom, of_all) in [
        ("RequestInfo | URL", "string | Request | URL"),
        ("BufferSource", "ArrayBuffer | ArrayBufferView"),
        ("WebAssembly.Module", "object"),
    ] {
        typed = typed.replace(of_dom, of_all);
    }
    match typed.lines().find(|line| says_any(line)) {
        Some(line) => Err(Error::Glue(format!("a type is any: {}", line.trim()))),
        None => Ok(typed),
    }
}

/// Whether a line that is no comment has the word `any` as a type.
fn says_any(line: &str) -> bool {
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

/// Puts a finished directory in the place of an old one.
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

/// Prints the size of the files that a host loads, and the largest parts of the module; refuses a module that is too large.
#[allow(clippy::print_stdout, reason = "the sizes are what this command says")]
fn weigh(package: &Path, named: &Path) -> Result<(), Error> {
    println!("wasm/pkg");
    let mut module = 0;
    for name in [MODULE.1, "glue.js"] {
        let path = package.join(name);
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        let packed = parts::packed(&bytes);
        println!(
            "  {name:<20} {:>8} bytes, {packed:>7} with gzip",
            bytes.len()
        );
        module = module.max(packed);
    }
    let named = fs::read(named).map_err(Error::file(named))?;
    println!("its largest parts, each by itself");
    for part in parts::parts(&named).unwrap_or_default().iter().take(PARTS) {
        let parts::Part {
            name,
            bytes,
            packed,
        } = part;
        println!("  {name:<20} {bytes:>8} bytes, {packed:>7} with gzip");
    }
    match module > MOST {
        true => Err(Error::TooLarge { module, most: MOST }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_exports_are_hidden_and_the_rest_stays() {
        let text = "export class A {}\nexport interface InitOutput {\n    readonly f: (a: any) => any;\n}\n\nexport type B = 1;\n";
        let typed = types(text).unwrap();
        assert_eq!(
            typed,
            "/// <reference lib=\"esnext.disposable\" />\nexport class A {}\nexport interface InitOutput {\n  readonly memory: { readonly buffer: ArrayBufferLike };\n}\n\nexport type B = 1;\n"
        );
    }

    #[test]
    fn a_type_that_is_any_is_refused_and_prose_is_not() {
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
