//! Damaged local files, and storage that is full or cannot be written.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use selvedge_tests::{Device, Run, selvedge};
use serde_json::json;

use crate::refusals::{STORAGE, Scene, USAGE};

#[test]
fn damaged_files_are_reported_and_not_changed() {
    let scene = Scene::new(62);
    let rows = [
        ("store.sqlite", STORAGE, &["records", "list", "notes"][..]),
        ("credentials.json", USAGE, &["sync", "notes"]),
        ("settings.json", USAGE, &["sync"]),
    ];
    for (name, code, args) in rows {
        let copy = Device::default();
        std::fs::create_dir(copy.dir()).unwrap();
        std::fs::set_permissions(copy.dir(), Permissions::from_mode(0o700)).unwrap();
        for entry in std::fs::read_dir(scene.device.dir()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path(entry.file_name().to_str().unwrap())).unwrap();
        }
        let garbage = [b"garbage \0\xff".as_slice(); 1000].concat();
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(copy.path(&format!("{name}{suffix}")));
        }
        std::fs::write(copy.path(name), &garbage).unwrap();
        std::fs::set_permissions(copy.path(name), Permissions::from_mode(0o600)).unwrap();
        let sentence = copy.run(args).outcome().fails(code);
        assert_eq!(
            std::fs::read(copy.path(name)).unwrap(),
            garbage,
            "{name} is as it was: {sentence}"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
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
fn output_that_cannot_be_written_is_an_error() {
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

/// A limit of the file size, which SQLite handles like a disk that fails to write.
#[test]
fn existing_records_are_kept_when_the_store_cannot_grow() {
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

/// Fills a file system of two megabytes, if the test may mount one.
#[test]
fn existing_records_are_kept_when_the_disk_is_full() {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o size=2m,mode=700 tmpfs "$2" || exit 77
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
        return println!("skipped: the program unshare is not installed");
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
    assert!(said.contains("no space"), "{said}");
    assert_eq!(
        listed.lines().count(),
        2,
        "both records are still there: {listed}"
    );
}
