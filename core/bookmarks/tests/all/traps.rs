//! What a real Firefox does with incomplete writes (collections.md §2.7), row by row: another client writes the records, this
//! device merges them.

use serde_json::{Value, json};

use super::account::*;
use selvedge_bookmarks::merge::Notice;

/// Writes records to an account that agreed and syncs.
fn after(records: Vec<Value>) -> (Device, Server, Vec<String>) {
    let (mut device, mut server) = agreed();
    server.write(records);
    let plan = device.sync(&mut server);
    // Whatever was written: afterwards the server's tree is complete, and the next sync does nothing.
    assert_eq!(server.problems(), Vec::<String>::new());
    let again = device.sync(&mut server);
    assert_eq!((uploaded(&again), again.upserts.len()), (Vec::new(), 0));
    (device, server, uploaded(&plan))
}

const MENU: [&str; 3] = ["pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"];

#[test]
fn a_tombstone_only_is_undone() {
    let (device, server, uploads) = after(vec![deleted("pageAAAAAAAA")]);
    assert_eq!(uploads, ["menu", "pageAAAAAAAA"]);
    // Neither side changed the folder: the younger one's order counts, here this device's.
    assert_eq!(names(&device, "menu"), MENU);
    assert_eq!(server.children("menu"), MENU);
}

#[test]
fn a_tombstone_only_puts_the_item_at_the_end_if_the_servers_folder_is_younger() {
    let (mut device, mut server) = agreed();
    device.local.get_mut("menu").unwrap().modified = 0;
    server.write([deleted("pageAAAAAAAA")]);
    device.sync(&mut server);
    assert_eq!(
        names(&device, "menu"),
        ["pageBBBBBBBB", "folderCCCCCC", "pageAAAAAAAA"]
    );
    assert_eq!(server.children("menu"), names(&device, "menu"));
}

#[test]
fn a_tombstone_and_its_parent_delete_without_an_upload() {
    let menu = folder("menu", "places", &["pageBBBBBBBB", "folderCCCCCC"]);
    let (device, _, uploads) = after(vec![deleted("pageAAAAAAAA"), menu]);
    assert_eq!(uploads, Vec::<String>::new());
    assert_eq!(names(&device, "menu"), ["pageBBBBBBBB", "folderCCCCCC"]);
}

#[test]
fn a_parent_without_the_id_and_no_tombstone_puts_the_item_back_at_the_end() {
    let (device, _, uploads) = after(vec![folder(
        "menu",
        "places",
        &["pageBBBBBBBB", "folderCCCCCC"],
    )]);
    assert_eq!(
        names(&device, "menu"),
        ["pageBBBBBBBB", "folderCCCCCC", "pageAAAAAAAA"]
    );
    assert_eq!(uploads, ["menu", "pageAAAAAAAA"]);
}

#[test]
fn a_folder_deleted_without_its_children_leaves_them_in_other_bookmarks() {
    let menu = folder("menu", "places", &["pageAAAAAAAA", "pageBBBBBBBB"]);
    let (device, _, uploads) = after(vec![deleted("folderCCCCCC"), menu]);
    assert_eq!(names(&device, "unfiled"), ["pageDDDDDDDD", "pageEEEEEEEE"]);
    assert_eq!(uploads, ["pageDDDDDDDD", "pageEEEEEEEE", "unfiled"]);
}

#[test]
fn a_listed_id_that_does_not_exist_is_dropped() {
    let menu = folder(
        "menu",
        "places",
        &[
            "nothingAAAAA",
            "pageAAAAAAAA",
            "pageBBBBBBBB",
            "folderCCCCCC",
        ],
    );
    let (device, _, uploads) = after(vec![menu]);
    assert_eq!(names(&device, "menu"), MENU);
    assert_eq!(uploads, ["menu"]);
}

#[test]
fn an_item_without_a_known_parent_goes_to_other_bookmarks() {
    for parent in [json!("nothingAAAAA"), json!(null), json!("pageAAAAAAAA")] {
        let (device, _, uploads) = after(vec![with(page("newpageAAAAA", ""), "parentid", parent)]);
        assert_eq!(names(&device, "unfiled"), ["newpageAAAAA"]);
        assert_eq!(uploads, ["newpageAAAAA", "unfiled"]);
    }
}

#[test]
fn an_item_with_parentid_only_goes_to_the_end_of_that_folder() {
    let (device, _, uploads) = after(vec![page("newpageAAAAA", "menu")]);
    assert_eq!(names(&device, "menu").last().unwrap(), "newpageAAAAA");
    assert_eq!(uploads, ["menu", "newpageAAAAA"]);
}

#[test]
fn an_item_in_children_only_goes_there() {
    let menu = folder(
        "menu",
        "places",
        &[
            "newpageAAAAA",
            "pageAAAAAAAA",
            "pageBBBBBBBB",
            "folderCCCCCC",
        ],
    );
    let (device, _, uploads) = after(vec![
        with(page("newpageAAAAA", ""), "parentid", "nothingAAAAA"),
        menu,
    ]);
    assert_eq!(names(&device, "menu")[0], "newpageAAAAA");
    assert_eq!(uploads, ["menu", "newpageAAAAA"]);
}

