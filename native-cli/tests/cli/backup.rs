//! Backups are made, checked, listed and compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use selvedge_cli::device::Device as CliDevice;
use selvedge_cli::output::Output;
use selvedge_cli::remote::Remote;
use selvedge_core::crypto::payload;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::server::PutRecord;
use selvedge_host::SystemRandom;
use selvedge_host::profile::Profile;
use serde_json::Value;

use crate::program::{Device, Ran, Server};

/// Puts records straight to the server.
pub(crate) fn put(device: &Device, collection: &str, records: &str) {
    device
        .run_with(&["records", "put", collection, "--remote"], records)
        .ok();
}

/// An account with two notes, two logins and two bookmarks on the server.
pub(crate) fn with_data(server: &Server) -> Device {
    let device = Device::with_account(server);
    device.run(&["sync"]).ok();
    put(
        &device,
        "notes",
        r#"{"id":"milk","title":"Milk"}{"id":"bread","title":"Bread","n":[1,{"b":2,"a":"\u00e4\n"}]}"#,
    );
    put(
        &device,
        "things",
        r#"{"id":"secretThing","password":"hunter2"}"#,
    );
    put_bookmarks(&device);
    device
}

/// Puts a folder and a bookmark to the server as a Firefox does.
fn put_bookmarks(device: &Device) {
    let bookmarks = CollectionName::new("bookmarks").unwrap();
    with_remote(device, async |remote| {
        let keys = remote.keys().unwrap();
        let bundle = keys.bundle("bookmarks").unwrap();
        for record in [
            r#"{"id":"menu","type":"folder","parentid":"places","parentName":"","title":"menu","children":["bookmark0001"],"dateAdded":1700000000000}"#,
            r#"{"id":"bookmark0001","type":"bookmark","parentid":"menu","parentName":"menu","title":"Recipes","bmkUri":"https://recipes.example/","dateAdded":1700000000000}"#,
        ] {
            let value: Value = serde_json::from_str(record).unwrap();
            let sealed = payload::seal(bundle, &SystemRandom, record).unwrap();
            let put = PutRecord {
                payload: Some(&sealed),
                sortindex: Some(150),
                ..PutRecord::default()
            };
            let id = RecordId::new(value["id"].as_str().unwrap()).unwrap();
            let put = remote.client.put_record(&bookmarks, &id, put, None);
            put.await.unwrap();
        }
    });
}

/// Does something with the account's storage.
pub(crate) fn with_remote<T>(device: &Device, act: impl AsyncFn(&Remote<'_>) -> T) -> T {
    let device = CliDevice {
        profile: Profile::find("default", Some(&device.profile())).unwrap(),
        output: Output {
            json: false,
            quiet: true,
        },
        network: selvedge_host::NetworkOptions::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let host = device.network();
        let remote = Remote::connect(&device, &host).await.unwrap();
        act(&remote).await
    })
}

/// Puts a payload on the server as it is.
fn put_payload(device: &Device, id: &str, payload: &str) {
    with_remote(device, async |remote| {
        let record = PutRecord {
            payload: Some(payload),
            ..PutRecord::default()
        };
        let (notes, id) = (
            CollectionName::new("notes").unwrap(),
            RecordId::new(id).unwrap(),
        );
        let put = remote.client.put_record(&notes, &id, record, None);
        put.await.unwrap();
    });
}

/// The directory of a device's backups.
fn backups(device: &Device) -> PathBuf {
    device.profile().parent().unwrap().join("B")
}

