//! Secrets that the server, the files and the messages must not contain.

use std::os::unix::fs::PermissionsExt as _;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use selvedge_tests::{Account, Device, Server};
use serde_json::{Value, json};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_server_stores_only_ciphertext() {
    let server = Server::start();
    let account = Account::new(41);
    let device = Device::with_token(&server, server.url(), &account);
    device.put(
        "zebra",
        &json!({"secretfield": "a secret sentence", "inner": {"deep": "another secret"}}),
    );
    device.sync();
    device.edit("zebra", &json!({"secretfield": "an edited secret"}));
    device.sync();
    device.put("gone", &json!({"secretfield": "a deleted secret"}));
    device.sync();
    device.delete("gone");
    device.sync();

    let (encryption, mac) = account.sync_key.split_at(32);
    let mut forbidden: Vec<Vec<u8>> = [
        "secretfield",
        "secret sentence",
        "another secret",
        "edited secret",
        "deleted secret",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    for key in [encryption, mac, &account.sync_key] {
        let texts = [
            Base64::encode_string(key),
            Base64UrlUnpadded::encode_string(key),
            hex(key),
        ];
        forbidden.extend(texts.map(String::into_bytes));
        forbidden.push(key.to_vec());
    }
    let files = server.files();
    assert!(
        files.iter().any(|(_, bytes)| contains(bytes, b"zebra")),
        "the ids, which are not secret, are found"
    );
    for (path, bytes) in &files {
        for secret in &forbidden {
            let shown = String::from_utf8_lossy(secret);
            assert!(
                !contains(bytes, secret),
                "{} contains {shown}",
                path.display()
            );
        }
    }
}

#[test]
fn every_stored_payload_is_encrypted() {
    let server = Server::start();
    let account = Account::new(42);
    let device = Device::with_token(&server, server.url(), &account);
    device.put_many((0..20).map(|n| json!({"id": format!("n{n}"), "title": "a title"})));
    device.sync();
    device.delete("n7");
    device.sync();
    let database = server.database();
    let mut records = database
        .prepare("SELECT id, payload FROM records WHERE id <> 'global'")
        .unwrap();
    let records = records
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .unwrap();
    let records: Vec<_> = records.map(Result::unwrap).collect();
    assert_eq!(
        records.len(),
        22,
        "twenty notes, a tombstone among them, crypto/keys, and the device's own record"
    );
    for (id, payload) in records {
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let mut names: Vec<_> = payload
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["IV", "ciphertext", "hmac"], "{id}");
    }
}

#[test]
fn only_the_owner_can_read_the_files_of_a_profile() {
    let server = Server::start();
    let (device, _) = Device::first(&server);
    device.put("r", &json!({"x": 1}));
    device.sync();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(device.dir()) & 0o077, 0);
    let files: Vec<_> = std::fs::read_dir(device.dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for path in files {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn secrets_are_shown_only_on_request() {
    let server = Server::start();
    let (device, code) = Device::first(&server);
    for args in [
        &["account", "show"][..],
        &["--json", "account", "show"],
        &["status"],
        &["--json", "status"],
    ] {
        let outcome = device.run(args).outcome().ok();
        assert!(
            !outcome.stdout.contains(&code) && !outcome.stderr.contains(&code),
            "{outcome}"
        );
    }
    let shown = device
        .run(&["account", "show", "--show-secrets"])
        .outcome()
        .ok();
    assert!(shown.stdout.contains(&code), "{shown}");

    let credentials = std::fs::read_to_string(device.path("credentials.json")).unwrap();
    let credentials: Value = serde_json::from_str(&credentials).unwrap();
    for name in ["ksync_b64url", "access_token"] {
        let secret = credentials[name].as_str().unwrap();
        for args in [
            &["account", "show"][..],
            &["--json", "account", "show"],
            &["--json", "sync", "notes"],
        ] {
            let outcome = device.run(args).outcome();
            assert!(
                !outcome.stdout.contains(secret) && !outcome.stderr.contains(secret),
                "{name} in {outcome}"
            );
        }
    }
}
