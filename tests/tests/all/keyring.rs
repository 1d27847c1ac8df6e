//! The account's secrets, encrypted with a key in a real Secret Service.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

use std::time::{Duration, Instant};

use selvedge_tests::{DaemonProcess, Device, Outcome, SecretService, Server};
use serde_json::{Value, json};

/// The exit code of a keyring that does not give the key.
const KEYRING: i32 = 13;

const FILES: [&str; 2] = ["credentials.json", "token.json"];

/// A device with an account that has synced, and a keyring; `None` where there is none on this machine.
struct Scene {
    keyring: SecretService,
    server: Server,
    device: Device,
    code: String,
}

impl Scene {
    fn new() -> Option<Self> {
        let keyring = SecretService::start()?;
        let server = Server::start();
        let (device, code) = Device::first(&server);
        device.put("a", &json!({"text": "one"}));
        device.sync();
        Some(Self {
            keyring,
            server,
            device,
            code,
        })
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.keyring.reached_by(self.device.run(args)).outcome()
    }

    fn status(&self) -> Value {
        self.run(&["--json", "account", "keyring", "status"])
            .ok()
            .json()
    }

    fn turn(&self, word: &str) -> Value {
        self.run(&["--json", "account", "keyring", word])
            .ok()
            .json()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.device.path(name)).unwrap()
    }

    /// The secrets of the account, as the files in clear have them.
    fn secrets(&self) -> Vec<String> {
        let credentials: Value = serde_json::from_str(&self.file("credentials.json")).unwrap();
        let token: Value = serde_json::from_str(&self.file("token.json")).unwrap();
        let of = |json: &Value, name: &str| json[name].as_str().unwrap().to_owned();
        vec![
            of(&credentials, "ksync_b64url"),
            of(&credentials, "access_token"),
            of(&token, "id"),
            of(&token, "key"),
        ]
    }

    #[track_caller]
    fn assert_hidden(&self, secrets: &[String]) {
        for entry in std::fs::read_dir(self.device.dir()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            for secret in secrets {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "{} has a secret in clear", path.display());
            }
        }
    }
}

