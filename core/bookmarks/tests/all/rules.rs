//! The rules of the merge (collections.md §2.5), a row of the tables each.

use selvedge_bookmarks::ids::Guid;
use selvedge_bookmarks::merge::{Notice, Side};
use selvedge_bookmarks::tree::{Changes, Edit, NewItem, Tree};
use serde_json::json;

use super::account::*;

fn title(device: &Device, item: &str) -> String {
    device.tree().get(&id(item)).unwrap().title.clone()
}

/// An edit of this device, `late` or before the server's.
fn both_change(
    late: bool,
    edit: impl FnOnce(&mut Tree) -> Changes,
    records: Vec<serde_json::Value>,
) -> (Device, Server, selvedge_bookmarks::merge::Plan) {
    let (mut device, mut server) = agreed();
    let early = server.now + 1000;
    server.write(records);
    let when = if late { server.now - 1 } else { early };
    device.edit(when, edit);
    let plan = device.sync(&mut server);
    assert_eq!(server.problems(), Vec::<String>::new());
    assert_eq!(uploaded(&device.sync(&mut server)), Vec::<String>::new());
    (device, server, plan)
}

#[test]
fn of_two_changed_values_the_younger_one_wins_and_the_other_is_kept_for_the_journal() {
    for (late, winner, side) in [(true, "here", Side::Server), (false, "there", Side::Local)] {
        let (device, server, plan) = both_change(
            late,
            |tree| tree.rename(&id("pageAAAAAAAA"), "here").unwrap(),
            vec![with(page("pageAAAAAAAA", "menu"), "title", "there")],
        );
        assert_eq!(title(&device, "pageAAAAAAAA"), winner);
        assert_eq!(server.get("pageAAAAAAAA")["title"], winner);
        assert_eq!(plan.replaced.len(), 1);
        assert_eq!(plan.replaced[0].side, side);
        let loser = if late { "there" } else { "here" };
        assert!(plan.replaced[0].record.contains(loser));
        assert_eq!(plan.notices, [Notice::Conflict(id("pageAAAAAAAA"))]);
    }
}

#[test]
fn on_a_tie_the_server_wins() {
    let (mut device, mut server) = agreed();
    server.write([with(page("pageAAAAAAAA", "menu"), "title", "there")]);
    let when = server.records["pageAAAAAAAA"].1;
    device.edit(when, |tree| {
        tree.rename(&id("pageAAAAAAAA"), "here").unwrap()
    });
    device.sync(&mut server);
    assert_eq!(title(&device, "pageAAAAAAAA"), "there");
}

#[test]
fn a_value_changed_on_one_side_is_taken() {
    let (device, server, plan) = both_change(
        true,
        |tree| tree.rename(&id("pageAAAAAAAA"), "here").unwrap(),
        vec![],
    );
    assert_eq!(uploaded(&plan), ["pageAAAAAAAA"]);
    assert_eq!(
        (
            title(&device, "pageAAAAAAAA").as_str(),
            &server.get("pageAAAAAAAA")["title"]
        ),
        ("here", &json!("here"))
    );
    let (device, _, plan) = both_change(
        true,
        |_| Changes::default(),
        vec![with(page("pageAAAAAAAA", "menu"), "title", "there")],
    );
    assert_eq!(uploaded(&plan), Vec::<String>::new());
    assert_eq!(title(&device, "pageAAAAAAAA"), "there");
}

#[test]
fn a_roots_title_is_never_taken_from_the_server() {
    let menu = folder(
        "menu",
        "places",
        &["pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"],
    );
    let (device, _, _) = both_change(
        true,
        |_| Changes::default(),
        vec![with(menu, "title", "renamed")],
    );
    assert_eq!(title(&device, "menu"), "menu");
}

#[test]
fn both_orders_meet_the_flagged_side_first() {
    let order = ["folderCCCCCC", "pageBBBBBBBB", "pageAAAAAAAA"].map(id);
    let (device, _, plan) = both_change(
        true,
        |tree| tree.reorder(&id("menu"), &order).unwrap(),
        vec![],
    );
    assert_eq!(uploaded(&plan), ["menu"]);
    assert_eq!(
        names(&device, "menu"),
        ["folderCCCCCC", "pageBBBBBBBB", "pageAAAAAAAA"]
    );
    // Changed on both sides: the younger order first, the other side's new items after it.
    let theirs = vec![
        folder(
            "menu",
            "places",
            &[
                "pageBBBBBBBB",
                "pageAAAAAAAA",
                "newpageAAAAA",
                "folderCCCCCC",
            ],
        ),
        page("newpageAAAAA", "menu"),
    ];
    let (device, server, _) = both_change(
        true,
        |tree| tree.reorder(&id("menu"), &order).unwrap(),
        theirs.clone(),
    );
    assert_eq!(
        names(&device, "menu"),
        [
            "folderCCCCCC",
            "pageBBBBBBBB",
            "pageAAAAAAAA",
            "newpageAAAAA"
        ]
    );
    assert_eq!(server.children("menu"), names(&device, "menu"));
    let (device, _, _) = both_change(
        false,
        |tree| tree.reorder(&id("menu"), &order).unwrap(),
        theirs,
    );
    assert_eq!(
        names(&device, "menu"),
        [
            "pageBBBBBBBB",
            "pageAAAAAAAA",
            "newpageAAAAA",
            "folderCCCCCC"
        ]
    );
}

