//! Tests the findings of `santa doctor` with various servers, and the settings in the output of `status` and `sync`.
#![allow(missing_docs, reason = "the names of tests describe them")]
#![allow(
    clippy::unwrap_used,
    reason = "a panic fails the test at the right line"
)]

use selvedge_santa::wire::{Form, PreflightResponse, RuleDownloadResponse};
use selvedge_tests::{FakeSantaServer, Outcome, Run, SantaReply};
use serde_json::Value;

const RULE: &str = r#"{"identifier":"EQHXZ8M8AV","policy":"ALLOWLIST","rule_type":"TEAMID"}"#;

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn of(url: &str, more: &str) -> Self {
        let machine = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        machine.configure(url, more);
        machine
    }

    fn configure(&self, url: &str, more: &str) {
        let text = format!("SyncBaseURL = \"{url}\"\nMachineID = \"M\"\n{more}\n");
        std::fs::write(self.dir.path().join("santa.toml"), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Run {
        let dir = self.dir.path().to_str().unwrap();
        let options = ["--data-dir", dir, "--quiet"];
        Run::new(options.iter().chain(args))
    }

    fn outcome(&self, args: &[&str]) -> Outcome {
        self.run(args).outcome()
    }

    fn doctor(&self) -> Outcome {
        self.outcome(&["--json", "santa", "doctor"])
    }
}

/// The level and the text of a finding.
#[track_caller]
fn finding(outcome: &Outcome, check: &str) -> (String, String) {
    let findings = outcome.json();
    let mut found = findings.as_array().unwrap().iter();
    let found = found.find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no finding {check}: {outcome}"));
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    (text("level"), text("text"))
}

#[track_caller]
fn assert_finding(outcome: &Outcome, check: &str, level: &str, text: &str) {
    let found = finding(outcome, check);
    assert!(
        found.0 == level && found.1.contains(text),
        "{check}: {found:?}"
    );
}

#[test]
fn a_server_with_protobuf_and_gzip_only_is_good_with_these_settings() {
    let server = FakeSantaServer::start(|request| {
        if request.content_type.is_empty() {
            return SantaReply::status(415);
        }
        if (
            request.content_type.as_str(),
            request.content_encoding.as_str(),
        ) != ("application/x-protobuf", "gzip")
        {
            return SantaReply::status(415);
        }
        let body = match request.stage.as_str() {
            "preflight" => Form::Protobuf.write(&PreflightResponse::default()),
            "ruledownload" => {
                let page = format!(r#"{{"rules":[{RULE}]}}"#);
                let page: RuleDownloadResponse = serde_json::from_str(&page).unwrap();
                Form::Protobuf.write(&page)
            }
            _ => Vec::new(),
        };
        SantaReply {
            content_type: "application/x-protobuf",
            ..SantaReply::json(body)
        }
    });
    let settings = "SyncEnableProtoTransfer = true\nSyncClientContentEncoding = \"gzip\"";
    let machine = Machine::of(&server.url(), settings);
    let good = machine.doctor().exits(0);
    assert_finding(
        &good,
        "preflight",
        "good",
        "accepts this machine's preflight",
    );
    assert_finding(&good, "encodings", "good", "the server accepts gzip");
    assert_finding(
        &good,
        "form",
        "good",
        "does not accept JSON; protobuf is used",
    );
    assert_finding(&good, "STANDALONE", "good", "accepts the mode");
    assert_finding(&good, "slashes", "good", "accepts doubled slashes");
    assert_finding(&good, "rules", "good", "1 rule on 1 page");
    machine.configure(&server.url(), "");
    let wrong = machine.doctor().exits(1);
    assert_finding(
        &wrong,
        "form",
        "fault",
        "set SyncEnableProtoTransfer = true and SyncClientContentEncoding = \"gzip\"",
    );
    assert_finding(&wrong, "rules", "good", "1 rule on 1 page");
    machine.configure(&server.url(), "SyncEnableProtoTransfer = true");
    let wrong = machine.doctor().exits(1);
    assert_finding(
        &wrong,
        "encodings",
        "fault",
        "set SyncClientContentEncoding = \"gzip\"",
    );
}

#[test]
fn an_invalid_rule_is_found_on_any_page() {
    let cel = r#"{"identifier":"AAAAAAAAAA","policy":"CEL","rule_type":"TEAMID","cel_expr":"this is wrong"}"#;
    let server = FakeSantaServer::start(move |request| {
        if request.stage != "ruledownload" {
            return SantaReply::json("{}");
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        SantaReply::json(match asked["cursor"].as_str() {
            None => format!(r#"{{"rules":[{RULE}],"cursor":"2"}}"#),
            Some(_) => format!(r#"{{"rules":[{RULE},{cel}]}}"#),
        })
    });
    let machine = Machine::of(&server.url(), "");
    let wrong = machine.doctor().exits(1);
    assert_finding(
        &wrong,
        "rules",
        "fault",
        "3 rules on 2 pages; machines skip 1 of them: rule 3 (AAAAAAAAAA): its expression cannot be compiled",
    );
    let synced = machine.outcome(&["--json", "santa", "sync"]).ok().json();
    assert_eq!(synced["refused"][0]["identifier"], "AAAAAAAAAA");
}

#[test]
fn endless_pages_are_detected() {
    // Each page has a cursor for a further page and the same rule.
    let endless = FakeSantaServer::start(|request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let number: u32 = asked["cursor"].as_str().unwrap_or("0").parse().unwrap();
        SantaReply::json(match request.stage.as_str() {
            "ruledownload" => format!(r#"{{"rules":[{RULE}],"cursor":"{}"}}"#, number + 1),
            _ => "{}".into(),
        })
    });
    let wrong = Machine::of(&endless.url(), "").doctor().exits(1);
    assert_finding(&wrong, "rules", "fault", "the pages do not end");
    // The same cursor, without rules.
    let same = FakeSantaServer::answering(&[("ruledownload", r#"{"cursor":"x"}"#)]);
    let wrong = Machine::of(&same.url(), "").doctor().exits(1);
    assert_finding(&wrong, "rules", "fault", "the pages do not end");
    assert_eq!(same.requests("ruledownload").len(), 2);
    // More rules than the maximum of a sync.
    let rules =
        FakeSantaServer::answering(&[("ruledownload", &format!(r#"{{"rules":[{RULE},{RULE}]}}"#))]);
    let machine = Machine::of(&rules.url(), "[selvedge]\nmost_rules = 1");
    assert_finding(
        &machine.doctor().exits(1),
        "rules",
        "fault",
        "raise selvedge.most_rules",
    );
}

#[test]
fn the_exit_code_is_one_for_each_fault_of_the_server() {
    let html = |stage: &'static str| {
        FakeSantaServer::start(move |request| {
            if request.stage == stage {
                SantaReply {
                    content_type: "text/html",
                    ..SantaReply::json("<html>Sign in</html>")
                }
            } else {
                SantaReply::json("{}")
            }
        })
    };
    let server = html("preflight");
    let wrong = Machine::of(&server.url(), "").doctor().exits(1);
    assert_finding(&wrong, "preflight", "fault", "the response is a web page");
    assert_finding(&wrong, "form", "fault", "neither JSON nor protobuf");
    let server = html("ruledownload");
    let wrong = Machine::of(&server.url(), "").doctor().exits(1);
    assert_finding(
        &wrong,
        "preflight",
        "good",
        "accepts this machine's preflight",
    );
    assert_finding(
        &wrong,
        "rules",
        "fault",
        "page 1: the response is a web page",
    );
    for (stage, body, check, text) in [
        (
            "preflight",
            r#"{"batch_size":"many"}"#,
            "preflight",
            "the field batch_size is a string",
        ),
        ("preflight", "[]", "preflight", "not a JSON object"),
        (
            "preflight",
            r#"{"allowed_path_regex":"[unclosed"}"#,
            "answers",
            "allowed_path_regex is not a valid pattern",
        ),
        (
            "preflight",
            r#"{"blocked_path_regex":"(?P<x>"}"#,
            "answers",
            "blocked_path_regex is not a valid pattern",
        ),
        (
            "ruledownload",
            r#"{"rules":"x"}"#,
            "rules",
            "page 1: the field rules is a string",
        ),
    ] {
        let server = FakeSantaServer::answering(&[(stage, body)]);
        let wrong = Machine::of(&server.url(), "").doctor().exits(1);
        assert_finding(&wrong, check, "fault", text);
    }
    for status in [201, 302, 400, 401, 403, 404, 415, 500] {
        let server = FakeSantaServer::start(move |request| match request.stage.as_str() {
            "preflight" => SantaReply::status(status),
            _ => SantaReply::json("{}"),
        });
        let _wrong = Machine::of(&server.url(), "").doctor().exits(1);
        let server = FakeSantaServer::start(move |request| match request.stage.as_str() {
            "ruledownload" => SantaReply::status(status),
            _ => SantaReply::json("{}"),
        });
        let wrong = Machine::of(&server.url(), "").doctor().exits(1);
        assert_finding(
            &wrong,
            "rules",
            "fault",
            "responds to ruledownload with status",
        );
    }
}

#[test]
fn the_exit_code_is_two_for_the_configuration_and_six_for_an_unreachable_server() {
    let server = FakeSantaServer::answering(&[]);
    let machine = Machine::of(&server.url(), "");
    let _good = machine.doctor().exits(0);
    for more in [
        "ClientMode = \"WAT\"",
        "ServerAuthRootsFile = \"/nonexistent/roots.pem\"",
        "ClientAuthCertificateFile = \"/nonexistent/me.p12\"",
        "this is not TOML",
        "BlockedPathRegex = \"[\"",
    ] {
        machine.configure(&server.url(), more);
        let _wrong = machine.doctor().exits(2);
    }
    machine.configure("http://sync.example.net/", "");
    let _insecure = machine.doctor().exits(2);
    machine.configure("", "");
    let _unset = machine.doctor().exits(2);
    let missing = [
        "--json",
        "santa",
        "doctor",
        "--config",
        "/nonexistent/santa.toml",
    ];
    let _missing = machine.outcome(&missing).exits(2);
    machine.configure("http://127.0.0.1:1/v1/santa", "");
    let _unreachable = machine.doctor().exits(6);
}

#[test]
fn warnings_are_faults_only_with_strict() {
    let server = FakeSantaServer::answering(&[(
        "preflight",
        r#"{"client_mode":"STANDALONE","full_sync_interval":30}"#,
    )]);
    let machine = Machine::of(&server.url(), "");
    let warned = machine.doctor().exits(0);
    assert_finding(&warned, "answers", "warning", "client_mode is STANDALONE");
    let _strict = machine.outcome(&["santa", "doctor", "--strict"]).exits(1);
    machine.configure(&server.url(), "[selvedge]\nallow_standalone = true");
    let warned = machine.doctor().exits(0);
    assert_finding(&warned, "answers", "warning", "full_sync_interval is 30");
}

#[test]
fn settings_of_the_server_and_a_replaced_mode_are_shown() {
    let preflight = r#"{"client_mode":"STANDALONE","allowed_path_regex":"[unclosed","blocked_path_regex":"^/tmp/",
        "enable_transitive_rules":true,"block_usb_mount":true,"enable_all_event_upload":true,"full_sync_interval":900}"#;
    let rules = format!(r#"{{"rules":[{RULE}]}}"#);
    let server = FakeSantaServer::answering(&[("preflight", preflight), ("ruledownload", &rules)]);
    let machine = Machine::of(&server.url(), "EnableBundles = true");
    let synced = machine.outcome(&["santa", "sync"]).ok();
    assert!(
        synced
            .stdout
            .contains("Mode          LOCKDOWN instead of STANDALONE"),
        "{synced}"
    );
    let status = machine.outcome(&["santa", "status"]).ok();
    for line in [
        "Mode             LOCKDOWN (server), instead of STANDALONE, which the server sets: see selvedge.allow_standalone",
        "Allowed paths    [unclosed (server); invalid pattern, Santa ignores it (character 1: the [ is not closed)",
        "Blocked paths    ^/tmp/ (server)",
        "Transitive rules on (server)",
        "Removable media  blocked (server)",
        "Event upload     all decisions (server)",
        "Bundles          on (configuration)",
        "Sync interval    900 s (server)",
    ] {
        assert!(
            status.stdout.lines().any(|found| found == line),
            "{line}: {status}"
        );
    }
    let status = machine.outcome(&["--json", "santa", "status"]).ok().json();
    assert_eq!(status["replaced_mode"], "STANDALONE");
    assert_eq!(status["settings"]["client_mode"], "LOCKDOWN");
    assert_eq!(status["in_force"]["enable_bundles"], true);
    assert_eq!(status["settings"]["enable_bundles"], Value::Null);
}

#[test]
fn a_clean_sync_that_is_not_granted_is_shown_until_it_is_granted() {
    let server = FakeSantaServer::answering(&[("preflight", r#"{"client_mode":"MONITOR"}"#)]);
    let machine = Machine::of(&server.url(), "");
    let line =
        "Requested     clean all; the server did not grant it, and the next sync requests it again";
    for args in [&["santa", "sync", "--clean-all"][..], &["santa", "sync"]] {
        let synced = machine.outcome(args).ok();
        assert!(synced.stdout.lines().any(|found| found == line), "{synced}");
    }
    let synced = machine
        .outcome(&["--json", "santa", "sync", "--clean"])
        .ok();
    let report = synced.json();
    assert_eq!(
        [&report["requested"], &report["performed"]],
        ["clean", "normal"]
    );
    let granting = FakeSantaServer::answering(&[("preflight", r#"{"sync_type":"CLEAN"}"#)]);
    machine.configure(&granting.url(), "");
    let synced = machine.outcome(&["santa", "sync"]).ok();
    assert!(!synced.stdout.contains("Requested"), "{synced}");
}

#[test]
fn each_setting_is_listed_by_config_keys_and_in_the_help() {
    let machine = Machine::of("", "");
    let listed = machine.outcome(&["santa", "config", "keys"]).ok().stdout;
    let json = machine
        .outcome(&["--json", "santa", "config", "keys"])
        .ok()
        .json();
    let help = machine.outcome(&["santa", "daemon", "--help"]).ok().stdout;
    let names: Vec<String> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|setting| setting["name"].as_str().unwrap().to_owned())
        .collect();
    for name in [
        "SyncBaseURL",
        "StaticRules",
        "selvedge.push.server",
        "selvedge.most_rules",
        "selvedge.headers_file",
    ] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    for name in &names {
        assert!(listed.contains(&format!("{name} (")), "{name}");
        assert!(help.contains(name.as_str()), "{name}");
    }
    let most_rules = json.as_array().unwrap().iter();
    let most_rules = most_rules
        .clone()
        .find(|setting| setting["name"] == "selvedge.most_rules");
    assert_eq!(most_rules.unwrap()["default"], "1000000");
}
