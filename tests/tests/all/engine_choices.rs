//! The choice of synced collections on one device applies to all devices; the mode of a first sync is previewed and applied
//! once.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use selvedge_tests::{Account, Device, Server, Wire};
use serde_json::{Value, json};

/// Two devices of one account, and a client of its server.
struct Three {
    _server: Server,
    a: Device,
    b: Device,
    wire: Wire,
}

/// Both have `both`; then `a` changes it and adds a record, and `b` adds one and sends it.
fn parted() -> Three {
    let server = Server::start();
    let account = Account::new(1);
    let credentials = server
        .master_secret()
        .credentials(server.url(), &account, 3600);
    let [a, b] = [(); 2].map(|()| Device::with_credentials(&credentials));
    a.put("both", &json!({"of": "neither"}));
    a.sync();
    b.sync();
    a.put("of a", &json!({}));
    a.edit("both", &json!({"of": "a"}));
    b.put("of b", &json!({}));
    b.sync();
    Three {
        _server: server,
        a,
        b,
        wire: Wire::new(&credentials, &account),
    }
}

impl Three {
    /// The ids of the notes on the server, sorted.
    fn on_server(&self) -> Vec<String> {
        let collections = self.wire.get("info/collections");
        if collections["notes"].is_null() {
            return Vec::new();
        }
        let mut ids = self.wire.ids("notes");
        ids.sort();
        ids
    }

    fn meta(&self) -> Value {
        serde_json::from_str(&self.wire.payload("meta", "global")).unwrap()
    }
}

fn ids(device: &Device) -> Vec<String> {
    device.notes().into_keys().collect()
}

fn sync(device: &Device) -> Value {
    device.run(&["--json", "sync"]).outcome().ok().json()
}

fn engine(device: &Device, name: &str) -> Value {
    let list = device.run(&["--json", "engines", "list"]).outcome().ok();
    let list = list.json();
    let found = list
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == name);
    found
        .cloned()
        .unwrap_or_else(|| panic!("no {name} in {list}"))
}

#[test]
fn each_mode_is_previewed_and_applied_once() {
    let rows = [
        (
            "merge",
            ["both", "of a", "of b"].as_slice(),
            "a",
            [1, 1, 1, 0, 0, 0],
        ),
        (
            "take-server",
            &["both", "of b"],
            "neither",
            [1, 0, 0, 1, 1, 0],
        ),
        ("take-local", &["both", "of a"], "a", [0, 1, 0, 1, 0, 1]),
    ];
    for (mode, expected, both, figures) in rows {
        let three = parted();
        let before = three.on_server();
        let dry = three
            .a
            .run(&["--json", "sync", "--first", mode, "--dry-run"])
            .outcome()
            .ok()
            .json();
        let shown = &dry["preview"]["collections"][0];
        let found = [
            "received",
            "sent",
            "merged",
            "replaced",
            "deletedHere",
            "deletedThere",
        ]
        .map(|name| shown[name].as_u64().unwrap());
        assert_eq!(found, figures, "{mode}: {dry}");
        if mode != "merge" {
            let message = three.a.run(&["sync", "--first", mode]).outcome().fails(2);
            assert!(message.contains("--yes"), "{message}");
        }
        assert_eq!(
            (three.on_server(), ids(&three.a).len()),
            (before, 2),
            "{mode}"
        );

        let report = three
            .a
            .run(&["--json", "sync", "--first", mode, "--yes"])
            .outcome()
            .ok()
            .json();
        assert_eq!(report["firstSync"], mode, "{report}");
        assert_eq!(
            report["preview"]["collections"],
            dry["preview"]["collections"]
        );
        assert_eq!(
            (ids(&three.a), three.on_server()),
            (own(expected), own(expected)),
            "{mode}"
        );
        assert_eq!(three.a.notes()["both"]["of"], both, "{mode}");
        assert_eq!(three.a.sync().number("requests"), 1, "{mode}");
        assert!(sync(&three.a)["firstSync"].is_null());
    }
}

