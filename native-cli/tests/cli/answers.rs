//! What the commands answer: the same from a dry run as from the sync, in one unit of time, with errors that programs read.

use std::os::unix::ffi::OsStrExt as _;

use serde_json::{Value, json};

use crate::program::{Device, Server, feed, program, says};

/// The error that a program reads on stderr.
#[track_caller]
fn json_error(device: &Device, args: &[&str]) -> Value {
    let ran = device.run(args);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    let error: Value = serde_json::from_str(&ran.err).unwrap_or_else(|_| panic!("{ran:?}"));
    error["error"].clone()
}

#[test]
fn usage_errors_are_json_where_json_is_asked_for() {
    let device = Device::new();
    for (args, words) in [
        (&["--json", "sync", "--nothing"][..], "--nothing"),
        (&["records", "get", "notes", "--json"], "<ID>"),
        (&["--json", "records"], "subcommand"),
        (
            &["records", "list", "notes", "--json", "--fields", ""],
            "field",
        ),
    ] {
        let error = json_error(&device, args);
        assert_eq!(
            (&error["code"], &error["exit"]),
            (&json!("usage"), &json!(2))
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{args:?}: {message}");
    }
    let plain = device.run(&["sync", "--nothing"]);
    assert!(
        plain.err.starts_with("error: ") && plain.code == 2,
        "{plain:?}"
    );
    let help = device.run(&["--json", "--help"]).ok();
    assert!(help.contains(" 130  interrupted"), "{help}");
}

#[test]
fn a_dry_run_of_a_new_device_answers_what_its_sync_then_does() {
    let server = Server::start();
    let one = Device::with_account(&server);
    for (collection, count) in [("notes", 71), ("recipes", 3)] {
        let records: String = (0..count)
            .map(|n| format!("{{\"id\":\"r{n}\"}}\n"))
            .collect();
        one.run_with(&["records", "put", collection], &records).ok();
    }
    one.run(&["sync"]).ok();
    let two = one.joined();
    two.run(&["records", "put", "notes", "own", "--record", "{}"])
        .ok();
    two.run(&["records", "put", "notes", "r5", "--record", "{}"])
        .ok();
    let preview = two.run(&["sync", "--dry-run", "--json"]).json();
    let report = two.run(&["sync", "--json"]).json();
    let rows = |view: &Value, fields: [&str; 2]| -> Vec<(String, u64, u64)> {
        let mut rows: Vec<_> = view["collections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let number = |field| row[field].as_u64().unwrap();
                let name = row["name"].as_str().unwrap().to_owned();
                (name, number(fields[0]), number(fields[1]))
            })
            .collect();
        rows.sort();
        rows
    };
    let expected = [("notes".to_owned(), 71, 1), ("recipes".to_owned(), 3, 0)];
    assert_eq!(rows(&report, ["received", "sent"]), expected, "{report}");
    assert_eq!(
        rows(&preview, ["incoming", "outgoing"]),
        expected,
        "{preview}"
    );
}

#[test]
fn records_are_put_all_or_none_and_the_line_at_fault_is_named() {
    let device = Device::new();
    let many: String = (0..1200)
        .map(|n| format!("{{\"id\":\"r{n}\"}}\n"))
        .collect();
    let file = device.profile().with_file_name("in.jsonl");
    for (last, words) in [
        ("{\"id\":7}", "line 1201: "),
        ("{\"id\":\"r3\"}", "in line 4"),
        ("{\"x\":", "(line 1201, column 5)"),
    ] {
        std::fs::write(&file, format!("{many}{last}")).unwrap();
        let put = ["records", "put", "notes", "--file", file.to_str().unwrap()];
        let said = device.run(&put).refused(2);
        assert!(
            said.contains(words) && said.contains("nothing was written"),
            "{said}"
        );
        device.run(&["records", "list", "notes"]).refused(4);
    }
    std::fs::write(&file, format!("\u{feff}{many}")).unwrap();
    device
        .run(&["records", "put", "notes", "--file", file.to_str().unwrap()])
        .ok();
    assert_eq!(device.records(&["notes"]).len(), 1200);
    device
        .run_with(&["records", "put", "notes"], "\u{feff}{\"id\":\"x\"}")
        .ok();
}

