//! The modules of every package import from those below them: no cycles, and no arrow against `tests/layers.txt`.
//!
//! The rules, for the source that is built without tests:
//!
//! - A file imports another if it names something that the other defines. A name that a module only re-exports
//!   (`pub use child::Name`) counts as an import of the file that defines the name.
//! - A file that has nothing but `mod` and `use` declarations is a table of contents: it defines nothing, and what it
//!   re-exports is no import. As soon as a `mod.rs` defines something, its `use` declarations count like those of any
//!   other file, and what it defines counts as imported by the children that name it.
//! - In each module, the children (each with all that is below it) and the module's own file import each other without
//!   cycles. So there is no cycle of files in the package either.
//! - A module that `tests/layers.txt` lists in a section imports only from modules in lines below its own line. Modules in one line
//!   do not import each other.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

mod cycles;
mod layers;
mod package;
mod paths;
mod source;

use std::path::{Path, PathBuf};

use layers::Layers;
use package::Package;

fn workspace_root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// The packages: name and directory. The modules of those that have a section in `tests/layers.txt` are checked.
const PACKAGES: [(&str, &str); 10] = [
    ("selvedge-blocks", "core/blocks"),
    ("selvedge-core", "core"),
    ("selvedge-bookmarks", "core/bookmarks"),
    ("selvedge-santa", "core/santa"),
    ("selvedge-wasm", "wasm"),
    ("selvedge-host", "native-cli/host"),
    ("selvedge-server", "native-cli/server"),
    ("selvedge-santa-host", "native-cli/santa"),
    ("selvedge-fleet", "native-cli/fleet"),
    ("selvedge-cli", "native-cli"),
];

/// Every violation in a package, one per line.
fn violations(package: &Package, layers: &Layers) -> Vec<String> {
    let mut found = cycles::find(package);
    found.extend(layers.violations(package));
    found
}

