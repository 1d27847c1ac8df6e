//! The modules of a package, and which file imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::imports::paths::{Contents, Named};
use crate::imports::source::tokens;

/// The path of a module below the root: empty for the root itself.
pub(crate) type Module = Vec<String>;

/// The files of a package, by the module that each of them is.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) files: BTreeMap<Module, Contents>,
}

impl Package {
    /// Reads `lib.rs` (or `main.rs`) and the modules that it declares.
    pub(crate) fn read(name: &str, source: &Path) -> Self {
        let mut files = BTreeMap::new();
        let library = source.join("lib.rs");
        let root = if library.exists() {
            library
        } else {
            source.join("main.rs")
        };
        read_file(&root, source, &Module::new(), &mut files);
        Self {
            name: name.to_owned(),
            files,
        }
    }

    /// Which file imports which: pairs of modules.
    pub(crate) fn imports(&self) -> BTreeSet<(Module, Module)> {
        let mut imports = BTreeSet::new();
        for (module, contents) in self.files.iter().filter(|(_, contents)| contents.defines) {
            let used = contents.uses.iter().map(|(_, named)| named);
            for named in used.chain(&contents.paths) {
                for target in self.targets(module, named, 0) {
                    if target != *module {
                        imports.insert((module.clone(), target));
                    }
                }
            }
        }
        imports
    }

    /// The files that define what a file names.
    fn targets(&self, module: &Module, named: &Named, depth: usize) -> Vec<Module> {
        /// Re-exports of re-exports; a cycle of them ends here.
        const MAX_DEPTH: usize = 8;
        if depth > MAX_DEPTH {
            return Vec::new();
        }
        let mut parts = named.parts.as_slice();
        let mut at: Module = module.clone();
        let mut inside = named.inside.len();
        match parts[0].as_str() {
            "crate" => {
                at = Module::new();
                inside = 0;
                parts = &parts[1..];
            }
            "self" | "super" => {
                while let Some((first, rest)) = parts.split_first() {
                    match first.as_str() {
                        "self" => {}
                        "super" if inside > 0 => inside -= 1,
                        "super" => {
                            at.pop();
                        }
                        _ => break,
                    }
                    parts = rest;
                }
            }
            first => {
                // A child module, or a name that this file brought in. Names of other packages resolve to nothing.
                let is_known = self.is_module(&[module.as_slice(), &[first.to_owned()]].concat())
                    || self.files[module]
                        .uses
                        .iter()
                        .any(|(name, path)| name == first && path != named);
                if !is_known {
                    return Vec::new();
                }
            }
        }
        if inside > 0 {
            // Something of an inline module of this file.
            return vec![module.clone()];
        }
        self.resolve(at, parts, named, depth)
    }

    /// The files that define what `parts` names in module `at`.
    fn resolve(
        &self,
        mut at: Module,
        mut parts: &[String],
        named: &Named,
        depth: usize,
    ) -> Vec<Module> {
        while let Some((first, rest)) = parts.split_first() {
            let child = [at.as_slice(), std::slice::from_ref(first)].concat();
            if !self.is_module(&child) {
                break;
            }
            at = child;
            parts = rest;
        }
        let Some((name, rest)) = parts.split_first() else {
            return vec![at];
        };
        let Some(contents) = self.files.get(&at) else {
            return Vec::new();
        };
        let follow = |path: &Named| {
            let parts = [path.parts.as_slice(), rest].concat();
            self.targets(
                &at,
                &Named {
                    parts,
                    ..path.clone()
                },
                depth + 1,
            )
        };
        if name == "*" {
            let own = contents.defines.then(|| at.clone());
            return contents
                .uses
                .iter()
                .flat_map(|(_, path)| follow(path))
                .chain(own)
                .collect();
        }
        let bound: Vec<&Named> = contents
            .uses
            .iter()
            .filter(|(own, path)| own == name && path != named)
            .map(|(_, path)| path)
            .collect();
        if !bound.is_empty() {
            // What another package defines is nobody's import.
            return bound.into_iter().flat_map(follow).collect();
        }
        vec![at]
    }

    fn is_module(&self, module: &[String]) -> bool {
        self.files.contains_key(module)
    }
}

fn read_file(
    path: &Path,
    children: &Path,
    module: &Module,
    files: &mut BTreeMap<Module, Contents>,
) {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let contents = Contents::of(&tokens(&text));
    for child in &contents.modules {
        let below = children.join(child);
        let candidates: [PathBuf; 2] = [below.with_extension("rs"), below.join("mod.rs")];
        let Some(file) = candidates.iter().find(|file| file.exists()) else {
            panic!("{} declares {child}, which has no file", path.display());
        };
        read_file(
            file,
            &below,
            &[module.as_slice(), std::slice::from_ref(child)].concat(),
            files,
        );
    }
    files.insert(module.clone(), contents);
}

/// The packages of this workspace that a package is built with; those that only its tests use do not count.
pub(crate) fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let mut is_counted = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_counted = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if is_counted && line.starts_with("selvedge-") {
            found.extend(line.split(['.', ' ', '=']).next().map(ToOwned::to_owned));
        }
    }
    found
}
