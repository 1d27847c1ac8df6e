//! The order of the modules, from `tests/layers.txt`.
//!
//! A section `[package]` or `[package::module]` lists the children of the package's root or of the module: a line is a
//! layer, the highest first. `[packages]` lists the packages themselves. `#` begins a comment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::imports::cycles::child_of;
use crate::imports::package::Package;

pub(crate) struct Layers {
    /// For each section, the layer of each name; a larger number is lower.
    sections: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Layers {
    pub(crate) fn read(file: &Path) -> Self {
        Self::parse(&fs::read_to_string(file).unwrap())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut sections: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        let mut section = String::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                section = name.to_owned();
            } else {
                let names = line
                    .split_whitespace()
                    .map(|name| (name.to_owned(), number));
                sections.entry(section.clone()).or_default().extend(names);
            }
        }
        Self { sections }
    }

    /// Whether the order of a package's modules is given.
    pub(crate) fn has(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    /// Imports in a package against the order, modules that the order does not have, and names in it without a module.
    pub(crate) fn violations(&self, package: &Package) -> Vec<String> {
        if !self.sections.contains_key(&package.name) {
            return vec![format!(
                "there is no section [{}] in layers.txt",
                package.name
            )];
        }
        let mut found = Vec::new();
        let imports = package.imports();
        for (section, layers) in &self.sections {
            let mut path = section.split("::").map(ToOwned::to_owned);
            if path.next().as_ref() != Some(&package.name) {
                continue;
            }
            let module: Vec<String> = path.collect();
            let Some(contents) = package.files.get(&module) else {
                found.push(format!("[{section}] in layers.txt is no module"));
                continue;
            };
            let children: BTreeSet<&String> = contents.modules.iter().collect();
            let listed: BTreeSet<&String> = layers.keys().collect();
            for name in children.symmetric_difference(&listed) {
                found.push(format!(
                    "[{section}] in layers.txt: {name} is only in one of list and source"
                ));
            }
            let between: BTreeSet<(String, String)> = imports
                .iter()
                .filter_map(|(from, to)| {
                    Some((
                        child_of(&module, from)?.to_owned(),
                        child_of(&module, to)?.to_owned(),
                    ))
                })
                .collect();
            found.extend(self.upward(section, &between.into_iter().collect::<Vec<_>>()));
        }
        found
    }

    /// Imports against the order of a section.
    pub(crate) fn upward(&self, section: &str, imports: &[(String, String)]) -> Vec<String> {
        let layers = &self.sections[section];
        let is_upward = |(from, to): &&(String, String)| {
            let (from_layer, to_layer) = (layers.get(from), layers.get(to));
            from != to && from_layer.is_some() && to_layer.is_some() && from_layer >= to_layer
        };
        let shown = |(from, to): &(String, String)| {
            format!("[{section}] {from} imports {to}, which is not below it")
        };
        imports.iter().filter(is_upward).map(shown).collect()
    }
}
