//! What goes wrong is said in one sentence with an exit code, changes nothing on the server and loses nothing here.

use std::process::Command;

use selvedge_tests::{Account, Device, Run, Server, Wire, selvedge};
use serde_json::{Value, json};

const USAGE: i32 = 2;
const SIGNED_OUT: i32 = 3;
const NOT_FOUND: i32 = 4;
const OFFLINE: i32 = 6;
const WRONG_KEY: i32 = 8;
const PARTIAL: i32 = 9;
const STORAGE: i32 = 10;
const BAD_DATA: i32 = 11;

/// A server with an account that has records, and a device with a change that is not sent yet.
struct Scene {
    server: Server,
    account: Account,
    device: Device,
    wire: Wire,
}

impl Scene {
    fn new(uid: u64) -> Self {
        let server = Server::start();
        let account = Account::new(uid);
        let credentials = server
            .master_secret()
            .credentials(server.url(), &account, 3600);
        let device = Device::with_credentials(&credentials);
        device.put("synced", &json!({"x": 1}));
        device.sync();
        device.put("waiting", &json!({"x": 2}));
        Self {
            server,
            wire: Wire::new(&credentials, &account),
            account,
            device,
        }
    }

    /// Syncs, and checks that it fails with `code`, that the server is as it was, and that the device lost nothing.
    #[track_caller]
    fn sync_is_refused(&self, device: &Device, code: i32) -> String {
        let (rows, notes, pending) = (self.server.rows(), device.notes(), device.pending());
        let sentence = device.try_sync().fails(code);
        assert_eq!(self.server.rows(), rows, "the server is as it was");
        assert_eq!(
            (device.notes(), device.pending()),
            (notes, pending),
            "the device is as it was"
        );
        sentence
    }
}

#[test]
fn with_a_wrong_key_nothing_is_written() {
    let scene = Scene::new(50);
    let mut credentials =
        scene
            .server
            .master_secret()
            .credentials(scene.server.url(), &scene.account, 3600);
    credentials["ksync_b64url"] = Account::new(51).ksync_b64url().into();
    let stranger = Device::with_credentials(&credentials);
    stranger.put("mine", &json!({"x": 3}));
    let sentence = scene.sync_is_refused(&stranger, WRONG_KEY);
    assert!(sentence.contains("key"), "{sentence}");
}

#[test]
fn with_an_expired_token_nothing_is_lost_and_a_new_one_goes_on() {
    let scene = Scene::new(52);
    let secret = scene.server.master_secret();
    scene
        .device
        .use_credentials(&secret.credentials(scene.server.url(), &scene.account, -60));
    let sentence = scene.sync_is_refused(&scene.device, SIGNED_OUT);
    assert!(sentence.contains("sign in"), "{sentence}");

    scene
        .device
        .use_credentials(&secret.credentials(scene.server.url(), &scene.account, 3600));
    scene.device.sync();
    let other = Device::with_token(&scene.server, scene.server.url(), &scene.account);
    other.sync();
    assert_eq!(
        other.notes().into_keys().collect::<Vec<_>>(),
        ["synced", "waiting"]
    );
}

#[test]
fn a_token_of_another_server_is_refused() {
    let (scene, elsewhere) = (Scene::new(53), Server::start());
    let mut credentials =
        scene
            .server
            .master_secret()
            .credentials(elsewhere.url(), &scene.account, 3600);
    credentials["api_endpoint"] = format!("{}/1.5/53", elsewhere.url()).into();
    credentials["key"] = "another-key".into();
    let device = Device::with_credentials(&credentials);
    device.put("mine", &json!({"x": 3}));
    scene.sync_is_refused(&device, SIGNED_OUT);
}

