//! Cycles of imports among the children of a module and its own file.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::package::{Module, Package};

/// What stands for the module's own file among its children.
const OWN_FILE: &str = "(its own file)";

/// Every cycle in a package: the module, those that import each other, and the imports between them.
pub(crate) fn find(package: &Package) -> Vec<String> {
    let imports = package.imports();
    package
        .files
        .keys()
        .flat_map(|module| cycles_in(module, &imports))
        .collect()
}

type Arrows<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a (Module, Module)>>;

fn cycles_in(module: &Module, imports: &BTreeSet<(Module, Module)>) -> Vec<String> {
    let mut arrows = Arrows::new();
    for import in imports {
        let (from, to) = import;
        if let (Some(from), Some(to)) = (child_of(module, from), child_of(module, to))
            && from != to
        {
            arrows.entry((from, to)).or_default().push(import);
        }
    }
    let nodes: BTreeSet<&str> = arrows.keys().flat_map(|(from, to)| [*from, *to]).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> = nodes
        .iter()
        .map(|node| (*node, reachable(node, &arrows)))
        .collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut cycles = Vec::new();
    for node in &nodes {
        if seen.contains(node) || !reached[node].contains(node) {
            continue;
        }
        let knot: BTreeSet<&str> = reached[node]
            .iter()
            .copied()
            .filter(|other| reached[other].contains(node))
            .collect();
        seen.extend(knot.iter().copied());
        let between = arrows
            .iter()
            .filter(|((from, to), _)| knot.contains(from) && knot.contains(to))
            .flat_map(|(_, imports)| imports.iter())
            .map(|(from, to)| format!("    {} -> {}", shown(from), shown(to)));
        let names = knot.iter().copied().collect::<Vec<_>>().join(", ");
        let lines = between.collect::<Vec<_>>().join("\n");
        cycles.push(format!(
            "in {}, these import each other: {names}\n{lines}",
            shown(module)
        ));
    }
    cycles
}

/// Which child of `module` a module belongs to; `None` if it is outside.
pub(crate) fn child_of<'a>(module: &[String], inner: &'a [String]) -> Option<&'a str> {
    let below = inner.strip_prefix(module)?;
    Some(below.first().map_or(OWN_FILE, String::as_str))
}

fn reachable<'a>(node: &str, arrows: &Arrows<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for (_, to) in arrows.keys().filter(|(from, _)| *from == node) {
            if reached.insert(*to) {
                open.push(to);
            }
        }
    }
    reached
}

pub(crate) fn shown(module: &[String]) -> String {
    if module.is_empty() {
        "the package".to_owned()
    } else {
        module.join("::")
    }
}
