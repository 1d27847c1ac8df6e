//! Doubtful responses and missing records, with the real program: nothing on the server is deleted without consent, and
//! records that are missing after a restored backup of the server are uploaded again.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use std::path::Path;

use selvedge_tests::{Account, Canned, Device, Fault, FaultProxy, Server, Wire};
use serde_json::{Value, json};

/// The exit code of a sync that needs the user's decision.
const NEEDS_CONSENT: i32 = 12;

/// An account with records of this program and of others, a proxy in front of its server, and a device that has synced.
struct Scene {
    server: Server,
    account: Account,
    proxy: FaultProxy,
    wire: Wire,
    device: Device,
}

impl Scene {
    fn new(uid: u64) -> Self {
        let server = Server::start();
        let account = Account::new(uid);
        let proxy = FaultProxy::start();
        proxy.lead_to(server.address());
        let credentials = server
            .master_secret()
            .credentials(server.url(), &account, 3600);
        let wire = Wire::new(&credentials, &account);
        let device = Device::with_token(&server, &proxy.url(), &account);
        device.put("ours", &json!({"v": 1}));
        device.sync();
        let login = json!({
            "id": "theirs", "hostname": "https://a.example", "formSubmitURL": "https://a.example", "httpRealm": null,
            "username": "anna", "password": "0", "usernameField": "", "passwordField": "",
        });
        wire.put("passwords", "theirs", &wire.seal("passwords", &login));
        let menu = json!({"id": "menu", "type": "folder", "parentid": "places", "title": "menu", "children": []});
        wire.put("bookmarks", "menu", &wire.seal("bookmarks", &menu));
        Self {
            server,
            account,
            proxy,
            wire,
            device,
        }
    }

    fn fresh(&self) -> Device {
        Device::with_token(&self.server, &self.proxy.url(), &self.account)
    }

    /// All records on the server except those of the collection `clients`.
    fn on_server(&self) -> Value {
        let names = ["meta", "crypto", "notes", "passwords", "bookmarks"];
        let all = names.map(|name| self.wire.get(&format!("storage/{name}?full=1&sort=oldest")));
        json!(all)
    }

    fn delete(&self, path: &str) {
        assert_eq!(self.wire.send("DELETE", path, "").0, 200, "{path}");
    }
}

const NOT_FOUND: Canned = Canned {
    status: 404,
    header: Some(("Content-Type", "text/html")),
    body: "<html><h1>404 Not Found</h1></html>",
};
const PAGE: Canned = Canned {
    status: 200,
    header: Some(("Content-Type", "text/html")),
    body: "<html><h1>Welcome</h1></html>",
};
const NOTHING: Canned = Canned {
    status: 200,
    header: None,
    body: "",
};
const EMPTY: Canned = Canned {
    status: 200,
    header: Some(("Content-Type", "application/json")),
    body: "{}",
};

#[test]
fn no_single_response_of_a_proxy_deletes_anything() {
    let scene = Scene::new(801);
    let before = scene.on_server();
    let mut stops = 0;
    for canned in [NOT_FOUND, PAGE, NOTHING, EMPTY] {
        // The first requests of a sync: info/collections, meta/global, crypto/keys, clients.
        for number in 1..=4 {
            let fresh = scene.fresh();
            let _alarm = scene.proxy.arm(Some((number, Fault::Instead(canned))));
            let outcome = fresh.run(&["--json", "sync"]).outcome();
            let name = format!("{canned:?} to {:?}: {outcome}", scene.proxy.fired_at());
            assert!(scene.proxy.fired_at().is_some(), "{name}");
            let ending = outcome.json()["ending"].clone();
            stops += u32::from(ending == "stopped");
            assert_ne!(ending, "needs-consent", "{name}");
            let heard = scene.proxy.heard();
            assert!(heard.iter().all(|heard| heard.method != "DELETE"), "{name}");
            let _alarm = scene.proxy.arm(None);
            fresh.sync();
            assert!(fresh.notes().contains_key("ours"), "{name}");
            assert_eq!(scene.on_server(), before, "{name}");
        }
    }
    assert!(stops >= 12, "only {stops} of 16 responses stopped a sync");
}

