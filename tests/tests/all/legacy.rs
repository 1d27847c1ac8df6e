//! The dialect 1.1 from end to end: the real program on both sides; users with names, passwords and Sync Keys.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use std::collections::BTreeMap;

use selvedge_tests::{Device, Outcome, Run, Server, ServerSetup};
use serde_json::json;

const PASSWORD: &str = "the password, with a blank and an é";
const OTHER_KEY: &str = "a-bcdef-ghijk-8mn9p-qrstu-vwxya";

fn server() -> Server {
    let server = ServerSetup::default().args(&["--dialect", "1.1"]).start();
    let _done = user(&server, &["add", "alice"], PASSWORD).ok();
    server
}

/// Runs `selvedge serve user …` for the running server.
fn user(server: &Server, args: &[&str], stdin: &str) -> Outcome {
    let data = server.data();
    let data = data.to_str().unwrap();
    let command = ["serve", "user"].into_iter().chain(args.iter().copied());
    Run::new(command.chain(["--data", data]))
        .stdin(format!("{stdin}\n"))
        .outcome()
}

fn join(server: &Server, password: &str, sync_key: &str) -> Device {
    let device = Device::default();
    let account = ["--server", server.url(), "--username", "Alice"];
    let _done = device
        .run(&[&["account", "use", "--legacy"][..], &account].concat())
        .stdin(format!("{password}\n{sync_key}\n"))
        .outcome()
        .ok();
    device
}

/// The first device of the account, and the Sync Key that it made.
fn first(server: &Server) -> (Device, String) {
    let device = Device::default();
    let account = ["--server", server.url(), "--username", "Alice"];
    let made = device
        .run(
            &[
                &["account", "use", "--legacy", "--new-sync-key"][..],
                &account,
            ]
            .concat(),
        )
        .stdin(format!("{PASSWORD}\n"))
        .outcome()
        .ok();
    let sync_key = made.stdout.trim().to_owned();
    assert_eq!(sync_key.len(), 31, "{made}");
    (device, sync_key)
}

fn pair(server: &Server) -> (Device, Device) {
    let (first, sync_key) = first(server);
    let second = join(server, PASSWORD, &sync_key);
    (first, second)
}

#[track_caller]
fn assert_both_have(a: &Device, b: &Device, expected: serde_json::Value) {
    let expected: BTreeMap<String, serde_json::Value> = serde_json::from_value(expected).unwrap();
    assert_eq!(a.notes(), expected, "the first device");
    assert_eq!(b.notes(), expected, "the second device");
}

#[test]
fn two_devices_agree_on_edits_conflicts_and_deletions() {
    let server = server();
    let (a, b) = pair(&server);
    a.put("r", &json!({"x": "0", "y": "0"}));
    a.put("gone", &json!({}));
    a.sync();
    b.sync();
    a.edit("r", &json!({"x": "of a"}));
    b.edit("r", &json!({"y": "of b"}));
    b.delete("gone");
    b.put("new", &json!({"n": 1}));
    a.sync();
    b.sync();
    a.sync();
    let expected =
        json!({"r": {"id": "r", "x": "of a", "y": "of b"}, "new": {"id": "new", "n": 1}});
    assert_both_have(&a, &b, expected);
    assert_eq!((a.pending(), b.pending()), (0, 0));

    let listed = b
        .run(&["records", "list", "notes", "--remote", "--format", "jsonl"])
        .outcome()
        .ok();
    assert!(listed.stdout.contains("of b"), "{listed}");
    let _done = b
        .run(&["records", "put", "notes", "direct", "--remote"])
        .stdin("{\"n\":2}")
        .outcome()
        .ok();
    a.sync();
    assert_eq!(a.notes()["direct"]["n"], 2);
    a.sync();
    let nothing = a.sync();
    assert_eq!(nothing.number("requests"), 1, "{}", nothing.report);
    assert_eq!(nothing.report["ending"], "nothing-to-do");
}

#[test]
fn many_records_are_synced_in_both_directions() {
    const MANY: usize = 2500;
    let server = server();
    let (a, b) = pair(&server);
    a.put_many((0..MANY).map(|n| json!({"id": format!("{n:04}"), "text": "é".repeat(n % 100)})));
    let sent = a.sync();
    assert_eq!(sent.count("sent"), MANY as u64, "{}", sent.report);
    b.sync();
    assert_eq!(b.notes().len(), MANY);
    assert_eq!(b.notes(), a.notes());
    b.edit("0007", &json!({"text": "changed"}));
    b.sync();
    a.sync();
    assert_eq!(a.notes(), b.notes());
}

#[test]
fn a_wrong_password_is_refused_and_nothing_is_written() {
    let server = server();
    let (a, sync_key) = first(&server);
    a.put("r", &json!({}));
    a.sync();
    let rows = server.rows();
    let thief = join(&server, "guessed", &sync_key);
    thief.put("r", &json!({"mine": true}));
    let message = thief.run(&["sync", "notes"]).outcome().fails(3);
    assert!(message.contains("sign in again"), "{message}");
    let message = thief
        .run(&["records", "list", "notes", "--remote"])
        .outcome()
        .fails(3);
    assert!(message.contains("sign in again"), "{message}");
    assert_eq!(server.rows(), rows);

    let _done = user(&server, &["password", "alice"], "guessed").ok();
    thief.sync();
    let _said = a.run(&["sync", "notes"]).outcome().fails(3);
}

