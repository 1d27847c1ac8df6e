//! Copies an account to another one on another server, also when the process is killed meanwhile.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use selvedge_tests::{Account, Device, Proxy, Randomness, Server, ServerSetup, Wire, seed};
use serde_json::{Value, json};

const NOTES: usize = 2500;

/// The credentials of an account on a server, in a file.
fn credentials(server: &Server, url: &str, account: &Account) -> (Value, tempfile::NamedTempFile) {
    let credentials = server.master_secret().credentials(url, account, 3600);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), credentials.to_string()).unwrap();
    (credentials, file)
}

fn fill(device: &Device) {
    device.put_many(
        (0..NOTES).map(|n| json!({"id": format!("note-{n}"), "text": "é".repeat(n % 200), "n": n})),
    );
    device.sync();
    device.delete("note-7");
    device.sync();
}

#[test]
fn a_copy_continues_after_kills_and_has_every_record_with_new_keys() {
    let mut random = Randomness::new(seed());
    let (old, proxy) = (Server::start(), Proxy::start());
    let new = ServerSetup::default()
        .args(&["--public-url", &proxy.url()])
        .start();
    proxy.lead_to(new.address());
    let (mine, theirs) = (Account::new(1), Account::new(2));
    let device = Device::with_token(&old, old.url(), &mine);
    fill(&device);
    let (to, file) = credentials(&new, &proxy.url(), &theirs);
    let path = file.path().to_str().unwrap();
    let copy = ["account", "copy", "--to", path];

    let mut kills = 0;
    for _ in 0..6 {
        let alarm = proxy.alarm_after(10_000 + random.below(400_000));
        let mut child = device.run(&copy).spawn();
        while child.try_wait().unwrap().is_none() {
            if alarm
                .recv_timeout(std::time::Duration::from_millis(2))
                .is_ok()
            {
                kills += 1;
                child.kill().unwrap();
            }
        }
        proxy.release();
    }
    println!("{kills} copies were killed");
    assert!(kills > 0);
    let mut args = vec!["--json"];
    args.extend(copy);
    let report = device.run(&args).outcome().ok().json();
    assert_eq!(report["outcome"], "success", "{report}");

    let (from, to) = (
        Wire::new(
            &old.master_secret().credentials(old.url(), &mine, 3600),
            &mine,
        ),
        Wire::new(&to, &theirs),
    );
    assert_eq!(to.ids("notes").len(), NOTES, "the tombstone too");
    assert!(from.keys().bundle("notes").unwrap() != to.keys().bundle("notes").unwrap());
    assert!(from.payload("notes", "note-1") != to.payload("notes", "note-1"));
    let joined = Device::with_token(&new, &proxy.url(), &theirs);
    joined.sync();
    assert_eq!(joined.notes(), device.notes());

    // The next run copies the changes since.
    device.put("later", &json!({"id": "later"}));
    device.edit("note-1", &json!({"text": "changed"}));
    device.sync();
    let report = device.run(&args).outcome().ok().json();
    assert_eq!(report["collections"][0]["received"], 2, "{report}");
    joined.sync();
    assert_eq!(joined.notes(), device.notes());
}

#[test]
fn a_copy_to_an_account_with_data_is_refused() {
    let server = Server::start();
    let (mine, theirs) = (Account::new(1), Account::new(2));
    let device = Device::with_token(&server, server.url(), &mine);
    device.put("a", &json!({"id": "a"}));
    device.sync();
    let other = Device::with_token(&server, server.url(), &theirs);
    other.put("b", &json!({"id": "b"}));
    other.sync();
    let (to, file) = credentials(&server, server.url(), &theirs);
    let wire = Wire::new(&to, &theirs);
    let before = wire.get("info/collections");
    let path = file.path().to_str().unwrap();
    let message = device
        .run(&["account", "copy", "--to", path])
        .outcome()
        .fails(2);
    assert!(message.contains("copy to an empty one"), "{message}");
    assert_eq!(wire.get("info/collections"), before);
}

#[test]
fn a_copy_does_not_overwrite_records_that_another_device_changed_there() {
    let (old, new) = (Server::start(), Server::start());
    let (mine, theirs) = (Account::new(1), Account::new(2));
    let device = Device::with_token(&old, old.url(), &mine);
    device.put("a", &json!({"id": "a", "by": "mine"}));
    device.sync();
    let (_, file) = credentials(&new, new.url(), &theirs);
    let copy = ["account", "copy", "--to", file.path().to_str().unwrap()];
    let _done = device.run(&copy).outcome().ok();
    let other = Device::with_token(&new, new.url(), &theirs);
    other.sync();
    other.edit("a", &json!({"by": "theirs"}));
    other.sync();
    device.edit("a", &json!({"by": "mine again"}));
    device.sync();
    let message = device.run(&copy).outcome().fails(2);
    assert!(message.contains("synced only in part"), "{message}");
    other.sync();
    assert_eq!(other.notes()["a"]["by"], "theirs");
}
