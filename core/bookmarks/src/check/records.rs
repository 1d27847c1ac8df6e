//! What is wrong with a collection's records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Problem;
use crate::ids::{Guid, ROOT_GUID, ROOTS, is_guid, is_root, to_record_id};
use crate::item::{Item, Kind, Validity};
use crate::record::{Reading, Refusal};
use crate::tree::find_cycles;

/// Looks at all records of a collection, tombstones included, and lists what is wrong, sorted.
///
/// ```
/// use selvedge_bookmarks::check::check;
/// use selvedge_bookmarks::record::read;
/// use serde_json::json;
///
/// let menu = json!({"id": "menu", "type": "folder", "parentid": "places", "children": ["k3Zb0dPqL1xA"]});
/// let problems = check([read("menu", menu, 0)].iter());
/// assert!(problems.iter().any(|problem| problem.to_string() == "the folder menu lists k3Zb0dPqL1xA, which does not exist"));
/// ```
#[must_use]
pub fn check<'a>(records: impl Iterator<Item = &'a Reading>) -> Vec<Problem> {
    let mut problems = BTreeSet::new();
    let mut items: BTreeMap<&Guid, &Item> = BTreeMap::new();
    let (mut deleted, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for reading in records {
        if !seen.insert(reading.id()) {
            problems.insert(Problem::TwoRecords(name(reading.id())));
        }
        match reading {
            Reading::Item(received) => {
                items.insert(&received.item.id, &received.item);
            }
            Reading::Tombstone(id) => {
                deleted.insert(id);
            }
            _ => {}
        }
        problems.extend(record_problems(reading));
    }
    structure(&items, &deleted, &mut problems);
    urls(&items, &mut problems);
    problems.into_iter().collect()
}

fn name(id: &Guid) -> String {
    to_record_id(id).to_owned()
}

/// What is wrong with a record by itself.
fn record_problems(reading: &Reading) -> Vec<Problem> {
    let id = name(reading.id());
    match reading {
        Reading::Tombstone(_) | Reading::Refused(_, Refusal::Ignored) => Vec::new(),
        Reading::Forbidden(_) => vec![Problem::Forbidden(id)],
        Reading::Refused(_, why) => vec![Problem::Unreadable(id, why.to_string())],
        Reading::Item(received) => {
            let mut problems = Vec::new();
            if !is_guid(received.item.id.as_str()) {
                problems.push(Problem::InvalidId(id.clone()));
            }
            if received.item.kind == Kind::Livemark {
                problems.push(Problem::Livemark(id.clone()));
            }
            match received.validity {
                Validity::Valid => {}
                Validity::Reupload => problems.push(Problem::Inexact(id)),
                Validity::Replace => problems.push(Problem::NoUrl(id)),
            }
            problems
        }
    }
}

fn structure(
    items: &BTreeMap<&Guid, &Item>,
    deleted: &BTreeSet<&Guid>,
    problems: &mut BTreeSet<Problem>,
) {
    let mut listed: HashMap<&Guid, Vec<&Guid>> = HashMap::new();
    for folder in items.values().filter(|item| item.is_folder()) {
        for child in &folder.children {
            if items.contains_key(child) {
                listed.entry(child).or_default().push(&folder.id);
            } else if deleted.contains(child) {
                problems.insert(Problem::DeletedChild(name(&folder.id), name(child)));
            } else {
                problems.insert(Problem::MissingChild(name(&folder.id), name(child)));
            }
        }
    }
    for root in &ROOTS {
        match items.get(root) {
            None => {
                problems.insert(Problem::MissingRoot(name(root)));
            }
            Some(item) if item.parent != Some(ROOT_GUID) || listed.contains_key(root) => {
                problems.insert(Problem::MisplacedRoot(name(root)));
            }
            Some(_) => {}
        }
    }
    let mut parents: HashMap<Guid, Guid> = HashMap::new();
    for item in items.values().filter(|item| !is_root(&item.id)) {
        let listing = listed.get(&item.id).map_or(&[][..], Vec::as_slice);
        if listing.len() > 1 {
            let folders = listing.iter().map(|folder| name(folder)).collect();
            problems.insert(Problem::SeveralParents(name(&item.id), folders));
        }
        match &item.parent {
            None if listing.is_empty() => {
                problems.insert(Problem::NoParent(name(&item.id)));
            }
            None => {}
            Some(parent) => {
                if let Some(problem) = parent_problem(item, parent, listing, items, deleted) {
                    problems.insert(problem);
                }
            }
        }
        for folder in listing
            .iter()
            .filter(|folder| Some(**folder) != item.parent.as_ref())
        {
            problems.insert(Problem::NamesOther(name(&item.id), name(folder)));
        }
        let parent = listing.first().copied().or(item.parent.as_ref());
        if let Some(parent) = parent {
            parents.insert(item.id.clone(), parent.clone());
        }
    }
    for cycle in find_cycles(&parents) {
        let mut ids: Vec<String> = cycle.iter().map(name).collect();
        ids.sort_unstable();
        problems.insert(Problem::Cycle(ids));
    }
}

fn parent_problem(
    item: &Item,
    parent: &Guid,
    listing: &[&Guid],
    items: &BTreeMap<&Guid, &Item>,
    deleted: &BTreeSet<&Guid>,
) -> Option<Problem> {
    let (id, folder) = (name(&item.id), name(parent));
    match items.get(parent) {
        Some(found) if !found.is_folder() => Some(Problem::ParentNotAFolder(id, folder)),
        Some(_) if listing.contains(&parent) => None,
        Some(_) => Some(Problem::NotListed(id, folder)),
        None if deleted.contains(parent) => Some(Problem::DeletedParent(id, folder)),
        None => Some(Problem::MissingParent(id, folder)),
    }
}

fn urls(items: &BTreeMap<&Guid, &Item>, problems: &mut BTreeSet<Problem>) {
    let mut first: HashMap<&str, &Item> = HashMap::new();
    let mut keywords: HashMap<&str, &str> = HashMap::new();
    for item in items.values().filter(|item| item.kind == Kind::Bookmark) {
        let Some(url) = item.url.as_deref() else {
            continue;
        };
        let other = first.entry(url).or_insert(item);
        let sorted = |tags: &[String]| tags.iter().cloned().collect::<BTreeSet<_>>();
        if sorted(&other.tags) != sorted(&item.tags) {
            problems.insert(Problem::DifferentTags(url.to_owned()));
        }
        if other.keyword != item.keyword {
            problems.insert(Problem::DifferentKeywords(url.to_owned()));
        }
        if let Some(keyword) = item.keyword.as_deref()
            && *keywords.entry(keyword).or_insert(url) != url
        {
            problems.insert(Problem::SharedKeyword(keyword.to_owned()));
        }
    }
}
