//! Tests that the supervisor restarts a daemon that hangs, and forwards notifications to the service manager.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use selvedge_tests::signal;
use serde_json::json;

use super::client::TIMEOUT;
use super::machine::{Daemon, Machine, make_world_accessible};
use crate::santa_daemon::{OTHER, SHA, blocked, start_moroz, sync};

/// A service manager with a notification socket.
struct Manager(Receiver<String>);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        make_world_accessible(path);
        let (sender, received) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok(length) = socket.recv(&mut buffer) {
                let message = String::from_utf8_lossy(&buffer[..length]);
                if sender.send(message.into_owned()).is_err() {
                    return;
                }
            }
        });
        Self(received)
    }

    #[track_caller]
    fn expect(&self, wanted: &str) {
        let began = Instant::now();
        while began.elapsed() < TIMEOUT {
            let message = self.0.recv_timeout(TIMEOUT).unwrap();
            if message.starts_with(wanted) {
                return;
            }
        }
        panic!("{wanted} was not received in time");
    }
}

#[test]
fn a_daemon_that_hangs_is_restarted_and_its_events_are_kept() {
    let mut moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    moroz.kill();
    let path = machine.path("manager");
    let manager = Manager::at(&path);
    // The daemon's timeout is half of the supervisor's, so that the supervisor detects the hang before its own timeout.
    let daemon = Daemon::start_with(&machine, &["--supervise"], |run| {
        run.env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "20000000")
    });
    manager.expect("STATUS=next sync at");
    manager.expect("READY=1");
    manager.expect("WATCHDOG=1");
    let pid = |daemon: &Daemon| {
        let status = daemon.client().call("status", &json!({}));
        u32::try_from(status["pid"].as_u64().unwrap()).unwrap()
    };
    let first = pid(&daemon);
    assert_ne!(first, daemon.pid());
    let mut agent = daemon.client();
    agent.begin(
        "events.post",
        &json!({"events": [blocked(SHA), blocked(OTHER)]}),
    );
    daemon
        .client()
        .wait_for_status(|status| status["pending_events"] == 2);

    let began = Instant::now();
    signal(first, "-STOP");
    assert!(agent.is_closed(), "the daemon that hung has been killed");
    assert!(
        began.elapsed() >= Duration::from_secs(4),
        "it was killed before the timeout: {:?}",
        began.elapsed()
    );
    manager.expect("STATUS=the daemon exited");
    manager.expect("READY=1");
    let second = pid(&daemon);
    assert_ne!(second, first);
    let status = daemon.client().call("status", &json!({}));
    assert_eq!(status["pending_events"], 2, "{status}");
    moroz.restart();
    let synced = sync(&mut daemon.client());
    assert_eq!(synced["report"]["events_uploaded"], 2, "{synced}");
    assert_eq!(moroz.events(), [SHA, OTHER]);
    // A working daemon is not restarted, and the supervisor sends keep-alive messages all the time.
    for _ in 0..3 {
        manager.expect("WATCHDOG=1");
    }
    assert_eq!(pid(&daemon), second);
    daemon.stops();
    manager.expect("STOPPING=1");
}
