//! Edits of a tree (collections.md §2.2): which records change together, and what is refused.

use std::collections::BTreeSet;

use selvedge_bookmarks::ids::Guid;
use selvedge_bookmarks::tree::{Changes, Edit, EditError, MAX_DEPTH, NewItem, Tree};

use super::account::*;

fn set(ids: &[&str]) -> BTreeSet<Guid> {
    ids.iter().map(|text| id(text)).collect()
}

fn changes(changed: &[&str], deleted: &[&str]) -> Changes {
    Changes {
        changed: set(changed),
        deleted: set(deleted),
    }
}

fn tree() -> Tree {
    agreed().0.tree()
}

#[test]
fn each_edit_changes_the_records_that_must_be_uploaded_together() {
    type Row = (
        &'static str,
        fn(&mut Tree) -> Result<Changes, EditError>,
        Changes,
    );
    let rows: [Row; 12] = [
        (
            "title",
            |tree| tree.rename(&id("pageAAAAAAAA"), "new"),
            changes(&["pageAAAAAAAA"], &[]),
        ),
        (
            "the same title",
            |tree| tree.rename(&id("pageAAAAAAAA"), "pageAAAAAAAA"),
            changes(&[], &[]),
        ),
        (
            "reorder",
            |tree| {
                tree.reorder(
                    &id("menu"),
                    &["folderCCCCCC", "pageBBBBBBBB", "pageAAAAAAAA"].map(id),
                )
            },
            changes(&["menu"], &[]),
        ),
        (
            "the same order",
            |tree| {
                tree.reorder(
                    &id("menu"),
                    &["pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"].map(id),
                )
            },
            changes(&[], &[]),
        ),
        (
            "move",
            |tree| tree.move_to(&id("pageAAAAAAAA"), &id("folderCCCCCC"), Some(1)),
            changes(&["pageAAAAAAAA", "menu", "folderCCCCCC"], &[]),
        ),
        (
            "move within its folder",
            |tree| tree.move_to(&id("pageAAAAAAAA"), &id("menu"), None),
            changes(&["menu"], &[]),
        ),
        (
            "move to where it is",
            |tree| tree.move_to(&id("pageAAAAAAAA"), &id("menu"), Some(0)),
            changes(&[], &[]),
        ),
        (
            "delete",
            |tree| tree.delete(&id("pageAAAAAAAA")),
            changes(&["menu"], &["pageAAAAAAAA"]),
        ),
        (
            "delete a folder",
            |tree| tree.delete(&id("folderCCCCCC")),
            changes(&["menu"], &["folderCCCCCC", "pageDDDDDDDD", "pageEEEEEEEE"]),
        ),
        (
            "keyword",
            |tree| {
                let edit = Edit {
                    keyword: Some("K".into()),
                    ..Edit::default()
                };
                tree.edit(&id("pageAAAAAAAA"), edit)
            },
            changes(&["pageAAAAAAAA"], &[]),
        ),
        (
            "a URL that another bookmark has",
            |tree| {
                tree.edit(
                    &id("pageAAAAAAAA"),
                    Edit {
                        tags: Some(vec!["red".into()]),
                        ..Edit::default()
                    },
                )?;
                let edit = Edit {
                    url: Some("https://example.org/pageAAAAAAAA".into()),
                    ..Edit::default()
                };
                tree.edit(&id("pageBBBBBBBB"), edit)
            },
            changes(&["pageBBBBBBBB"], &[]),
        ),
        (
            "a query",
            |tree| {
                tree.edit(
                    &id("pageAAAAAAAA"),
                    Edit {
                        url: Some("place:tag=red".into()),
                        ..Edit::default()
                    },
                )
            },
            changes(&["pageAAAAAAAA"], &[]),
        ),
    ];
    for (name, edit, expected) in rows {
        let mut tree = tree();
        assert_eq!(edit(&mut tree).unwrap(), expected, "{name}");
        assert!(Tree::build(tree.items().cloned()).1.is_empty(), "{name}");
    }
}

#[test]
fn a_bookmark_that_gets_the_url_of_another_one_gets_its_tags() {
    let mut tree = tree();
    let tags = Some(vec!["red".to_owned()]);
    tree.edit(
        &id("pageAAAAAAAA"),
        Edit {
            tags: tags.clone(),
            ..Edit::default()
        },
    )
    .unwrap();
    let url = Some("https://example.org/pageAAAAAAAA".to_owned());
    tree.edit(
        &id("pageBBBBBBBB"),
        Edit {
            url,
            ..Edit::default()
        },
    )
    .unwrap();
    assert_eq!(tree.get(&id("pageBBBBBBBB")).unwrap().tags, ["red"]);
    // A new one gets them too, and a query has none.
    let new = NewItem::bookmark("again", "https://example.org/pageAAAAAAAA");
    let (new, _) = tree
        .add_returning(&id("toolbar"), None, new, 5, &mut Ids::default())
        .unwrap();
    assert_eq!(tree.get(&new).unwrap().tags, ["red"]);
    tree.edit(
        &new,
        Edit {
            url: Some("place:tag=red".into()),
            ..Edit::default()
        },
    )
    .unwrap();
    assert_eq!(tree.get(&new).unwrap().tags, Vec::<String>::new());
}