#[test]
fn a_byte_order_mark_before_credentials_and_codes_is_skipped() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let shown = one
        .run(&["account", "show", "--show-secrets", "--json"])
        .json();
    let code = shown["joinCode"].as_str().unwrap();
    let two = Device::new();
    two.run_with(&["account", "join", "-"], &format!("\u{feff}{code}\r\n"))
        .ok();
    let credentials = std::fs::read_to_string(one.profile().join("credentials.json")).unwrap();
    let three = Device::new();
    three
        .run_with(
            &["account", "use", "--credentials", "-"],
            &format!("\u{feff}{credentials}"),
        )
        .ok();
    let file = one.profile().with_file_name("code.txt");
    std::fs::write(&file, format!("\u{feff}{code}")).unwrap();
    let four = Device::new();
    four.run(&["account", "join", "--code-file", file.to_str().unwrap()])
        .ok();
    for device in [&two, &three, &four] {
        device.run(&["sync"]).ok();
    }
}

#[test]
fn a_join_code_comes_from_stdin_when_none_is_given() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let shown = one
        .run(&["account", "show", "--show-secrets", "--json"])
        .json();
    let two = Device::new();
    two.run_with(&["account", "join"], shown["joinCode"].as_str().unwrap())
        .ok();
    says(Device::new().run(&["account", "join"]), 2, "--code-file");
}

#[test]
fn passwords_are_printed_only_to_those_who_ask_for_them() {
    let server = Server::start();
    let device = Device::with_account(&server);
    let login = "{\"id\":\"{11111111-2222-3333-4444-555555555555}\",\"hostname\":\"https://example.org\",\"formSubmitURL\":\"https://example.org\",\"httpRealm\":null,\"username\":\"ada\",\"password\":\"swordfish\",\"usernameField\":\"\",\"passwordField\":\"\"}";
    device
        .run_with(&["records", "put", "passwords"], login)
        .ok();
    device.run(&["sync"]).ok();
    let id = "{11111111-2222-3333-4444-555555555555}";
    for remote in [&[][..], &["--remote"]] {
        for args in [
            &["records", "list", "passwords"][..],
            &["records", "list", "passwords", "--format", "csv"],
            &["records", "list", "passwords", "--format", "table"],
            &[
                "records",
                "list",
                "passwords",
                "--format",
                "tsv",
                "--fields",
                "username,password",
            ],
            &["records", "get", "passwords", id],
        ] {
            let ran = device.run(&[args, remote].concat());
            assert!(ran.err.contains("--show-secrets"), "{ran:?}");
            let hidden = ran.ok();
            assert!(
                hidden.contains("ada") && !hidden.contains("swordfish"),
                "{hidden}"
            );
            let shown = device
                .run(&[args, remote, &["--show-secrets"]].concat())
                .ok();
            assert!(shown.contains("swordfish"), "{shown}");
        }
    }
}

#[test]
fn meta_is_shown_as_it_is_and_the_account_keys_are_not() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "a", "--record", "{}"])
        .ok();
    device.run(&["sync"]).ok();
    let listed = device
        .run(&["records", "list", "meta", "--remote", "--json"])
        .json();
    assert_eq!(listed[0]["storageVersion"], 5, "{listed}");
    let one = device
        .run(&["records", "get", "meta", "global", "--remote"])
        .json();
    assert_eq!(one, listed[0]);
    says(
        device.run(&["records", "list", "crypto", "--remote"]),
        2,
        "--raw",
    );
    says(
        device.run(&["records", "get", "crypto", "keys", "--remote"]),
        2,
        "--raw",
    );
    let raw = device
        .run(&["records", "list", "crypto", "--remote", "--raw"])
        .ok();
    assert!(
        raw.contains("ciphertext") && !raw.contains("\"default\""),
        "{raw}"
    );
}

