//! A server that is away for a while, and a network that is.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use selvedge_tests::{FakeClock, selvedge};
use serde_json::{Value, json};

use super::machine::{Daemon, Machine, is_root};
use crate::{OTHER, SHA, blocked, moroz, post, sync};

#[test]
fn retries_bridge_the_time_in_which_a_server_is_away() {
    let mut moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    moroz.kill();
    let daemon = Daemon::start(&machine, &[]);
    let (mut talk, mut agent) = (daemon.talk(), daemon.talk());
    // The first sync comes by itself, and finds nobody.
    talk.wait_for_status(|status| !status["running"].is_null());
    agent.begin("events.post", &json!({"events": [blocked(SHA)]}));
    talk.wait_for_status(|status| status["pending_events"] == 1);
    std::thread::sleep(Duration::from_secs(2));
    moroz.restart();
    let synced = talk.wait_for_status(|status| status["last_full_sync"].is_u64());
    assert_eq!(synced["rules"]["binary"], 1, "{synced}");
    assert_eq!(synced["errors"], json!({}), "{synced}");
    talk.wait_for_status(|status| status["pending_events"] == 0);
    assert_eq!(moroz.events(), [SHA]);
    daemon.stops();
}

#[test]
fn what_no_retry_helped_is_done_by_the_next_sync() {
    let mut moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    let Some(clock) = FakeClock::of_everything(&machine.dir()) else {
        return;
    };
    let daemon = Daemon::start_with(&machine, &[], |run| clock.given_to(run));
    let (mut talk, mut agent) = (daemon.talk(), daemon.talk());
    assert_eq!(sync(&mut talk)["status"], 0);
    moroz.kill();
    // Five attempts, and 60 seconds between them.
    let began = Instant::now();
    assert_eq!(
        post(&mut agent, &[blocked(SHA)]),
        json!({"ok": false, "uploaded": 0})
    );
    assert!(
        began.elapsed() >= Duration::from_secs(58),
        "{:?}",
        began.elapsed()
    );
    let waiting = talk.call("status", &json!({}));
    assert_eq!(waiting["pending_events"], 1, "{waiting}");
    moroz.restart();
    // The host was online all the time: that a server is back shows when it is asked, and not before.
    clock.set("+990");
    talk.wait_for_status(|status| status["pending_events"] == 0);
    assert_eq!(moroz.events(), [SHA]);
    daemon.stops();
}

/// The address of a network that is in no other.
const ADDRESS: &str = "10.77.0.1";

/// A network with nobody else in it, and a default route.
struct OwnNetwork(Child);

impl OwnNetwork {
    /// `None`, and a line that says so, where none can be had.
    fn new() -> Option<Self> {
        let holder = Command::new("unshare").args(["-n", "sleep", "600"]).spawn();
        let Ok(holder) = holder.map(Self).map_err(|_| ()) else {
            eprintln!("skipped: there is no unshare to make a network with");
            return None;
        };
        let began = Instant::now();
        // It is there when unshare has become sleep.
        let name = PathBuf::from(format!("/proc/{}/comm", holder.0.id()));
        while std::fs::read_to_string(&name).unwrap_or_default().trim() != "sleep" {
            if began.elapsed() > Duration::from_secs(10) {
                eprintln!("skipped: no network can be made here");
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let address = format!("{ADDRESS}/32");
        let is_made = holder.ip(&["link", "set", "lo", "up"])
            && holder.ip(&["address", "add", &address, "dev", "lo"])
            && holder.ip(&["route", "add", "default", "dev", "lo"]);
        if !is_made {
            eprintln!("skipped: no network can be set up here");
        }
        is_made.then_some(holder)
    }

    /// What puts a program into it.
    fn prefix(&self) -> Vec<String> {
        let pid = self.0.id().to_string();
        ["/usr/bin/nsenter", "-t", &pid, "-n", "--"]
            .map(str::to_owned)
            .into()
    }

    fn command(&self, program: &Path) -> Command {
        let prefix = self.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(program);
        command
    }

    fn ip(&self, args: &[&str]) -> bool {
        let done = self.command(Path::new("ip")).args(args).status();
        done.is_ok_and(|status| status.success())
    }
}

impl Drop for OwnNetwork {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The small server in such a network; it is killed when the value goes.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(network: &OwnNetwork, dir: &Path, port: u16) -> Self {
        let mut child = network
            .command(selvedge())
            .args(["santa", "serve", "--listen"])
            .arg(format!("{ADDRESS}:{port}"))
            .args(["--config", "rules.toml", "--event-log", "events.jsonl"])
            .args(["--tls-cert", "server.pem", "--tls-key", "server.key"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("listening on ")));
        let line = line.unwrap();
        let (_, url) = line.rsplit_once("listening on ").unwrap();
        Self {
            url: url.to_owned(),
            child,
        }
    }

    fn port(&self) -> u16 {
        let (_, rest) = self.url.rsplit_once(':').unwrap();
        rest.split('/').next().unwrap().parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_network_that_comes_back_is_seen_and_synced_over_at_once() {
    if !is_root() {
        eprintln!("skipped: only root can make a network");
        return;
    }
    let Some(network) = OwnNetwork::new() else {
        return;
    };
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([ADDRESS.to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let machine = Machine::of("");
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file("server.pem", &certificate.pem());
    file("server.key", &key.serialize_pem());
    file("rules.toml", "client_mode = \"MONITOR\"\n");
    std::fs::write(machine.path("roots.pem"), certificate.pem()).unwrap();
    let events = || {
        let log = std::fs::read_to_string(dir.path().join("events.jsonl")).unwrap_or_default();
        log.lines().count()
    };

    let server = Served::start(&network, dir.path(), 0);
    let (url, port) = (server.url.clone(), server.port());
    let roots = format!("ServerAuthRootsFile = {:?}\n", machine.path("roots.pem"));
    machine.configure_all(&roots, &url, "");
    let daemon = Daemon::start_with(&machine, &[], |run| run.under(&network.prefix()));
    let mut talk = daemon.talk();
    let synced = sync(&mut talk);
    assert_eq!(synced["status"], 0, "{synced}");
    assert_eq!(
        post(&mut talk, &[blocked(SHA)]),
        json!({"ok": true, "uploaded": 1})
    );

    // Both go. Without a network nobody is asked a second time.
    drop(server);
    assert!(network.ip(&["route", "del", "default"]));
    talk.wait_for_status(|status| status["network"] == false);
    let began = Instant::now();
    assert_eq!(
        post(&mut talk, &[blocked(OTHER)]),
        json!({"ok": false, "uploaded": 0})
    );
    // With retries it would take a minute.
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    let away = talk.call("status", &json!({}));
    let next = |status: &Value| status["next_full_sync"].as_u64().unwrap();
    let in_minutes = next(&away) - away["last_full_sync"].as_u64().unwrap();
    assert!(in_minutes > 500_000, "{away}");

    let server = Served::start(&network, dir.path(), port);
    assert_eq!(server.url, url);
    assert!(network.ip(&["route", "add", "default", "dev", "lo"]));
    let back = talk.wait_for_status(|status| {
        status["pending_events"] == 0 && status["last_full_sync"] != away["last_full_sync"]
    });
    assert_eq!(back["network"], true, "{back}");
    assert_eq!(events(), 2);
    daemon.stops();
}
