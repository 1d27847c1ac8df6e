//! Interactive use: Ctrl-C, a full disk, and tables on a terminal.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use selvedge_santa_host::serve::{Configuration, Running, ServeConfig, Source, start};
use selvedge_tests::{
    Account, Device, Fault, FaultProxy, Outcome, Run, Server, ServerSetup, signal,
};
use serde_json::json;
use tokio::runtime::Runtime;

/// Timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(120);

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Starts a demo and interrupts it after it has created files. `None` if it ended before the signal.
fn interrupted(args: &[&str], dir: &Path) -> Option<i32> {
    let mut child = Run::new(args).env("TMPDIR", dir).spawn();
    while entries(dir).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .stderr(Stdio::null())
        .status();
    let code = child.wait().unwrap().code();
    (sent.unwrap().success() && code != Some(0)).then(|| code.unwrap())
}

#[test]
fn an_interrupted_demo_leaves_no_files() {
    for args in [&["demo"][..], &["santa", "demo"]] {
        let dir = tempfile::tempdir().unwrap();
        // If a demo ends before it is interrupted, try again with another one.
        let code = std::iter::repeat_with(|| interrupted(args, dir.path()))
            .take(50)
            .inspect(|_| assert_eq!(entries(dir.path()), [] as [PathBuf; 0], "{args:?}"))
            .find_map(|code| code);
        assert_eq!(code, Some(130), "{args:?}");
    }
}

