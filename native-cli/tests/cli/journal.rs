//! What gives way in a sync can be listed and restored.

use serde_json::{Value, json};

use crate::program::{Device, Server, says};

fn conflicts(device: &Device) -> Vec<Value> {
    let list = device
        .run(&["records", "conflicts", "notes", "--json"])
        .json();
    list["conflicts"].as_array().unwrap().clone()
}

fn put(device: &Device, title: &str) {
    let record = json!({"id": "milk", "title": title}).to_string();
    device
        .run(&["records", "put", "notes", "--record", &record])
        .ok();
}

fn title(device: &Device) -> Value {
    device.run(&["records", "get", "notes", "milk"]).json()["title"].clone()
}

/// Two devices that have the same record.
fn pair(server: &Server) -> (Device, Device) {
    let one = Device::with_account(server);
    put(&one, "milk");
    one.run(&["sync"]).ok();
    let two = one.joined();
    two.run(&["sync"]).ok();
    (one, two)
}

#[test]
fn the_losing_side_of_a_conflict_is_listed_and_restored() {
    let server = Server::start();
    let (one, two) = pair(&server);
    put(&two, "oat milk");
    two.run(&["sync"]).ok();
    put(&one, "rice milk");
    let report = one.run(&["sync", "--json"]).json();
    assert_eq!(report["collections"][0]["replaced"], 1, "{report}");
    // Whichever was later, the other one is kept.
    let (kept, lost) = match title(&one) == "rice milk" {
        true => (("rice milk", "upload-replaced", "server"), "oat milk"),
        false => (("oat milk", "merge", "here"), "rice milk"),
    };
    let list = conflicts(&one);
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(
        (&list[0]["cause"], &list[0]["side"]),
        (&json!(kept.1), &json!(kept.2))
    );
    assert_eq!(list[0]["record"], json!({"id": "milk", "title": lost}));
    let table = one.run(&["records", "conflicts"]).ok();
    assert!(table.contains(lost) && table.contains(kept.1), "{table}");

    one.run(&["records", "restore", "notes", "milk", "--dry-run"])
        .ok();
    assert_eq!(title(&one), kept.0);
    one.run(&["records", "restore", "notes", "milk"]).ok();
    assert_eq!(title(&one), lost);
    assert_eq!(conflicts(&one)[0]["cause"], "restore");
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    assert_eq!(title(&two), lost);

    let at = list[0]["at"].as_u64().unwrap();
    put(&one, "no milk");
    let at = format!("{}.{:03}", at / 1000, at % 1000);
    one.run(&["records", "restore", "notes", "milk", "--at", &at])
        .ok();
    assert_eq!(title(&one), lost);
    let restore = |args: [&str; 2]| one.run(&[["records", "restore"], args].concat());
    says(restore(["notes", "salt"]), 2, "the journal has no value");
    let early = ["records", "restore", "notes", "milk", "--at", "2001-01-01"];
    says(one.run(&early), 2, "the journal has no value");
}

#[test]
fn a_record_that_another_device_deleted_can_be_restored() {
    let server = Server::start();
    let (one, two) = pair(&server);
    two.run(&["records", "delete", "notes", "milk"]).ok();
    two.run(&["sync"]).ok();
    one.run(&["sync"]).ok();
    one.run(&["records", "get", "notes", "milk"]).refused(4);
    assert_eq!(conflicts(&one)[0]["cause"], "remote-deletion");
    one.run(&["records", "restore", "notes", "milk"]).ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    assert_eq!(title(&two), "milk");
}

#[test]
fn what_another_device_had_wiped_is_told_and_kept() {
    let server = Server::start();
    let (one, two) = pair(&server);
    let bread = json!({"id": "bread"}).to_string();
    one.run(&["records", "put", "notes", "--record", &bread])
        .ok();
    two.run(&["clients", "wipe", "--all", "notes", "--yes"])
        .ok();
    let ran = one.run(&["sync"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("1 change made here was not sent"),
        "{ran:?}"
    );
    let ids: Vec<_> = one
        .records(&["notes"])
        .iter()
        .map(|record| record["id"].clone())
        .collect();
    assert_eq!(ids, ["milk"], "the server's came back");
    let unsent = &conflicts(&one)[0];
    assert_eq!(
        (&unsent["id"], &unsent["cause"]),
        (&json!("bread"), &json!("remote-command"))
    );
    one.run(&["records", "restore", "notes", "bread"]).ok();
    assert_eq!(one.records(&["notes"]).len(), 2);
}

#[test]
fn the_journal_is_no_collection_like_others() {
    let server = Server::start();
    let (one, two) = pair(&server);
    two.run(&["records", "delete", "notes", "milk"]).ok();
    two.run(&["sync"]).ok();
    one.run(&["sync"]).ok();
    let status = one.run(&["status", "--json"]).json();
    assert_eq!(
        status["collections"].as_array().unwrap().len(),
        1,
        "{status}"
    );
    for args in [
        &["records", "put", "selvedge.journal", "--record", "{}"][..],
        &["records", "delete", "selvedge.journal", "x"],
        &["sync", "selvedge.journal"],
    ] {
        assert_ne!(one.run(args).code, 0, "{args:?}");
    }
}