#[track_caller]
fn assert_mode_0600(device: &Device) {
    use std::os::unix::fs::PermissionsExt as _;

    for name in FILES {
        let mode = std::fs::metadata(device.path(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn secrets_are_encrypted_and_written_in_clear_again() {
    let Some(scene) = Scene::new() else { return };
    let secrets = scene.secrets();
    let before = FILES.map(|name| scene.file(name));
    let status = scene.status();
    assert_eq!(status["keyring"], false, "{status}");
    assert_eq!(status["key"], "missing");

    let planned = scene.run(&["--json", "account", "keyring", "on", "--dry-run"]);
    assert_eq!(
        planned.ok().json(),
        json!({"keyring": true, "changed": true, "dryRun": true})
    );
    assert_eq!(FILES.map(|name| scene.file(name)), before);
    assert_eq!(scene.keyring.entries(), 0);

    assert_eq!(scene.turn("on")["changed"], true);
    scene.assert_hidden(&secrets);
    assert_mode_0600(&scene.device);
    assert_eq!(scene.keyring.entries(), 1);
    assert_eq!(
        scene.status(),
        json!({"keyring": true, "credentials": "encrypted", "token": "encrypted", "key": "present"})
    );
    assert_eq!(scene.turn("on")["changed"], false);

    // What the account is needed for works, and new secrets are encrypted too.
    std::fs::remove_file(scene.device.path("token.json")).unwrap();
    let _synced = scene.run(&["sync", "notes"]).ok();
    let _listed = scene.run(&["records", "list", "notes", "--remote"]).ok();
    let shown = scene.run(&["--json", "account", "show"]).ok().json();
    assert_eq!(shown["keyring"], true, "{shown}");
    assert_eq!(scene.status()["token"], "encrypted");
    scene.assert_hidden(&secrets);
    assert_mode_0600(&scene.device);

    assert_eq!(scene.turn("off")["changed"], true);
    assert_eq!(scene.file("credentials.json"), before[0]);
    assert_mode_0600(&scene.device);
    assert_eq!(scene.keyring.entries(), 0);
    assert_eq!(scene.status()["keyring"], false);
    assert_eq!(scene.turn("off")["changed"], false);
    // Without a keyring, as before.
    scene.device.sync();
}

#[test]
fn a_locked_keyring_stops_what_needs_the_account_and_loses_nothing() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.keyring.lock();
    let sentence = scene.run(&["account", "keyring", "on"]).fails(KEYRING);
    assert!(sentence.contains("locked"), "{sentence}");
    scene.device.sync();
    scene.keyring.unlock();
    scene.turn("on");
    let before = FILES.map(|name| scene.file(name));

    scene.keyring.lock();
    for args in [
        &["sync", "notes"][..],
        &["account", "show"],
        &["account", "keyring", "off"],
        &["account", "join", scene.code.as_str()],
    ] {
        let sentence = scene.run(args).fails(KEYRING);
        assert!(sentence.contains("locked"), "{args:?}: {sentence}");
    }
    let failed = scene.run(&["--json", "sync", "notes"]);
    assert!(failed.stderr.contains("\"keyring-locked\""), "{failed}");
    assert_eq!(FILES.map(|name| scene.file(name)), before);
    // Records need no account.
    let _listed = scene.run(&["records", "list", "notes"]).ok();
    let status = scene.status();
    assert_eq!(status["key"], "unreadable", "{status}");
    let status = scene.run(&["--json", "status"]).ok().json();
    let problem = status["keyringProblem"].as_str().unwrap();
    assert!(problem.contains("locked"), "{status}");

    scene.keyring.unlock();
    let _synced = scene.run(&["sync", "notes"]).ok();
}

#[test]
fn without_a_keyring_nothing_is_written_in_clear_instead() {
    let Some(scene) = Scene::new() else { return };
    let before = FILES.map(|name| scene.file(name));
    let absent = |args: &[&str]| scene.device.run(args).outcome().fails(KEYRING);
    let sentence = absent(&["account", "keyring", "on"]);
    assert!(
        sentence.contains("not available") && sentence.contains("DBUS_SESSION_BUS_ADDRESS"),
        "{sentence}"
    );
    assert_eq!(FILES.map(|name| scene.file(name)), before);
    scene.device.sync();

    let fresh = Device::default();
    let server = scene.server.url();
    for args in [
        &["account", "create", "--server", server, "--keyring"][..],
        &["account", "join", &scene.code, "--keyring"],
    ] {
        fresh.run(args).outcome().fails(KEYRING);
        assert!(!fresh.path("credentials.json").exists());
    }

    scene.turn("on");
    let before = FILES.map(|name| scene.file(name));
    for args in [
        &["sync", "notes"][..],
        &["account", "keyring", "off"],
        &["account", "join", &scene.code],
    ] {
        absent(args);
    }
    assert_eq!(FILES.map(|name| scene.file(name)), before);
}

#[test]
fn a_lost_key_is_reported_and_the_account_can_be_joined_again() {
    let Some(scene) = Scene::new() else { return };
    scene.turn("on");
    let before = FILES.map(|name| scene.file(name));
    scene.keyring.delete_entries();
    for args in [
        &["sync", "notes"][..],
        &["account", "keyring", "on"],
        &["account", "keyring", "off"],
    ] {
        let sentence = scene.run(args).fails(KEYRING);
        assert!(sentence.contains("account forget"), "{sentence}");
    }
    assert_eq!(scene.status()["key"], "missing");
    assert_eq!(FILES.map(|name| scene.file(name)), before);
    assert_eq!(scene.keyring.entries(), 0);
    let _forgotten = scene.run(&["account", "forget"]).ok();
    let joined = scene.run(&["account", "join", &scene.code, "--keyring"]);
    let _joined = joined.ok();
    let _synced = scene.run(&["sync", "notes"]).ok();
    assert_eq!(scene.status()["keyring"], true);
    let _forgotten = scene.run(&["account", "forget"]).ok();
    assert_eq!(scene.keyring.entries(), 0, "the key goes with the account");
}

#[test]
fn an_account_can_be_encrypted_from_the_beginning() {
    let Some(scene) = Scene::new() else { return };
    let secrets = scene.secrets();
    let fresh = Device::default();
    let run = |args: &[&str]| scene.keyring.reached_by(fresh.run(args)).outcome();
    let planned = run(&["account", "join", &scene.code, "--keyring", "--dry-run"]);
    let _planned = planned.ok();
    assert_eq!(scene.keyring.entries(), 0);
    assert!(!fresh.dir().exists());
    let _joined = run(&["account", "join", &scene.code, "--keyring"]).ok();
    let file = std::fs::read_to_string(fresh.path("credentials.json")).unwrap();
    assert!(!file.contains(&secrets[0]), "{file}");
    let _synced = run(&["sync", "notes"]).ok();
    // New credentials of the same account are stored as the old ones.
    let _replaced = run(&["account", "join", &scene.code]).ok();
    let status = run(&["--json", "account", "keyring", "status"]).ok().json();
    assert_eq!(status["credentials"], "encrypted", "{status}");
    assert_eq!(scene.keyring.entries(), 1);
}

#[test]
fn a_daemon_syncs_with_the_keyring() {
    let Some(scene) = Scene::new() else { return };
    scene.turn("on");
    scene.device.put("b", &json!({"text": "two"}));
    let run = scene.device.run(&["daemon", "--first-sync-after", "0"]);
    let daemon = DaemonProcess::start(scene.keyring.reached_by(run));
    let began = Instant::now();
    while scene.device.pending() > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "it does not sync"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    daemon.stops();
    assert_eq!(scene.status()["credentials"], "encrypted");
}

#[test]
fn a_killed_change_leaves_secrets_that_can_be_read() {
    let Some(scene) = Scene::new() else { return };
    // How long a whole change takes decides when it is killed.
    let began = Instant::now();
    scene.turn("on");
    let whole = began.elapsed();
    scene.turn("off");
    for part in 0..12 {
        for word in ["on", "off"] {
            let run = scene.device.run(&["account", "keyring", word]);
            let mut child = scene.keyring.reached_by(run).spawn();
            std::thread::sleep(whole * part / 12);
            child.kill().unwrap();
            child.wait().unwrap();
            let _shown = scene.run(&["account", "show"]).ok();
            scene.turn(word);
            assert_eq!(scene.status()["keyring"], word == "on");
        }
    }
    let _synced = scene.run(&["sync", "notes"]).ok();
}

#[test]
fn no_output_has_a_secret() {
    let Some(scene) = Scene::new() else { return };
    let secrets = scene.secrets();
    for args in [
        &["-vv", "account", "keyring", "on"][..],
        &["-vv", "--json", "account", "keyring", "status"],
        &["-vv", "sync", "notes"],
        &["-vv", "account", "show"],
        &["-vv", "--json", "account", "keyring", "off"],
    ] {
        let run = scene.device.run(args).env("RUST_LOG", "trace");
        let outcome = scene.keyring.reached_by(run).outcome().ok();
        for secret in &secrets {
            assert!(
                !outcome.stdout.contains(secret) && !outcome.stderr.contains(secret),
                "{args:?} prints a secret"
            );
        }
    }
}
