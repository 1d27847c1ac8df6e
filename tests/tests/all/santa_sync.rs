//! Tests the commands with the real server moroz from the variable `MOROZ` or the PATH. Without it, they are skipped.
#![allow(missing_docs, reason = "the names of tests describe them")]
#![allow(
    clippy::unwrap_used,
    reason = "a panic fails the test at the right line"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use selvedge_tests::{Moroz, Outcome, Run};
use serde_json::Value;

const MACHINE: &str = "50C7E1EB-2EF5-42D4-A084-A7966FC45A95";

/// A machine: a profile with a configuration.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new(base_url: &str, more: &str) -> Self {
        let machine = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        machine.configure(base_url, more);
        machine
    }

    fn configure(&self, base_url: &str, more: &str) {
        let text = format!("SyncBaseURL = \"{base_url}\"\nMachineID = \"{MACHINE}\"\n{more}\n");
        std::fs::write(self.path("santa.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Outcome {
        let dir = self.dir.path().to_str().unwrap();
        let options = ["--data-dir", dir, "--json", "santa"];
        Run::new(options.iter().chain(args)).stdin(stdin).outcome()
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.run_with_stdin(args, "")
    }

    fn sync(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = ["sync"].iter().chain(args).copied().collect();
        self.run(&args).ok().json()
    }

    /// The identifiers of the server's rules in their order.
    fn rules(&self) -> Vec<String> {
        let listed = self.run(&["rules", "list", "--from", "server"]).ok().json();
        let rules = listed.as_array().unwrap().iter();
        rules
            .map(|rule| rule["identifier"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn sha256(number: usize) -> String {
    format!("{number:064x}")
}

fn event(number: usize) -> String {
    format!(
        r#"{{"file_sha256":"{}","file_path":"/opt","file_name":"p","executing_user":"alice","execution_time":1767225600.25,"decision":"BLOCK_BINARY","pid":7}}"#,
        sha256(number)
    )
}

fn toml_rules(numbers: impl IntoIterator<Item = usize>) -> String {
    let mut text = String::new();
    for number in numbers {
        write!(text, "[[rules]]\nidentifier = \"{}\"\n", sha256(number)).unwrap();
    }
    text
}

#[test]
fn rules_are_downloaded_and_events_are_uploaded() {
    let global = format!(
        "client_mode = \"LOCKDOWN\"\nbatch_size = 2\n{}",
        toml_rules([1, 2])
    );
    let Some(moroz) = Moroz::start(&global) else {
        return;
    };
    let machine = Machine::new(&moroz.url(), "");
    let events = format!("[{},{},{}]", event(1), event(2), event(3));
    let added = machine
        .run_with_stdin(&["events", "add"], &events)
        .ok()
        .json();
    assert_eq!(added["added"], 3);
    let again = machine
        .run_with_stdin(&["events", "add", "-"], &event(2))
        .ok()
        .json();
    assert_eq!((&again["added"], &again["dropped"]), (&0.into(), &1.into()));

    let report = machine.sync(&["--once"]);
    assert_eq!(
        (&report["rules_received"], &report["events_uploaded"]),
        (&2.into(), &3.into())
    );
    assert_eq!(machine.rules(), [sha256(1), sha256(2)]);
    let sent: Vec<String> = moroz
        .events()
        .into_iter()
        .map(|(sha256, ..)| sha256)
        .collect();
    assert_eq!(sent, [sha256(1), sha256(2), sha256(3)]);
    assert_eq!(machine.run(&["events", "list"]).ok().json()["pending"], 0);

    let status = machine.run(&["status"]).ok().json();
    assert_eq!(status["settings"]["client_mode"], "LOCKDOWN");
    assert_eq!(
        (&status["machine_id"], &status["rules"]["binary"]),
        (&MACHINE.into(), &2.into())
    );
    assert!(
        status["daemon"].is_null() && status["last_full_sync"].is_u64(),
        "{status}"
    );
}

#[test]
fn a_clean_sync_removes_dropped_rules_and_keeps_local_rules() {
    let Some(moroz) = Moroz::start(&toml_rules([1, 2])) else {
        return;
    };
    let machine = Machine::new(&moroz.url(), "");
    let add = [
        "rules",
        "add",
        "EQHXZ8M8AV",
        "--type",
        "TEAMID",
        "--policy",
        "ALLOWLIST",
    ];
    let _added = machine.run(&add).ok();
    machine.sync(&[]);
    moroz.configure("global", &toml_rules([2]));
    let report = machine.sync(&["--clean"]);
    assert_eq!(
        [&report["kind"], &report["requested"], &report["performed"]],
        ["normal", "clean", "normal"]
    );
    assert_eq!(machine.rules().len(), 2);
    moroz.configure("global", &format!("clean_sync = true\n{}", toml_rules([2])));
    assert_eq!(machine.sync(&["--clean-all"])["kind"], "clean_all");
    assert_eq!(machine.rules(), [sha256(2)]);
    let all = machine.run(&["rules", "list"]).ok().json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    // A download without rules removes nothing, even in a clean sync.
    moroz.configure("global", "clean_sync = true");
    machine.sync(&[]);
    assert_eq!(machine.rules(), [sha256(2)]);
}

#[test]
fn ten_thousand_rules_are_synced_exported_and_synced_again() {
    let Some(moroz) = Moroz::start(&toml_rules(0..10_000)) else {
        return;
    };
    let machine = Machine::new(&moroz.url(), "");
    assert_eq!(machine.sync(&["--once"])["rules_processed"], 10_000);
    let exported = machine.run(&["rules", "export", "--format", "moroz"]).ok();
    moroz.configure("global", &format!("clean_sync = true\n{}", exported.stdout));
    assert_eq!(machine.sync(&[])["rules_processed"], 10_000);
    let rules = machine.rules();
    assert_eq!((rules.len(), rules[9_999].clone()), (10_000, sha256(9_999)));
}

#[test]
fn the_doctor_shows_which_settings_to_change() {
    let Some(moroz) = Moroz::start(&toml_rules([1])) else {
        return;
    };
    let machine = Machine::new(&moroz.url(), "");
    let finding = |outcome: &Outcome, check: &str| {
        let findings = outcome.json();
        let mut found = findings.as_array().unwrap().iter();
        let found = found.find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("{outcome}"))["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let good = machine.run(&["doctor"]).ok();
    assert_eq!(
        finding(&good, "encodings"),
        "the server accepts deflate, zlib"
    );
    assert_eq!(finding(&good, "rules"), "1 rule on 1 page");
    assert!(finding(&good, "STANDALONE").contains("rejects"));
    assert!(
        finding(&good, "clock").contains("0 seconds")
            || finding(&good, "clock").contains("1 seconds")
    );

    machine.configure(&moroz.url(), "SyncClientContentEncoding = \"gzip\"");
    let wrong = machine.run(&["doctor"]).exits(1);
    assert!(finding(&wrong, "encodings").contains("set SyncClientContentEncoding = \"deflate\""));
    machine.configure(&moroz.url(), "SyncEnableProtoTransfer = true");
    let wrong = machine.run(&["doctor"]).exits(1);
    assert!(finding(&wrong, "form").contains("set SyncEnableProtoTransfer = false"));
    let elsewhere = moroz.url().replace("/v1/santa", "/v2");
    machine.configure(&elsewhere, "");
    let wrong = machine.run(&["doctor"]).exits(1);
    assert!(finding(&wrong, "preflight").contains("check the path of SyncBaseURL"));
    drop(moroz);
    let unreachable = machine.run(&["doctor"]).exits(6);
    assert!(finding(&unreachable, "connection").contains("check SyncBaseURL"));
}

#[test]
fn a_sync_without_server_or_id_exits_with_santas_status() {
    let rows = [
        ("", "M", 6),
        ("http://sync.example.net/", "M", 6),
        ("https://sync.example.net/", "a/b", 7),
    ];
    for (base_url, id, expected) in rows {
        let machine = Machine::new("", "");
        let text = format!("SyncBaseURL = \"{base_url}\"\nMachineID = \"{id}\"\n");
        std::fs::write(machine.path("santa.toml"), text).unwrap();
        let _refused = machine.run(&["sync"]).exits(expected);
        let _faults = machine.run(&["doctor"]).exits(2);
    }
}

#[test]
fn a_sync_is_refused_while_another_process_syncs() {
    let machine = Machine::new("http://127.0.0.1:9/", "");
    let held = std::fs::File::create(machine.path("santa.lock")).unwrap();
    held.lock().unwrap();
    let refused = machine.run(&["sync", "--once"]).exits(5);
    assert!(
        refused.stderr.contains("another process syncs"),
        "{refused}"
    );
}