#[test]
fn modules_import_only_from_below() {
    let layers = Layers::read(&workspace_root().join("tests/layers.txt"));
    let mut found = Vec::new();
    let mut files = 0;
    for (name, directory) in PACKAGES.iter().filter(|(name, _)| layers.has(name)) {
        let package = Package::read(name, &workspace_root().join(directory).join("src"));
        files += package.files.len();
        let violations = violations(&package, &layers);
        found.extend(violations.iter().map(|line| format!("{name}: {line}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert!(files > 290, "only {files} files were found");
    println!("counted: source files without import cycles: {files}");
}

#[test]
fn packages_depend_only_on_packages_below() {
    let layers = Layers::read(&workspace_root().join("tests/layers.txt"));
    let mut imports = Vec::new();
    for (name, directory) in PACKAGES {
        let manifest = workspace_root().join(directory).join("Cargo.toml");
        for dependency in package::dependencies(&manifest) {
            imports.push((name.to_owned(), dependency));
        }
    }
    assert!(imports.len() >= 10, "{imports:?}");
    let found = layers.upward("packages", &imports);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// A package of files that exist only in this test.
fn sample(files: &[(&str, &str)]) -> Package {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Package::read("sample", directory.path())
}

#[test]
fn every_form_of_an_import_is_seen() {
    let rows: [(&str, &str, bool); 22] = [
        ("nothing", "", false),
        ("use", "use crate::a::One;", true),
        ("use of a module", "use crate::a;", true),
        ("super", "use super::a::One;", true),
        ("in braces", "use crate::{c, a::{self, One}};", true),
        ("renamed", "use crate::a::One as Two;", true),
        ("glob", "use crate::a::*;", true),
        ("an expression", "fn f() { crate::a::one() }", true),
        ("a type", "struct S(super::a::One);", true),
        ("re-exported", "use crate::One;", true),
        (
            "through a module",
            "use crate as root; fn f() { root::a::one() }",
            true,
        ),
        ("in a function", "fn f() { use crate::a::One; }", true),
        (
            "in an inline module",
            "mod inner { use super::super::a::One; }",
            true,
        ),
        (
            "of its own inline module",
            "mod inner { use super::Own; } struct Own;",
            false,
        ),
        ("of a visibility", "pub(in crate::a) struct S;", false),
        (
            "in a comment",
            "// use crate::a::One;\n/* crate::a::One */",
            false,
        ),
        ("in a text", "const A: &str = \"crate::a::One\";", false),
        (
            "in a raw text",
            "const A: &str = r#\"\"crate::a::One\"#;",
            false,
        ),
        (
            "in a test",
            "#[cfg(test)] mod tests { use crate::a::One; }",
            false,
        ),
        (
            "of a test",
            "#[cfg(test)] use crate::a::One; fn f() {}",
            false,
        ),
        (
            "after a test",
            "#[cfg(test)] fn t() {} fn f() { crate::a::one() }",
            true,
        ),
        (
            "after a lifetime",
            "fn f<'a>(c: char) { match c { '\"' => crate::a::one(), _ => {} } }",
            true,
        ),
    ];
    for (name, b, expected) in rows {
        let package = sample(&[
            ("lib.rs", "mod a; mod b; mod c; pub use a::One;"),
            ("a.rs", "use crate::b; pub struct One; pub fn one() {}"),
            ("b.rs", b),
            ("c.rs", ""),
        ]);
        let found = cycles::find(&package);
        assert_eq!(!found.is_empty(), expected, "{name}: {found:?}");
    }
}

#[test]
fn a_table_of_contents_imports_nothing_and_other_files_do() {
    let rows = [
        (
            "a table of contents",
            "mod a; pub use a::One;",
            "use super::One;",
            false,
        ),
        (
            "what it defines is imported",
            "mod a; pub use a::One; pub struct Two;",
            "use super::Two; pub struct One;",
            true,
        ),
        (
            "only defines",
            "mod a; pub struct Two;",
            "use super::Two; pub struct One;",
            false,
        ),
        (
            "only imports",
            "mod a; fn f(_: a::One) {}",
            "pub struct One;",
            false,
        ),
        (
            "its own import",
            "mod a; mod b; use b::Two; fn f(_: Two, _: a::One) {}",
            "use super::Two; pub struct One;",
            false,
        ),
    ];
    for (name, parent, a, expected) in rows {
        let package = sample(&[
            ("lib.rs", "pub mod m;"),
            ("m/mod.rs", parent),
            ("m/a.rs", a),
            ("m/b.rs", "pub struct Two;"),
        ]);
        let found = cycles::find(&package);
        assert_eq!(!found.is_empty(), expected, "{name}: {found:?}");
    }
}

#[test]
fn files_of_different_directories_make_no_cycle_of_directories() {
    let package = sample(&[
        ("lib.rs", "mod x; mod y;"),
        ("x/mod.rs", "pub mod one; pub mod two;"),
        ("x/one.rs", "use crate::y::one;"),
        ("x/two.rs", ""),
        ("y/mod.rs", "pub mod one; pub mod two;"),
        ("y/one.rs", ""),
        ("y/two.rs", "use crate::x::two;"),
    ]);
    assert_eq!(cycles::find(&package).len(), 1);
}

#[test]
fn arrows_upwards_are_found() {
    let package = sample(&[
        ("lib.rs", "mod high; mod low; mod beside;"),
        ("high.rs", "use crate::low;"),
        ("low.rs", ""),
        ("beside.rs", "use crate::high;"),
    ]);
    let rows = [
        ("[sample]\nbeside\nhigh\nlow", 0),
        ("[sample]\nlow\nbeside\nhigh", 1),
        ("[sample]\nhigh beside\nlow", 1),
        ("[sample]\nhigh\nlow", 1),
        ("[sample]\nbeside\nhigh\nlow\nnone", 1),
        ("[other]\na", 1),
    ];
    for (text, expected) in rows {
        let found = Layers::parse(text).violations(&package);
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
}