/// The names of the backups.
fn listed(device: &Device) -> Vec<String> {
    let list = device.run(&["backup", "list", "B", "--json"]).json();
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The number of requests that `-v` has logged.
fn requests(ran: &Ran) -> usize {
    ran.err
        .lines()
        .filter(|line| line.contains("GET ") || line.contains("POST "))
        .count()
}

#[test]
fn every_record_is_backed_up_and_verified() {
    let server = Server::start();
    let device = with_data(&server);
    let made = device.run(&["backup", "create", "B", "--json"]).json();
    let path = PathBuf::from(made["backup"].as_str().unwrap());
    let path = backups(&device).join(path.file_name().unwrap());
    let bookmarks = fs::read_to_string(path.join("records/bookmarks.jsonl")).unwrap();
    assert!(bookmarks.contains("\"sortindex\":150,"), "{bookmarks}");
    let text = fs::read_to_string(path.join("records/notes.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    let bread = lines.iter().find(|line| line["id"] == "bread").unwrap();
    assert_eq!(bread["payload"]["n"][1]["a"], "ä\n");
    assert!(bread["modified"].as_f64().unwrap() > 1.0);
    let html = fs::read_to_string(path.join("readable/bookmarks.html")).unwrap();
    assert!(
        html.contains("https://recipes.example/") && html.contains("Recipes"),
        "{html}"
    );
    // The keys of the account are in no file.
    assert!(!path.join("records/crypto.jsonl").exists());
    let verified = device.run(&["backup", "verify", "B"]).ok();
    assert!(verified.contains("all good"), "{verified}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_backup() {
    use std::os::unix::fs::PermissionsExt as _;

    fn check(path: &Path, seen: &mut u32) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, expected, "{path:?}");
        *seen += 1;
        if metadata.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                check(&entry.unwrap().path(), seen);
            }
        }
    }
    let server = Server::start();
    let device = with_data(&server);
    let ran = device.run(&["backup", "create", "B", "-v"]);
    assert!(
        !ran.out.contains("hunter2") && !ran.err.contains("hunter2"),
        "{ran:?}"
    );
    ran.ok();
    let mut seen = 0;
    check(&backups(&device), &mut seen);
    assert!(seen > 8, "{seen}");
}

#[test]
fn a_run_with_nothing_new_is_one_request_and_no_backup() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    let second = device.run(&["backup", "create", "B", "-v"]);
    assert_eq!(requests(&second), 1, "{second:?}");
    assert!(second.out.contains("Nothing new"), "{second:?}");
    second.ok();
    assert_eq!(listed(&device).len(), 1);
}

#[test]
fn only_changed_collections_are_read_again() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    put(&device, "notes", r#"{"id":"milk","title":"Oat milk"}"#);
    let dry = device
        .run(&["backup", "create", "B", "--dry-run", "--json"])
        .json();
    let ran = device.run(&["backup", "create", "B", "--json"]).json();
    assert_eq!(ran["read"], serde_json::json!(["notes"]));
    assert_eq!(dry["read"], ran["read"]);
    assert_eq!(dry["backup"], Value::Null);
    let names = listed(&device);
    assert_eq!(names.len(), 2);
    device.run(&["backup", "verify", "B", "--all"]).ok();
    let diff = device.run(&["backup", "diff", "B", "B"]).ok();
    assert!(
        diff.contains("changed  notes  Oat milk (milk)")
            && diff.contains("0 added, 1 changed, 0 deleted"),
        "{diff}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let inode = |name: &str, file: &str| {
            fs::metadata(backups(&device).join(name).join(file))
                .unwrap()
                .ino()
        };
        for (file, is_linked) in [
            ("records/things.jsonl", true),
            ("readable/bookmarks.html", true),
            ("records/notes.jsonl", false),
        ] {
            let same = inode(&names[0], file) == inode(&names[1], file);
            assert_eq!(same, is_linked, "{file}");
        }
    }
}

