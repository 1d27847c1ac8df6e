//! A daemon that hangs: its supervisor notices, and a service manager above hears of all that matters.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use selvedge_tests::signal;
use serde_json::json;

use super::machine::{Daemon, Machine, open_to_everybody};
use super::talk::TIMEOUT;
use crate::{OTHER, SHA, blocked, moroz, sync};

/// A service manager, which always listens.
struct Manager(Receiver<String>);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        open_to_everybody(path);
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok(length) = socket.recv(&mut buffer) {
                let said = String::from_utf8_lossy(&buffer[..length]);
                if sender.send(said.into_owned()).is_err() {
                    return;
                }
            }
        });
        Self(heard)
    }

    #[track_caller]
    fn hears(&self, wanted: &str) {
        let began = Instant::now();
        while began.elapsed() < TIMEOUT {
            let said = self.0.recv_timeout(TIMEOUT).unwrap();
            if said.starts_with(wanted) {
                return;
            }
        }
        panic!("{wanted} did not come");
    }
}

#[test]
fn a_daemon_that_hangs_is_replaced_and_its_events_are_kept() {
    let mut moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    moroz.kill();
    let path = machine.path("manager");
    let manager = Manager::at(&path);
    // The daemon is given half of the supervisor's time, so that the supervisor finds out before it is found out itself.
    let daemon = Daemon::start_with(&machine, &["--supervise"], |run| {
        run.env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "20000000")
    });
    manager.hears("STATUS=next sync at");
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
    let pid = |daemon: &Daemon| {
        let status = daemon.talk().call("status", &json!({}));
        u32::try_from(status["pid"].as_u64().unwrap()).unwrap()
    };
    let first = pid(&daemon);
    assert_ne!(first, daemon.pid());
    let mut agent = daemon.talk();
    agent.begin(
        "events.post",
        &json!({"events": [blocked(SHA), blocked(OTHER)]}),
    );
    daemon
        .talk()
        .wait_for_status(|status| status["pending_events"] == 2);

    let began = Instant::now();
    signal(first, "-STOP");
    assert!(agent.is_over(), "the daemon that hung is dead");
    assert!(
        began.elapsed() >= Duration::from_secs(4),
        "it was given no time: {:?}",
        began.elapsed()
    );
    manager.hears("STATUS=the daemon ended");
    manager.hears("READY=1");
    let second = pid(&daemon);
    assert_ne!(second, first);
    let status = daemon.talk().call("status", &json!({}));
    assert_eq!(status["pending_events"], 2, "{status}");
    moroz.restart();
    let synced = sync(&mut daemon.talk());
    assert_eq!(synced["report"]["events_uploaded"], 2, "{synced}");
    assert_eq!(moroz.events(), [SHA, OTHER]);
    // One that works is left alone, and the supervisor is heard of all the time.
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    assert_eq!(pid(&daemon), second);
    daemon.stops();
    manager.hears("STOPPING=1");
}
