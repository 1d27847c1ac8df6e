//! What others can read, own or lead elsewhere is refused, with the command that fixes it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use crate::program::{Device, Server, says};

fn device() -> Device {
    let device = Device::new();
    device
        .run(&["records", "put", "notes", "a", "--record", "{}"])
        .ok();
    device
}

/// Runs the command that an error names between backquotes.
fn obey(sentence: &str) {
    let command = sentence.split('`').nth(1).unwrap();
    let status = Command::new("bash").args(["-c", command]).status();
    assert!(status.unwrap().success(), "{command}");
}

#[test]
fn what_others_can_read_is_refused_until_it_is_fixed() {
    let device = device();
    let profile = device.profile();
    fs::write(profile.join("credentials.json"), "{}").unwrap();
    for (path, mode) in [
        (profile.clone(), 0o755),
        (profile.clone(), 0o710),
        (profile.join("store.sqlite"), 0o644),
        (profile.join("credentials.json"), 0o640),
    ] {
        let good = if path == profile { 0o700 } else { 0o600 };
        for entry in ["store.sqlite", "credentials.json"] {
            fs::set_permissions(profile.join(entry), Permissions::from_mode(0o600)).unwrap();
        }
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        for args in [&["records", "list", "notes"][..], &["status"], &["sync"]] {
            says(device.run(args), 10, "chmod");
        }
        obey(&device.run(&["records", "list", "notes"]).refused(10));
        let fixed = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(fixed, good);
        device.run(&["records", "list", "notes"]).ok();
    }
}

#[test]
fn symbolic_links_are_not_followed() {
    let device = device();
    let profile = device.profile();
    let store = profile.join("store.sqlite");
    let away = profile.with_file_name("elsewhere.sqlite");
    fs::rename(&store, &away).unwrap();
    symlink(&away, &store).unwrap();
    says(
        device.run(&["records", "list", "notes"]),
        10,
        "symbolic link",
    );
    fs::remove_file(&store).unwrap();
    fs::rename(&away, &store).unwrap();
    device.run(&["records", "list", "notes"]).ok();
    // Not even files that are no secret.
    symlink("/etc/passwd", profile.join("settings.json")).unwrap();
    device.run(&["status"]).refused(10);
    fs::remove_file(profile.join("settings.json")).unwrap();
    let moved = profile.with_file_name("moved");
    fs::rename(&profile, &moved).unwrap();
    symlink(&moved, &profile).unwrap();
    says(device.run(&["status"]), 10, "symbolic link");
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let device = device();
    let profile = device.profile();
    // Only root can give files away.
    if std::os::unix::fs::chown(profile.join("store.sqlite"), Some(12345), None).is_err() {
        println!("skipped: this user cannot give files away");
        return;
    }
    says(device.run(&["status"]), 10, "belongs to user 12345");
    obey(&device.run(&["status"]).refused(10));
    device.run(&["status"]).ok();
}

#[test]
fn an_input_file_with_secrets_that_others_can_access_is_reported() {
    let server = Server::start();
    let first = Device::with_account(&server);
    let shown = first.run(&["account", "show", "--show-secrets", "--json"]);
    let code = shown.json()["joinCode"].as_str().unwrap().to_owned();
    let credentials = fs::read_to_string(first.profile().join("credentials.json")).unwrap();
    for (option, content) in [("--code-file", code), ("--credentials", credentials)] {
        let verb = match option {
            "--code-file" => "join",
            _ => "use",
        };
        let device = Device::new();
        let file = device.write("secret file", &content);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let args = ["account", verb, option, &file, "--dry-run"];
        let ran = device.run(&args);
        assert!(
            ran.err.contains("warning: ") && ran.err.contains("has mode 0644"),
            "{ran:?}"
        );
        assert!(
            !ran.err.contains(content.trim()),
            "the secret is not printed"
        );
        obey(&ran.err);
        ran.ok();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let ran = device.run(&args);
        assert!(!ran.err.contains("warning"), "{ran:?}");
        ran.ok();
    }
}