#[test]
fn what_was_added_and_deleted_is_said_with_titles() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    device
        .run(&["records", "delete", "notes", "bread", "--remote"])
        .ok();
    put(&device, "notes", r#"{"id":"tea","title":"Tea"}"#);
    device.run(&["backup", "create", "B"]).ok();
    let diff = device.run(&["backup", "diff", "B", "B", "--json"]).json();
    let said: Vec<String> = diff
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {}", row["change"], row["id"], row["title"]))
        .collect();
    assert_eq!(
        said,
        [r#""added" "tea" "Tea""#, r#""deleted" "bread" "Bread""#]
    );
}

#[test]
fn a_damaged_file_is_named_and_is_no_base_of_the_next_backup() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    let first = listed(&device).remove(0);
    let path = backups(&device).join(&first).join("records/notes.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("Milk", "Silk")).unwrap();
    let ran = device.run(&["backup", "verify", "B"]);
    assert_eq!(ran.code, 11, "{ran:?}");
    assert!(
        ran.out.contains("records/notes.jsonl") && ran.out.contains("SHA-256"),
        "{ran:?}"
    );
    assert!(!ran.out.contains("things"), "{ran:?}");
    let refused = device.run(&["backup", "restore", "B", "--yes"]);
    assert_eq!(refused.code, 11, "{refused:?}");
    let next = device.run(&["backup", "create", "B", "--json"]).json();
    assert_eq!(next["read"], serde_json::json!(["notes"]));
    device.run(&["backup", "verify", "B"]).ok();
    fs::remove_file(&path).unwrap();
    let ran = device.run(&["backup", "verify", "B", "--all"]);
    assert_eq!(ran.code, 11, "{ran:?}");
    assert!(ran.out.contains("records/notes.jsonl"), "{ran:?}");
}

#[test]
fn a_record_that_cannot_be_decrypted_is_named_and_the_rest_is_there() {
    let server = Server::start();
    let device = with_data(&server);
    put_payload(&device, "milk", "this is no payload");
    for _ in 0..2 {
        // The second run finds nothing new, and says it again.
        let ran = device.run(&["backup", "create", "B", "--quiet"]);
        assert_eq!(ran.code, 9, "{ran:?}");
        assert!(
            ran.err.contains("notes: record milk") && ran.err.contains("1 record cannot"),
            "{ran:?}"
        );
    }
    assert_eq!(listed(&device).len(), 1);
    device.run(&["backup", "verify", "B"]).ok();
    let name = listed(&device).remove(0);
    let path = backups(&device).join(name).join("records/notes.jsonl");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("Bread") && !text.contains("milk"), "{text}");
}