#[test]
fn a_title_there_and_a_move_here_are_both_kept() {
    let (device, server, _) = both_change(
        true,
        |tree| {
            tree.move_to(&id("pageAAAAAAAA"), &id("toolbar"), None)
                .unwrap()
        },
        vec![with(page("pageBBBBBBBB", "menu"), "title", "there")],
    );
    assert_eq!(names(&device, "toolbar"), ["pageAAAAAAAA"]);
    assert_eq!(title(&device, "pageBBBBBBBB"), "there");
    assert_eq!(server.get("pageAAAAAAAA")["parentid"], "toolbar");
}

#[test]
fn of_two_moves_the_younger_one_wins() {
    for (late, place) in [(true, "toolbar"), (false, "mobile")] {
        let (device, server, _) = both_change(
            late,
            |tree| {
                tree.move_to(&id("pageAAAAAAAA"), &id("toolbar"), None)
                    .unwrap()
            },
            vec![
                page("pageAAAAAAAA", "mobile"),
                folder("mobile", "places", &["pageAAAAAAAA"]),
                folder("menu", "places", &["pageBBBBBBBB", "folderCCCCCC"]),
            ],
        );
        assert_eq!(names(&device, place), ["pageAAAAAAAA"]);
        assert_eq!(server.get("pageAAAAAAAA")["parentid"], place);
        assert_eq!(names(&device, "menu"), ["pageBBBBBBBB", "folderCCCCCC"]);
    }
}

#[test]
fn a_deleted_and_unchanged_item_is_deleted() {
    let (device, server, plan) = both_change(
        true,
        |tree| tree.delete(&id("pageAAAAAAAA")).unwrap(),
        vec![],
    );
    assert_eq!(uploaded(&plan), ["-pageAAAAAAAA", "menu"]);
    assert_eq!(
        server.get("pageAAAAAAAA"),
        &json!({"id": "pageAAAAAAAA", "deleted": true})
    );
    assert!(!device.local.contains_key("pageAAAAAAAA"));
    assert_eq!(plan.replaced, []);
}

#[test]
fn a_deleted_folder_takes_everything_in_it_along() {
    let (_, server, plan) = both_change(
        true,
        |tree| tree.delete(&id("folderCCCCCC")).unwrap(),
        vec![],
    );
    assert_eq!(
        uploaded(&plan),
        ["-folderCCCCCC", "-pageDDDDDDDD", "-pageEEEEEEEE", "menu"]
    );
    assert_eq!(server.children("menu"), ["pageAAAAAAAA", "pageBBBBBBBB"]);
}

#[test]
fn a_bookmark_deleted_on_one_side_and_changed_on_the_other_is_revived() {
    let (device, server, plan) = both_change(
        true,
        |tree| tree.delete(&id("pageAAAAAAAA")).unwrap(),
        vec![with(page("pageAAAAAAAA", "menu"), "title", "there")],
    );
    assert_eq!(title(&device, "pageAAAAAAAA"), "there");
    assert!(plan.notices.contains(&Notice::Revived(id("pageAAAAAAAA"))));
    assert!(server.children("menu").contains(&"pageAAAAAAAA".to_owned()));
    let (device, server, plan) = both_change(
        true,
        |tree| tree.rename(&id("pageAAAAAAAA"), "here").unwrap(),
        vec![
            deleted("pageAAAAAAAA"),
            folder("menu", "places", &["pageBBBBBBBB", "folderCCCCCC"]),
        ],
    );
    assert_eq!(title(&device, "pageAAAAAAAA"), "here");
    assert_eq!(server.get("pageAAAAAAAA")["title"], "here");
    assert!(plan.notices.contains(&Notice::Revived(id("pageAAAAAAAA"))));
}

