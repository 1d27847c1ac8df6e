//! Both sides change records: different ones, and the same.

use serde_json::{Value, json};

use crate::firefox::setup::{Scene, scenario, text};

/// Creates a login in Firefox and syncs it to the device; returns its id.
fn shared_login(scene: &mut Scene) -> String {
    let login = json!({ "origin": "https://a.example", "action": "https://a.example", "username": "anna", "password": "0" });
    let id = text(&scene.ask("passwords.add", [login]));
    scene.sign_in();
    scene.sync_device();
    id
}

fn login(id: &str, host: &str) -> Value {
    json!({
        "id": id, "hostname": host, "formSubmitURL": host, "httpRealm": null, "username": "bert", "password": "b",
        "usernameField": "", "passwordField": "", "timeCreated": 1_700_000_000_000_u64,
        "timePasswordChanged": 1_700_000_000_000_u64,
    })
}

#[test]
fn changes_to_different_records_are_synced_to_both_sides() {
    scenario(|scene| {
        let id = shared_login(scene);
        let new = "{8e2b8b57-4b2a-4f0e-8f57-0a3a7a0b9f10}";
        scene.ask(
            "passwords.change",
            [json!(id), json!({ "password": "of Firefox" })],
        );
        scene.put("passwords", &login(new, "https://b.example"));
        scene.sync_device();
        scene.sync_both();
        let passwords = scene.same_passwords();
        assert_eq!(passwords[&id][2], "of Firefox");
        assert_eq!(passwords[new][1], "bert");
    });
}

#[test]
fn changes_to_different_fields_of_a_login_are_merged() {
    scenario(|scene| {
        let id = shared_login(scene);
        scene.ask(
            "passwords.change",
            [json!(id), json!({ "password": "of Firefox" })],
        );
        scene.edit("passwords", &id, &json!({ "username": "of Selvedge" }));
        scene.firefox.sync();
        scene.sync_device();
        scene.sync_both();
        let passwords = scene.same_passwords();
        assert_eq!(
            passwords[&id],
            json!(["https://a.example", "of Selvedge", "of Firefox"])
        );
    });
}

#[test]
fn the_later_of_two_changes_to_a_field_wins_on_both_sides() {
    scenario(|scene| {
        let id = shared_login(scene);
        // Firefox is the later one, and the second to sync.
        scene.edit("passwords", &id, &json!({ "password": "1, of Selvedge" }));
        scene.sync_device();
        scene.pass_times_of("passwords");
        scene.ask(
            "passwords.change",
            [json!(id), json!({ "password": "2, of Firefox" })],
        );
        scene.sync_both();
        assert_eq!(scene.same_passwords()[&id][2], "2, of Firefox");
        // Selvedge is the later one, and the first to sync.
        scene.ask(
            "passwords.change",
            [json!(id), json!({ "password": "3, of Firefox" })],
        );
        scene.edit("passwords", &id, &json!({ "password": "4, of Selvedge" }));
        scene.sync_device();
        scene.sync_both();
        assert_eq!(scene.same_passwords()[&id][2], "4, of Selvedge");
        // Selvedge is the later one, and the second to sync.
        scene.ask(
            "passwords.change",
            [json!(id), json!({ "password": "5, of Firefox" })],
        );
        scene.firefox.sync();
        scene.pass_times_of("passwords");
        scene.edit("passwords", &id, &json!({ "password": "6, of Selvedge" }));
        scene.sync_device();
        scene.sync_both();
        assert_eq!(scene.same_passwords()[&id][2], "6, of Selvedge");
    });
}

#[test]
fn an_unknown_field_survives_an_edit_in_firefox() {
    scenario(|scene| {
        let id = shared_login(scene);
        let unknown = json!({ "x-note": { "of": ["Selvedge", 1, null] } });
        scene.edit("passwords", &id, &unknown);
        scene.sync_device();
        scene.firefox.sync();
        scene.ask(
            "passwords.change",
            [json!(id), json!({ "password": "of Firefox" })],
        );
        scene.sync_both();
        let record = &scene.rows("passwords")[&id];
        assert_eq!(
            (&record["password"], &record["x-note"]),
            (&json!("of Firefox"), &unknown["x-note"])
        );
    });
}

#[test]
fn titles_and_order_of_bookmarks_are_equal_after_changes_on_both_sides() {
    scenario(|scene| {
        let mut ids = Vec::new();
        for title in ["eins", "zwei", "drei"] {
            let url = format!("https://example.org/{title}");
            let bookmark = json!({ "parentGuid": "toolbar_____", "title": title, "url": url });
            ids.push(text(&scene.ask("bookmarks.add", [bookmark])));
        }
        scene.sign_in();
        scene.sync_device();
        scene.same_bookmarks();

        // Different bookmarks, and the order of the folder.
        scene.ask(
            "bookmarks.change",
            [json!({ "guid": ids[0], "title": "eins of Firefox" })],
        );
        scene.edit(
            "bookmarks",
            &ids[1],
            &json!({ "title": "zwei of Selvedge" }),
        );
        scene.edit(
            "bookmarks",
            "toolbar",
            &json!({ "children": [ids[2], ids[1], ids[0]] }),
        );
        scene.sync_device();
        scene.sync_both();
        let bookmarks = scene.same_bookmarks();
        assert_eq!(bookmarks[&ids[0]][2], "eins of Firefox");
        assert_eq!(bookmarks[&ids[1]][2], "zwei of Selvedge");
        assert_eq!(
            (&bookmarks[&ids[2]][1], &bookmarks[&ids[0]][1]),
            (&json!(0), &json!(2))
        );

        // The same bookmark.
        scene.ask(
            "bookmarks.change",
            [json!({ "guid": ids[0], "title": "first of Firefox" })],
        );
        scene.edit(
            "bookmarks",
            &ids[0],
            &json!({ "title": "then of Selvedge" }),
        );
        scene.sync_device();
        scene.sync_both();
        assert_eq!(scene.same_bookmarks()[&ids[0]][2], "then of Selvedge");
    });
}
