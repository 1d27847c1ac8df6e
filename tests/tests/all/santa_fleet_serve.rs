//! Tests the fleet simulator with Selvedge's server: pages, tokens and all encodings, with each event in the log once.
#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code, including helpers that clippy does not recognize"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use selvedge_tests::{Run, selvedge};
use serde_json::Value;
use tempfile::TempDir;

/// `santa serve` in a child process, which is killed when the value is dropped.
struct ServerProcess {
    dir: TempDir,
    child: Child,
    url: String,
}

impl ServerProcess {
    /// Starts it with `rules` rules, of which each tenth is for a publisher.
    fn start(rules: u32, head: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut toml = head.to_owned();
        for number in 0..rules {
            let (kind, identifier) = match number % 10 {
                0 => ("TEAMID", format!("T{number:09}")),
                _ => ("BINARY", format!("{number:064x}")),
            };
            let policy = ["ALLOWLIST", "BLOCKLIST"][(number / 10 % 2) as usize];
            write!(toml, "[[rules]]\nrule_type = \"{kind}\"\npolicy = \"{policy}\"\nidentifier = \"{identifier}\"\n").unwrap();
        }
        std::fs::write(dir.path().join("rules.toml"), toml).unwrap();
        let mut child = Command::new(selvedge())
            .args(["santa", "serve", "--listen", "127.0.0.1:0"])
            .args(["--config", "rules.toml", "--event-log", "events.jsonl"])
            .args(args)
            .current_dir(dir.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let line = lines.find(|line| line.contains("listening on ")).unwrap();
        let (_, url) = line.rsplit_once("listening on ").unwrap();
        // Drain the pipe, so that the server does not block.
        std::thread::spawn(move || lines.count());
        Self {
            url: url.to_owned(),
            dir,
            child,
        }
    }

    /// Runs a simulation and checks what must hold for a working server.
    fn simulate(&self, args: &str, machines: u64, rules: u64) -> Value {
        let machines_arg = machines.to_string();
        let words = [
            "santa",
            "simulate",
            "--json",
            "--server",
            &self.url,
            "--machines",
            &machines_arg,
        ];
        let report = Run::new(words.into_iter().chain(args.split(' ')))
            .outcome()
            .ok()
            .json();
        let number = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap();
        assert_eq!(number("/machines_synced"), machines, "{report}");
        assert_eq!(
            number("/syncs/failed") + number("/syncs/degraded") + number("/syncs/cut_off"),
            0,
            "{report}"
        );
        assert_eq!(
            number("/rules/agree"),
            number("/rules/compared"),
            "{report}"
        );
        assert_eq!(number("/rules/groups/0/rules"), rules, "{report}");
        let events = |name: &str| number(&format!("/events/{name}"));
        assert_eq!(
            events("made"),
            events("uploaded") + events("waiting") + events("not_kept"),
            "{report}"
        );
        let log = std::fs::read_to_string(self.log()).unwrap();
        let ids = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string());
        let ids: BTreeSet<String> = ids.collect();
        assert_eq!(
            (log.lines().count() as u64, ids.len() as u64),
            (events("uploaded"), events("uploaded")),
            "{report}"
        );
        report
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("events.jsonl")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MANY_SYNCS: &str = "--duration 5s --ramp 2s --interval 2s --events-per-hour 3600";

#[test]
fn rules_are_downloaded_in_pages() {
    let server = ServerProcess::start(100, "client_mode = \"MONITOR\"\n", &["--page-size", "7"]);
    let report = server.simulate("--duration 3s --ramp 1s --downloads 2", 20, 100);
    let downloads = report["stages"][1].clone();
    assert_eq!(downloads["stage"], "ruledownload", "{report}");
    // 15 pages per machine.
    assert_eq!(downloads["requests"], 20 * 15, "{report}");
}

#[test]
fn each_machine_requests_a_token() {
    let server = ServerProcess::start(3, "client_mode = \"LOCKDOWN\"\n", &["--xsrf"]);
    // The delay before the first retry is 4 seconds.
    let args = "--duration 9s --ramp 1s --interval 2s --events-per-hour 1200";
    let report = server.simulate(args, 12, 3);
    let stages = report["stages"].as_array().unwrap();
    let tokens = stages
        .iter()
        .find(|stage| stage["stage"] == "xsrf")
        .unwrap();
    assert_eq!(tokens["requests"], 12, "{report}");
    assert_eq!(report["errors"][0]["kind"], "status 403", "{report}");
    assert!(
        report["events"]["uploaded_at_once"].as_u64().unwrap() > 0,
        "{report}"
    );
}

#[test]
fn all_encodings_and_protobuf_work() {
    for args in [
        "--encoding none",
        "--encoding gzip",
        "--encoding zlib --proto",
    ] {
        let server = ServerProcess::start(11, "client_mode = \"MONITOR\"\n", &[]);
        server.simulate(&format!("{MANY_SYNCS} {args}"), 20, 11);
    }
}
