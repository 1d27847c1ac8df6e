//! Tests the daemon process over its socket, with the real server moroz.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code, including helpers that clippy does not recognize"
)]

pub(crate) mod client;
mod clocks;
mod hung;
mod invalid;
mod local_server;
pub(crate) mod machine;
pub(crate) mod moroz;
mod outage;
mod pushed;
mod root_start;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::client::Client;
use self::machine::{Daemon, Machine, is_root};
use selvedge_tests::signal;
use serde_json::{Value, json};

const SHA: &str = "abababababababababababababababababababababababababababababababab";
const OTHER: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

/// An event of an agent.
fn blocked(sha256: &str) -> Value {
    json!({
        "file_sha256": sha256, "file_path": "/opt/acme/bin", "file_name": "acmed",
        "executing_user": "alice", "execution_time": 1_767_225_600.25, "decision": "BLOCK_BINARY",
        "pid": 4242, "ppid": 1, "parent_name": "systemd",
    })
}

fn post(client: &mut Client, events: &[Value]) -> Value {
    client.call("events.post", &json!({"events": events}))
}

fn sync(client: &mut Client) -> Value {
    client.call("sync.run", &json!({"type": "normal", "wait": true}))
}

/// Starts moroz, or skips the test with a message.
macro_rules! start_moroz {
    () => {
        match $crate::santa_daemon::moroz::Moroz::start() {
            Some(moroz) => moroz,
            None => return,
        }
    };
}
pub(crate) use start_moroz;

#[test]
fn the_first_sync_starts_automatically_after_fifteen_seconds() {
    let moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    let began = Instant::now();
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    let before = client.call("status", &json!({}));
    assert_eq!(before["last_full_sync"], Value::Null);
    assert_eq!(before["requested"], "clean_all");
    let after = client.wait_for_status(|status| status["last_full_sync"].is_u64());
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(14), "{waited:?}");
    assert_eq!(after["rules"]["binary"], 1, "{after}");
    assert_eq!(after["interval_seconds"], 900, "{after}");
    let next =
        after["next_full_sync"].as_u64().unwrap() - after["last_full_sync"].as_u64().unwrap();
    assert!((700_000..=1_100_000).contains(&next), "{after}");
    daemon.stops();
}

#[test]
fn a_posted_event_is_uploaded_immediately_and_a_repeated_one_is_not() {
    let moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    assert_eq!(
        post(&mut client, &[blocked(SHA)]),
        json!({"ok": true, "uploaded": 1})
    );
    assert_eq!(moroz.events(), [SHA]);
    assert_eq!(client.call("status", &json!({}))["pending_events"], 0);
    // Within 10 minutes, a repeated event waits for the next sync.
    assert_eq!(
        post(&mut client, &[blocked(SHA)]),
        json!({"ok": true, "uploaded": 0})
    );
    assert_eq!(client.call("status", &json!({}))["pending_events"], 1);
    assert_eq!(
        post(&mut client, &[blocked(OTHER)]),
        json!({"ok": true, "uploaded": 1})
    );
    assert_eq!(moroz.events(), [SHA, OTHER]);
    let synced = sync(&mut client);
    assert_eq!(synced["status"], 0, "{synced}");
    assert_eq!(synced["report"]["events_uploaded"], 1, "{synced}");
    assert_eq!(client.call("status", &json!({}))["pending_events"], 0);
}

#[test]
fn members_of_a_bundle_that_the_server_does_not_request_are_dropped() {
    let moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    let mut event = blocked(SHA);
    event["file_bundle_hash"] = json!("ef".repeat(32));
    let answer = client.call("events.post_bundle", &json!({"event": event}));
    // moroz never requests a bundle.
    assert_eq!(answer, json!({"action": "drop"}));
    assert_eq!(moroz.events(), [SHA]);
    let nameless = client.refused("events.post_bundle", &json!({"event": blocked(OTHER)}));
    assert_eq!(nameless, -32602);
}