#[test]
fn times_are_rfc_3339_for_people_and_milliseconds_for_programs() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "a", "--record", "{}"])
        .ok();
    device.run(&["sync"]).ok();
    let millis = |value: &Value| value.as_u64().unwrap() > 1_700_000_000_000;
    let status = device.run(&["status", "--json"]).json();
    assert!(
        millis(&status["lastSync"]) && millis(&status["collections"][0]["readUpTo"]),
        "{status}"
    );
    let collections = device.run(&["collections", "--json"]).json();
    assert!(
        collections
            .as_array()
            .unwrap()
            .iter()
            .all(|row| millis(&row["lastModified"]))
    );
    let clients = device.run(&["clients", "list", "--json"]).json();
    assert!(millis(&clients[0]["lastModified"]), "{clients}");
    let is_time = |text: &str| {
        let text = text.as_bytes();
        text.len() >= 20 && text[10] == b'T' && text.ends_with(b"Z")
    };
    let csv = device.run(&[
        "records", "list", "notes", "--format", "csv", "--fields", "modified",
    ]);
    let csv = csv.ok();
    let time = csv.lines().nth(1).unwrap();
    assert!(is_time(time), "{csv}");
    // What is printed is what --newer takes: nothing is newer than the newest.
    assert_eq!(
        device
            .run(&["records", "list", "notes", "--newer", time])
            .ok(),
        ""
    );
    let read_up_to = status["collections"][0]["readUpTo"].to_string();
    assert_eq!(
        device
            .run(&["records", "list", "notes", "--newer", &read_up_to])
            .ok(),
        ""
    );
    let text = device.run(&["status"]).ok();
    let last = text
        .lines()
        .find(|line| line.starts_with("Last sync"))
        .unwrap();
    assert!(is_time(last.split_whitespace().last().unwrap()), "{text}");
}

#[test]
fn a_status_without_a_daemon_says_so() {
    let device = Device::new();
    device
        .run(&["records", "put", "notes", "a", "--record", "{}"])
        .ok();
    // What a daemon that was stopped left.
    let schedule = device.profile().join("schedule.json");
    std::fs::write(&schedule, "{\"due\":4102444800000}").unwrap();
    let status = device.run(&["status", "--json"]).json();
    assert_eq!(
        (&status["daemonRunning"], &status["daemonNext"]),
        (&json!(false), &Value::Null)
    );
    let text = device.run(&["status"]).ok();
    assert!(
        text.contains("not running") && !text.contains("2100"),
        "{text}"
    );
}

#[test]
fn what_is_enabled_already_is_said_and_nothing_else_is_followed() {
    let server = Server::start();
    let device = Device::with_account(&server);
    for name in ["notes", "recipes"] {
        device
            .run(&["records", "put", name, "a", "--record", "{}"])
            .ok();
    }
    device.run(&["sync"]).ok();
    device.run(&["collections", "follow", "notes"]).ok();
    let again = device.run(&["collections", "follow", "notes"]).ok();
    assert!(again.contains("already follows notes"), "{again}");
    let enabled = device.run(&["engines", "enable", "recipes"]).ok();
    assert!(enabled.contains("recipes is already enabled"), "{enabled}");
    assert!(enabled.contains("does not sync recipes"), "{enabled}");
    let rows = device.run(&["engines", "list", "--json"]).json();
    let row = |name: &str| {
        let mut rows = rows.as_array().unwrap().iter();
        rows.find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!(row("recipes")["followed"], false, "{rows}");
    assert_eq!(row("recipes")["wish"], Value::Null, "{rows}");
    assert_eq!(row("notes")["followed"], true, "{rows}");
}

#[test]
fn a_unit_is_not_written_for_a_path_that_it_cannot_name() {
    let dir = tempfile::tempdir().unwrap();
    for name in [&b"d\xff"[..], b"d\nExecStart=/bin/sh"] {
        let profile = dir.path().join(std::ffi::OsStr::from_bytes(name));
        for words in [
            &["daemon", "--print-unit"][..],
            &["santa", "daemon", "--print-unit"],
        ] {
            let mut command = program();
            command.arg("--data-dir").arg(&profile).args(words);
            let ran = feed(command, "");
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
            assert!(ran.err.contains("systemd unit"), "{ran:?}");
            assert!(
                !ran.err.contains('\u{fffd}') || name.contains(&b'\n'),
                "{ran:?}"
            );
        }
    }
    // Elsewhere such a path is named without loss.
    let profile = dir.path().join(std::ffi::OsStr::from_bytes(b"d\xff"));
    let mut command = program();
    command
        .arg("--data-dir")
        .arg(&profile)
        .args(["records", "put", "notes", "a", "--record", "{}"]);
    feed(command, "").ok();
    std::fs::write(profile.join("settings.json"), "oops").unwrap();
    let mut command = program();
    command.arg("--data-dir").arg(&profile).arg("status");
    says(feed(command, ""), 2, "d\\xff/settings.json");
}

#[test]
fn an_error_of_the_network_names_the_server() {
    let server = Server::start();
    let device = Device::with_account(&server);
    let address = server
        .url
        .strip_prefix("http://")
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    drop(server);
    let ran = device.run(&["sync"]);
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.err.contains(&address), "{address}: {ran:?}");
    says(device.run(&["collections"]), 6, &address);
}