#[test]
fn a_missing_record_needs_consent_which_covers_only_what_was_shown() {
    let scene = Scene::new(802);
    scene.delete("storage/meta");
    let before = scene.on_server();
    scene.device.put("later", &json!({}));
    let asked = scene.device.run(&["sync"]).outcome();
    let message = asked.exits(NEEDS_CONSENT).stderr;
    for part in [
        "passwords",
        "bookmarks",
        "account reinitialize",
        "--restore",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let report = scene.device.run(&["--json", "sync"]).outcome();
    let report = report.exits(NEEDS_CONSENT).json();
    assert_eq!(report["outcome"], "needs-consent");
    assert_eq!(report["consent"]["reason"], "meta-missing");
    let passwords = |report: &Value| {
        let found = report["consent"]["collections"].as_array().unwrap().clone();
        let mut found = found.into_iter();
        found.find(|found| found["name"] == "passwords").unwrap()
    };
    assert_eq!(passwords(&report)["records"], 1);
    let status = scene
        .device
        .run(&["--json", "status"])
        .outcome()
        .ok()
        .json();
    assert_eq!(status["needsConsent"], report["consent"]);
    let preview = scene.device.run(&["--json", "sync", "--dry-run"]).outcome();
    assert_eq!(preview.ok().json()["needsConsent"], report["consent"]);

    let shown = scene
        .device
        .run(&["--json", "account", "reinitialize", "--dry-run"])
        .outcome()
        .ok()
        .json();
    assert_eq!(shown["consent"], report["consent"]);
    let message = scene.device.run(&["account", "reinitialize"]).outcome();
    assert!(message.fails(2).contains("--yes"));
    assert_eq!(scene.on_server(), before, "there is no consent yet");

    let agree = ["--json", "account", "reinitialize", "--yes"];
    let done = scene.device.run(&agree).outcome().ok().json();
    assert_eq!(
        (&done["freshStart"], &done["ending"]),
        (&json!(true), &json!("done"))
    );
    assert_eq!(scene.wire.ids("passwords"), Vec::<String>::new());
    assert_eq!(scene.wire.ids("notes"), ["later", "ours"]);
    let again = scene.device.run(&agree).outcome().ok().json();
    assert_eq!(again["consent"], Value::Null, "the account is in order");
    scene.device.sync();
}

#[test]
fn a_device_restores_a_missing_record_from_its_copy_and_deletes_nothing() {
    for (uid, gone) in [(803, "storage/meta"), (804, "storage/crypto")] {
        let scene = Scene::new(uid);
        scene.delete(gone);
        let _asked = scene.device.run(&["sync"]).outcome().exits(NEEDS_CONSENT);
        let fresh = scene.fresh();
        let restore = ["account", "reinitialize", "--restore"];
        let message = fresh.run(&restore).outcome().fails(4);
        assert!(message.contains("does not remember"), "{message}");
        let kept = scene.wire.get("storage/passwords?full=1");
        let done = scene.device.run(&restore).outcome().ok();
        assert!(done.stdout.contains("restored"), "{done}");
        assert_eq!(scene.wire.get("storage/passwords?full=1"), kept, "{gone}");
        fresh.sync();
        assert!(fresh.notes().contains_key("ours"), "{gone}");
    }
}

#[test]
fn the_command_does_not_change_an_account_without_problems() {
    let scene = Scene::new(805);
    let before = scene.on_server();
    let message = scene.device.run(&["account", "reinitialize", "--yes"]);
    let message = message.outcome().ok().stdout;
    assert!(message.contains("does not need to be set up"), "{message}");
    assert_eq!(scene.on_server(), before);
}

#[test]
fn an_unusual_version_stops_the_sync_and_nothing_is_deleted() {
    let rows = [
        (json!(4), NEEDS_CONSENT),
        (json!("4.5"), NEEDS_CONSENT),
        (json!(-1), NEEDS_CONSENT),
        (json!("abc"), 11),
        (json!(null), 11),
        (json!([5]), 11),
        (json!(6.5), 11),
        (json!("10"), 11),
        (json!(5.0), 0),
        (json!("5"), 0),
    ];
    let scene = Scene::new(806);
    let original = scene.wire.payload("meta", "global");
    for (version, exit) in rows {
        let mut meta: Value = serde_json::from_str(&original).unwrap();
        meta["storageVersion"] = version.clone();
        scene.wire.put("meta", "global", &meta.to_string());
        let before = scene.on_server();
        let outcome = scene.device.run(&["--json", "sync", "notes"]).outcome();
        let _report = outcome.exits(exit);
        assert_eq!(scene.on_server(), before, "{version}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn records_missing_after_a_restored_backup_are_uploaded_again() {
    let mut server = Server::start();
    let (a, code) = Device::first(&server);
    let b = Device::joining(&code);
    a.put("one", &json!({"v": 1}));
    for device in [&a, &b, &a] {
        device.sync();
    }
    let backup = tempfile::TempDir::new().unwrap();
    server.kill();
    copy(&server.data(), backup.path());
    server.restart();
    a.put("two", &json!({"v": 1}));
    a.edit("one", &json!({"v": 2}));
    a.sync();
    b.sync();
    server.kill();
    std::fs::remove_dir_all(server.data()).unwrap();
    copy(backup.path(), &server.data());
    server.restart();

    let report = a.sync();
    assert_eq!(report.notes()["compared"], true, "{:?}", report.notes());
    assert_eq!((report.count("lacking"), report.count("sent")), (1, 2));
    b.sync();
    let c = Device::joining(&code);
    c.sync();
    for device in [&a, &b, &c] {
        let notes = device.notes();
        assert_eq!(notes["one"]["v"], 2);
        assert_eq!(notes["two"]["v"], 1);
    }
    assert_eq!(a.pending() + b.pending(), 0);
}
