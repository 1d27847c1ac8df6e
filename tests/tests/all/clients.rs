//! The account's devices list each other, and send commands to each other, through the real server.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use selvedge_tests::{Account, Device, Server};
use serde_json::{Value, json};

/// Two devices, Attic and Cellar, that both have the record `r` and list each other.
fn attic_and_cellar() -> (Server, Device, Device) {
    let server = Server::start();
    let (attic, cellar) = Device::pair(&server);
    for (device, name) in [(&attic, "Attic"), (&cellar, "Cellar")] {
        let _done = device.run(&["clients", "rename", name]).outcome().ok();
    }
    attic.put("r", &json!({"x": "0"}));
    for device in [&attic, &cellar, &attic] {
        device.sync();
    }
    (server, attic, cellar)
}

#[track_caller]
fn clients(device: &Device, args: &[&str]) -> Value {
    let args = [&["--json", "clients"], args].concat();
    device.run(&args).outcome().ok().json()
}

#[track_caller]
fn has(device: &Device, id: &str) -> bool {
    device.notes().contains_key(id)
}

#[test]
fn each_device_is_in_the_list_under_its_name() {
    let (_server, attic, _cellar) = attic_and_cellar();
    let list = clients(&attic, &["list"]);
    let rows: Vec<(&str, bool)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["name"].as_str().unwrap(),
                row["thisDevice"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(rows, [("Attic", true), ("Cellar", false)]);
}

#[test]
fn a_device_keeps_the_name_that_it_joined_with_until_it_is_renamed() {
    let server = Server::start();
    let (attic, code) = Device::first(&server);
    let cellar = Device::default();
    let join = ["account", "join", &code, "--device-name", " Cellar "];
    let _done = cellar.run(&join).outcome().ok();
    let third = Device::default();
    third.use_credentials_of(&attic, &["--device-name", "Garage"]);
    for device in [&attic, &cellar, &third] {
        device.put("r", &json!({}));
        device.sync();
    }
    let names = || {
        let list = clients(&attic, &["list"]);
        let names = list.as_array().unwrap().iter();
        names
            .filter(|row| row["thisDevice"] == false)
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), ["Cellar", "Garage"]);
    let _done = clients(&cellar, &["rename", "Kitchen"]);
    cellar.sync();
    assert_eq!(names(), ["Garage", "Kitchen"]);
    let shown = cellar.run(&["--json", "account", "show"]).outcome().ok();
    assert_eq!(shown.json()["deviceName"], "Kitchen");
}

#[test]
fn of_two_profiles_of_one_firefox_device_the_newer_one_is_current() {
    let server = Server::start();
    let account = Account::new(70);
    let mut credentials = server
        .master_secret()
        .credentials(server.url(), &account, 3600);
    credentials["device_id"] = "0123456789abcdef0123456789abcdef".into();
    let [older, newer] = [(); 2].map(|()| Device::with_credentials(&credentials));
    for (device, name) in [(&older, "Attic"), (&newer, "Cellar")] {
        let _done = device.run(&["clients", "rename", name]).outcome().ok();
        device.put("r", &json!({}));
        device.sync();
    }
    let list = clients(&newer, &["list", "--all"]);
    let row = |at: usize| (&list[at]["name"], &list[at]["standing"]);
    assert_eq!(row(0), (&json!("Attic"), &json!("duplicate")));
    assert_eq!(row(1), (&json!("Cellar"), &json!("current")));
    for at in [0, 1] {
        assert_eq!(list[at]["fxaDeviceId"], credentials["device_id"]);
    }
}

#[test]
fn an_id_that_begins_with_a_dash_is_accepted() {
    let (_server, attic, cellar) = attic_and_cellar();
    // One in thirty-two ids begins with a dash; the second one also looks like an option.
    for id in ["-yabcdefghij", "--all4567890"] {
        cellar.change_state(|state| state["device"]["clients"]["id"] = id.into());
        cellar.sync();
        let page = format!("https://example.org/{id}");
        assert_eq!(
            clients(&attic, &["send-tab", id, &page])["sent"][0]["id"],
            id
        );
        let wiped = clients(&attic, &["wipe", id, "notes", "--yes"]);
        assert_eq!(wiped["sent"][0]["added"], 1, "{wiped}");
        let reset = clients(&attic, &["reset", "--yes", id]);
        assert_eq!(reset["sent"][0]["added"], 1, "{reset}");
        let report = cellar.sync().report;
        assert_eq!(report["commands"].as_array().unwrap().len(), 3, "{report}");
        assert_eq!(report["tabs"][0]["uri"], page.as_str());
    }
}