#[test]
fn a_meta_global_that_cannot_be_read_stops_the_sync_and_wipes_nothing() {
    for payload in [
        "",
        "{oops",
        "[]",
        "\"text\"",
        "null",
        "{\"syncID\":\"AAAAAAAAAAAA\"",
    ] {
        let scene = Scene::new(54);
        scene.wire.put("meta", "global", payload);
        for device in [
            &scene.device,
            &Device::with_token(&scene.server, scene.server.url(), &scene.account),
        ] {
            device.put("mine", &json!({"x": 3}));
            let sentence = scene.sync_is_refused(device, BAD_DATA);
            assert!(sentence.contains("meta/global"), "{payload:?}: {sentence}");
        }
        assert_eq!(scene.wire.ids("notes"), ["synced"]);
    }
}

#[test]
fn a_newer_storage_version_is_left_alone() {
    let scene = Scene::new(55);
    let meta =
        json!({"syncID": "AAAAAAAAAAAA", "storageVersion": 6, "engines": {}, "declined": []});
    scene.wire.put("meta", "global", &meta.to_string());
    let sentence = scene.sync_is_refused(&scene.device, BAD_DATA);
    assert!(sentence.contains("upgrade"), "{sentence}");
}

#[test]
fn damaged_keys_stop_the_sync() {
    let scene = Scene::new(56);
    for payload in ["{oops", "{\"ciphertext\":\"\",\"IV\":\"\",\"hmac\":\"\"}"] {
        scene.wire.put("crypto", "keys", payload);
        let outcome = scene.device.try_sync();
        assert!(
            matches!(outcome.code, Some(WRONG_KEY | BAD_DATA)),
            "{payload:?}: {outcome}"
        );
        assert_eq!(scene.wire.payload("crypto", "keys"), payload);
        assert_eq!(scene.wire.ids("notes"), ["synced"]);
        assert_eq!(scene.device.pending(), 1);
    }
}

#[test]
fn a_collection_of_a_newer_version_is_left_alone() {
    let scene = Scene::new(57);
    let mut meta: Value = serde_json::from_str(&scene.wire.payload("meta", "global")).unwrap();
    meta["engines"]["notes"]["version"] = 2.into();
    scene.wire.put("meta", "global", &meta.to_string());
    let outcome = scene.device.try_sync().exits(BAD_DATA);
    assert!(outcome.stderr.contains("notes"), "{outcome}");
    assert_eq!(scene.wire.ids("notes"), ["synced"]);
    assert_eq!(scene.device.pending(), 1);
}

#[test]
fn a_damaged_record_is_named_and_the_others_arrive() {
    let scene = Scene::new(58);
    scene
        .device
        .put_many((0..30).map(|n| json!({"id": format!("n{n:02}"), "n": n})));
    scene.device.sync();
    scene.wire.put("notes", "n07", "{oops");
    scene
        .wire
        .put("notes", "n11", &scene.wire.payload("notes", "n12"));
    let mut other: Value = serde_json::from_str(&scene.wire.payload("notes", "n13")).unwrap();
    other["hmac"] = "0".repeat(64).into();
    scene.wire.put("notes", "n13", &other.to_string());

    let late = Device::with_token(&scene.server, scene.server.url(), &scene.account);
    let outcome = late.try_sync().exits(PARTIAL);
    let listed = scene
        .device
        .run(&["records", "list", "notes", "--remote", "--format", "jsonl"])
        .outcome()
        .exits(PARTIAL);
    for id in ["n07", "n11", "n13"] {
        assert!(outcome.stderr.contains(id), "{id} is named: {outcome}");
        assert!(listed.stderr.contains(id), "{id} is named: {listed}");
    }
    assert_eq!(late.notes().len(), 29);
    assert_eq!(listed.stdout.lines().count(), 29);
    assert_eq!(
        scene.device.notes().len(),
        32,
        "the device that wrote them still has them"
    );
}

#[test]
fn without_a_network_nothing_is_lost() {
    let mut scene = Scene::new(59);
    scene.server.kill();
    let sentence = scene.device.try_sync().fails(OFFLINE);
    assert!(!sentence.is_empty());
    assert_eq!((scene.device.notes().len(), scene.device.pending()), (2, 1));
    scene.server.restart();
}

