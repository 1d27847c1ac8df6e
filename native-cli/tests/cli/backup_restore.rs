//! Backups are restored after what may happen to an account.

use std::fs;

use selvedge_core::time::ServerTime;
use serde_json::{Value, json};

use crate::backup::{put, with_data, with_remote};
use crate::program::{Device, Server};

/// The records of the server, by collection.
fn on_server(device: &Device) -> Vec<Vec<Value>> {
    ["notes", "things", "bookmarks"]
        .iter()
        .map(|name| device.records(&[name, "--remote", "--show-secrets"]))
        .collect()
}

#[test]
fn a_wiped_account_is_restored() {
    let server = Server::start();
    let device = with_data(&server);
    let before = on_server(&device);
    device.run(&["backup", "create", "B"]).ok();
    with_remote(&device, async |remote| {
        let later = ServerTime::from_hundredths(999_999_999_999);
        remote.client.delete_storage(later).await.unwrap();
    });
    let other = device.joined();
    other.run(&["sync"]).ok();
    let path = device.profile().with_file_name("B");
    let path = path.to_str().unwrap();
    let dry = other.run(&["backup", "restore", path, "--dry-run"]).ok();
    assert!(dry.contains("Would restore"), "{dry}");
    // Without a terminal and without --yes nothing is written.
    let asked = other.run(&["backup", "restore", path]);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.err.contains("--yes"), "{asked:?}");
    let done = other.run(&["backup", "restore", path, "--yes", "--json"]);
    assert!(!done.err.contains("hunter2"), "{done:?}");
    let done = done.json();
    assert_eq!(done["collections"][0]["added"], 2);
    assert_eq!(on_server(&other), before);
    let again = other.run(&["backup", "restore", path, "--json"]).json();
    assert_eq!(again["collections"][0]["left"], 2);
}

#[test]
fn a_restore_changes_adds_and_deletes_nothing() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    put(
        &device,
        "notes",
        r#"{"id":"milk","title":"Oat milk"}{"id":"tea","title":"Tea"}"#,
    );
    device
        .run(&["records", "delete", "notes", "bread", "--remote"])
        .ok();
    let counts = |args: &[&str]| {
        let all = [
            &["backup", "restore", "B", "--collection", "notes", "--json"],
            args,
        ]
        .concat();
        let counts = device.run(&all).json()["collections"][0].clone();
        json!([
            counts["added"],
            counts["changed"],
            counts["left"],
            counts["onlyOnServer"]
        ])
    };
    assert_eq!(counts(&["--dry-run"]), json!([1, 1, 0, 1]));
    assert_eq!(counts(&["--only-missing", "--yes"]), json!([1, 0, 1, 1]));
    let titles = |device: &Device| -> Vec<String> {
        let notes = device.records(&["notes", "--remote"]);
        notes.iter().map(|note| note["title"].to_string()).collect()
    };
    assert_eq!(titles(&device), ["\"Bread\"", "\"Oat milk\"", "\"Tea\""]);
    assert_eq!(counts(&["--yes"]), json!([0, 1, 1, 1]));
    assert_eq!(titles(&device), ["\"Bread\"", "\"Milk\"", "\"Tea\""]);
}

#[test]
fn a_backup_is_restored_to_another_account_from_an_encrypted_file() {
    let server = Server::start();
    let device = with_data(&server);
    device.write("pass.txt", "correct horse\n");
    device
        .run(&["backup", "create", "b.age", "--passphrase-file", "pass.txt"])
        .ok();
    let other_server = Server::start();
    let other = Device::with_account(&other_server);
    other.run(&["sync"]).ok();
    let beside = |name: &str| device.profile().with_file_name(name);
    let (file, pass) = (beside("b.age"), beside("pass.txt"));
    let restore = [
        "backup",
        "restore",
        file.to_str().unwrap(),
        "--passphrase-file",
        pass.to_str().unwrap(),
        "--yes",
    ];
    let ran = other.run(&restore);
    assert!(ran.out.contains("of another account"), "{ran:?}");
    ran.ok();
    assert_eq!(on_server(&other), on_server(&device));
}

#[test]
fn the_backup_of_a_time_is_chosen() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    let old = device.run(&["backup", "restore", "B", "--at", "2001-01-01", "--yes"]);
    assert!(old.refused(4).contains("so old"));
    let new = device.run(&["backup", "restore", "B", "--at", "2100-01-01", "--dry-run"]);
    new.ok();
}

#[test]
fn records_are_restored_to_a_directory() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    device
        .run(&["backup", "restore", "B", "--to-dir", "out"])
        .ok();
    let path = device.profile().with_file_name("out/notes.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let mut found: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    found.sort_by_key(|record| record["id"].to_string());
    assert_eq!(found, device.records(&["notes", "--remote"]));
    let twice = device.run(&["backup", "restore", "B", "--to-dir", "out"]);
    assert!(twice.refused(2).contains("exists"));
}

#[test]
fn an_account_that_was_never_synced_is_refused_with_the_command_that_helps() {
    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    let other = Device::with_account(&server);
    let path = device.profile().with_file_name("B");
    let ran = other.run(&["backup", "restore", path.to_str().unwrap(), "--yes"]);
    assert!(ran.refused(4).contains("sync"));
}

#[cfg(target_os = "linux")]
#[test]
fn what_another_device_writes_during_the_question_is_not_overwritten() {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    let server = Server::start();
    let device = with_data(&server);
    device.run(&["backup", "create", "B"]).ok();
    put(&device, "notes", r#"{"id":"milk","title":"Oat milk"}"#);
    let restore = device.command(&["backup", "restore", "B"]);
    let words = [restore.get_program()]
        .into_iter()
        .chain(restore.get_args());
    let line: Vec<String> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    // A terminal, so that there is a question.
    let child = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--command",
            &line.join(" "),
            "/dev/null",
        ])
        .current_dir(device.profile().parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "script: {error}");
            eprintln!("skipped: the program script is not installed");
            return;
        }
    };
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"[y/N] ") {
        assert_eq!(
            stdout.read(&mut byte).unwrap(),
            1,
            "{}",
            String::from_utf8_lossy(&said)
        );
        said.extend_from_slice(&byte);
    }
    put(&device, "notes", r#"{"id":"milk","title":"Soy milk"}"#);
    stdin.write_all(b"y\n").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{rest}");
    let milk = device
        .run(&["records", "get", "notes", "milk", "--remote"])
        .json();
    assert_eq!(milk["title"], "Soy milk");
}