#[test]
fn a_page_arrives_once_however_often_it_is_sent() {
    let (_server, attic, cellar) = attic_and_cellar();
    let send = [
        "send-tab",
        "Cellar",
        "https://example.org/",
        "--title",
        "An example",
    ];
    assert_eq!(clients(&attic, &send)["sent"][0]["added"], 1);
    assert_eq!(clients(&attic, &send)["sent"][0]["added"], 0);
    let synced = cellar.sync();
    let tabs = synced.report["tabs"].as_array().unwrap();
    assert_eq!(tabs.len(), 1, "{tabs:?}");
    assert_eq!(
        (&tabs[0]["uri"], &tabs[0]["title"]),
        (&json!("https://example.org/"), &json!("An example"))
    );
    assert_eq!(cellar.sync().report["tabs"], json!([]));
    let waiting = clients(&attic, &["list"]);
    assert!(
        waiting
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["commands"] == 0)
    );
}

#[test]
fn a_wipe_replaces_local_records_by_the_servers_and_drops_unsent_ones() {
    let (_server, attic, cellar) = attic_and_cellar();
    cellar.put("unsent", &json!({}));
    let _dry = clients(&attic, &["wipe", "Cellar", "notes", "--dry-run"]);
    let refused = attic.run(&["clients", "wipe", "Cellar", "notes"]);
    assert!(refused.outcome().fails(2).contains("--yes"));
    let _done = clients(&attic, &["wipe", "Cellar", "notes", "--yes"]);
    let synced = cellar.sync();
    assert_eq!(synced.report["commands"][0]["outcome"], "done");
    assert!(has(&cellar, "r") && !has(&cellar, "unsent"));
    attic.sync();
    assert!(has(&attic, "r"));
}

#[test]
fn a_reset_deletes_nothing() {
    let (_server, attic, cellar) = attic_and_cellar();
    cellar.put("unsent", &json!({}));
    let _done = clients(&attic, &["reset", "--all", "--yes"]);
    cellar.sync();
    attic.sync();
    for device in [&attic, &cellar] {
        assert!(has(device, "r") && has(device, "unsent"));
    }
}

#[test]
fn an_unknown_device_is_an_error() {
    let (_server, attic, _cellar) = attic_and_cellar();
    for name in ["Nowhere", "Attic"] {
        let send = attic.run(&["clients", "send-tab", name, "https://example.org/"]);
        assert!(send.outcome().fails(4).contains("clients list"), "{name}");
    }
}

#[test]
fn devices_without_names_have_the_machines_name_with_a_number() {
    let server = Server::start();
    let (first, second) = Device::pair(&server);
    for device in [&first, &second, &first, &second] {
        device.put("r", &json!({}));
        device.sync();
    }
    let own = |device: &Device| {
        let shown = device.run(&["--json", "account", "show"]).outcome().ok();
        shown.json()["deviceName"].as_str().unwrap().to_owned()
    };
    let machine = own(&first);
    assert_eq!(own(&second), format!("{machine} 2"));
    let list = clients(&first, &["list"]);
    let mut names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, [machine.clone(), format!("{machine} 2")]);
    // A renamed device has no number.
    let _done = clients(&second, &["rename", "Cellar"]);
    second.sync();
    assert_eq!(own(&second), "Cellar");
}

#[test]
fn a_removed_device_is_listed_again_after_its_next_sync() {
    let (_server, attic, cellar) = attic_and_cellar();
    let refused = attic
        .run(&["clients", "remove", "Cellar"])
        .outcome()
        .fails(2);
    assert!(refused.contains("--yes"), "{refused}");
    let own = attic
        .run(&["clients", "remove", "Attic", "--yes"])
        .outcome();
    let own = own.fails(4);
    assert!(own.contains("no other device Attic"), "{own}");
    let would = clients(&attic, &["remove", "Cellar", "--dry-run"]);
    assert_eq!(would["dryRun"], true, "{would}");
    let names = || {
        let list = clients(&attic, &["list"]);
        list.as_array().unwrap().len()
    };
    assert_eq!(names(), 2);
    let removed = clients(&attic, &["remove", "Cellar", "--yes"]);
    assert_eq!(
        (&removed["name"], &removed["commands"]),
        (&json!("Cellar"), &json!(0))
    );
    assert_eq!(names(), 1);
    attic.sync();
    cellar.put("r2", &json!({}));
    cellar.sync();
    assert_eq!(names(), 2);
    assert!(has(&cellar, "r"), "its records stay");
}
