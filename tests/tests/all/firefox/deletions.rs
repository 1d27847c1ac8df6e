//! Deletions are synced in both directions, and delete nothing else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::firefox::setup::{Scene, scenario, text};

/// Two logins and two bookmarks that both sides have; the ids of each two.
fn shared(scene: &mut Scene) -> ([String; 2], [String; 2]) {
    let login =
        |host: &str| json!({ "origin": host, "action": host, "username": "anna", "password": "0" });
    let bookmark = |url: &str| json!({ "parentGuid": "toolbar_____", "title": url, "url": url });
    let hosts = ["https://a.example", "https://b.example"];
    let logins = hosts.map(|host| text(&scene.ask("passwords.add", [login(host)])));
    let bookmarks = hosts.map(|host| text(&scene.ask("bookmarks.add", [bookmark(host)])));
    scene.sign_in();
    scene.sync_device();
    (logins, bookmarks)
}

#[test]
fn deletions_in_firefox_are_synced_to_this_device() {
    scenario(|scene| {
        let page = json!("https://seite.example/1");
        scene.ask("history.add", [page.clone(), json!("Eins"), json!(1000)]);
        scene.ask("forms.add", [json!("suche"), json!("Sauerteig")]);
        let ([login, kept_login], [bookmark, kept_bookmark]) = shared(scene);
        assert_eq!(
            (scene.rows("history").len(), scene.rows("forms").len()),
            (1, 1)
        );

        scene.ask("passwords.remove", [json!(login)]);
        scene.ask("bookmarks.remove", [json!(bookmark)]);
        scene.ask("history.remove", [page]);
        scene.ask("forms.remove", [json!("suche"), json!("Sauerteig")]);
        scene.sync_both();

        assert_eq!(
            scene.same_passwords().into_keys().collect::<Vec<_>>(),
            [kept_login]
        );
        let bookmarks = scene.same_bookmarks();
        assert!(!bookmarks.contains_key(&bookmark) && bookmarks.contains_key(&kept_bookmark));
        assert_eq!(
            (scene.rows("history").len(), scene.rows("forms").len()),
            (0, 0)
        );
    });
}

#[test]
fn deletions_on_this_device_are_synced_to_firefox() {
    scenario(|scene| {
        let ([login, kept_login], [bookmark, kept_bookmark]) = shared(scene);
        scene.delete("passwords", &login);
        // Its folder first, which would still name it.
        scene.edit(
            "bookmarks",
            "toolbar",
            &json!({ "children": [kept_bookmark] }),
        );
        scene.delete("bookmarks", &bookmark);
        scene.sync_device();
        scene.sync_both();

        assert_eq!(
            scene.same_passwords().into_keys().collect::<Vec<_>>(),
            [kept_login]
        );
        let bookmarks = scene.same_bookmarks();
        assert!(!bookmarks.contains_key(&bookmark) && bookmarks.contains_key(&kept_bookmark));
    });
}

#[test]
fn an_edit_in_firefox_wins_over_an_earlier_deletion_here() {
    scenario(|scene| {
        let ([login, _], _) = shared(scene);
        scene.delete("passwords", &login);
        scene.sync_device();
        // Firefox computes the age of its change when it processes the response, so the change seems older by that time.
        std::thread::sleep(Duration::from_secs(3));
        scene.ask(
            "passwords.change",
            [json!(login), json!({ "password": "alive" })],
        );
        scene.sync_both();
        assert_eq!(scene.same_passwords()[&login][2], Value::from("alive"));
    });
}