#[test]
fn calls_without_permission_are_refused() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    assert_eq!(client.refused("sync.walk", &json!({})), -32601);
    assert_eq!(
        client.refused("sync.run", &json!({"type": "dirty"})),
        -32602
    );
    client.send(&vec![b'a'; (1 << 20) + 2]);
    assert_eq!(client.error_code(), -32600);
    assert!(
        client.is_closed(),
        "the connection is closed after a line that is too long"
    );
    if !is_root() {
        println!("skipped: only root can call as another user");
        return;
    }
    let other = |method: &str, params: &Value| daemon.call_as(65_533, method, params);
    let params = json!({"events": [blocked(SHA)]});
    assert_eq!(other("events.post", &params)["error"]["code"], -32000);
    assert_eq!(other("service.stop", &json!({}))["error"]["code"], -32000);
    assert!(other("status", &json!({}))["result"]["pid"].is_u64());
}

#[test]
fn one_sync_runs_one_is_queued_and_a_third_is_refused() {
    // It accepts connections and does not respond.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = Machine::of(&format!("http://{}/v1/santa", silent.local_addr().unwrap()));
    let daemon = Daemon::start(&machine, &[]);
    let (mut first, mut second, mut third) = (daemon.client(), daemon.client(), daemon.client());
    first.begin("sync.run", &json!({"wait": true, "log": true}));
    assert_eq!(
        first.notification(),
        json!({"method": "started", "params": {"status": 9}})
    );
    assert_eq!(first.notification()["params"]["level"], "info");
    let waiting = second.call("sync.run", &json!({"type": "clean", "wait": false}));
    assert_eq!(waiting["status"], 9, "{waiting}");
    assert_eq!(third.refused("sync.run", &json!({"wait": true})), -32002);
    let status = third.call("status", &json!({}));
    assert_eq!(status["waiting"], 1, "{status}");
    daemon.stops();
}

#[test]
fn no_events_are_lost_when_the_daemon_is_killed_during_an_upload() {
    let mut moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    moroz.kill();
    let daemon = Daemon::start(&machine, &["--supervise"]);
    let pid = daemon.client().call("status", &json!({}))["pid"]
        .as_i64()
        .unwrap();
    let mut client = daemon.client();
    client.begin(
        "events.post",
        &json!({"events": [blocked(SHA), blocked(OTHER)]}),
    );
    daemon
        .client()
        .wait_for_status(|status| status["pending_events"] == 2);
    signal(u32::try_from(pid).unwrap(), "-KILL");
    assert!(client.is_closed(), "the daemon has been killed");
    // A connection during the restart waits and is not refused.
    let again = daemon.client().call("status", &json!({}));
    assert_ne!(again["pid"].as_i64().unwrap(), pid);
    assert_eq!(again["pending_events"], 2, "{again}");
    moroz.restart();
    let synced = sync(&mut daemon.client());
    assert_eq!(synced["report"]["events_uploaded"], 2, "{synced}");
    assert_eq!(moroz.events(), [SHA, OTHER]);
    // It is restarted repeatedly.
    let pid = again["pid"].as_i64().unwrap();
    signal(u32::try_from(pid).unwrap(), "-KILL");
    let mut client = daemon.client();
    assert_ne!(
        client.call("status", &json!({}))["pid"].as_i64().unwrap(),
        pid
    );
    daemon.stops();
}

#[test]
fn a_changed_configuration_is_applied_immediately() {
    let moroz = start_moroz!();
    let machine = Machine::of("");
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    assert_eq!(client.refused("sync.run", &json!({"wait": true})), -32001);
    assert_eq!(
        client.refused("events.post", &json!({"events": []})),
        -32001
    );
    machine.configure(&moroz.url());
    daemon.signal("-HUP");
    client.wait_for_status(|status| status["server"] == moroz.url());
    assert_eq!(sync(&mut client)["status"], 0);
    // The change is also noticed without a signal.
    machine.configure("");
    client.wait_for_status(|status| status["server"].is_null());
    let status = client.call("status", &json!({}));
    assert!(
        status["last_full_sync"].is_u64(),
        "nothing is cleared yet: {status}"
    );
    std::fs::write(machine.path("santa.toml"), "SyncBaseURL = 7").unwrap();
    daemon.signal("-HUP");
    // An invalid configuration changes nothing and does not stop the daemon.
    assert_eq!(client.refused("sync.run", &json!({"wait": true})), -32001);
    daemon.stops();
}

#[test]
fn the_agent_can_stop_the_daemon() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let mut daemon = Daemon::start(&machine, &[]);
    assert_eq!(daemon.client().call("service.stop", &json!({})), json!({}));
    daemon.ends_well();
    assert!(!machine.socket().exists() || is_root());
}

