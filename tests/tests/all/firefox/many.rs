//! More records than fit into one request, in both directions.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::firefox::setup::{rows, scenario};

/// Firefox sends 100 records per request and requests 1000.
const MANY: usize = 1100;

#[test]
fn a_history_of_many_batches_is_received_completely() {
    scenario(|scene| {
        scene.ask(
            "history.addMany",
            [json!("https://seite.example/"), json!(MANY)],
        );
        let synced = scene.sign_in();
        assert_eq!(synced.sent("history"), MANY as u64, "{synced:?}");
        scene.sync_device();
        let ours = scene.rows("history");
        let theirs = rows(scene.ask("history.all", []));
        assert_eq!(ours.len(), MANY);
        for (id, page) in theirs {
            assert_eq!(ours[&id]["histUri"], page["url"], "{id}");
        }
    });
}

#[test]
fn firefox_receives_a_history_of_many_pages_completely() {
    scenario(|scene| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("it is after 1970").as_micros();
        let record = |n: usize| {
            let url = format!("https://seite.example/{n}");
            let visits = json!([{ "date": now - 1_000_000 * n as u128, "type": 1 }]);
            json!({ "id": format!("seite-{n:06}"), "histUri": url, "title": format!("Seite {n}"), "visits": visits })
        };
        let records: String = (0..MANY).map(|n| format!("{}\n", record(n))).collect();
        let put = scene.device.run(&["--quiet", "records", "put", "history"]);
        let _done = put.stdin(records).outcome().ok();
        scene.sync_device();
        let before = scene.envelopes("history");
        let synced = scene.sign_in();
        assert_eq!(synced.applied("history"), MANY as u64, "{synced:?}");
        let theirs = rows(scene.ask("history.all", []));
        assert_eq!(theirs.len(), MANY);
        assert_eq!(theirs["seite-001099"]["title"], "Seite 1099");
        // Reading wrote nothing.
        scene.sync_both();
        assert_eq!(scene.envelopes("history"), before);
    });
}