fn own(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn take_server_is_refused_if_the_server_is_empty() {
    let server = Server::start();
    let (a, _code) = Device::first(&server);
    a.put("one", &json!({}));
    let message = a
        .run(&["sync", "--first", "take-server", "--yes"])
        .outcome()
        .fails(4);
    assert!(message.contains("nothing to download"), "{message}");
    assert_eq!(ids(&a), ["one"]);
}

#[test]
fn take_server_after_joining_applies_to_all_collections() {
    let server = Server::start();
    let (a, code) = Device::first(&server);
    a.put("one", &json!({}));
    sync(&a);
    let late = Device::joining(&code);
    late.put("mine", &json!({}));
    let taken = late
        .run(&["--json", "sync", "--first", "take-server", "--yes"])
        .outcome()
        .ok();
    assert_eq!(taken.json()["wipedHere"], json!(["notes"]), "{taken}");
    assert_eq!(ids(&late), ["one"]);
}

#[test]
fn a_collection_disabled_on_one_device_is_off_on_all_until_one_enables_it() {
    for keeps in [false, true] {
        let three = parted();
        let known = three.on_server();
        let args: &[&str] = if keeps {
            &["engines", "disable", "notes"]
        } else {
            &["engines", "disable", "notes", "--delete-from-server"]
        };
        if !keeps {
            let message = three.a.run(args).outcome().fails(2);
            assert!(message.contains("--yes"), "{message}");
            assert!(engine(&three.a, "notes")["wish"].is_null());
        }
        let agreed: Vec<&str> = args
            .iter()
            .copied()
            .chain((!keeps).then_some("--yes"))
            .collect();
        let _done = three.a.run(&agreed).outcome().ok();
        assert_eq!(three.on_server(), known, "the next sync does it");
        let report = sync(&three.a);
        let wiped = if keeps { json!([]) } else { json!(["notes"]) };
        assert_eq!(report["wipedThere"], wiped, "{report}");
        assert_eq!(three.on_server(), if keeps { known } else { Vec::new() });
        assert_eq!(three.meta()["declined"], json!(["notes"]));

        three.b.put("later", &json!({}));
        sync(&three.b);
        assert_eq!(engine(&three.b, "notes")["state"], "declined");
        let message = three.b.run(&["sync", "notes"]).outcome().fails(9);
        assert!(message.contains("engines enable notes"), "{message}");
        assert_eq!((ids(&three.a).len(), ids(&three.b).len()), (2, 3));
        for device in [&three.a, &three.b] {
            sync(device);
            assert_eq!(sync(device)["requests"], 1);
        }

        let _done = three.b.run(&["engines", "enable", "notes"]).outcome().ok();
        for device in [&three.b, &three.a, &three.b] {
            sync(device);
        }
        let all = own(&["both", "later", "of a", "of b"]);
        assert_eq!(
            (ids(&three.a), ids(&three.b), three.on_server()),
            (all.clone(), all.clone(), all)
        );
        assert_eq!(three.meta()["declined"], json!([]));
    }
}

#[test]
fn unknown_engines_stay_listed_or_declined() {
    let three = parted();
    let mut meta = three.meta();
    meta["declined"] = json!(["rockets"]);
    meta["engines"]["spaceships"] = json!({"version": 9, "syncID": "AAAAAAAAAAAA", "more": true});
    meta["future"] = json!({"x": 1});
    three.wire.put("meta", "global", &meta.to_string());
    let _done = three
        .a
        .run(&["engines", "disable", "history"])
        .outcome()
        .ok();
    sync(&three.a);
    let found = three.meta();
    assert_eq!(found["declined"], json!(["rockets", "forms", "history"]));
    assert_eq!(
        found["engines"]["spaceships"],
        meta["engines"]["spaceships"]
    );
    assert_eq!(found["future"], meta["future"]);
    let listed = found["engines"].as_object().unwrap();
    assert!(!listed.contains_key("history") && listed.contains_key("bookmarks"));
}

#[test]
fn following_enables_own_collections_but_firefoxs_only_on_request() {
    let three = parted();
    let disable = ["engines", "disable", "notes", "tabs"];
    let _done = three.a.run(&disable).outcome().ok();
    sync(&three.a);
    let message = three
        .a
        .run(&["collections", "follow", "tabs"])
        .outcome()
        .fails(2);
    assert!(message.contains("engines enable tabs"), "{message}");
    let _done = three
        .a
        .run(&["collections", "follow", "notes"])
        .outcome()
        .ok();
    assert_eq!(engine(&three.a, "notes")["wish"], "enable");
    sync(&three.a);
    assert_eq!(three.meta()["declined"], json!(["tabs"]));
    let _done = three.a.run(&["engines", "enable", "tabs"]).outcome().ok();
    assert_eq!(engine(&three.a, "tabs")["wish"], "enable");
    sync(&three.a);
    assert_eq!(engine(&three.a, "tabs")["followed"], true);
}