#[test]
fn a_changed_folder_stays_deleted_and_what_is_new_in_it_moves_up() {
    let (device, server, plan) = both_change(
        true,
        |tree| {
            let new = NewItem::bookmark("new", "https://example.org/new");
            tree.add(&id("folderCCCCCC"), None, new, 5, &mut Ids::default())
                .unwrap()
        },
        vec![
            deleted("folderCCCCCC"),
            deleted("pageDDDDDDDD"),
            deleted("pageEEEEEEEE"),
            folder("menu", "places", &["pageAAAAAAAA", "pageBBBBBBBB"]),
        ],
    );
    let menu = names(&device, "menu");
    assert_eq!(menu.len(), 3);
    assert_eq!(title(&device, &menu[2]), "new");
    assert_eq!(server.get("folderCCCCCC")["deleted"], true);
    assert!(
        plan.notices
            .iter()
            .any(|notice| matches!(notice, Notice::Rescued { .. }))
    );
    assert!(!device.local.contains_key("pageDDDDDDDD"));
}

#[test]
fn deleted_on_both_sides_is_deleted() {
    let (device, _, plan) = both_change(
        true,
        |tree| tree.delete(&id("pageAAAAAAAA")).unwrap(),
        vec![
            deleted("pageAAAAAAAA"),
            folder("menu", "places", &["pageBBBBBBBB", "folderCCCCCC"]),
        ],
    );
    assert!(!uploaded(&plan).contains(&"-pageAAAAAAAA".to_owned()));
    assert!(!device.local.contains_key("pageAAAAAAAA"));
}

#[test]
fn livemarks_are_deleted_and_forbidden_records_removed() {
    let menu = folder(
        "menu",
        "places",
        &[
            "liveAAAAAAAA",
            "pageAAAAAAAA",
            "pageBBBBBBBB",
            "folderCCCCCC",
        ],
    );
    let livemark = json!({"id": "liveAAAAAAAA", "type": "livemark", "parentid": "menu", "title": "feed",
        "feedUri": "https://example.org/feed", "siteUri": "https://example.org/", "children": []});
    let (device, server, plan) = both_change(
        true,
        |_| Changes::default(),
        vec![
            menu,
            livemark,
            page("readinglist", "places"),
            page("oldpageAAAAA", "readinglist"),
        ],
    );
    assert_eq!(server.get("liveAAAAAAAA")["deleted"], true);
    assert!(
        plan.notices
            .contains(&Notice::NotSyncable(id("liveAAAAAAAA")))
    );
    assert!(
        plan.replaced
            .iter()
            .any(|replaced| replaced.record.contains("feedUri"))
    );
    assert_eq!(plan.hard_deletions, [id("oldpageAAAAA"), id("readinglist")]);
    assert!(!device.local.contains_key("readinglist"));
}

#[test]
fn items_never_uploaded_are_matched_by_content_in_the_same_folder() {
    let (filled, mut server) = agreed();
    let mut other = Device::default();
    // The same bookmarks under other ids, and one more.
    other.edit(server.now, |tree| {
        let (mut ids, mut changes) = (Ids::default(), Changes::default());
        let mut add = |folder: &Guid, new: NewItem| {
            let (id, more) = tree.add_returning(folder, None, new, 6, &mut ids).unwrap();
            changes.extend(more);
            id
        };
        let url = |name: &str| format!("https://example.org/{name}");
        add(
            &id("menu"),
            NewItem::bookmark("pageBBBBBBBB", &url("pageBBBBBBBB")),
        );
        let inner = add(&id("menu"), NewItem::folder("folderCCCCCC"));
        add(
            &inner,
            NewItem::bookmark("pageEEEEEEEE", &url("pageEEEEEEEE")),
        );
        add(&id("menu"), NewItem::bookmark("own", &url("own")));
        changes
    });
    let plan = other.sync(&mut server);
    let own = names(&other, "menu").last().unwrap().clone();
    assert_eq!(names(&other, "menu")[..3], names(&filled, "menu")[..]);
    assert_eq!(title(&other, &own), "own");
    // Both sides changed the folder; the younger one's children come first.
    assert_eq!(
        names(&other, "folderCCCCCC"),
        ["pageEEEEEEEE", "pageDDDDDDDD"]
    );
    assert_eq!(server.children("menu"), names(&other, "menu"));
    assert_eq!(server.problems(), Vec::<String>::new());
    assert!(uploaded(&plan).contains(&own));
    assert!(plan.deletions.len() == 3);
}

