//! Santa's daemon, as a process with a socket, against the real server moroz.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

mod santa_daemon {
    mod clocks;
    mod hung;
    mod invalid;
    pub(crate) mod machine;
    pub(crate) mod moroz;
    mod outage;
    mod own_server;
    mod pushed;
    mod root_start;
    pub(crate) mod talk;
}

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use santa_daemon::machine::{Daemon, Machine, is_root};
use santa_daemon::talk::Talk;
use selvedge_tests::signal;
use serde_json::{Value, json};

const SHA: &str = "abababababababababababababababababababababababababababababababab";
const OTHER: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

/// An event as an agent posts it.
fn blocked(sha256: &str) -> Value {
    json!({
        "file_sha256": sha256, "file_path": "/opt/acme/bin", "file_name": "acmed",
        "executing_user": "alice", "execution_time": 1_767_225_600.25, "decision": "BLOCK_BINARY",
        "pid": 4242, "ppid": 1, "parent_name": "systemd",
    })
}

fn post(talk: &mut Talk, events: &[Value]) -> Value {
    talk.call("events.post", &json!({"events": events}))
}

fn sync(talk: &mut Talk) -> Value {
    talk.call("sync.run", &json!({"type": "normal", "wait": true}))
}

/// The server, or none on this machine, which is said.
macro_rules! moroz {
    () => {
        match $crate::santa_daemon::moroz::Moroz::start() {
            Some(moroz) => moroz,
            None => {
                println!("skipped: no moroz");
                return;
            }
        }
    };
}
pub(crate) use moroz;

#[test]
fn the_first_sync_comes_by_itself_after_fifteen_seconds() {
    let moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    let began = Instant::now();
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    let before = talk.call("status", &json!({}));
    assert_eq!(before["last_full_sync"], Value::Null);
    assert_eq!(before["requested"], "clean_all");
    let after = talk.wait_for_status(|status| status["last_full_sync"].is_u64());
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
fn an_event_of_the_agents_is_sent_at_once_and_the_same_again_is_not() {
    let moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    assert_eq!(
        post(&mut talk, &[blocked(SHA)]),
        json!({"ok": true, "uploaded": 1})
    );
    assert_eq!(moroz.events(), [SHA]);
    assert_eq!(talk.call("status", &json!({}))["pending_events"], 0);
    // Within ten minutes it waits for the next sync.
    assert_eq!(
        post(&mut talk, &[blocked(SHA)]),
        json!({"ok": true, "uploaded": 0})
    );
    assert_eq!(talk.call("status", &json!({}))["pending_events"], 1);
    assert_eq!(
        post(&mut talk, &[blocked(OTHER)]),
        json!({"ok": true, "uploaded": 1})
    );
    assert_eq!(moroz.events(), [SHA, OTHER]);
    let synced = sync(&mut talk);
    assert_eq!(synced["status"], 0, "{synced}");
    assert_eq!(synced["report"]["events_uploaded"], 1, "{synced}");
    assert_eq!(talk.call("status", &json!({}))["pending_events"], 0);
}

#[test]
fn the_members_of_a_bundle_that_the_server_does_not_want_are_dropped() {
    let moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    let mut event = blocked(SHA);
    event["file_bundle_hash"] = json!("ef".repeat(32));
    let answer = talk.call("events.post_bundle", &json!({"event": event}));
    // moroz asks for no bundle, ever.
    assert_eq!(answer, json!({"action": "drop"}));
    assert_eq!(moroz.events(), [SHA]);
    let nameless = talk.refused("events.post_bundle", &json!({"event": blocked(OTHER)}));
    assert_eq!(nameless, -32602);
}

#[test]
fn what_a_caller_may_not_do_is_refused() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    assert_eq!(talk.refused("sync.walk", &json!({})), -32601);
    assert_eq!(talk.refused("sync.run", &json!({"type": "dirty"})), -32602);
    talk.send(&vec![b'a'; (1 << 20) + 2]);
    assert_eq!(talk.error_code(), -32600);
    assert!(
        talk.is_over(),
        "the connection is closed after a line that is too long"
    );
    if !is_root() {
        println!("skipped: only root can be somebody else for the part of another caller");
        return;
    }
    let other = |method: &str, params: &Value| daemon.call_as(65_533, method, params);
    let params = json!({"events": [blocked(SHA)]});
    assert_eq!(other("events.post", &params)["error"]["code"], -32000);
    assert_eq!(other("service.stop", &json!({}))["error"]["code"], -32000);
    assert!(other("status", &json!({}))["result"]["pid"].is_u64());
}

#[test]
fn one_sync_runs_one_waits_and_a_third_is_refused() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = Machine::of(&format!("http://{}/v1/santa", silent.local_addr().unwrap()));
    let daemon = Daemon::start(&machine, &[]);
    let (mut first, mut second, mut third) = (daemon.talk(), daemon.talk(), daemon.talk());
    first.begin("sync.run", &json!({"wait": true, "log": true}));
    assert_eq!(
        first.notice(),
        json!({"method": "started", "params": {"status": 9}})
    );
    assert_eq!(first.notice()["params"]["level"], "info");
    let waiting = second.call("sync.run", &json!({"type": "clean", "wait": false}));
    assert_eq!(waiting["status"], 9, "{waiting}");
    assert_eq!(third.refused("sync.run", &json!({"wait": true})), -32002);
    let status = third.call("status", &json!({}));
    assert_eq!(status["waiting"], 1, "{status}");
    daemon.stops();
}