#[test]
fn a_failure_in_the_middle_leaves_the_earlier_backup_and_is_continued() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    put(&device, "notes", r#"{"id":"tea","title":"Tea"}"#);
    put(&device, "things", r#"{"id":"other","n":1}"#);
    // A directory in the place of the second file stops the run after the first.
    let block = backups(&device).join(".incomplete/records/things.jsonl/x");
    fs::create_dir_all(&block).unwrap();
    let failed = device.run(&["backup", "create", "B"]);
    assert_ne!(failed.code, 0, "{failed:?}");
    assert_eq!(listed(&device).len(), 1);
    device.run(&["backup", "verify", "B", "--all"]).ok();
    fs::remove_dir_all(block.parent().unwrap()).unwrap();
    let next = device.run(&["backup", "create", "B", "--json"]).json();
    assert_eq!(next["read"], serde_json::json!(["things"]));
    device.run(&["backup", "verify", "B", "--all"]).ok();
    assert_eq!(listed(&device).len(), 2);
    assert!(!backups(&device).join(".incomplete").exists());
    let diff = device.run(&["backup", "diff", "B", "B"]).ok();
    assert!(diff.contains("2 added, 0 changed, 0 deleted"), "{diff}");
}

#[test]
fn a_killed_run_leaves_whole_backups() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    let records: String = (0..3000)
        .map(|n| format!("{{\"id\":\"note{n:05}\",\"n\":{n}}}\n"))
        .collect();
    device.run_with(&["records", "put", "notes"], &records).ok();
    device.run(&["sync", "notes"]).ok();
    let mut child = device
        .command(&["backup", "create", "B"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let file = backups(&device).join(".incomplete/records/notes.jsonl");
    // It ends by itself if it is faster.
    while !file.exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    device.run(&["backup", "verify", "B", "--all"]).ok();
    device.run(&["backup", "create", "B"]).ok();
    device.run(&["backup", "verify", "B", "--all"]).ok();
    assert_eq!(listed(&device).len(), 2);
    assert!(!backups(&device).join(".incomplete").exists());
}

#[test]
fn older_backups_are_rotated() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    let name = listed(&device).remove(0);
    for old in ["2001-01-01T00-00-00Z", "2001-01-01T01-00-00Z"] {
        fs::create_dir(backups(&device).join(old)).unwrap();
    }
    put(&device, "notes", r#"{"id":"tea"}"#);
    let made = device
        .run(&["backup", "create", "B", "--keep", "1d,2m", "--json"])
        .json();
    let deleted = serde_json::json!(["2001-01-01T00-00-00Z", name]);
    assert_eq!(made["deleted"], deleted);
    assert_eq!(listed(&device).len(), 2);
    let ran = device.run(&["backup", "create", "B", "--keep", "7y"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn a_backup_in_one_encrypted_file_is_read_with_its_passphrase_alone() {
    let server = Server::start();
    let device = with_data(&server);
    device.write("pass.txt", "correct horse\n");
    device.write("wrong.txt", "battery staple\n");
    device
        .run(&["backup", "create", "b.age", "--passphrase-file", "pass.txt"])
        .ok();
    let file = backups(&device).with_file_name("b.age");
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    assert!(!bytes.windows(7).any(|bytes| bytes == b"hunter2"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let verify = |pass: &str| device.run(&["backup", "verify", "b.age", "--passphrase-file", pass]);
    assert!(verify("pass.txt").ok().contains("all good"));
    let wrong = verify("wrong.txt").refused(11);
    assert!(wrong.contains("the passphrase is wrong"), "{wrong}");
    // Without a terminal there is no prompt.
    let none = device.run(&["backup", "verify", "b.age"]).refused(2);
    assert!(none.contains("--passphrase-file"), "{none}");
    for (damaged, what) in [
        (bytes[..bytes.len() - 20].to_vec(), "cut off"),
        (
            bytes
                .iter()
                .enumerate()
                .map(|(at, byte)| byte ^ u8::from(at == bytes.len() - 40))
                .collect(),
            "changed",
        ),
    ] {
        fs::write(&file, damaged).unwrap();
        let ran = verify("pass.txt");
        assert_eq!(ran.code, 11, "{what}: {ran:?}");
    }
}

#[test]
fn a_backup_is_encrypted_to_a_public_key() {
    let server = Server::start();
    let device = with_data(&server);
    let identity = age::x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let secret = identity.to_string();
    let secret = age::secrecy::ExposeSecret::expose_secret(&secret);
    device.write("key.txt", &format!("# a comment\n{secret}\n"));
    fs::create_dir(backups(&device)).unwrap();
    device
        .run(&["backup", "create", "B", "--encrypt", &public])
        .ok();
    let name = listed(&device).remove(0);
    assert!(name.ends_with("Z.age"), "{name}");
    let verified = device
        .run(&["backup", "verify", "B", "--identity", "key.txt"])
        .ok();
    assert!(verified.contains("all good"), "{verified}");
    let none = device.run(&["backup", "verify", "B"]).refused(2);
    assert!(none.contains("--identity"), "{none}");
    let bad = device.run(&["backup", "create", "B", "--encrypt", "age1x"]);
    assert!(bad.refused(2).contains("age1"));
}

#[test]
fn an_encrypted_run_with_nothing_new_is_one_request_and_no_backup() {
    let server = Server::start();
    let device = with_data(&server);
    device.write("one.txt", "correct horse\n");
    device.write("two.txt", "battery staple\n");
    fs::create_dir(backups(&device)).unwrap();
    let create = |pass: &str| {
        let ran = device.run(&["backup", "create", "B", "--passphrase-file", pass, "-v"]);
        assert!(!ran.err.contains("horse"), "{ran:?}");
        assert_eq!(ran.code, 0, "{ran:?}");
        (requests(&ran) == 1, listed(&device).len())
    };
    assert_eq!(create("one.txt"), (false, 1));
    assert_eq!(create("one.txt"), (true, 1));
    // Another passphrase is wanted for a backup of its own.
    assert_eq!(create("two.txt"), (false, 2));
    put(&device, "notes", r#"{"id":"tea"}"#);
    assert_eq!(create("two.txt"), (false, 3));
    // A damaged file is replaced.
    let newest = backups(&device).join(listed(&device).pop().unwrap());
    fs::write(newest, "x").unwrap();
    assert_eq!(create("two.txt"), (false, 4));
}

#[test]
fn sentences_say_what_to_do() {
    let server = Server::start();
    let device = with_data(&server);
    let nowhere = device.run(&["backup", "create", "no/where"]).refused(4);
    assert!(nowhere.contains("parent directory"), "{nowhere}");
    fs::create_dir(backups(&device)).unwrap();
    let empty = device.run(&["backup", "verify", "B"]).refused(4);
    assert!(empty.contains("backup create"), "{empty}");
    let file = device.write("file", "x");
    assert_eq!(device.run(&["backup", "create", &file]).code, 2);
    let ran = device.run(&["backup", "verify", &file]);
    assert_eq!(ran.code, 11, "{ran:?}");
}