#[test]
fn an_account_that_is_missing_is_said() {
    let device = Device::default();
    device.put("mine", &json!({"x": 1}));
    let sentence = device.try_sync().fails(SIGNED_OUT);
    assert!(sentence.contains("selvedge account"), "{sentence}");
    assert_eq!(device.notes().len(), 1);
}

#[test]
fn what_does_not_exist_is_said() {
    let scene = Scene::new(60);
    let rows: [(&[&str], &str); 6] = [
        (&["records", "get", "notes", "nosuch"], "nosuch"),
        (
            &["records", "edit", "notes", "nosuch", "--record", "{}"],
            "nosuch",
        ),
        (&["records", "delete", "notes", "nosuch"], "nosuch"),
        (&["records", "get", "notes", "nosuch", "--remote"], "nosuch"),
        (&["records", "list", "nosuch", "--remote"], "nosuch"),
        (&["sync", "nosuch"], "nosuch"),
    ];
    let server = scene.server.rows();
    for (args, word) in rows {
        let sentence = scene.device.run(args).outcome().fails(NOT_FOUND);
        assert!(sentence.contains(word), "{args:?}: {sentence}");
    }
    assert_eq!(scene.server.rows(), server);
    assert_eq!(scene.device.notes().len(), 2);
}

#[test]
fn input_that_is_no_json_object_changes_nothing() {
    let scene = Scene::new(61);
    let notes = scene.device.notes();
    for text in [
        "",
        "{oops",
        "[1]",
        "null",
        "{\"x\":1}{oops",
        "{\"id\":7}",
        "{\"id\":\"\"}",
        "\u{fffd}",
    ] {
        let outcome = scene
            .device
            .run(&["records", "put", "notes"])
            .stdin(text)
            .outcome();
        outcome.fails(USAGE);
        let outcome = scene
            .device
            .run(&["records", "edit", "notes", "synced"])
            .stdin(text)
            .outcome();
        outcome.fails(USAGE);
        assert_eq!(scene.device.notes(), notes, "{text:?}");
    }
    let bytes = [0xFF, 0xFE, b'{', 0x80];
    scene
        .device
        .run(&["records", "put", "notes"])
        .stdin(bytes)
        .outcome()
        .fails(USAGE);
    assert_eq!(scene.device.notes(), notes);
}

#[test]
fn names_that_are_none_are_refused() {
    let device = Device::default();
    let rows: [&[&str]; 6] = [
        &["records", "list", "a/b"],
        &["records", "get", "notes", "é"],
        &["records", "put", "notes", ""],
        &["sync", "meta"],
        &["nonsense"],
        &["records", "list", "notes", "--format", "xml"],
    ];
    for args in rows {
        let outcome = device.run(args).outcome();
        assert!(
            matches!(outcome.code, Some(USAGE | SIGNED_OUT)),
            "{outcome}"
        );
        assert!(
            !outcome.stderr.is_empty() && outcome.stdout.is_empty(),
            "{outcome}"
        );
    }
}

#[test]
fn join_codes_and_credentials_that_are_damaged_are_refused() {
    let server = Server::start();
    let (_first, code) = Device::first(&server);
    let device = Device::default();
    let (begin, end) = code.split_at(code.len() / 2);
    let swapped = if end.starts_with('A') { 'B' } else { 'A' };
    let mistyped = format!("{begin}{swapped}{}", &end[1..]);
    for damaged in [
        "",
        "nonsense",
        begin,
        &mistyped,
        &code.to_lowercase(),
        &format!("{code}{code}"),
    ] {
        let outcome = device.run(&["account", "join", damaged]).outcome();
        outcome.fails(USAGE);
        assert!(!device.path("credentials.json").exists());
    }
    for text in [
        "",
        "{}",
        "{oops",
        "{\"api_endpoint\":\"http://127.0.0.1:1/1.5/1\"}",
    ] {
        let outcome = device
            .run(&["account", "use", "--credentials", "-"])
            .stdin(text)
            .outcome();
        outcome.fails(USAGE);
        assert!(!device.path("credentials.json").exists());
    }
}

