//! Firefox signs in to the accounts server of `selvedge serve` from its own menu: its preferences name the server, and nothing
//! in it is replaced. The page is driven by keys and clicks.

use selvedge_tests::{Device, Firefox, ServerSetup};
use serde_json::{Value, json};

use crate::firefox::setup::with_firefox;

const EMAIL: &str = "ann@example.org";
const PASSWORD: &str = "correct horse battery";

#[test]
fn firefox_registers_and_signs_in_from_its_menu_and_syncs_with_a_signed_in_device() {
    with_firefox(|program| {
        let setup = ServerSetup::default().args(&["--registration", "open"]);
        let server = setup.start();
        let mut first = Firefox::with_accounts_server(program, &server);
        first.call("bookmarks.add", &bookmark("of-the-first"));
        first.open_sign_in(&server);
        first.click("#other");
        first.fill_in("#email", EMAIL);
        first.fill_in("#password", PASSWORD);
        first.fill_in("#repeated", PASSWORD);
        first.click("#submit");
        let synced = first.signed_in();
        assert_eq!(
            synced.0["user"],
            json!({ "email": EMAIL, "verified": true })
        );

        let device = Device::signed_in(&server, EMAIL, PASSWORD);
        let _done = device.run(&["sync"]).outcome().ok();
        assert_eq!(titles(&device), ["of-the-first"]);
        let add = ["bookmarks", "add", "https://example.org/of-the-device"];
        let _done = device
            .run(&[&add[..], &["--title", "of-the-device"]].concat())
            .outcome()
            .ok();
        let _done = device.run(&["sync"]).outcome().ok();
        first.sync();
        assert_eq!(
            titles_in(&mut first),
            ["of-the-device", "of-the-first"],
            "the device's bookmark comes to Firefox"
        );

        // Another Firefox signs in to the same account.
        let mut second = Firefox::with_accounts_server(program, &server);
        second.open_sign_in(&server);
        second.fill_in("#email", EMAIL);
        second.fill_in("#password", PASSWORD);
        second.click("#submit");
        second.signed_in();
        assert_eq!(titles_in(&mut second), ["of-the-device", "of-the-first"]);

        let listed = device.run(&["--json", "account", "devices"]).outcome().ok();
        let listed = listed.json();
        let listed = listed.as_array().expect("a list");
        assert_eq!(listed.len(), 3, "{listed:#?}");

        // Pages in both directions, encrypted for the device that gets them.
        let own = listed.iter().find(|one| one["thisDevice"] == true);
        let own = own.expect("the device is registered");
        let page = format!("{}/settings", server.url());
        first.call("sentPages.send", &json!([own["name"], page]));
        let received = device.run(&["--json", "tabs", "received"]).outcome().ok();
        assert_eq!(received.json()[0]["url"], page);
        let others = listed.iter().filter(|one| one["thisDevice"] == false);
        for other in others {
            let id = other["id"].as_str().expect("an id");
            let send = ["tabs", "send", id, &page];
            let _done = device.run(&send).outcome().ok();
        }
        for firefox in [&mut first, &mut second] {
            firefox.call("sentPages.receive", &json!([page]));
        }
    });
}

fn bookmark(title: &str) -> Value {
    let url = format!("https://example.org/{title}");
    json!([{ "parentGuid": "toolbar_____", "title": title, "url": url }])
}

/// The titles of the bookmarks that the test made on a device, sorted.
fn titles(device: &Device) -> Vec<String> {
    let listed = device.run(&["records", "list", "bookmarks", "--format", "jsonl"]);
    let listed = listed.outcome().ok().stdout;
    let rows = listed
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"));
    sorted(rows.filter(|row: &Value| row["type"] == "bookmark"))
}

/// The titles of the bookmarks that the test made in Firefox, sorted.
fn titles_in(firefox: &mut Firefox) -> Vec<String> {
    let all = firefox.call("bookmarks.all", &json!([]));
    let rows = all.as_object().expect("rows by id").values().cloned();
    sorted(rows.filter(|row| row["url"].is_string()))
}

fn sorted(rows: impl Iterator<Item = Value>) -> Vec<String> {
    let mut titles: Vec<String> = rows
        .map(|row| row["title"].as_str().unwrap_or_default().to_owned())
        // A new Firefox has bookmarks of its own.
        .filter(|title| title.starts_with("of-the-"))
        .collect();
    titles.sort();
    titles
}
