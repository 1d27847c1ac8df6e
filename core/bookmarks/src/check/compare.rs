//! How a device's bookmarks differ from the server's.

use std::collections::BTreeSet;

use super::Problem;
use crate::ids::{Guid, to_record_id};
use crate::item::Item;
use crate::record::Reading;
use crate::tree::Tree;

/// Compares a device's tree with the server's records, sorted. Only of use after a sync without pending changes: everything
/// that it finds then is a fault of a client, and goes away if the items are edited or the collection is synced anew.
///
/// ```
/// use selvedge_bookmarks::check::compare;
/// use selvedge_bookmarks::tree::Tree;
///
/// let problems = compare(&Tree::empty(), &[]);
/// assert_eq!(problems[0].to_string(), "menu is here but not on the server");
/// ```
#[must_use]
pub fn compare(here: &Tree, server: &[Reading]) -> Vec<Problem> {
    let mut deleted: BTreeSet<&Guid> = BTreeSet::new();
    let mut items = Vec::new();
    for reading in server {
        match reading {
            Reading::Item(received) => items.push(received.item.clone()),
            Reading::Tombstone(id) => {
                deleted.insert(id);
            }
            Reading::Forbidden(_) | Reading::Refused(..) => {}
        }
    }
    let known: BTreeSet<Guid> = items.iter().map(|item| item.id.clone()).collect();
    let (there, _) = Tree::build(items);
    let mut problems = BTreeSet::new();
    for item in here.items() {
        match there.get(&item.id).filter(|_| known.contains(&item.id)) {
            Some(other) => problems.extend(differences(item, other)),
            None if deleted.contains(&item.id) => {
                problems.insert(Problem::DeletedOnServer(name(&item.id)));
            }
            None => {
                problems.insert(Problem::NotOnServer(name(&item.id)));
            }
        }
    }
    let missing = known.iter().filter(|id| !here.contains(id));
    problems.extend(missing.map(|id| Problem::NotHere(name(id))));
    problems.into_iter().collect()
}

fn differences(here: &Item, there: &Item) -> Vec<Problem> {
    let sorted = |tags: &[String]| tags.iter().cloned().collect::<BTreeSet<_>>();
    let values = [
        ("type", here.kind != there.kind),
        ("title", here.title != there.title),
        ("URL", here.url != there.url),
        ("keyword", here.keyword != there.keyword),
        ("set of tags", sorted(&here.tags) != sorted(&there.tags)),
    ];
    let other = values.into_iter().filter(|(_, differs)| *differs);
    let mut problems: Vec<Problem> = other
        .map(|(property, _)| Problem::OtherValue(name(&here.id), property))
        .collect();
    if let (Some(folder), Some(other)) = (&here.parent, &there.parent)
        && folder != other
    {
        problems.push(Problem::OtherFolder(
            name(&here.id),
            name(folder),
            name(other),
        ));
    }
    let set = |item: &Item| item.children.iter().cloned().collect::<BTreeSet<_>>();
    if here.children != there.children && set(here) == set(there) {
        problems.push(Problem::OtherOrder(name(&here.id)));
    }
    problems
}

fn name(id: &Guid) -> String {
    to_record_id(id).to_owned()
}
