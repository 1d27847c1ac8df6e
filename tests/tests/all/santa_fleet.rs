//! Tests the fleet simulator with the real server moroz: the report must match the state of the server.
#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code, including helpers that clippy does not recognize"
)]

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use selvedge_tests::{Moroz, Outcome, Run, selvedge};
use serde_json::Value;

/// Rules for publishers, whose programs the machines execute, and for a file.
const RULES: &str = r#"
client_mode = "MONITOR"
batch_size = 7

[[rules]]
rule_type = "TEAMID"
policy = "BLOCKLIST"
identifier = "EQHXZ8M8AV"

[[rules]]
rule_type = "TEAMID"
policy = "ALLOWLIST"
identifier = "ABCDE12345"

[[rules]]
rule_type = "BINARY"
policy = "ALLOWLIST"
identifier = "2dc104631939b4bdf5d6bccab76e166e37fe5e1605340cf68dab919df58b8eda"
"#;

fn simulate(url: &str, args: &[&str]) -> Outcome {
    let words = ["santa", "simulate", "--json", "--server", url];
    Run::new(words.iter().chain(args)).outcome()
}

fn number(report: &Value, path: &str) -> u64 {
    let value = report.pointer(path).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("{path} is not a number: {report}"))
}

/// Checks that each event is accounted for, and that the server has each uploaded event once.
#[track_caller]
fn check_that_no_event_is_lost_or_duplicated(report: &Value, moroz: &Moroz) {
    let of = |name: &str| number(report, &format!("/events/{name}"));
    assert!(of("made") > 0, "{report}");
    assert_eq!(
        of("made"),
        of("uploaded") + of("waiting") + of("not_kept"),
        "{report}"
    );
    let events = moroz.events();
    assert_eq!(events.len() as u64, of("uploaded"), "{report}");
    let hashes: BTreeSet<&String> = events.iter().map(|(sha256, ..)| sha256).collect();
    assert_eq!(hashes.len(), events.len(), "an event was uploaded twice");
}