#[test]
fn with_a_wrong_sync_key_nothing_is_written() {
    let server = server();
    let (a, _) = first(&server);
    a.put("r", &json!({}));
    a.sync();
    let rows = server.rows();
    let lost = join(&server, PASSWORD, OTHER_KEY);
    lost.put("mine", &json!({}));
    let _said = lost.run(&["sync", "notes"]).outcome().fails(8);
    assert_eq!(server.rows(), rows);
    assert_eq!(lost.notes().len(), 1, "nothing is lost here either");
}

#[test]
fn a_device_without_a_node_waits_and_continues_with_a_new_one() {
    let server = server();
    let (a, b) = pair(&server);
    a.put("r", &json!({"n": 1}));
    a.sync();
    let _done = user(&server, &["move", "alice", "--nowhere"], "").ok();
    a.put("later", &json!({}));
    for device in [&a, &b] {
        let message = device.run(&["sync", "notes"]).outcome().fails(7);
        assert!(message.contains("try again later"), "{message}");
    }
    assert_eq!(a.pending(), 1);
    let _done = user(&server, &["move", "alice", "--here"], "").ok();
    a.sync();
    b.sync();
    assert_eq!(a.notes(), b.notes());
    assert_eq!(b.notes().len(), 2);
}

#[test]
fn after_a_move_all_records_are_on_the_new_node() {
    let (old, new) = (server(), server());
    let (a, b) = pair(&old);
    a.put_many((0..30).map(|n| json!({"id": format!("{n:02}"), "n": n})));
    a.sync();
    b.sync();
    b.put("only-here", &json!({"n": 1}));
    let rows = old.rows();
    let _done = user(&old, &["move", "alice", "--node", new.url()], "").ok();
    b.sync();
    a.sync();
    b.sync();
    assert_eq!(a.notes().len(), 31);
    assert_eq!(a.notes(), b.notes());
    let only_the_node = |row: &&String| !row.starts_with("named_users");
    let (before, after) = (rows, old.rows());
    let before: Vec<&String> = before.iter().filter(only_the_node).collect();
    let after: Vec<&String> = after.iter().filter(only_the_node).collect();
    assert_eq!(before, after, "nothing was wiped on the old node");
    let again = a.sync();
    assert_eq!(again.number("requests"), 1, "{}", again.report);
}

#[test]
fn an_account_can_be_copied_to_the_dialect_1_5() {
    let (old, new) = (server(), Server::start());
    let (a, _) = first(&old);
    a.put_many((0..300).map(|n| json!({"id": format!("{n:03}"), "n": n})));
    a.sync();
    a.delete("007");
    a.sync();
    let (fresh, _code) = Device::first(&new);
    let to = fresh.path("credentials.json");
    let _done = a
        .run(&["account", "copy", "--to", to.to_str().unwrap()])
        .outcome()
        .ok();
    fresh.sync();
    assert_eq!(fresh.notes(), a.notes());
    assert_eq!(fresh.notes().len(), 299);
}

#[test]
fn an_account_is_shown_without_secrets_and_its_file_is_private() {
    let server = server();
    let (a, sync_key) = first(&server);
    a.put("r", &json!({"text": "plain words"}));
    a.sync();
    let shown = a.run(&["account", "show"]).outcome().ok().stdout;
    assert!(
        shown.contains("alice") && shown.contains("hidden"),
        "{shown}"
    );
    assert!(
        !shown.contains(PASSWORD) && !shown.contains(&sync_key),
        "{shown}"
    );
    let shown = a
        .run(&["--json", "account", "show", "--show-secrets"])
        .outcome()
        .ok()
        .json();
    assert_eq!(shown["syncKey"], sync_key.as_str());
    assert_eq!(shown["username"], "alice");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = std::fs::metadata(a.path("credentials.json")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
    for (path, bytes) in server.files() {
        for secret in [PASSWORD, sync_key.as_str(), "plain words"] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    }
}

#[test]
fn invalid_input_is_an_error_with_one_message() {
    let server = server();
    let rows: [(&[&str], &str, &str); 5] = [
        (
            &["--server", server.url(), "--username", "alice"],
            "",
            "stdin has no Password",
        ),
        (
            &["--server", server.url(), "--username", "alice"],
            "word\n",
            "stdin has no Sync Key",
        ),
        (
            &["--server", server.url(), "--username", "alice"],
            "word\nnonsense\n",
            "this is not a Sync Key",
        ),
        (
            &["--server", "nowhere", "--username", "alice"],
            &format!("word\n{OTHER_KEY}\n"),
            "a server address",
        ),
        (
            &["--server", server.url(), "--username", ".."],
            &format!("word\n{OTHER_KEY}\n"),
            "the account name",
        ),
    ];
    for (args, stdin, part) in rows {
        let device = Device::default();
        let message = device
            .run(&[&["account", "use", "--legacy"][..], args].concat())
            .stdin(stdin)
            .outcome()
            .fails(2);
        assert!(message.contains(part), "{message}");
        assert!(!device.path("credentials.json").exists());
    }
    let message = user(&server, &["add", "Alice"], "another").fails(2);
    assert!(
        message.contains("there is a user alice already"),
        "{message}"
    );
    let message = user(&server, &["password", "bob"], "another").fails(4);
    assert!(message.contains("there is no user bob"), "{message}");
    let message = user(&server, &["move", "alice", "--node", "nowhere"], "").fails(2);
    assert!(message.contains("a node is an address"), "{message}");
}