#[test]
fn a_second_daemon_is_refused() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let _daemon = Daemon::start(&machine, &[]);
    let error = machine.run(&["santa", "daemon"]).outcome().fails(5);
    assert!(error.contains("stop it first"), "{error}");
}

#[test]
fn the_sync_command_uses_the_daemon() {
    let moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    let daemon = Daemon::start(&machine, &[]);
    let synced = machine.run(&["--json", "santa", "sync"]).outcome().ok();
    let report: Value = serde_json::from_str(synced.stdout.trim()).unwrap();
    assert_eq!(report["status"], 0, "{report}");
    let status = daemon.client().call("status", &json!({}));
    assert!(status["last_full_sync"].is_u64(), "{status}");
}

#[test]
fn a_socket_of_the_service_manager_is_used() {
    let Some(activate) = ["/usr/bin/systemd-socket-activate"]
        .iter()
        .find(|path| std::path::Path::new(path).exists())
    else {
        println!("skipped: systemd-socket-activate is not installed");
        return;
    };
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let path = machine.path("handed-over.sock");
    let mut child = Command::new(activate)
        .arg(format!("--listen={}", path.display()))
        .arg("--fdname=sync")
        .arg(selvedge_tests::selvedge())
        .arg("--data-dir")
        .arg(machine.dir())
        .args(["santa", "daemon"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut client = Client::with(&path);
    let status = client.call("status", &json!({}));
    assert_eq!(status["pid"].as_u64(), Some(child.id().into()), "{status}");
    assert_eq!(client.call("service.stop", &json!({})), json!({}));
    assert!(child.wait().unwrap().success());
    assert!(path.exists(), "the service manager owns the socket");
}

#[test]
fn root_drops_its_privileges_permanently() {
    if !is_root() {
        println!("skipped: only root can drop privileges");
        return;
    }
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let run = |text: &str| {
        machine.write_config(text);
        machine.run(&["santa", "daemon"]).outcome()
    };
    let error = run("").fails(2);
    assert!(error.contains("does not run as root"), "{error}");
    let error = run("[selvedge]\nuser = \"root\"").fails(2);
    assert!(error.contains("another user"), "{error}");
    machine.configure("http://127.0.0.1:1/v1/santa");
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(machine.path("santa.toml"), open).unwrap();
    let error = machine.run(&["santa", "daemon"]).outcome().fails(2);
    assert!(error.contains("go-w"), "{error}");
    machine.configure("http://127.0.0.1:1/v1/santa");
    for args in [&[][..], &["--supervise"]] {
        let daemon = Daemon::start(&machine, args);
        let pid = daemon.client().call("status", &json!({}))["pid"].clone();
        for process in [pid.as_u64().unwrap(), daemon.pid().into()] {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            assert_eq!(field("Uid:"), "65534 65534 65534 65534");
            assert_eq!(field("Gid:"), "65534 65534 65534 65534");
            assert_eq!(field("Groups:"), "");
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
                assert_eq!(field(set), "0000000000000000", "{set}");
            }
            assert_eq!(field("NoNewPrivs:"), "1");
        }
        let mode = std::fs::metadata(machine.socket())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
        daemon.stops();
    }
}

#[test]
fn systemd_accepts_the_units() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    // systemd warns about the user nobody.
    machine.write_config("[selvedge]\nuser = \"daemon\"\nsocket = \"/run/selvedge/sync.sock\"");
    let print = |kind: &[&str]| {
        let args = [&["santa", "daemon", "--print-unit"], kind].concat();
        machine.run(&args).outcome().ok().stdout
    };
    let (service, socket) = (print(&[]), print(&["socket"]));
    for line in [
        "Type=notify",
        "Restart=always",
        "RestartSec=1",
        "WatchdogSec=120",
    ] {
        assert!(service.lines().any(|found| found == line), "{line}");
    }
    let dir = tempfile::tempdir().unwrap();
    let paths =
        ["selvedge-santa.service", "selvedge-santa.socket"].map(|name| dir.path().join(name));
    std::fs::write(&paths[0], service).unwrap();
    std::fs::write(&paths[1], socket).unwrap();
    match Command::new("systemd-analyze")
        .arg("verify")
        .args(&paths)
        .output()
    {
        Ok(verified) => {
            let error = String::from_utf8_lossy(&verified.stderr);
            assert!(!error.contains("selvedge-santa."), "{error}");
        }
        Err(_) => println!("skipped: systemd-analyze is not installed"),
    }
}
