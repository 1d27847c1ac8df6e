//! The daemon as a process with the socket of a service manager, and with the real server.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use selvedge_tests::{Account, DaemonProcess, Device, FakeClock, Run, Server};
use serde_json::json;

/// Timeout of every wait; two background syncs are a minute apart.
const TIMEOUT: Duration = Duration::from_secs(180);

struct Daemon {
    process: DaemonProcess,
    socket: UnixDatagram,
    _dir: tempfile::TempDir,
}

impl Daemon {
    fn start(device: &Device, args: &[&str]) -> Self {
        Self::start_with(device, args, |run| run)
    }

    fn start_with(device: &Device, args: &[&str], given: impl FnOnce(Run) -> Run) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut all = vec!["daemon"];
        all.extend(args);
        let run = device
            .run(&all)
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "1000000");
        let process = DaemonProcess::start(given(run));
        Self {
            process,
            socket,
            _dir: dir,
        }
    }

    /// Waits for a message of the daemon to its service manager.
    fn wait_for(&self, wanted: &str) {
        let mut buffer = [0; 512];
        let began = Instant::now();
        while began.elapsed() < TIMEOUT {
            let length = self.socket.recv(&mut buffer).unwrap();
            if std::str::from_utf8(&buffer[..length])
                .unwrap()
                .starts_with(wanted)
            {
                return;
            }
        }
        panic!("{wanted} did not come");
    }

    fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    fn stops(self) {
        self.process.stops();
    }
}

fn two(server: &Server) -> (Device, Device) {
    let account = Account::new(1);
    let device = || Device::with_token(server, server.url(), &account);
    let (a, b) = (device(), device());
    // A collection that this device does not have cannot be listed.
    b.put("own", &json!({"id": "own"}));
    (a, b)
}

/// Waits until a device has a note, syncing in between.
fn comes_to(device: &Device, id: &str) {
    let began = Instant::now();
    while !device.notes().contains_key(id) {
        assert!(began.elapsed() < TIMEOUT, "{id} did not come");
        device.sync();
    }
}

#[test]
fn it_syncs_soon_after_the_start_and_on_sighup_and_stops_on_sigterm() {
    let server = Server::start();
    let (a, b) = two(&server);
    a.put("first", &json!({"id": "first"}));
    let daemon = Daemon::start(&a, &["--first-sync-after", "1"]);
    daemon.wait_for("READY=1");
    daemon.wait_for("WATCHDOG=1");
    daemon.wait_for("STATUS=next sync at");
    comes_to(&b, "first");
    b.put("second", &json!({"id": "second"}));
    b.sync();
    daemon.signal("-HUP");
    daemon.wait_for("STATUS=next sync at");
    assert!(a.notes().contains_key("second"));
    daemon.stops();
}

#[test]
fn a_profile_has_one_daemon_and_commands_can_sync_meanwhile() {
    let server = Server::start();
    let (a, _) = two(&server);
    a.put("note", &json!({"id": "note"}));
    let daemon = Daemon::start(&a, &["--first-sync-after", "3600"]);
    daemon.wait_for("READY=1");
    let message = a.run(&["daemon"]).outcome().fails(5);
    assert!(message.contains("stop it first"), "{message}");
    assert_eq!(a.sync().count("sent"), 1);
    daemon.stops();
}

#[test]
fn it_survives_a_loss_of_the_network_and_syncs_afterwards() {
    let mut server = Server::start();
    let (a, b) = two(&server);
    a.put("note", &json!({"id": "note"}));
    server.kill();
    let daemon = Daemon::start(&a, &["--first-sync-after", "0"]);
    daemon.wait_for("READY=1");
    daemon.wait_for("STATUS=syncing");
    daemon.wait_for("STATUS=next sync at");
    daemon.wait_for("STATUS=the server cannot be reached");
    server.restart();
    daemon.wait_for("STATUS=syncing");
    daemon.wait_for("STATUS=next sync at");
    comes_to(&b, "note");
    daemon.stops();
}

#[test]
fn a_change_by_another_command_is_uploaded_soon() {
    let server = Server::start();
    let (a, b) = two(&server);
    let daemon = Daemon::start(&a, &["--first-sync-after", "0"]);
    daemon.wait_for("STATUS=syncing");
    daemon.wait_for("STATUS=next sync at");
    a.put("note", &json!({"id": "note"}));
    daemon.wait_for("STATUS=syncing");
    daemon.wait_for("STATUS=next sync at");
    comes_to(&b, "note");
    daemon.stops();
}

#[test]
fn a_jump_of_the_clock_neither_stops_nor_delays_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(clock) = FakeClock::of_the_wall(dir.path()) else {
        return;
    };
    let server = Server::start();
    let (a, b) = two(&server);
    let daemon = Daemon::start_with(&a, &["--first-sync-after", "0"], |run| clock.given_to(run));
    daemon.wait_for("STATUS=syncing");
    daemon.wait_for("STATUS=next sync at");
    for (id, offset) in [("slept", "+3h"), ("set-back", "-30d")] {
        b.put(id, &json!({"id": id}));
        b.sync();
        clock.set(offset);
        daemon.wait_for("STATUS=syncing");
        daemon.wait_for("STATUS=next sync at");
        assert!(a.notes().contains_key(id), "{id}");
    }
    daemon.stops();
}

#[test]
fn without_an_account_it_waits_until_the_user_joins_again() {
    let server = Server::start();
    let account = Account::new(1);
    let (a, b) = two(&server);
    let daemon = Daemon::start(&a, &["--first-sync-after", "0"]);
    daemon.wait_for("STATUS=syncing");
    daemon.wait_for("STATUS=next sync at");
    let _forgotten = a.run(&["account", "forget"]).outcome().ok();
    daemon.signal("-HUP");
    daemon.wait_for("STATUS=action required");
    b.put("meanwhile", &json!({"id": "meanwhile"}));
    b.sync();
    let token = server.master_secret();
    a.use_credentials(&token.credentials(server.url(), &account, 3600));
    daemon.wait_for("STATUS=next sync at");
    assert!(a.notes().contains_key("meanwhile"));
    daemon.stops();
}

#[test]
fn systemd_accepts_the_unit() {
    let server = Server::start();
    let (a, _) = two(&server);
    let unit = a.run(&["daemon", "--print-unit"]).outcome().ok().stdout;
    assert!(unit.contains("ExecStart=") && unit.contains("WatchdogSec="));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("selvedge.service");
    std::fs::write(&path, &unit).unwrap();
    match Command::new("systemd-analyze")
        .arg("verify")
        .arg(&path)
        .output()
    {
        Ok(verified) => {
            let output = String::from_utf8_lossy(&verified.stderr);
            assert!(!output.contains("selvedge.service:"), "{output}");
        }
        Err(_) => println!("skipped: systemd-analyze is not installed"),
    }
}
