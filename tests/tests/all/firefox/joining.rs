//! Joining an account that the other side has set up.

use serde_json::{Value, json};

use crate::firefox::setup::{Rows, Scene, rows, scenario, text};

/// Firefox's engines, with their versions.
const ENGINES: [(&str, u64); 11] = [
    ("addons", 1),
    ("addresses", 1),
    ("bookmarks", 2),
    ("clients", 1),
    ("creditcards", 1),
    ("extension-storage", 1),
    ("forms", 1),
    ("history", 1),
    ("passwords", 1),
    ("prefs", 2),
    ("tabs", 1),
];

/// Creates records in every engine of Firefox that works on a test machine.
fn fill(scene: &mut Scene) {
    let folder = json!({ "parentGuid": "menu________", "title": "Küche", "type": 2 });
    let folder = scene.ask("bookmarks.add", [folder]);
    let url = "https://example.org/brot?mit=hefe#zutaten";
    for bookmark in [
        json!({ "parentGuid": folder, "title": "Brot 🍞 雪", "url": url }),
        json!({ "parentGuid": folder, "type": 3 }),
        json!({ "parentGuid": folder, "title": "Suppe", "url": "https://example.org/suppe" }),
        json!({ "parentGuid": "toolbar_____", "title": "Wetter", "url": "https://wetter.example/" }),
    ] {
        scene.ask("bookmarks.add", [bookmark]);
    }
    scene.ask("bookmarks.tag", [json!(url), json!(["rot", "grün"])]);
    scene.ask("bookmarks.keyword", [json!(url), json!("brot")]);
    let form = json!({ "origin": "https://a.example", "action": "https://a.example", "username": "anna", "password": "pässwörd€" });
    let realm = json!({ "origin": "https://b.example", "realm": "Keller", "username": "bert", "password": "hunter2" });
    scene.ask("passwords.add", [form]);
    scene.ask("passwords.add", [realm]);
    scene.ask(
        "history.add",
        [
            json!("https://seite.example/1"),
            json!("Eins"),
            json!(60_000),
        ],
    );
    scene.ask(
        "history.add",
        [
            json!("https://seite.example/2"),
            json!("Zwei"),
            json!(1_000),
        ],
    );
    scene.ask("forms.add", [json!("suche"), json!("Sauerteig")]);
    let address = json!({ "name": "Anna Beispiel", "street-address": "Weg 1\nHof", "postal-code": "12345", "country": "DE" });
    scene.ask("addresses.add", [address]);
    scene.ask(
        "extension.set",
        [
            json!("notes@example.org"),
            json!({ "list": [1, { "deep": true }] }),
        ],
    );
    scene.ask(
        "prefs.set",
        [json!("browser.tabs.warnOnClose"), json!(true)],
    );
    let page = format!("{}/__heartbeat__", scene.server.url());
    scene.ask("tabs.open", [json!(page)]);
}

#[test]
fn selvedge_reads_every_record_that_firefox_wrote() {
    scenario(|scene| {
        fill(scene);
        let synced = scene.sign_in();
        assert_eq!(synced.sent("passwords"), 2, "{synced:?}");
        let report = scene.sync_device();
        let read = report["collections"].as_array().expect("a list");
        let mut read: Vec<_> = read.iter().map(|found| text(&found["name"])).collect();
        read.sort();
        // There are no add-ons and no cards here, and the collection `clients` has no engine.
        let empty = ["addons", "clients", "creditcards"];
        let filled: Vec<_> = ENGINES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !empty.contains(name))
            .collect();
        assert_eq!(read, filled);

        let bookmarks = scene.same_bookmarks();
        assert_eq!(
            bookmarks
                .values()
                .filter(|row| row[2] == "Brot 🍞 雪")
                .count(),
            1
        );
        let bread = scene.rows("bookmarks");
        let bread = bread
            .values()
            .find(|row| row["title"] == "Brot 🍞 雪")
            .expect("the bread");
        assert_eq!(bread["keyword"], "brot");
        let mut tags: Vec<_> = bread["tags"]
            .as_array()
            .expect("tags")
            .iter()
            .map(text)
            .collect();
        tags.sort();
        assert_eq!(tags, ["grün", "rot"]);

        let passwords = scene.same_passwords();
        let expected = json!(["https://a.example", "anna", "pässwörd€"]);
        assert!(
            passwords.values().any(|row| *row == expected),
            "{passwords:?}"
        );

        same(
            scene,
            "history",
            "history.all",
            ["histUri", "title"],
            ["url", "title"],
        );
        same(
            scene,
            "forms",
            "forms.all",
            ["name", "value"],
            ["name", "value"],
        );
        let addresses = scene.rows("addresses");
        let theirs = rows(scene.ask("addresses.all", []));
        assert_eq!(
            addresses.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>()
        );
        for (id, record) in &addresses {
            for name in [
                "name",
                "street-address",
                "postal-code",
                "country",
                "timeCreated",
            ] {
                assert_eq!(record["entry"][name], theirs[id][name], "{name}");
            }
        }
        let prefs = one(scene.rows("prefs"));
        assert_eq!(prefs["value"]["browser.tabs.warnOnClose"], true, "{prefs}");
        let extension = one(scene.rows("extension-storage"));
        assert_eq!(extension["extId"], "notes@example.org");
        let data: Value = serde_json::from_str(&text(&extension["data"])).expect("JSON in JSON");
        assert_eq!(data, json!({ "list": [1, { "deep": true }] }));
        let tabs = one(scene.rows("tabs"));
        assert_eq!(tabs["id"], scene.ask("clients.localId", []));
        let page = format!("{}/__heartbeat__", scene.server.url());
        assert_eq!(tabs["tabs"][0]["urlHistory"], json!([page]));
        // The device has also uploaded its client record.
        let clients = scene.on_server("clients");
        assert_eq!(clients.len(), 2, "{clients:?}");
        let client = &clients[&text(&scene.ask("clients.localId", []))];
        assert_eq!(client["name"], "Firefox of the test");

        // The local records equal the server's in every field, and reading wrote nothing.
        for name in filled {
            assert_eq!(scene.rows(name), scene.on_server(name), "{name}");
        }
        let report = scene.sync_device();
        assert_eq!(report["bytesSent"], 0, "{report:#}");
    });
}

