//! The validator (spec §6.1): a problem for each rule, and none for a tree that Firefox would accept.

use selvedge_bookmarks::check::{check, compare};
use selvedge_bookmarks::record::read;
use selvedge_bookmarks::tree::NewItem;
use serde_json::{Value, json};

use super::account::*;

fn problems(records: &[Value]) -> Vec<String> {
    let (_, mut server) = agreed();
    server.write(records.iter().cloned());
    server.problems()
}

#[test]
fn each_problem_is_named() {
    let bookmark = |id: &str, url: &str| with(page(id, "menu"), "bmkUri", url);
    let menu = |children: &[&str]| {
        folder(
            "menu",
            "places",
            &[children, &["pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"]].concat(),
        )
    };
    for (records, expected) in [
        (vec![], vec![]),
        (
            vec![json!({"id": "pageAAAAAAAA", "type": "smart"})],
            vec!["unknown type", "which does not exist"],
        ),
        (
            vec![page("readinglist", "places")],
            vec!["does not belong into bookmarks"],
        ),
        (
            vec![menu(&["not a guid"]), page("not a guid", "menu")],
            vec!["is not a valid id"],
        ),
        (
            vec![bookmark("pageAAAAAAAA", "none")],
            vec!["has no usable URL"],
        ),
        (
            vec![with(page("pageAAAAAAAA", "menu"), "title", 7)],
            vec!["members of a wrong type"],
        ),
        (
            vec![
                menu(&["liveAAAAAAAA"]),
                with(folder("liveAAAAAAAA", "menu", &[]), "type", "livemark"),
            ],
            vec!["is a livemark"],
        ),
        (
            vec![deleted("toolbar")],
            vec!["the folder toolbar is missing"],
        ),
        (
            vec![folder("toolbar", "menu", &[])],
            vec!["the folder toolbar is not at the top"],
        ),
        (
            vec![json!({"id": "lostAAAAAAAA", "type": "separator"})],
            vec!["is in no folder"],
        ),
        (
            vec![page("lostAAAAAAAA", "nothingAAAAA")],
            vec!["names the folder nothingAAAAA, which does not exist"],
        ),
        (
            vec![
                page("lostAAAAAAAA", "gone00000000"),
                deleted("gone00000000"),
            ],
            vec!["names the folder gone00000000, which was deleted"],
        ),
        (
            vec![page("lostAAAAAAAA", "pageAAAAAAAA")],
            vec!["names pageAAAAAAAA as its folder, which is not a folder"],
        ),
        (
            vec![page("lostAAAAAAAA", "menu")],
            vec!["names the folder menu, which does not list it"],
        ),
        (
            vec![folder("mobile", "places", &["pageAAAAAAAA"])],
            vec![
                "is listed by several folders: menu, mobile",
                "the folder mobile lists pageAAAAAAAA, which names another folder",
            ],
        ),
        (
            vec![menu(&["nothingAAAAA"])],
            vec!["the folder menu lists nothingAAAAA, which does not exist"],
        ),
        (
            vec![deleted("pageAAAAAAAA")],
            vec!["which was deleted: the deletion will be undone"],
        ),
        (
            vec![menu(&["pageAAAAAAAA"])],
            vec!["members of a wrong type or an old form"],
        ),
        (
            vec![
                folder("folderFFFFFF", "folderGGGGGG", &["folderGGGGGG"]),
                folder("folderGGGGGG", "folderFFFFFF", &["folderFFFFFF"]),
            ],
            vec![
                "these folders are inside each other, which stops Firefox's sync: folderFFFFFF, folderGGGGGG",
            ],
        ),
        (
            vec![
                with(
                    bookmark("pageAAAAAAAA", "https://e.org/"),
                    "tags",
                    json!(["a"]),
                ),
                bookmark("pageBBBBBBBB", "https://e.org"),
            ],
            vec!["the bookmarks of https://e.org/ have different tags"],
        ),
        (
            vec![
                with(bookmark("pageAAAAAAAA", "https://e.org/"), "keyword", "k"),
                bookmark("pageBBBBBBBB", "https://e.org"),
            ],
            vec!["the bookmarks of https://e.org/ have different keywords"],
        ),
        (
            vec![
                with(page("pageAAAAAAAA", "menu"), "keyword", "k"),
                with(page("pageBBBBBBBB", "menu"), "keyword", "K "),
            ],
            vec!["the keyword k belongs to several URLs"],
        ),
    ] {
        let mut found = problems(&records);
        for problem in expected {
            let at = found.iter().position(|text| text.contains(problem));
            assert!(at.is_some(), "{records:?}: no {problem:?} in {found:?}");
            found.remove(at.unwrap());
        }
        assert_eq!(found, Vec::<String>::new(), "{records:?}");
    }
}

#[test]
fn two_records_with_one_id_are_a_problem() {
    let twice = [
        read("pageAAAAAAAA", page("pageAAAAAAAA", "menu"), 0),
        read("pageAAAAAAAA", page("pageAAAAAAAA", "menu"), 0),
    ];
    let found = check(twice.iter());
    assert!(
        found
            .iter()
            .any(|problem| problem.to_string() == "there are two records with the id pageAAAAAAAA")
    );
}

#[test]
fn after_a_sync_a_device_does_not_differ_from_the_server_and_each_difference_is_named() {
    let (device, server) = agreed();
    let (tree, readings) = (device.tree(), server.readings());
    assert_eq!(compare(&tree, &readings), []);
    let mut other = tree.clone();
    other.delete(&id("pageBBBBBBBB")).unwrap();
    other.rename(&id("pageDDDDDDDD"), "new").unwrap();
    other
        .move_to(&id("pageAAAAAAAA"), &id("toolbar"), None)
        .unwrap();
    other
        .reorder(
            &id("folderCCCCCC"),
            &["pageEEEEEEEE", "pageDDDDDDDD"].map(id),
        )
        .unwrap();
    let (added, _) = other
        .add_returning(
            &id("mobile"),
            None,
            NewItem::folder("x"),
            5,
            &mut Ids::default(),
        )
        .unwrap();
    let found: Vec<String> = compare(&other, &readings)
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        &format!("{} is here but not on the server", added.as_str()),
        "pageBBBBBBBB is on the server but not here",
        "pageDDDDDDDD has another title here than on the server",
        "pageAAAAAAAA is in toolbar here and in menu on the server",
        "the folder folderCCCCCC has another order here than on the server",
    ];
    assert_eq!(found, expected);
    let mut gone = readings;
    gone.retain(|reading| *reading.id() != id("pageDDDDDDDD"));
    gone.push(selvedge_bookmarks::record::Reading::Tombstone(id(
        "pageDDDDDDDD",
    )));
    let found = compare(&tree, &gone);
    assert_eq!(
        found[0].to_string(),
        "pageDDDDDDDD is here but deleted on the server"
    );
}