#[test]
fn files_that_are_damaged_are_said_and_left_alone() {
    let scene = Scene::new(62);
    let rows = [
        ("store.sqlite", STORAGE, &["records", "list", "notes"][..]),
        ("credentials.json", USAGE, &["sync", "notes"]),
        ("settings.json", USAGE, &["sync"]),
    ];
    for (name, code, args) in rows {
        let copy = Device::default();
        std::fs::create_dir(copy.dir()).unwrap();
        for entry in std::fs::read_dir(scene.device.dir()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path(entry.file_name().to_str().unwrap())).unwrap();
        }
        let garbage = [b"garbage \0\xff".as_slice(); 1000].concat();
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(copy.path(&format!("{name}{suffix}")));
        }
        std::fs::write(copy.path(name), &garbage).unwrap();
        let sentence = copy.run(args).outcome().fails(code);
        assert_eq!(
            std::fs::read(copy.path(name)).unwrap(),
            garbage,
            "{name} is as it was: {sentence}"
        );
    }
}

#[test]
fn a_place_that_cannot_be_written_is_said() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("profile");
    let args = [
        "--data-dir",
        inside.to_str().unwrap(),
        "records",
        "put",
        "notes",
        "r",
        "--record",
        "{}",
    ];
    let sentence = Run::new(args).outcome().fails(STORAGE);
    assert!(sentence.contains("profile"), "{sentence}");
}

#[test]
fn an_answer_that_nobody_can_take_is_said() {
    let scene = Scene::new(63);
    let output = Command::new("sh")
        .args([
            "-c",
            "exec \"$0\" --data-dir \"$1\" records list notes >/dev/full",
        ])
        .arg(selvedge())
        .arg(scene.device.dir())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be written"), "{said}");
}

/// Files may not grow beyond a bound here, which to SQLite is a disk that fails to write.
#[test]
fn when_the_store_cannot_grow_what_was_there_is_kept() {
    let scene = Scene::new(64);
    let notes = scene.device.notes();
    let large = json!({"id": "large", "text": "z".repeat(4_000_000)}).to_string();
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), large).unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" --data-dir \"$1\" records put notes --file \"$2\""])
        .arg(selvedge())
        .arg(scene.device.dir())
        .arg(input.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(STORAGE), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert_eq!(scene.device.notes(), notes);
    scene.device.sync();
    assert_eq!(scene.wire.ids("notes").len(), 2);
}

/// A file system of two megabytes is filled, where the kernel lets us make one.
#[test]
fn when_the_disk_is_full_what_was_there_is_kept() {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o size=2m tmpfs "$2" || exit 77
        cp -a "$1/." "$2/"
        "$0" --data-dir "$2" records put notes --file "$3"; echo "exit $?"
        "$0" --data-dir "$2" records list notes --format jsonl
    "#;
    let scene = Scene::new(65);
    let (input, mount) = (
        tempfile::NamedTempFile::new().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    std::fs::write(
        input.path(),
        json!({"id": "large", "text": "z".repeat(4_000_000)}).to_string(),
    )
    .unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT])
        .arg(selvedge())
        .args([scene.device.dir(), mount.path(), input.path()])
        .output();
    let Ok(output) = output else {
        return println!("not run: there is no unshare");
    };
    let (answer, said) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    if !answer.contains("exit ") {
        return println!("not run: no file system can be mounted here: {said}");
    }
    let (code, listed) = answer.split_once('\n').unwrap();
    assert_eq!(code, format!("exit {STORAGE}"), "{said}");
    assert!(said.contains("no room"), "{said}");
    assert_eq!(
        listed.lines().count(),
        2,
        "both records are still there: {listed}"
    );
}