/// A small server with this number of rules, in this process.
fn serving(runtime: &Runtime, rules: usize) -> Running {
    let rule = |number| {
        format!(
            "[[rules]]\nrule_type = \"BINARY\"\npolicy = \"BLOCKLIST\"\nidentifier = \"{number:064x}\"\n"
        )
    };
    let rules: String = (0..rules).map(rule).collect();
    let (configuration, problems) = Configuration::read(&rules);
    assert!(problems.is_empty(), "{problems:?}");
    let config = ServeConfig::new(Source::Fixed(Box::new(configuration)));
    runtime.block_on(start(config)).unwrap()
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

/// A machine in a directory, with a server.
struct Machine(PathBuf);

impl Machine {
    fn of(dir: &Path, url: &str) -> Self {
        let text = format!(
            "SyncBaseURL = \"{url}\"\nMachineID = \"50C7E1EB-2EF5-42D4-A084-A7966FC45A95\"\n"
        );
        std::fs::write(dir.join("santa.toml"), text).unwrap();
        Self(dir.to_owned())
    }

    fn run(&self, args: &[&str]) -> Run {
        let place = ["--data-dir", self.0.to_str().unwrap(), "--json", "santa"];
        Run::new(place.iter().chain(args))
    }

    fn rules(&self) -> u64 {
        let status = self.run(&["status"]).outcome().ok();
        status.json()["rules"]["binary"]
            .as_u64()
            .unwrap_or_default()
    }
}

#[test]
fn a_sync_interrupted_at_any_request_stores_all_rules_or_none() {
    const RULES: usize = 2000;
    let runtime = runtime();
    let server = serving(&runtime, RULES);
    let proxy = FaultProxy::start();
    proxy.lead_to(server.address());
    // A sync without interruption shows the number of requests.
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::of(dir.path(), &proxy.url());
    let _synced = machine.run(&["sync", "--once"]).outcome().ok();
    let requests = proxy.count();
    assert!(requests >= 3, "{requests} requests");
    for position in 1..=requests {
        for fault in [Fault::HeldRequest, Fault::HeldReply] {
            let dir = tempfile::tempdir().unwrap();
            let machine = Machine::of(dir.path(), &proxy.url());
            let held = proxy.arm(Some((position, fault)));
            let mut child = machine.run(&["sync", "--once"]).spawn();
            // The sync waits while its request is held, so it is interrupted exactly there.
            held.recv_timeout(TIMEOUT)
                .unwrap_or_else(|_| panic!("no request {position}"));
            signal(child.id(), "-INT");
            let status = child.wait().unwrap();
            let at = format!("{fault:?} at request {position}");
            assert!(!status.success(), "{at}");
            let _alarm = proxy.arm(None);
            let rules = machine.rules();
            assert!(rules == 0 || rules == RULES as u64, "{rules} rules: {at}");
            let _synced = machine.run(&["sync", "--once"]).outcome().ok();
            assert_eq!(machine.rules(), RULES as u64, "{at}");
        }
    }
}

#[test]
fn an_interrupted_sync_reports_its_progress_and_the_next_one_continues() {
    const NOTES: usize = 1300;
    let proxy = FaultProxy::start();
    let server = ServerSetup::default()
        .args(&[
            "--public-url",
            &proxy.url(),
            "--max-post-records",
            "100",
            "--max-total-records",
            "100",
        ])
        .start();
    proxy.lead_to(server.address());
    let account = Account::new(1);
    let device = Device::with_token(&server, &proxy.url(), &account);
    device.put("first", &json!({"id": "first"}));
    device.sync();
    let late = Device::with_token(&server, &proxy.url(), &account);
    let many = |range: std::ops::Range<usize>| range.map(|n| json!({"id": format!("n{n:04}")}));
    device.put_many(many(0..NOTES));
    // A sync without interruption shows the number of requests.
    let _armed = proxy.arm(None);
    late.sync();
    let _armed = proxy.arm(None);
    device.sync();
    let requests = proxy.count();
    device.put_many(many(NOTES..2 * NOTES));
    let held = proxy.arm(Some((requests - 2, Fault::HeldRequest)));
    let said = tempfile::NamedTempFile::new().unwrap();
    let into_file = [
        "sh",
        "-c",
        "exec \"$@\" 2>\"$0\"",
        said.path().to_str().unwrap(),
    ];
    let mut child = device
        .run(&["sync", "notes"])
        .under(&into_file.map(str::to_owned))
        .spawn();
    held.recv_timeout(TIMEOUT).unwrap();
    signal(child.id(), "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let said = std::fs::read_to_string(said.path()).unwrap();
    assert!(said.starts_with("selvedge: interrupted: "), "{said}");
    let sent = said.split(" records received and ").nth(1).unwrap();
    let sent: usize = sent.split(' ').next().unwrap().parse().unwrap();
    assert!(sent > 0 && sent < NOTES, "{said}");
    let _armed = proxy.arm(None);
    let rest = device.sync();
    assert!(rest.count("sent") <= (NOTES - sent) as u64, "{said}");
    late.sync();
    assert_eq!(late.notes().len(), 2 * NOTES + 1);
}

/// A small file system that a test can fill. It is unmounted when the value is dropped.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    /// Prints a line and returns `None` if the test may not mount file systems.
    fn new(kilobytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={kilobytes}k,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: this user may not mount a file system");
            return None;
        }
        Some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn fill(&self) {
        let file = std::fs::File::create(self.path().join("fill")).unwrap();
        let mut file = &file;
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    }

    fn free_space(&self) {
        std::fs::remove_file(self.path().join("fill")).unwrap();
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[track_caller]
fn assert_disk_full_message(outcome: Outcome, code: i32) {
    let said = outcome.fails(code);
    assert!(said.contains("no space left on the disk"), "{said}");
}

#[test]
fn santa_reports_a_full_disk_and_loses_nothing() {
    let runtime = runtime();
    let server = serving(&runtime, 3000);
    let Some(disk) = TinyDisk::new(240) else {
        return;
    };
    // Too small for the rules.
    let machine = Machine::of(disk.path(), &server.url());
    assert_disk_full_message(machine.run(&["sync", "--once"]).outcome(), 3);
    drop(disk);
    // Large enough, and then filled by other files.
    let Some(disk) = TinyDisk::new(2000) else {
        return;
    };
    let machine = Machine::of(disk.path(), &server.url());
    let _synced = machine.run(&["sync", "--once"]).outcome().ok();
    disk.fill();
    assert_disk_full_message(machine.run(&["sync", "--once", "--clean"]).outcome(), 10);
    let event = json!({
        "file_sha256": "ab".repeat(32), "file_path": "/opt", "file_name": "x", "executing_user": "a",
        "execution_time": 1, "decision": "BLOCK_BINARY",
    });
    let add = machine.run(&["events", "add"]).stdin(event.to_string());
    assert_disk_full_message(add.outcome(), 10);
    assert_disk_full_message(machine.run(&["status"]).outcome(), 10);
    disk.free_space();
    assert_eq!(machine.rules(), 3000);
    let add = machine.run(&["events", "add"]).stdin(event.to_string());
    let _added = add.outcome().ok();
    let _synced = machine.run(&["sync", "--once", "--clean"]).outcome().ok();
}

#[test]
fn a_device_reports_a_full_disk_and_loses_nothing() {
    let server = Server::start();
    let account = Account::new(1);
    let device = Device::with_token(&server, server.url(), &account);
    device.put("first", &json!({"id": "first"}));
    let Some(disk) = TinyDisk::new(2000) else {
        return;
    };
    for file in entries(device.dir()) {
        std::fs::copy(&file, disk.path().join(file.file_name().unwrap())).unwrap();
    }
    let run = |args: &[&str]| {
        let place = ["--data-dir", disk.path().to_str().unwrap()];
        Run::new(place.iter().chain(args)).outcome()
    };
    disk.fill();
    assert_disk_full_message(run(&["sync"]), 10);
    assert_disk_full_message(run(&["status"]), 10);
    disk.free_space();
    let _synced = run(&["sync"]).ok();
}

/// A machine with this number of local rules.
fn local_rules(dir: &Path, count: usize) -> Machine {
    let machine = Machine(dir.to_owned());
    let rule = |number| {
        format!(
            "{{\"identifier\":\"{number:064x}\",\"policy\":\"BLOCKLIST\",\"rule_type\":\"BINARY\"}}\n"
        )
    };
    let rules: String = (0..count).map(rule).collect();
    let import = machine.run(&["rules", "import", "-"]).stdin(rules);
    let _imported = import.outcome().ok();
    machine
}

#[test]
fn many_rules_are_listed() {
    const COUNT: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let machine = local_rules(dir.path(), COUNT);
    let text = |args: &[&str]| {
        let place = ["--data-dir", dir.path().to_str().unwrap(), "santa"];
        Run::new(place.iter().chain(args)).outcome().ok().stdout
    };
    let listed = text(&["rules", "list"]);
    assert_eq!(listed.lines().count(), COUNT + 1);
    let last = format!("BINARY  {:064x}  block  local  yes", COUNT - 1);
    assert_eq!(listed.lines().last(), Some(last.as_str()));
    let json = machine.run(&["rules", "list"]).outcome().ok().json();
    assert_eq!(json.as_array().unwrap().len(), COUNT);
    assert_eq!(text(&["rules", "list", "--from", "server"]), "No rules.\n");
    let events: String = (0..3000)
        .map(|number| {
            format!("{{\"file_sha256\":\"{number:064x}\",\"decision\":\"BLOCK_BINARY\",\"execution_time\":1.5}}\n")
        })
        .collect();
    let added = machine.run(&["events", "add"]).stdin(events).outcome();
    assert_eq!(added.ok().json()["added"], 3000);
    let listed = text(&["events", "list", "--limit", "2000"]);
    assert_eq!(listed.lines().count(), 2002);
    assert!(listed.ends_with("\nand 1000 more\n"), "{listed:.200}");
    let json = machine
        .run(&["events", "list", "--limit", "2000"])
        .outcome();
    let json = json.ok().json();
    assert_eq!(json["events"].as_array().unwrap().len(), 2000);
    assert_eq!(json["pending"], 3000);
}

#[test]
fn a_table_fits_the_width_of_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let _machine = local_rules(dir.path(), 3);
    let program = selvedge_tests::selvedge().display();
    let list = format!(
        "{program} --data-dir {} santa rules list",
        dir.path().display()
    );
    for (columns, expected) in [
        (
            60,
            "BINARY  00000000000000000000000000000…  block  local  yes",
        ),
        (
            200,
            "BINARY  0000000000000000000000000000000000000000000000000000000000000002  block  local  yes",
        ),
    ] {
        let shown = Command::new("script")
            .args([
                "-qec",
                &format!("stty cols {columns} rows 20; {list}"),
                "/dev/null",
            ])
            .output();
        let Ok(shown) = shown else {
            eprintln!("skipped: the program script is not installed");
            return;
        };
        let text = String::from_utf8_lossy(&shown.stdout);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[3], expected, "{text}");
        assert!(
            lines.iter().all(|line| line.chars().count() <= columns),
            "{text}"
        );
    }
}
