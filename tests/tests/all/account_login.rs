//! Sign-in to an accounts server: every way in, every refusal, and what a device does when its sign-in ends.

use std::path::PathBuf;

use selvedge_tests::{Outcome, Run, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_accounts_server::FakeAccountsServer;

struct Bench {
    dir: TempDir,
    _storage: Server,
    accounts: FakeAccountsServer,
}

impl Bench {
    fn start() -> Self {
        let storage = Server::start();
        let accounts = FakeAccountsServer::start(storage.url(), storage.master_secret());
        Self {
            dir: TempDir::new().unwrap(),
            _storage: storage,
            accounts,
        }
    }

    fn profile(&self) -> PathBuf {
        self.dir.path().join("profile")
    }

    fn run(&self, args: &[&str], stdin: &str) -> Outcome {
        let profile = self.profile();
        let args = args
            .iter()
            .copied()
            .chain(["--data-dir", profile.to_str().unwrap()]);
        Run::new(args).stdin(stdin).outcome()
    }

    /// Signs in with these lines on stdin: the password, and codes.
    fn login(&self, lines: &str) -> Outcome {
        self.login_as("me@example.org", lines)
    }

    fn login_as(&self, email: &str, lines: &str) -> Outcome {
        let url = self.accounts.url().to_owned();
        self.run(
            &[
                "account",
                "login",
                email,
                "--accounts",
                &url,
                "--password-stdin",
            ],
            lines,
        )
    }

    #[track_caller]
    fn assert_syncs(&self) {
        let _ = self.run(&["sync"], "").ok();
    }

    fn kept(&self) -> Value {
        let text = std::fs::read(self.profile().join("account.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn keep(&self, kept: &Value) {
        std::fs::write(self.profile().join("account.json"), kept.to_string()).unwrap();
    }

    /// The next command needs a new access token and a new storage token.
    fn expire(&self) {
        let mut kept = self.kept();
        kept["access_token"]["expires"] = 0.into();
        self.keep(&kept);
        let _ = std::fs::remove_file(self.profile().join("token.json"));
    }
}

#[test]
fn after_a_login_a_device_syncs_and_renews_its_tokens() {
    let bench = Bench::start();
    let signed = bench.login("pw\n").ok();
    assert!(
        signed.stdout.contains("Signed in as me@example.org"),
        "{signed}"
    );
    bench.assert_syncs();
    let count = || {
        bench
            .accounts
            .state()
            .requests
            .iter()
            .filter(|line| line.contains("oauth/token"))
            .count()
    };
    let before = count();
    bench.assert_syncs();
    assert_eq!(count(), before, "the token is still valid");
    bench.expire();
    bench.assert_syncs();
    assert_eq!(count(), before + 1, "renewed with the refresh token");
    // The server revoked everything but the session.
    bench.accounts.state().revoke_grants();
    bench.expire();
    bench.assert_syncs();
    // An access token is refused before its end.
    bench.accounts.state().access.clear();
    std::fs::remove_file(bench.profile().join("token.json")).unwrap();
    bench.assert_syncs();
    let status = bench.run(&["account", "status", "--json"], "").ok().json();
    assert_eq!(
        (&status["state"], &status["email"]),
        (&json!("connected"), &json!("me@example.org"))
    );
    let text = format!("{signed}");
    let kept = bench.kept();
    for secret in ["session_token", "refresh_token"] {
        assert!(!text.contains(kept[secret].as_str().unwrap()));
    }
}

#[test]
fn version_2_of_the_password_and_another_form_of_the_address() {
    let bench = Bench::start();
    {
        let mut state = bench.accounts.state();
        state.is_v2 = true;
        state.password = "correct horse battery staple".into();
    }
    let _ = bench.login("correct horse battery staple\n").ok();
    bench.assert_syncs();

    let bench = Bench::start();
    bench.accounts.state().email = "Me@Example.org".into();
    let _ = bench.login("pw\n").ok();
    assert_eq!(bench.kept()["email"], "Me@Example.org");
    bench.assert_syncs();
}

#[test]
fn second_factors_and_unblock_codes_are_asked_for() {
    for (method, lines, code) in [
        ("totp-2fa", "pw\n123456\n", 0),
        ("totp-2fa", "pw\n000000\n123 456\n", 0),
        ("totp-2fa", "pw\n000001\n000002\n000003\n", 3),
        ("email-otp", "pw\n654321\n", 0),
        ("email-2fa", "pw\n000000\n654321\n", 0),
        ("email-otp", "pw\n", 2),
    ] {
        let bench = Bench::start();
        bench.accounts.state().second_factor = Some(method);
        let _ = bench.login(lines).exits(code);
        if code == 0 {
            bench.assert_syncs();
        }
    }
    let bench = Bench::start();
    bench.accounts.state().is_blocked = true;
    let wrong = bench.login("pw\nWRONG\n").exits(3);
    assert!(wrong.stderr.contains("unblock code"), "{wrong}");
    let _ = bench.login("pw\nABCD1234\n").ok();
    bench.assert_syncs();
}

#[test]
fn every_refusal_says_what_to_do_and_stores_nothing() {
    let body = |errno: u32| json!({"code": 400, "errno": errno, "error": "x"}).to_string();
    for (path, status, body, code, text) in [
        ("account/login?", 400, body(103), 3, "the password is wrong"),
        ("account/login?", 400, body(126), 3, "reset its password"),
        ("account/login?", 400, body(142), 3, "primary"),
        (
            "account/login?",
            400,
            body(210),
            3,
            "set a password in Firefox",
        ),
        ("account/login?", 429, body(114), 7, "too many attempts"),
        (
            "account/login?",
            406,
            String::new(),
            7,
            "only from a browser",
        ),
        ("account/login?", 503, body(201), 7, "busy"),
        ("account/login?", 500, "<html>".into(), 6, "try again later"),
        ("oauth/token", 400, body(163), 2, "--client-id"),
        ("well-known", 404, "x".into(), 2, "no accounts server"),
    ] {
        let bench = Bench::start();
        bench
            .accounts
            .state()
            .failures
            .push((path.into(), status, body));
        let refused = bench.login("pw\n").exits(code);
        assert!(refused.stderr.contains(text), "{path} {status}: {refused}");
        assert!(
            !bench.profile().join("credentials.json").exists(),
            "{refused}"
        );
    }
    let bench = Bench::start();
    assert!(
        bench
            .login("wrong\n")
            .exits(3)
            .stderr
            .contains("the password is wrong")
    );
    let unknown = bench.login_as("you@example.org", "pw\n").exits(3);
    assert!(
        unknown
            .stderr
            .contains("no account with this e-mail address"),
        "{unknown}"
    );
}

#[test]
fn an_ended_session_is_explained_and_a_new_login_loses_nothing() {
    let bench = Bench::start();
    let _ = bench.login("pw\n").ok();
    bench.assert_syncs();
    // A new password, or another device disconnected this one.
    bench.accounts.state().end_sessions();
    bench.expire();
    let ended = bench.run(&["sync"], "").exits(3);
    assert!(ended.stderr.contains("selvedge account login"), "{ended}");
    let status = bench.run(&["account", "status", "--json"], "").ok().json();
    assert_eq!(status["state"], "auth-issues");
    bench.accounts.state().password = "new".into();
    let _ = bench.login("new\n").ok();
    bench.assert_syncs();
    // The account was deleted.
    {
        let mut state = bench.accounts.state();
        state.end_sessions();
        state.exists = false;
    }
    let status = bench.run(&["account", "status", "--json"], "").ok().json();
    assert_eq!(status["state"], "signed-out");
    assert!(bench.profile().join("store.sqlite").exists());
}

#[test]
fn a_fault_at_each_request_of_a_sign_in_is_survived() {
    let bench = Bench::start();
    let _ = bench.login("pw\n").ok();
    let requests = bench.accounts.state().requests.clone();
    assert!(requests.len() >= 8, "{requests:?}");
    for request in requests {
        let bench = Bench::start();
        let path = request.split_once(' ').unwrap().1.to_owned();
        let failed = json!({"code": 500, "errno": 999, "error": "x"}).to_string();
        bench
            .accounts
            .state()
            .failures
            .push((path.clone(), 500, failed));
        let first = bench.login("pw\n");
        // Only the entry in the list of devices may be missing.
        let is_optional = path == "/v1/account/device";
        assert_eq!(first.code == Some(0), is_optional, "{path}: {first}");
        let _ = bench.login("pw\n").ok();
        bench.assert_syncs();
    }
}

#[test]
fn a_kill_between_two_files_never_locks_the_person_out() {
    let bench = Bench::start();
    let _ = bench.login("pw\n").ok();
    // Killed after the credentials: the access token in them is valid for hours.
    std::fs::remove_file(bench.profile().join("account.json")).unwrap();
    bench.assert_syncs();
    let _ = bench.login("pw\n").ok();
    bench.assert_syncs();
    // Only the other file, or a damaged one.
    std::fs::remove_file(bench.profile().join("credentials.json")).unwrap();
    let _ = bench.login("pw\n").ok();
    bench.assert_syncs();
    std::fs::write(bench.profile().join("account.json"), "{").unwrap();
    let damaged = bench.run(&["sync"], "").exits(2);
    assert!(damaged.stderr.contains("account login"), "{damaged}");
    let _ = bench.login("pw\n").ok();
    bench.assert_syncs();
}

#[test]
fn a_clock_that_is_off_by_a_day_is_corrected() {
    for ahead in [-86_400, 86_400] {
        let bench = Bench::start();
        bench.accounts.state().ahead = ahead;
        let _ = bench.login("pw\n").ok();
        // Signed requests without one before them that shows the time: 401 with the server's time, then again.
        let status = bench.run(&["account", "status", "--json"], "").ok().json();
        assert_eq!(status["state"], "connected");
        bench.accounts.state().ahead = 0;
        bench.assert_syncs();
    }
}

#[test]
fn two_processes_that_renew_at_once_both_work() {
    let bench = Bench::start();
    let _ = bench.login("pw\n").ok();
    bench.assert_syncs();
    bench.expire();
    std::thread::scope(|scope| {
        let list = || bench.run(&["clients", "list"], "");
        let runs: Vec<_> = (0..2).map(|_| scope.spawn(list)).collect();
        for run in runs {
            let _ = run.join().unwrap().ok();
        }
    });
    assert_eq!(bench.kept()["version"], 1);
    bench.assert_syncs();
}

#[test]
fn tabs_are_sent_to_devices_and_received_once() {
    let bench = Bench::start();
    let _ = bench.login("pw\n").ok();
    let devices = bench.run(&["account", "devices", "--json"], "").ok().json();
    assert_eq!(
        (&devices[1]["name"], &devices[1]["receivesTabs"]),
        (&json!("Phone"), &json!(true))
    );
    let _ = bench
        .run(
            &[
                "tabs",
                "send",
                "Phone",
                "https://example.org/",
                "--title",
                "Example",
            ],
            "",
        )
        .ok();
    let synced = bench.run(&["sync"], "").ok();
    assert!(synced.stderr.contains("tabs received"), "{synced}");
    // The other device has the same keys as this one.
    let tabs = bench.run(&["tabs", "received", "--json"], "").ok().json();
    assert_eq!(
        tabs,
        json!([{"sender": "ef".repeat(16), "action": "open", "title": "Example", "url": "https://example.org/"}])
    );
    assert_eq!(
        bench.run(&["tabs", "received", "--json"], "").ok().json(),
        json!([])
    );
    let _ = bench
        .run(&["tabs", "send", "Nothing", "https://example.org/"], "")
        .exits(4);
    let sessions = bench
        .run(&["account", "sessions", "--json"], "")
        .ok()
        .json();
    assert_eq!(sessions[0]["thisSession"], true);
}

#[test]
fn a_logout_ends_the_session_and_keeps_the_records() {
    let bench = Bench::start();
    let _ = bench.login("pw\n").ok();
    bench.assert_syncs();
    let _ = bench.run(&["account", "logout"], "").ok();
    let requests = bench.accounts.state().requests.clone();
    for path in ["/v1/oauth/destroy", "/v1/session/destroy"] {
        assert!(requests.iter().any(|line| line.ends_with(path)), "{path}");
    }
    for (file, expected) in [
        ("account.json", false),
        ("credentials.json", false),
        ("store.sqlite", true),
    ] {
        assert_eq!(bench.profile().join(file).exists(), expected, "{file}");
    }
    let _ = bench.run(&["account", "status"], "").exits(4);
    let _ = bench.login("pw\n").ok();
    bench.assert_syncs();
}