#[test]
fn what_would_break_the_tree_is_refused_and_says_what_to_do() {
    type Row = (&'static str, fn(&mut Tree) -> Result<Changes, EditError>);
    let rows: [Row; 13] = [
        ("list the bookmarks to see the ids", |tree| {
            tree.rename(&id("nothingAAAAA"), "x")
        }),
        ("name a folder", |tree| {
            tree.move_to(&id("pageAAAAAAAA"), &id("pageBBBBBBBB"), None)
        }),
        ("cannot be renamed, moved or deleted", |tree| {
            tree.delete(&id("menu"))
        }),
        ("cannot be renamed, moved or deleted", |tree| {
            tree.move_to(&id("menu"), &id("toolbar"), None)
        }),
        ("cannot be renamed, moved or deleted", |tree| {
            tree.rename(&id("toolbar"), "x")
        }),
        ("cannot be moved into itself", |tree| {
            tree.move_to(&id("folderCCCCCC"), &id("folderCCCCCC"), None)
        }),
        ("not an absolute URL", |tree| {
            tree.add(
                &id("menu"),
                None,
                NewItem::bookmark("x", "example"),
                5,
                &mut Ids::default(),
            )
        }),
        ("not an absolute URL", |tree| {
            tree.edit(
                &id("pageAAAAAAAA"),
                Edit {
                    url: Some(String::new()),
                    ..Edit::default()
                },
            )
        }),
        ("a folder has no URL", |tree| {
            tree.edit(
                &id("folderCCCCCC"),
                Edit {
                    url: Some("https://e.org/".into()),
                    ..Edit::default()
                },
            )
        }),
        ("a folder has no tags", |tree| {
            tree.edit(
                &id("folderCCCCCC"),
                Edit {
                    tags: Some(vec![]),
                    ..Edit::default()
                },
            )
        }),
        ("each of the folder's 3 items exactly once", |tree| {
            tree.reorder(&id("menu"), &[id("pageAAAAAAAA")])
        }),
        ("each of the folder's 3 items exactly once", |tree| {
            tree.reorder(
                &id("menu"),
                &["pageAAAAAAAA", "pageAAAAAAAA", "folderCCCCCC"].map(id),
            )
        }),
        ("no unused id", |tree| {
            let mut source = || *b"same same";
            tree.add(&id("menu"), None, NewItem::folder("one"), 5, &mut source)?;
            tree.delete(&id("pageBBBBBBBB"))?;
            tree.add(&id("menu"), None, NewItem::folder("two"), 5, &mut source)
        }),
    ];
    for (message, edit) in rows {
        let error = edit(&mut tree()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn folders_have_a_greatest_depth_in_edits_and_in_a_merge() {
    let (mut tree, mut ids, mut at) = (Tree::empty(), Ids::default(), id("menu"));
    let added =
        (0..).find(
            |_| match tree.add_returning(&at, None, NewItem::folder("in"), 5, &mut ids) {
                Ok((new, _)) => {
                    at = new;
                    false
                }
                Err(error) => {
                    assert_eq!(error, EditError::TooDeep);
                    true
                }
            },
        );
    assert_eq!(added, Some(MAX_DEPTH - 1));
    // The deepest tree is merged, on a thread with the usual stack.
    let (mut deep, mut empty, mut account) = (Device::default(), Device::default(), Server::new());
    let expected = tree.len();
    deep.edit(account.now, |stored| {
        let changed = tree.items().map(|item| item.id.clone()).collect();
        *stored = tree;
        Changes {
            changed,
            ..Changes::default()
        }
    });
    deep.sync(&mut account);
    assert_eq!(uploaded(&empty.sync(&mut account)), Vec::<String>::new());
    assert_eq!(empty.tree().len(), expected);
    // A server's deeper tree is refused by the merge, before dogear walks it.
    let (mut device, mut server) = agreed();
    let name = |n: usize| format!("folder{n:06}");
    let mut records: Vec<_> = (0..MAX_DEPTH + 5)
        .map(|n| folder(&name(n), &name(n + 1), &[]))
        .collect();
    for (n, record) in records.iter_mut().enumerate().skip(1) {
        record["children"] = vec![name(n - 1)].into();
    }
    records.push(folder(
        &name(MAX_DEPTH + 5),
        "unfiled",
        &[&name(MAX_DEPTH + 4)],
    ));
    server.write(records);
    let error = device.try_sync(&mut server).unwrap_err().to_string();
    assert!(error.contains("more than 200 deep"), "{error}");
}

#[test]
fn items_are_found_by_path_and_have_one() {
    let tree = tree();
    for (path, found) in [
        ("Menu", "menu"),
        ("menu/folderCCCCCC/pageDDDDDDDD", "pageDDDDDDDD"),
        ("/Bookmarks Menu/pageAAAAAAAA/", "pageAAAAAAAA"),
        ("Other Bookmarks", "unfiled"),
        ("unfiled", "unfiled"),
        ("Mobile", "mobile"),
        ("toolbar", "toolbar"),
    ] {
        assert_eq!(tree.find(path).unwrap().id, id(found), "{path}");
    }
    for path in ["", "Nothing", "Menu/nothing", "Menu/pageAAAAAAAA/x"] {
        assert!(tree.find(path).is_none(), "{path}");
    }
    for (item, _) in tree.walk() {
        assert_eq!(tree.find(&tree.path(&item.id)).unwrap().id, item.id);
    }
}