#[test]
fn a_move_by_parentid_only_is_undone() {
    let (device, _, _) = after(vec![page("pageAAAAAAAA", "toolbar")]);
    assert_eq!(names(&device, "menu"), MENU);
    assert_eq!(names(&device, "toolbar"), Vec::<String>::new());
}

#[test]
fn a_move_with_the_new_parent_is_done_and_the_old_parent_uploaded() {
    let toolbar = folder("toolbar", "places", &["pageAAAAAAAA"]);
    for records in [
        vec![page("pageAAAAAAAA", "toolbar"), toolbar.clone()],
        vec![toolbar.clone()],
    ] {
        let (device, server, uploads) = after(records);
        assert_eq!(names(&device, "toolbar"), ["pageAAAAAAAA"]);
        assert_eq!(server.children("menu"), ["pageBBBBBBBB", "folderCCCCCC"]);
        assert!(uploads.contains(&"menu".to_owned()));
    }
}

#[test]
fn a_move_of_both_parents_without_the_item_is_done_and_the_item_uploaded() {
    let (device, server, uploads) = after(vec![
        folder("toolbar", "places", &["pageAAAAAAAA"]),
        folder("menu", "places", &["pageBBBBBBBB", "folderCCCCCC"]),
    ]);
    assert_eq!(names(&device, "toolbar"), ["pageAAAAAAAA"]);
    assert_eq!(server.get("pageAAAAAAAA")["parentid"], "toolbar");
    assert!(uploads.contains(&"pageAAAAAAAA".to_owned()));
}

#[test]
fn an_item_that_two_folders_list_is_afterwards_in_one() {
    let (device, server, _) = after(vec![
        folder("toolbar", "places", &["pageAAAAAAAA"]),
        folder("menu", "places", &MENU),
    ]);
    let places = names(&device, "menu")
        .iter()
        .chain(&names(&device, "toolbar"))
        .filter(|id| *id == "pageAAAAAAAA")
        .count();
    assert_eq!(places, 1);
    assert_eq!(server.children("menu"), names(&device, "menu"));
}

#[test]
fn a_bookmark_without_a_usable_url_is_deleted_or_restored() {
    // New: deleted, and the parent uploaded.
    let menu = folder(
        "menu",
        "places",
        &[
            "newpageAAAAA",
            "pageAAAAAAAA",
            "pageBBBBBBBB",
            "folderCCCCCC",
        ],
    );
    for url in [
        json!("no url"),
        json!(null),
        json!(7),
        json!(format!("https://e.org/{}", "x".repeat(70_000))),
    ] {
        let (device, _, uploads) = after(vec![
            with(page("newpageAAAAA", "menu"), "bmkUri", url),
            menu.clone(),
        ]);
        assert_eq!(uploads, ["-newpageAAAAA", "menu"]);
        assert_eq!(names(&device, "menu"), MENU);
    }
    // Known: the own copy replaces it.
    let (_, server, uploads) = after(vec![with(page("pageAAAAAAAA", "menu"), "bmkUri", "no url")]);
    assert_eq!(uploads, ["pageAAAAAAAA"]);
    assert_eq!(
        server.get("pageAAAAAAAA")["bmkUri"],
        "https://example.org/pageAAAAAAAA"
    );
}

#[test]
fn an_id_that_is_no_guid_is_replaced() {
    let menu = folder(
        "menu",
        "places",
        &["bad id", "pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"],
    );
    let (device, server, uploads) = after(vec![page("bad id", "menu"), menu]);
    let new = names(&device, "menu")[0].clone();
    assert!(selvedge_bookmarks::ids::is_guid(&new));
    assert_eq!(server.get(&new)["title"], "bad id");
    assert_eq!(server.get("bad id")["deleted"], true);
    assert_eq!(uploads.len(), 3);
}

#[test]
fn a_query_that_its_parent_does_not_list_is_deleted() {
    let query = json!({"id": "queryAAAAAAA", "type": "query", "parentid": "menu", "title": "q", "bmkUri": "place:tag=red"});
    let (device, _, uploads) = after(vec![query]);
    assert!(!device.local.contains_key("queryAAAAAAA"));
    assert_eq!(uploads, ["-queryAAAAAAA", "menu"]);
}

#[test]
fn a_changed_kind_is_changed_back() {
    let (device, server, uploads) = after(vec![folder("pageAAAAAAAA", "menu", &[])]);
    assert_eq!(server.get("pageAAAAAAAA")["type"], "bookmark");
    assert_eq!(uploads, ["pageAAAAAAAA"]);
    assert_eq!(names(&device, "menu"), MENU);
    let (device, server, _) = after(vec![page("folderCCCCCC", "menu")]);
    assert_eq!(server.get("folderCCCCCC")["type"], "folder");
    assert_eq!(
        names(&device, "folderCCCCCC"),
        ["pageDDDDDDDD", "pageEEEEEEEE"]
    );
}

