//! Changes of Firefox's records: what it would refuse is refused, and folders are kept complete.

use serde_json::{Value, json};

use crate::program::{Device, Ran, Server, says};

fn put(device: &Device, records: &Value) -> Ran {
    device.run_with(&["records", "put", "bookmarks"], &records.to_string())
}

fn folder(id: &str, parent: &str, children: &[&str]) -> Value {
    json!({"id": id, "type": "folder", "parentid": parent, "title": id, "children": children})
}

fn bookmark(id: &str, parent: &str) -> Value {
    let url = format!("https://example.org/{id}");
    json!({"id": id, "type": "bookmark", "parentid": parent, "title": id, "bmkUri": url})
}

const A: &str = "aaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbb";
const F: &str = "ffffffffffff";

/// The menu with a bookmark and a folder, in which there is another bookmark.
fn tree(device: &Device) {
    let all = json!([
        folder("menu", "places", &[A, F]),
        bookmark(A, "menu"),
        folder(F, "menu", &[B]),
        bookmark(B, F),
    ]);
    put(device, &all).ok();
}

#[test]
fn a_change_that_breaks_the_tree_is_refused() {
    let device = Device::new();
    tree(&device);
    let edit = |id: &str, patch: Value| {
        device.run_with(&["records", "edit", "bookmarks", id], &patch.to_string())
    };
    let rows = [
        (
            put(&device, &bookmark("cccccccccccc", "unfiled")),
            "the children of its folder must contain it",
        ),
        (
            edit("menu", json!({"children": [A, F, "cccccccccccc"]})),
            "its children must exist",
        ),
        (
            edit(F, json!({"children": [B, A]})),
            "its children must exist",
        ),
        (
            edit("menu", json!({"children": [A, F, A]})),
            "without duplicates",
        ),
        (
            device.run(&["records", "delete", "bookmarks", "menu"]),
            "cannot be deleted",
        ),
        (edit(A, json!({"type": null})), "type must be"),
        (
            edit(A, json!({"type": "folder", "children": []})),
            "type cannot change",
        ),
        (
            edit(A, json!({"bmkUri": "no url"})),
            "bmkUri must be an absolute URL",
        ),
        (put(&device, &bookmark("no guid", "menu")), "its id must be"),
    ];
    for (ran, words) in rows {
        says(ran, 2, words);
    }
}

#[test]
fn folders_follow_new_moved_and_deleted_items() {
    let device = Device::new();
    tree(&device);
    let children = |id: &str| -> Value {
        let record = device.run(&["records", "get", "bookmarks", id]).json();
        record["children"].clone()
    };
    put(&device, &bookmark("cccccccccccc", "menu")).ok();
    assert_eq!(children("menu"), json!([A, F, "cccccccccccc"]));
    let patch = json!({"parentid": F}).to_string();
    device
        .run_with(&["records", "edit", "bookmarks", A], &patch)
        .ok();
    assert_eq!(
        (children("menu"), children(F)),
        (json!([F, "cccccccccccc"]), json!([B, A]))
    );
    device.run(&["records", "delete", "bookmarks", F]).ok();
    assert_eq!(children("menu"), json!(["cccccccccccc"]));
    let left = device.records(&["bookmarks"]);
    assert_eq!(left.len(), 2, "a folder is deleted with all that is in it");
}

#[test]
fn changes_that_keep_the_tree_right_together_pass() {
    let device = Device::new();
    tree(&device);
    let edit = |id: &str, patch: Value| {
        device
            .run_with(&["records", "edit", "bookmarks", id], &patch.to_string())
            .ok()
    };
    // Titles and order.
    edit(
        A,
        json!({"title": "new", "bmkUri": "https://example.org/new"}),
    );
    edit("menu", json!({"children": [F, A]}));
    // A move: the bookmark and both folders.
    let moved = json!([
        bookmark(A, F),
        folder("menu", "places", &[F]),
        folder(F, "menu", &[B, A])
    ]);
    put(&device, &moved).ok();
    // Out of its folder's list, then gone.
    edit(F, json!({"children": [A]}));
    device.run(&["records", "delete", "bookmarks", B]).ok();
    edit("menu", json!({"children": []}));
    device.run(&["records", "delete", "bookmarks", F, A]).ok();
    assert_eq!(device.records(&["bookmarks"]).len(), 1);
}

#[test]
fn an_item_that_its_folder_does_not_list_is_not_lost() {
    let server = Server::start();
    let one = Device::with_account(&server);
    tree(&one);
    one.run(&["sync"]).ok();
    let two = one.joined();
    two.run(&["sync"]).ok();
    let patch = json!({"children": [F]}).to_string();
    one.run_with(&["records", "edit", "bookmarks", "menu"], &patch)
        .ok();
    one.run_with(&["records", "edit", "bookmarks", B], r#"{"title":"new"}"#)
        .ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    for device in [&one, &two] {
        let menu = device.run(&["records", "get", "bookmarks", "menu"]).json();
        assert_eq!(menu["children"], json!([F, A]));
        let other = device.run(&["records", "get", "bookmarks", B]).json();
        assert_eq!(other["title"], "new");
    }

    one.run(&["records", "delete", "bookmarks", A]).ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    let menu = two.run(&["records", "get", "bookmarks", "menu"]).json();
    assert_eq!(menu["children"], json!([F]));
    assert_eq!(two.records(&["bookmarks"]), one.records(&["bookmarks"]));
}

#[test]
fn straight_on_the_server_only_a_record_by_itself_is_changed() {
    let server = Server::start();
    let device = Device::with_account(&server);
    tree(&device);
    device.run(&["sync"]).ok();
    let remote = |args: &[&str], text: &str| {
        device.run_with(&[&["records"], args, &["--remote"]].concat(), text)
    };
    remote(&["edit", "bookmarks", A], r#"{"title":"new"}"#).ok();
    let alone = "on this device";
    says(remote(&["delete", "bookmarks", A], ""), 2, alone);
    says(
        remote(&["edit", "bookmarks", A], r#"{"parentid":"unfiled"}"#),
        2,
        alone,
    );
    let new = bookmark("cccccccccccc", "menu").to_string();
    let ran = remote(&["put", "bookmarks"], &new);
    assert!(ran.code == 2 && ran.err.contains(alone), "{ran:?}");
}

#[test]
fn records_of_other_collections_must_be_what_firefox_reads() {
    let device = Device::new();
    let put = |collection: &str, record: Value| {
        device.run_with(&["records", "put", collection], &record.to_string())
    };
    let login = json!({"hostname": "https://shop.example", "formSubmitURL": "https://shop.example",
                       "username": "ann", "password": "x7!"});
    put("passwords", login.clone()).ok();
    let mut both = login;
    both["httpRealm"] = json!("realm");
    says(put("passwords", both), 2, "formSubmitURL or httpRealm");
    put(
        "forms",
        json!({"id": "Qm9Xc2VwbHVz", "name": "city", "value": "Berlin"}),
    )
    .ok();
    says(put("forms", json!({"name": "city"})), 2, "name and value");
    let edit = [
        "records",
        "edit",
        "forms",
        "Qm9Xc2VwbHVz",
        "--record",
        r#"{"value":"Bonn"}"#,
    ];
    says(device.run(&edit), 2, "cannot change");
    says(
        put("history", json!({"histUri": "https://example.org/"})),
        2,
        "visits",
    );
    says(
        put("addresses", json!({"entry": {"name": "Ann"}})),
        2,
        "version 1",
    );
    // Collections that are not Firefox's have no such rules.
    put("notes", json!({"children": "anything"})).ok();
}