/// Waits until the server has events of `machines` machines.
fn wait_for_events_of(moroz: &Moroz, machines: usize) {
    let end = Instant::now() + Duration::from_secs(60);
    let machines_with_events = || moroz.events().into_iter().map(|(_, machine, _)| machine);
    while machines_with_events().collect::<BTreeSet<_>>().len() < machines {
        assert!(Instant::now() < end, "the fleet uploads no events");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_fleet_syncs_rules_and_loses_no_event() {
    let Some(moroz) = Moroz::start(RULES) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("fleet.html");
    let page_arg = page.to_str().unwrap();
    let args = "--machines 60 --check 60 --duration 6s --ramp 2s --interval 2s --events-per-hour 3600 --html";
    let args: Vec<&str> = args.split(' ').chain([page_arg]).collect();
    let outcome = simulate(&moroz.url(), &args).ok();
    let report = outcome.json();
    assert_eq!(number(&report, "/machines_synced"), 60);
    assert!(number(&report, "/syncs/ok") > 60, "{report}");
    assert_eq!(
        number(&report, "/syncs/failed") + number(&report, "/requests_failed"),
        0,
        "{report}"
    );
    assert_eq!(number(&report, "/rules/agree"), 60, "{report}");
    assert_eq!(number(&report, "/rules/groups/0/machines"), 60);
    assert_eq!(number(&report, "/rules/groups/0/rules"), 3);
    assert!(number(&report, "/events/uploaded_at_once") > 0, "{report}");
    check_that_no_event_is_lost_or_duplicated(&report, &moroz);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("60 machines against 127.0.0.1") && page.matches("<svg").count() == 6);
}

#[test]
fn machines_with_different_rules_are_grouped() {
    let Some(moroz) = Moroz::start(RULES) else {
        return;
    };
    let args: Vec<&str> = "--machines 5 --duration 2s --ramp 1s --events-per-hour 0"
        .split(' ')
        .collect();
    let first = simulate(&moroz.url(), &args).ok().json();
    assert_eq!(number(&first, "/rules/groups/0/machines"), 5);
    // The same seed gives the same machines, so one of them can get its own rules.
    let with_events = simulate(
        &moroz.url(),
        &[
            "--machines",
            "1",
            "--duration",
            "3s",
            "--interval",
            "1s",
            "--events-per-hour",
            "36000",
        ],
    );
    let _done = with_events.ok();
    let machine = moroz.events().first().unwrap().1.clone();
    let own = "[[rules]]\nrule_type = \"TEAMID\"\nidentifier = \"ZZZZZ99999\"\n";
    moroz.configure(&machine, &format!("client_mode = \"MONITOR\"\n{own}"));
    let second = simulate(&moroz.url(), &args).ok().json();
    assert_eq!(number(&second, "/rules/agree"), 5, "{second}");
    assert_eq!(number(&second, "/rules/groups/0/machines"), 4, "{second}");
    assert_eq!(number(&second, "/rules/groups/1/machines"), 1, "{second}");
    assert_eq!(number(&second, "/rules/groups/1/rules"), 1, "{second}");
}

#[test]
fn a_rule_that_the_server_removed_is_reported_as_additional() {
    let Some(moroz) = Moroz::start(RULES) else {
        return;
    };
    let fleet = start(
        &moroz,
        &[
            "--machines",
            "4",
            "--duration",
            "12s",
            "--storm",
            "--interval",
            "1s",
            "--events-per-hour",
            "3600",
        ],
    );
    wait_for_events_of(&moroz, 4);
    let (two_rules, _) = RULES.rsplit_once("[[rules]]").unwrap();
    moroz.configure("global", two_rules);
    let output = fleet.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(number(&report, "/rules/differ"), 4, "{report}");
    assert_eq!(number(&report, "/rules/differing/0/extra"), 1, "{report}");
    let why = report["rules"]["differing"][0]["why"].as_str().unwrap();
    assert!(why.contains("only a clean sync"), "{why}");
    assert_eq!(output.status.code(), Some(9));
}

#[test]
fn a_signal_ends_the_simulation_early_with_a_report() {
    let Some(moroz) = Moroz::start(RULES) else {
        return;
    };
    let fleet = start(
        &moroz,
        &[
            "--machines",
            "10",
            "--duration",
            "10m",
            "--storm",
            "--interval",
            "1s",
            "--events-per-hour",
            "3600",
        ],
    );
    wait_for_events_of(&moroz, 10);
    let signal = Command::new("kill")
        .args(["-INT", &fleet.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    let output = fleet.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report["interrupted"], true);
    assert_eq!(number(&report, "/machines_synced"), 10, "{report}");
    check_that_no_event_is_lost_or_duplicated(&report, &moroz);
}

#[test]
fn errors_of_a_server_are_counted_by_stage_and_status() {
    let Some(moroz) = Moroz::start(RULES) else {
        return;
    };
    let url = format!("http://{}/wrong", moroz.address());
    let outcome = simulate(&url, &["--machines", "3", "--duration", "2s"]).exits(9);
    let report = outcome.json();
    assert_eq!(number(&report, "/syncs/failed"), 3, "{report}");
    let errors = report["errors"].as_array().unwrap();
    let has_error = |what: &str, kind: &str| {
        errors.iter().any(|error| {
            error["stage"] == "preflight"
                && error["what"] == what
                && error["kind"] == kind
                && error["count"] == 3
        })
    };
    assert!(
        has_error("attempt", "status 404") && has_error("stage", "refused"),
        "{report}"
    );
    assert!(outcome.stderr.contains("3 syncs failed"), "{outcome:?}");
}

#[test]
fn the_example_of_the_help_runs() {
    let Some(moroz) = Moroz::start(RULES) else {
        return;
    };
    let help = Run::new(["santa", "simulate", "--help"])
        .outcome()
        .ok()
        .stdout;
    let example = help
        .lines()
        .skip_while(|line| *line != "Example:")
        .nth(1)
        .unwrap();
    let example = example.replace("http://127.0.0.1:8080/v1/santa", &moroz.url());
    let words = example.split_whitespace().skip(1);
    let outcome = Run::new(words).outcome().ok();
    assert!(
        outcome.stdout.starts_with("20 machines against"),
        "{outcome:?}"
    );
}

#[test]
fn a_configuration_gives_the_server_and_its_headers() {
    let Some(moroz) = Moroz::start(RULES) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("santa.toml");
    std::fs::write(
        &path,
        format!(
            "SyncBaseURL = \"{}\"\nSyncClientContentEncoding = \"gzip\"\n",
            moroz.url()
        ),
    )
    .unwrap();
    let args = [
        "santa",
        "simulate",
        "--json",
        "--machines",
        "1",
        "--duration",
        "2s",
        "--config",
    ];
    let args = args.iter().copied().chain([path.to_str().unwrap()]);
    // moroz accepts only zlib, so syncs with gzip fail.
    let report = Run::new(args.clone()).outcome().exits(9).json();
    assert_eq!(report["errors"][0]["kind"], "status 500", "{report}");
    let report = Run::new(args.chain(["--encoding", "deflate"]))
        .outcome()
        .ok()
        .json();
    assert_eq!(number(&report, "/machines_synced"), 1, "{report}");
}

#[test]
fn an_invalid_url_is_refused_before_the_start() {
    for url in ["ftp://127.0.0.1/", "http://sync.example.net/v1/santa", ""] {
        let outcome = simulate(url, &["--machines", "3"]).exits(2);
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
    }
}

/// Starts a simulation in the background.
fn start(moroz: &Moroz, args: &[&str]) -> std::process::Child {
    Command::new(selvedge())
        .args(["santa", "simulate", "--json", "--server", &moroz.url()])
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
