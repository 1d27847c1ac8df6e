//! The same trees merged by dogear driven directly: the same structure, the same uploads, the same deletions.

use std::collections::BTreeSet;

use dogear::{Content, Item, Kind, MergedNode, Merger, Tree};
use proptest::prelude::*;
use selvedge_bookmarks::ids::{Guid, ROOT_GUID, UNFILED_GUID, guid_of, is_root};
use selvedge_bookmarks::item;
use selvedge_bookmarks::merge::{Input, merge};
use selvedge_bookmarks::record::Reading;

use super::account::*;
use super::laws::{Step, run, step};

fn kind(kind: item::Kind) -> Kind {
    match kind {
        item::Kind::Bookmark => Kind::Bookmark,
        item::Kind::Query => Kind::Query,
        item::Kind::Folder => Kind::Folder,
        item::Kind::Livemark => Kind::Livemark,
        item::Kind::Separator => Kind::Separator,
    }
}

fn content(item: &item::Item) -> Content {
    match item.kind {
        item::Kind::Folder => Content::Folder {
            title: item.title.clone(),
        },
        item::Kind::Separator => Content::Separator,
        _ => Content::Bookmark {
            title: item.title.clone(),
            url_href: item.url.clone().unwrap(),
        },
    }
}

/// The mirror's tree, built as the document says.
fn remote(input: &Input) -> Tree {
    let mut rows = std::collections::BTreeMap::new();
    for (record, fresh) in input
        .base
        .iter()
        .map(|r| (r, false))
        .chain(input.incoming.iter().map(|r| (r, true)))
    {
        rows.insert(record.reading.id().clone(), (record, fresh));
    }
    let mut builder = Tree::with_root(Item::new(ROOT_GUID, Kind::Folder));
    builder.reparent_orphans_to(&UNFILED_GUID);
    for (record, fresh) in rows.values() {
        match &record.reading {
            Reading::Item(received) => {
                let mut node = Item::new(received.item.id.clone(), kind(received.item.kind));
                node.age = (input.server_now - record.modified).max(0);
                node.needs_merge = *fresh;
                node.validity = received.validity;
                let mut added = builder.item(node).unwrap();
                if *fresh {
                    added.content(content(&received.item));
                }
                builder
                    .parent_for(&received.item.id)
                    .by_parent_guid(received.item.parent.clone().unwrap())
                    .unwrap();
                if is_root(&received.item.id) {
                    builder
                        .parent_for(&received.item.id)
                        .by_children(&ROOT_GUID)
                        .unwrap();
                }
            }
            Reading::Tombstone(id) => drop(builder.deletion(id.clone())),
            other => panic!("{other:?}"),
        }
    }
    for (record, _) in rows.values() {
        if let Reading::Item(received) = &record.reading {
            for child in &received.item.children {
                builder
                    .parent_for(child)
                    .by_children(&received.item.id)
                    .unwrap();
            }
        }
    }
    builder.into_tree().unwrap()
}

fn local(input: &Input, tree: &selvedge_bookmarks::tree::Tree) -> Tree {
    let known: BTreeSet<Guid> = input
        .base
        .iter()
        .map(|record| record.reading.id().clone())
        .collect();
    let mut builder = Tree::with_root(Item::new(ROOT_GUID, Kind::Folder));
    for (item, _) in tree.walk() {
        let record = input
            .local
            .iter()
            .find(|record| *record.reading.id() == item.id)
            .unwrap();
        let mut node = Item::new(item.id.clone(), kind(item.kind));
        node.age = (input.local_now - record.modified).max(0);
        node.needs_merge = record.changed;
        let mut added = builder.item(node).unwrap();
        if !known.contains(&item.id) {
            added.content(content(item));
        }
        builder
            .parent_for(&item.id)
            .by_structure(item.parent.as_ref().unwrap())
            .unwrap();
    }
    for record in &input.local {
        if let Reading::Tombstone(id) = &record.reading {
            builder.deletion(id.clone());
        }
    }
    builder.into_tree().unwrap()
}

fn flatten(node: &MergedNode<'_>, depth: usize, lines: &mut Vec<String>) {
    for child in &node.merged_children {
        lines.push(format!("{depth} {}", child.guid.as_str()));
        flatten(child, depth + 1, lines);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dogear_driven_directly_comes_to_the_same(
        start in prop::collection::vec(step(), 0..30),
        ours in prop::collection::vec(step(), 0..15),
        theirs in prop::collection::vec(step(), 0..15),
    ) {
        let (mut one, mut two, mut server) = (Device::default(), Device::default(), Server::new());
        let mut ids = Ids::default();
        // Tags and keywords go beyond dogear.
        let edit = |device: &mut Device, server: &Server, steps: &[Step], ids: &mut Ids| {
            for (n, step) in steps.iter().enumerate().filter(|(_, step)| !matches!(step, Step::Tag(..) | Step::Keyword(..))) {
                let now = server.now - 300 + 11 * i64::try_from(n).unwrap();
                device.edit(now, |tree| run(tree, step, now, ids));
            }
        };
        edit(&mut one, &server, &start, &mut ids);
        one.sync(&mut server);
        two.sync(&mut server);
        edit(&mut one, &server, &ours, &mut ids);
        edit(&mut two, &server, &theirs, &mut ids);
        two.sync(&mut server);
        let input = one.input(&server);
        let (local_tree, remote_tree) = (local(&input, &one.tree()), remote(&input));
        let merged = Merger::new(&local_tree, &remote_tree).merge();
        let plan = merge(input, &mut || *b"nineBytes").unwrap();
        // Where dogear gives up there is nothing to compare.
        let Ok(merged) = merged else { return Ok(()) };
        let ops = merged.completion_ops();
        let mut expected = Vec::new();
        flatten(merged.node(), 0, &mut expected);
        expected.sort();
        let mut found: Vec<String> = plan.tree.walk().map(|(item, depth)| format!("{depth} {}", item.id.as_str())).collect();
        found.sort();
        prop_assert_eq!(found, expected);
        for folder in plan.tree.items().filter(|item| item.is_folder()) {
            let node = find(merged.node(), &folder.id).unwrap();
            let children: Vec<Guid> = node.merged_children.iter().map(|child| child.guid.clone()).collect();
            prop_assert_eq!(&folder.children, &children);
        }
        let mut uploads: Vec<Guid> = ops.upload_items.iter().map(|op| op.merged_node.guid.clone()).collect();
        uploads.extend(ops.upload_tombstones.iter().map(|op| op.guid().clone()));
        uploads.sort();
        let mut planned: Vec<Guid> = plan.uploads.iter().filter(|upload| !upload.weak).map(|upload| upload.id.clone()).collect();
        planned.sort();
        prop_assert_eq!(planned, uploads);
        let deleted: BTreeSet<Guid> = ops.delete_local_items.iter().map(|op| op.local_node().guid.clone()).collect();
        prop_assert!(deleted.iter().all(|id| plan.deletions.contains(id)));
        prop_assert!(!plan.tree.contains(&guid_of(*b"nineBytes")));
    }
}

fn find<'a>(node: &'a MergedNode<'a>, id: &Guid) -> Option<&'a MergedNode<'a>> {
    if node.guid == *id {
        return Some(node);
    }
    node.merged_children
        .iter()
        .find_map(|child| find(child, id))
}