#[test]
fn nothing_is_lost_when_it_is_killed_with_events_in_its_hands() {
    let mut moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    moroz.kill();
    let daemon = Daemon::start(&machine, &["--supervise"]);
    let pid = daemon.talk().call("status", &json!({}))["pid"]
        .as_i64()
        .unwrap();
    let mut talk = daemon.talk();
    talk.begin(
        "events.post",
        &json!({"events": [blocked(SHA), blocked(OTHER)]}),
    );
    daemon
        .talk()
        .wait_for_status(|status| status["pending_events"] == 2);
    signal(u32::try_from(pid).unwrap(), "-KILL");
    assert!(talk.is_over(), "the daemon is dead");
    // Whoever speaks while there is none waits, and is not refused.
    let again = daemon.talk().call("status", &json!({}));
    assert_ne!(again["pid"].as_i64().unwrap(), pid);
    assert_eq!(again["pending_events"], 2, "{again}");
    moroz.restart();
    let synced = sync(&mut daemon.talk());
    assert_eq!(synced["report"]["events_uploaded"], 2, "{synced}");
    assert_eq!(moroz.events(), [SHA, OTHER]);
    // Again and again: it always comes back.
    let pid = again["pid"].as_i64().unwrap();
    signal(u32::try_from(pid).unwrap(), "-KILL");
    let mut talk = daemon.talk();
    assert_ne!(
        talk.call("status", &json!({}))["pid"].as_i64().unwrap(),
        pid
    );
    daemon.stops();
}

#[test]
fn a_configuration_that_changes_counts_at_once() {
    let moroz = moroz!();
    let machine = Machine::of("");
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    assert_eq!(talk.refused("sync.run", &json!({"wait": true})), -32001);
    assert_eq!(talk.refused("events.post", &json!({"events": []})), -32001);
    machine.configure(&moroz.url());
    daemon.signal("-HUP");
    talk.wait_for_status(|status| status["server"] == moroz.url());
    assert_eq!(sync(&mut talk)["status"], 0);
    // Without a signal it is seen too.
    machine.configure("");
    talk.wait_for_status(|status| status["server"].is_null());
    let status = talk.call("status", &json!({}));
    assert!(
        status["last_full_sync"].is_u64(),
        "nothing is cleared yet: {status}"
    );
    std::fs::write(machine.path("santa.toml"), "SyncBaseURL = 7").unwrap();
    daemon.signal("-HUP");
    // What cannot be used changes nothing, and does not end it.
    assert_eq!(talk.refused("sync.run", &json!({"wait": true})), -32001);
    daemon.stops();
}

#[test]
fn the_agent_may_stop_it() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let mut daemon = Daemon::start(&machine, &[]);
    assert_eq!(daemon.talk().call("service.stop", &json!({})), json!({}));
    daemon.ends_well();
    assert!(!machine.socket().exists() || is_root());
}

#[test]
fn two_daemons_do_not_serve_one_machine() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let _daemon = Daemon::start(&machine, &[]);
    let said = machine.run(&["santa", "daemon"]).outcome().fails(5);
    assert!(said.contains("stop it first"), "{said}");
}

#[test]
fn a_program_of_ours_asks_the_daemon_to_sync() {
    let moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    let daemon = Daemon::start(&machine, &[]);
    let synced = machine.run(&["--json", "santa", "sync"]).outcome().ok();
    let report: Value = serde_json::from_str(synced.stdout.trim()).unwrap();
    assert_eq!(report["status"], 0, "{report}");
    let status = daemon.talk().call("status", &json!({}));
    assert!(status["last_full_sync"].is_u64(), "{status}");
}

#[test]
fn a_socket_that_the_service_manager_made_is_taken_over() {
    let Some(activate) = ["/usr/bin/systemd-socket-activate"]
        .iter()
        .find(|path| std::path::Path::new(path).exists())
    else {
        println!("skipped: there is no systemd-socket-activate to make a socket");
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
    let mut talk = Talk::with(&path);
    let status = talk.call("status", &json!({}));
    assert_eq!(status["pid"].as_u64(), Some(child.id().into()), "{status}");
    assert_eq!(talk.call("service.stop", &json!({})), json!({}));
    assert!(child.wait().unwrap().success());
    assert!(path.exists(), "the socket is the service manager's");
}

#[test]
fn root_gives_itself_up_for_good() {
    if !is_root() {
        println!("skipped: only root has privileges to give up");
        return;
    }
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    let run = |text: &str| {
        machine.write_config(text);
        machine.run(&["santa", "daemon"]).outcome()
    };
    let said = run("").fails(2);
    assert!(said.contains("does not run as root"), "{said}");
    let said = run("[selvedge]\nuser = \"root\"").fails(2);
    assert!(said.contains("another user"), "{said}");
    machine.configure("http://127.0.0.1:1/v1/santa");
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(machine.path("santa.toml"), open).unwrap();
    let said = machine.run(&["santa", "daemon"]).outcome().fails(2);
    assert!(said.contains("go-w"), "{said}");
    machine.configure("http://127.0.0.1:1/v1/santa");
    for args in [&[][..], &["--supervise"]] {
        let daemon = Daemon::start(&machine, args);
        let pid = daemon.talk().call("status", &json!({}))["pid"].clone();
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
fn the_units_are_such_that_systemd_takes() {
    let machine = Machine::of("http://127.0.0.1:1/v1/santa");
    // systemd warns of nobody, with good reason.
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
            let said = String::from_utf8_lossy(&verified.stderr);
            assert!(!said.contains("selvedge-santa."), "{said}");
        }
        Err(_) => println!("skipped: there is no systemd-analyze to ask"),
    }
}