#[test]
fn firefox_joins_an_account_of_selvedge_without_wiping_anything() {
    scenario(|scene| {
        let login = json!({
            "id": "{3f1a7c1e-5d0e-4b69-9d3a-6c1a55d1e0aa}", "hostname": "https://a.example",
            "formSubmitURL": "https://a.example", "httpRealm": null, "username": "anna", "password": "geheim",
            "usernameField": "", "passwordField": "", "timeCreated": 1_700_000_000_000_u64,
            "timePasswordChanged": 1_700_000_000_000_u64,
        });
        scene.put("passwords", &login);
        // A bookmark is put together with its folder.
        scene.put("bookmarks", &json!([
            { "id": "unfiled", "type": "folder", "parentid": "places", "title": "unfiled", "children": ["brot________"] },
            { "id": "brot________", "type": "bookmark", "parentid": "unfiled", "parentName": "unfiled",
              "title": "Brot", "bmkUri": "https://example.org/brot", "dateAdded": 1_700_000_000_000_u64 },
        ]));
        scene.put("notes", &json!({ "id": "milch", "title": "Milch" }));
        let report = scene.sync_device();
        assert_eq!(report["freshStart"], true, "{report:#}");
        let meta = scene.meta_global();
        let before = ["passwords", "notes"].map(|name| scene.envelopes(name));

        scene.ask("forms.add", [json!("suche"), json!("Sauerteig")]);
        scene.sign_in();

        // Records that only Selvedge wrote are unchanged, to the byte.
        assert_eq!(
            ["passwords", "notes"].map(|name| scene.envelopes(name)),
            before
        );
        let after = scene.meta_global();
        assert_eq!(after["syncID"], meta["syncID"]);
        assert_eq!(after["engines"]["notes"], meta["engines"]["notes"]);
        for (name, version) in ENGINES {
            assert_eq!(after["engines"][name]["version"], version, "{after:#}");
            assert_eq!(
                after["engines"][name]["syncID"], meta["engines"][name]["syncID"],
                "{name}"
            );
        }
        let enabled = scene.ask("engines.enabled", []);
        let enabled: Vec<String> = serde_json::from_value(enabled).expect("names");
        for (name, _) in ENGINES.into_iter().filter(|(name, _)| *name != "clients") {
            assert!(
                enabled.iter().any(|on| on == name),
                "{name} is on: {enabled:?}"
            );
        }

        scene.sync_both();
        let passwords = scene.same_passwords();
        assert_eq!(passwords.len(), 1);
        let bookmarks = scene.same_bookmarks();
        assert_eq!(bookmarks["brot________"][2], "Brot");
        assert_eq!(one(scene.rows("forms"))["value"], "Sauerteig");
        assert_eq!(one(scene.rows("notes"))["title"], "Milch");
    });
}

#[test]
fn records_from_before_the_first_sync_are_merged() {
    scenario(|scene| {
        let login = json!({ "origin": "https://a.example", "action": "https://a.example", "username": "anna", "password": "a" });
        scene.ask("passwords.add", [login]);
        scene.put("passwords", &json!({
            "id": "{8e2b8b57-4b2a-4f0e-8f57-0a3a7a0b9f10}", "hostname": "https://b.example",
            "formSubmitURL": "https://b.example", "httpRealm": null, "username": "bert", "password": "b",
            "usernameField": "", "passwordField": "", "timeCreated": 1, "timePasswordChanged": 1,
        }));
        // Firefox sets up the account, and Selvedge joins with an existing record.
        scene.sign_in();
        scene.sync_device();
        scene.sync_both();
        assert_eq!(scene.same_passwords().len(), 2);
        scene.same_bookmarks();
    });
}

#[track_caller]
fn same<const N: usize>(
    scene: &mut Scene,
    collection: &str,
    all: &str,
    ours: [&str; N],
    theirs: [&str; N],
) {
    let here = crate::firefox::setup::picked(scene.rows(collection), ours);
    let mut there = crate::firefox::setup::picked(rows(scene.ask(all, [])), theirs);
    // A page without a title has null in Firefox, and an empty title in a record.
    for row in there
        .values_mut()
        .flat_map(|row| row.as_array_mut())
        .flatten()
    {
        if row.is_null() {
            *row = json!("");
        }
    }
    assert!(!here.is_empty(), "{collection}");
    assert_eq!(here, there, "{collection}");
}

#[track_caller]
fn one(rows: Rows) -> Value {
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_values().next().expect("one row")
}
