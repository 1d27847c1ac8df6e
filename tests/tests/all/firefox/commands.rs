//! Commands between devices: reset of the sync state, and wipe of local records.

use serde_json::{Value, json};

use crate::firefox::setup::{Scene, rows, scenario, text};

/// The name of Firefox's client.
const NAME: &str = "Firefox of the test";

/// A form entry and a login on both sides; the ids of Firefox's client and of the device's.
fn synced_both_ways(scene: &mut Scene) -> (String, String) {
    scene.ask("forms.add", [json!("suche"), json!("geteilt")]);
    let login = json!({ "origin": "https://a.example", "action": "https://a.example", "username": "anna", "password": "0" });
    scene.ask("passwords.add", [login]);
    scene.sign_in();
    scene.sync_device();
    scene.firefox.sync();
    let others = scene.ask("clients.others", []);
    assert_eq!(
        others.as_array().map(Vec::len),
        Some(1),
        "Firefox knows the device: {others}"
    );
    let firefox = text(&scene.ask("clients.localId", []));
    let device = text(&others[0]["id"]);
    let known: Vec<_> = scene.on_server("clients").into_keys().collect();
    assert!(
        known.contains(&firefox) && known.contains(&device),
        "{known:?}"
    );
    (firefox, device)
}

/// Checks that a client has no pending commands.
fn is_done(scene: &Scene, client: &str) {
    let commands = scene.on_server("clients")[client]["commands"].clone();
    assert!(commands.as_array().is_none_or(Vec::is_empty), "{commands}");
}

fn values(rows: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut values: Vec<_> = rows.into_iter().map(|row| text(&row["value"])).collect();
    values.sort();
    values
}

#[test]
fn this_device_executes_a_wipe_and_a_reset_from_firefox() {
    scenario(|scene| {
        let (_, device) = synced_both_ways(scene);
        scene.put(
            "forms",
            &json!({ "id": "lokal-000001", "name": "suche", "value": "lokal" }),
        );
        let login = json!({
            "id": "{8e2b8b57-4b2a-4f0e-8f57-0a3a7a0b9f10}", "hostname": "https://b.example",
            "formSubmitURL": "https://b.example", "httpRealm": null, "username": "bert", "password": "b",
            "usernameField": "", "passwordField": "", "timeCreated": 1, "timePasswordChanged": 1,
        });
        scene.put("passwords", &login);
        scene.ask(
            "clients.command",
            [json!("wipeEngine"), json!(["forms"]), json!(device)],
        );
        scene.ask(
            "clients.command",
            [json!("resetEngine"), json!(["passwords"]), json!(device)],
        );
        scene.firefox.sync();

        let report = scene.sync_device();
        let done = json!([
            { "command": "wipeEngine", "collection": "forms", "outcome": "done", "unsent": 1 },
            { "command": "resetEngine", "collection": "passwords", "outcome": "done", "unsent": 1 },
        ]);
        assert_eq!(report["commands"], done, "{report:#}");
        is_done(scene, &device);
        // A wipe moves unsent records to the journal; a reset removes nothing.
        let kept = scene
            .device
            .run(&["records", "conflicts", "forms", "--json"]);
        let kept = kept.outcome().json();
        assert_eq!(kept["conflicts"][0]["record"]["value"], "lokal", "{kept:#}");
        assert_eq!(values(scene.rows("forms").into_values()), ["geteilt"]);
        scene.sync_both();
        assert_eq!(scene.same_passwords().len(), 2);
        assert_eq!(
            values(rows(scene.ask("forms.all", [])).into_values()),
            ["geteilt"]
        );
        // Executed commands are not executed again.
        assert_eq!(scene.sync_device()["commands"], json!([]));
    });
}

#[test]
fn firefox_executes_a_wipe_and_a_reset_from_this_device() {
    scenario(|scene| {
        let (firefox, _) = synced_both_ways(scene);
        scene.ask("forms.add", [json!("suche"), json!("lokal")]);
        let login = json!({ "origin": "https://b.example", "action": "https://b.example", "username": "bert", "password": "b" });
        scene.ask("passwords.add", [login]);
        for (verb, collection) in [("wipe", "forms"), ("reset", "passwords")] {
            let ask = ["clients", verb, NAME, collection, "--yes"];
            let _done = scene.device.run(&ask).outcome().ok();
        }

        let synced = scene.firefox.sync();
        is_done(scene, &firefox);
        // After a reset all records are read again and compared.
        assert_eq!(
            synced.0["applied"]["passwords"]["reconciled"], 1,
            "{synced:?}"
        );
        assert_eq!(
            values(rows(scene.ask("forms.all", [])).into_values()),
            ["geteilt"]
        );
        scene.sync_device();
        scene.sync_both();
        assert_eq!(scene.same_passwords().len(), 2);
        assert_eq!(values(scene.rows("forms").into_values()), ["geteilt"]);
    });
}
