//! `cargo xtask messages`: generates the Rust message types of Santa's sync from their schema in `core/santa/proto`.
//!
//! The generated files are in the repository beside the core's other code, so that a build needs no schema compiler.
//! A test checks that they are up to date.

mod rust_source;

use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;
use protox::Compiler;

use crate::error::Error;
use crate::workspace::{Workspace, read, write};

/// The directory of the schema.
const SCHEMA: &str = "core/santa/proto";

/// Each file of the schema that has messages, and the file that is generated from it.
const FILES: [(&str, &str); 6] = [
    ("enums.proto", "core/santa/src/wire/enums.rs"),
    ("preflight.proto", "core/santa/src/wire/preflight.rs"),
    ("event.proto", "core/santa/src/wire/event.rs"),
    ("rule.proto", "core/santa/src/wire/rule.rs"),
    ("postflight.proto", "core/santa/src/wire/postflight.rs"),
    ("push.proto", "core/santa/src/push/pb.rs"),
];

/// Writes the files that are out of date, and prints their paths.
pub(crate) fn write_all(workspace: &Workspace) -> Result<(), Error> {
    for (path, text) in generated(&workspace.root)? {
        if read(&path).is_ok_and(|present| present == text) {
            continue;
        }
        write(&path, text)?;
        eprintln!("written: {}", path.display());
    }
    Ok(())
}

/// The generated files, with their text.
fn generated(root: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let pool = compiled(&root.join(SCHEMA))?;
    let mut files = Vec::new();
    for (name, target) in FILES {
        let file = pool
            .get_file_by_name(name)
            .ok_or_else(|| Error::Schema(format!("there is no {name}")))?;
        files.push((root.join(target), rust_source::file(&file, SCHEMA)?));
    }
    Ok(files)
}

/// The schema, with its comments.
fn compiled(folder: &Path) -> Result<DescriptorPool, Error> {
    let invalid = |error: protox::Error| Error::Schema(format!("{error:?}"));
    let mut compiler = Compiler::new([folder]).map_err(invalid)?;
    compiler.include_source_info(true);
    let names = FILES.map(|(name, _)| name);
    compiler.open_files(names).map_err(invalid)?;
    Ok(compiler.descriptor_pool())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn the_generated_files_are_up_to_date() {
        for (path, text) in generated(&root()).expect("the schema compiles") {
            let present = fs::read_to_string(&path).expect("the file is there");
            assert!(
                present == text,
                "{} does not match the schema: run `cargo xtask messages`",
                path.display()
            );
        }
    }

    #[test]
    fn a_rust_file_is_generated_from_every_file_of_the_schema_except_its_options() {
        let folder = fs::read_dir(root().join(SCHEMA)).expect("the schema is there");
        let mut present: Vec<String> = folder
            .map(|entry| {
                let name = entry.expect("a file").file_name();
                name.into_string().expect("a name in UTF-8")
            })
            .collect();
        present.sort();
        let mut known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        known.push("spelling.proto");
        known.sort_unstable();
        assert_eq!(present, known);
    }

    #[test]
    fn a_schema_that_does_not_compile_is_an_error_that_names_the_place() {
        let folder = std::env::temp_dir().join(format!("selvedge-schema-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a scratch directory");
        for (name, _) in FILES {
            let text = "syntax = \"proto3\";\nmessage A { strng name = 1; }\n";
            fs::write(folder.join(name), text).expect("the scratch directory takes files");
        }
        let error = compiled(&folder).expect_err("there is no type strng");
        fs::remove_dir_all(&folder).expect("the scratch directory goes");
        assert!(error.to_string().contains("strng"), "{error}");
    }
}