#[test]
fn requests_are_logged_with_v_and_without_secrets() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&[
            "records",
            "put",
            "notes",
            "a",
            "--record",
            "{\"x\":\"private\"}",
        ])
        .ok();
    let quiet = device.run(&["sync", "--dry-run"]);
    assert!(!quiet.err.contains("GET "), "{quiet:?}");
    let ran = device.run(&["-v", "sync"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = ran
        .err
        .lines()
        .find(|line| line.contains("/info/collections"))
        .unwrap();
    assert!(
        line.contains("GET http://") && line.contains(": 200, ") && line.contains(" ms"),
        "{line}"
    );
    let credentials = std::fs::read_to_string(device.profile().join("credentials.json")).unwrap();
    let credentials: Value = serde_json::from_str(&credentials).unwrap();
    let token = std::fs::read_to_string(device.profile().join("token.json")).unwrap();
    let token: Value = serde_json::from_str(&token).unwrap();
    for secret in [
        &credentials["access_token"],
        &credentials["ksync_b64url"],
        &token["key"],
        &json!("private"),
    ] {
        let secret = secret.as_str().unwrap();
        assert!(!ran.err.contains(secret), "{secret}: {ran:?}");
    }
}

#[test]
fn new_credentials_of_the_same_account_replace_the_old_ones() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "a", "--record", "{}"])
        .ok();
    device.run(&["sync"]).ok();
    let path = device.profile().join("credentials.json");
    let good = std::fs::read_to_string(&path).unwrap();
    let shown = device
        .run(&["account", "show", "--show-secrets", "--json"])
        .json();
    let code = shown["joinCode"].as_str().unwrap();
    let mut revoked: Value = serde_json::from_str(&good).unwrap();
    revoked["access_token"] = "revoked".into();
    let renew = |how: &str| match how {
        "use" => device.run_with(&["account", "use", "--credentials", "-"], &good),
        _ => device.run_with(&["account", "join", "-"], code),
    };
    for how in ["use", "join"] {
        device.plant("credentials.json", &revoked.to_string());
        let _ = std::fs::remove_file(device.profile().join("token.json"));
        let refused = device.run(&["sync"]);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(refused.err.contains("selvedge account use"), "{refused:?}");
        let status = device.run(&["status", "--json"]).json();
        assert_eq!(status["nextSyncReason"], "credentialsRefused", "{status}");
        let text = device.run(&["status"]).ok();
        assert!(!text.contains("the server asked for it"), "{text}");
        let replaced = renew(how).ok();
        assert!(replaced.contains("are replaced"), "{replaced}");
        let status = device.run(&["status", "--json"]).json();
        assert_eq!(status["nextSync"], Value::Null, "{status}");
        let report = device.run(&["sync", "--json"]).json();
        assert_eq!(report["outcome"], "success", "{report}");
    }
    assert_eq!(device.records(&["notes"]).len(), 1);
    let before = std::fs::read_to_string(&path).unwrap();
    let other = Device::with_account(&server);
    let other = std::fs::read_to_string(other.profile().join("credentials.json")).unwrap();
    let refused = device.run_with(&["account", "use", "--credentials", "-"], &other);
    says(refused, 2, "another account");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        before,
        "nothing was changed"
    );
}