#[test]
fn a_kind_changed_here_is_never_written() {
    let (mut device, mut server) = agreed();
    let stored = device.local.get_mut("pageAAAAAAAA").unwrap();
    stored.value = folder("pageAAAAAAAA", "menu", &[]);
    stored.changed = true;
    let plan = device.sync(&mut server);
    assert_eq!(server.get("pageAAAAAAAA")["type"], "bookmark");
    assert!(
        plan.notices
            .iter()
            .any(|notice| matches!(notice, Notice::IdTaken { .. }))
    );
    assert_eq!(server.problems(), Vec::<String>::new());
}

#[test]
fn a_cycle_is_broken_at_its_oldest_member() {
    let (mut device, mut server) = agreed();
    server.write([folder("folderFFFFFF", "folderCCCCCC", &["folderGGGGGG"])]);
    server.write([
        folder("folderGGGGGG", "folderFFFFFF", &["folderFFFFFF"]),
        with(page("newpageAAAAA", "folderGGGGGG"), "title", "inside"),
    ]);
    let plan = device.sync(&mut server);
    assert!(
        plan.notices
            .contains(&Notice::CycleBroken(id("folderFFFFFF")))
    );
    assert_eq!(names(&device, "unfiled"), ["folderFFFFFF"]);
    assert_eq!(names(&device, "folderFFFFFF"), ["folderGGGGGG"]);
    assert_eq!(names(&device, "folderGGGGGG"), ["newpageAAAAA"]);
    assert_eq!(server.problems(), Vec::<String>::new());
    assert_eq!(uploaded(&device.sync(&mut server)), Vec::<String>::new());
}

#[test]
fn a_folder_that_lists_itself_is_repaired() {
    let (device, server, uploads) = after(vec![folder(
        "folderCCCCCC",
        "menu",
        &["folderCCCCCC", "pageDDDDDDDD", "pageEEEEEEEE"],
    )]);
    assert_eq!(uploads, ["folderCCCCCC"]);
    assert_eq!(
        server.children("folderCCCCCC"),
        ["pageDDDDDDDD", "pageEEEEEEEE"]
    );
    assert_eq!(names(&device, "menu"), MENU);
}

#[test]
fn an_id_twice_in_children_is_corrected() {
    let menu = folder(
        "menu",
        "places",
        &[
            "pageBBBBBBBB",
            "pageAAAAAAAA",
            "pageBBBBBBBB",
            "folderCCCCCC",
        ],
    );
    let (_, server, uploads) = after(vec![menu]);
    assert_eq!(uploads, ["menu"]);
    assert_eq!(
        server.children("menu"),
        ["pageBBBBBBBB", "pageAAAAAAAA", "folderCCCCCC"]
    );
}

#[test]
fn a_second_bookmark_of_a_url_without_tags_gets_those_of_the_url() {
    let (mut device, mut server) = agreed();
    let first = with(
        with(page("pageAAAAAAAA", "menu"), "tags", json!(["red"])),
        "keyword",
        "a",
    );
    server.write([first]);
    device.sync(&mut server);
    let second = with(
        page("newpageAAAAA", "toolbar"),
        "bmkUri",
        "https://example.org/pageAAAAAAAA",
    );
    server.write([second, folder("toolbar", "places", &["newpageAAAAA"])]);
    device.sync(&mut server);
    for page in ["pageAAAAAAAA", "newpageAAAAA"] {
        assert_eq!(server.get(page)["tags"], json!(["red"]));
        assert_eq!(server.get(page)["keyword"], "a");
    }
    assert_eq!(server.problems(), Vec::<String>::new());
}

#[test]
fn a_root_elsewhere_and_a_deleted_root_are_repaired() {
    let (device, server, uploads) = after(vec![with(
        folder("toolbar", "menu", &[]),
        "parentid",
        "menu",
    )]);
    assert_eq!(server.get("toolbar")["parentid"], "places");
    assert_eq!(uploads, ["toolbar"]);
    assert_eq!(names(&device, "menu"), MENU);
    let (device, server, uploads) = after(vec![deleted("menu")]);
    assert_eq!(uploads, ["menu"]);
    assert_eq!(server.children("menu"), MENU);
    assert_eq!(names(&device, "menu"), MENU);
    let (_, _, uploads) = after(vec![with(
        folder("toolbar", "places", &[]),
        "type",
        "bookmark",
    )]);
    assert!(uploads.contains(&"toolbar".to_owned()));
}

#[test]
fn a_date_in_the_future_or_before_1993_is_the_servers() {
    for date in [
        json!(4_000_000_000_000_i64),
        json!(1000),
        json!("nonsense"),
        json!(null),
    ] {
        let menu = folder(
            "menu",
            "places",
            &[
                "newpageAAAAA",
                "pageAAAAAAAA",
                "pageBBBBBBBB",
                "folderCCCCCC",
            ],
        );
        let (device, server, uploads) = after(vec![
            with(page("newpageAAAAA", "menu"), "dateAdded", date),
            menu,
        ]);
        assert_eq!(uploads, Vec::<String>::new());
        let written = server.records["newpageAAAAA"].1;
        assert_eq!(
            device.tree().get(&id("newpageAAAAA")).unwrap().date_added,
            written
        );
    }
}