#[test]
fn items_that_were_uploaded_are_never_matched() {
    let (device, server, _) = both_change(
        true,
        |_| Changes::default(),
        vec![
            folder(
                "menu",
                "places",
                &[
                    "pageAAAAAAAA",
                    "pageBBBBBBBB",
                    "folderCCCCCC",
                    "twinAAAAAAAA",
                ],
            ),
            with(
                with(page("twinAAAAAAAA", "menu"), "title", "pageAAAAAAAA"),
                "bmkUri",
                "https://example.org/pageAAAAAAAA",
            ),
        ],
    );
    assert_eq!(names(&device, "menu").len(), 4);
    assert_eq!(server.children("menu").len(), 4);
}

#[test]
fn unknown_members_survive_changes_on_both_sides() {
    let (mut device, mut server) = agreed();
    server.write([with(
        with(page("pageAAAAAAAA", "menu"), "newMember", json!({"a": [1]})),
        "other",
        1,
    )]);
    device.sync(&mut server);
    device.edit(server.now, |tree| {
        tree.rename(&id("pageAAAAAAAA"), "here").unwrap()
    });
    device.sync(&mut server);
    assert_eq!(server.get("pageAAAAAAAA")["newMember"], json!({"a": [1]}));
    // The local title wins, and the member that another client changed stays changed.
    let theirs = with(
        with(page("pageAAAAAAAA", "menu"), "newMember", json!(2)),
        "other",
        1,
    );
    server.write([with(theirs, "title", "here")]);
    device.edit(server.now + 5, |tree| {
        tree.rename(&id("pageAAAAAAAA"), "later").unwrap()
    });
    server.now += 10;
    device.sync(&mut server);
    let record = server.get("pageAAAAAAAA");
    assert_eq!(
        (&record["newMember"], &record["title"], &record["other"]),
        (&json!(2), &json!("later"), &json!(1))
    );
}

#[test]
fn an_older_date_here_is_uploaded_weakly() {
    let (mut device, mut server) = agreed();
    device.local.get_mut("pageAAAAAAAA").unwrap().value["dateAdded"] = json!(1_000_000_000_000_i64);
    server.write([with(page("pageAAAAAAAA", "menu"), "title", "there")]);
    let plan = device.sync(&mut server);
    assert_eq!(uploaded(&plan), ["pageAAAAAAAA"]);
    assert!(plan.uploads[0].weak && !plan.upserts[0].changed);
    assert_eq!(
        server.get("pageAAAAAAAA")["dateAdded"],
        1_000_000_000_000_i64
    );
}

#[test]
fn tags_and_keyword_go_on_every_bookmark_of_a_url() {
    let twin = with(
        page("twinAAAAAAAA", "toolbar"),
        "bmkUri",
        "https://example.org/pageAAAAAAAA",
    );
    let (mut device, mut server) = agreed();
    server.write([twin, folder("toolbar", "places", &["twinAAAAAAAA"])]);
    device.sync(&mut server);
    let edit = Edit {
        tags: Some(vec!["red".into(), " ".into()]),
        keyword: Some(" KEY ".into()),
        ..Edit::default()
    };
    device.edit(server.now, |tree| {
        tree.edit(&id("pageAAAAAAAA"), edit).unwrap()
    });
    let plan = device.sync(&mut server);
    assert_eq!(uploaded(&plan), ["pageAAAAAAAA", "twinAAAAAAAA"]);
    // A record that changes the tags of one changes those of all.
    let mut changed = server.get("twinAAAAAAAA").clone();
    changed["tags"] = json!(["blue"]);
    server.write([changed]);
    device.sync(&mut server);
    assert_eq!(server.get("pageAAAAAAAA")["tags"], json!(["blue"]));
    // A keyword that another URL gets leaves this one.
    let edit = Edit {
        keyword: Some("key".into()),
        ..Edit::default()
    };
    device.edit(server.now, |tree| {
        tree.edit(&id("pageBBBBBBBB"), edit).unwrap()
    });
    let plan = device.sync(&mut server);
    assert_eq!(
        uploaded(&plan),
        ["pageAAAAAAAA", "pageBBBBBBBB", "twinAAAAAAAA"]
    );
    assert_eq!(server.problems(), Vec::<String>::new());
}

#[test]
fn a_refused_record_is_named_and_the_item_stays() {
    let (mut device, mut server) = agreed();
    server.write([
        json!({"id": "pageAAAAAAAA", "title": "no type"}),
        with(page("oldItemAAAAA", "menu"), "type", "item"),
    ]);
    let plan = device.sync(&mut server);
    assert_eq!(plan.notices.len(), 2);
    assert!(
        plan.notices[1].to_string().contains("unknown type"),
        "{}",
        plan.notices[1]
    );
    assert_eq!(title(&device, "pageAAAAAAAA"), "pageAAAAAAAA");
}

#[test]
fn a_first_upload_holds_all_items_and_the_four_roots() {
    let mut device = Device::default();
    let mut server = Server::new();
    device.edit(server.now, |tree| {
        let new = NewItem::bookmark("a", "https://example.org/");
        tree.add(&id("toolbar"), None, new, 7, &mut Ids::default())
            .unwrap()
    });
    let plan = device.sync(&mut server);
    assert_eq!(plan.uploads.len(), 5);
    assert_eq!(server.problems(), Vec::<String>::new());
    assert_eq!(uploaded(&device.sync(&mut server)), Vec::<String>::new());
    // Envelopes: folders, and children of the toolbar.
    let index = |name: &str| {
        plan.uploads
            .iter()
            .find(|upload| upload.id == id(name))
            .unwrap()
            .sort_index
    };
    assert_eq!(index("menu"), 1_000_000);
    assert_eq!(
        plan.uploads
            .iter()
            .find(|upload| upload.sort_index == 150)
            .unwrap()
            .parent,
        Some(id("toolbar"))
    );
}

#[test]
fn folders_moved_into_each_other_are_where_the_server_has_them_and_nothing_is_lost() {
    let (mut device, mut server) = agreed();
    server.write([
        folder(
            "menu",
            "places",
            &[
                "pageAAAAAAAA",
                "pageBBBBBBBB",
                "folderCCCCCC",
                "folderFFFFFF",
            ],
        ),
        folder("folderFFFFFF", "menu", &["pageFFFFFFFF"]),
        page("pageFFFFFFFF", "folderFFFFFF"),
    ]);
    device.sync(&mut server);
    // There: F into C. Here: C into F, so that dogear sees the younger place of each folder in the other one.
    let early = server.now;
    server.write([
        folder(
            "menu",
            "places",
            &["pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"],
        ),
        folder(
            "folderCCCCCC",
            "menu",
            &["pageDDDDDDDD", "pageEEEEEEEE", "folderFFFFFF"],
        ),
        folder("folderFFFFFF", "folderCCCCCC", &["pageFFFFFFFF"]),
    ]);
    device.edit(early, |tree| {
        tree.move_to(&id("folderCCCCCC"), &id("folderFFFFFF"), None)
            .unwrap()
    });
    device.local.get_mut("folderCCCCCC").unwrap().modified = server.now;
    device.edit(early, |tree| {
        tree.rename(&id("pageDDDDDDDD"), "renamed here").unwrap()
    });
    device.edit(early, |tree| {
        let new = NewItem::bookmark("new here", "https://example.org/new");
        tree.add(&id("folderCCCCCC"), None, new, 5, &mut Ids::default())
            .unwrap()
    });
    device.local.get_mut("folderCCCCCC").unwrap().modified = server.now;
    let plan = device.sync(&mut server);
    assert!(
        plan.notices.contains(&Notice::ServersFolders),
        "{:?}",
        plan.notices
    );
    assert_eq!(
        names(&device, "menu"),
        ["pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"]
    );
    assert_eq!(names(&device, "folderFFFFFF"), ["pageFFFFFFFF"]);
    assert_eq!(server.get("pageDDDDDDDD")["title"], "renamed here");
    assert_eq!(names(&device, "folderCCCCCC").len(), 4);
    assert!(device.tree().find("Menu/folderCCCCCC/new here").is_some());
    assert_eq!(server.problems(), Vec::<String>::new());
    assert_eq!(uploaded(&device.sync(&mut server)), Vec::<String>::new());
}

#[test]
fn each_notice_is_a_sentence_that_says_what_to_do_or_that_nothing_is_to_be_done() {
    let item = || id("pageAAAAAAAA");
    let notices = [
        Notice::Refused {
            id: item(),
            reason: selvedge_bookmarks::record::Refusal::ReservedId,
        },
        Notice::Forbidden(item()),
        Notice::KindRestored(item()),
        Notice::IdTaken {
            old: item(),
            new: id("pageBBBBBBBB"),
        },
        Notice::CycleBroken(item()),
        Notice::InvalidDeleted(item()),
        Notice::NotSyncable(item()),
        Notice::Placed {
            id: item(),
            folder: id("menu"),
        },
        Notice::Revived(item()),
        Notice::Rescued {
            id: item(),
            folder: id("menu"),
        },
        Notice::Conflict(item()),
    ];
    for notice in notices {
        let text = notice.to_string();
        assert!(text.contains("pageAAAAAAAA") && text.len() > 40, "{text}");
        assert!(!text.contains("menu________"), "{text}");
    }
}
