//! Tests temporary outages of the server and of the network.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use selvedge_tests::{FakeClock, selvedge};
use serde_json::{Value, json};

use super::machine::{Daemon, Machine, is_root};
use crate::santa_daemon::{OTHER, SHA, blocked, post, start_moroz, sync};

#[test]
fn retries_bridge_a_short_outage_of_the_server() {
    let mut moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    moroz.kill();
    let daemon = Daemon::start(&machine, &[]);
    let (mut client, mut agent) = (daemon.client(), daemon.client());
    // The first sync starts automatically, and the server is not reachable.
    client.wait_for_status(|status| !status["running"].is_null());
    agent.begin("events.post", &json!({"events": [blocked(SHA)]}));
    client.wait_for_status(|status| status["pending_events"] == 1);
    std::thread::sleep(Duration::from_secs(2));
    moroz.restart();
    let synced = client.wait_for_status(|status| status["last_full_sync"].is_u64());
    assert_eq!(synced["rules"]["binary"], 1, "{synced}");
    assert_eq!(synced["errors"], json!({}), "{synced}");
    client.wait_for_status(|status| status["pending_events"] == 0);
    assert_eq!(moroz.events(), [SHA]);
    daemon.stops();
}

#[test]
fn the_next_sync_uploads_events_after_failed_retries() {
    let mut moroz = start_moroz!();
    let machine = Machine::of(&moroz.url());
    let Some(clock) = FakeClock::of_everything(&machine.dir()) else {
        return;
    };
    let daemon = Daemon::start_with(&machine, &[], |run| clock.given_to(run));
    let (mut client, mut agent) = (daemon.client(), daemon.client());
    assert_eq!(sync(&mut client)["status"], 0);
    moroz.kill();
    // Five attempts with a total delay of 60 seconds.
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
    let waiting = client.call("status", &json!({}));
    assert_eq!(waiting["pending_events"], 1, "{waiting}");
    moroz.restart();
    // The network was up all the time, so only the next scheduled sync notices that the server is back.
    clock.set("+990");
    client.wait_for_status(|status| status["pending_events"] == 0);
    assert_eq!(moroz.events(), [SHA]);
    daemon.stops();
}

/// An address that is used only in the test network.
const ADDRESS: &str = "10.77.0.1";

/// A network namespace with a default route.
struct NetworkNamespace(Child);

impl NetworkNamespace {
    /// `None`, with a message, if a namespace cannot be created.
    fn new() -> Option<Self> {
        let holder = Command::new("unshare").args(["-n", "sleep", "600"]).spawn();
        let Ok(holder) = holder.map(Self).map_err(|_| ()) else {
            eprintln!("skipped: unshare is not installed");
            return None;
        };
        let began = Instant::now();
        // The namespace exists when unshare has executed sleep.
        let name = PathBuf::from(format!("/proc/{}/comm", holder.0.id()));
        while std::fs::read_to_string(&name).unwrap_or_default().trim() != "sleep" {
            if began.elapsed() > Duration::from_secs(10) {
                eprintln!("skipped: a network namespace cannot be created");
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let address = format!("{ADDRESS}/32");
        let is_made = holder.ip(&["link", "set", "lo", "up"])
            && holder.ip(&["address", "add", &address, "dev", "lo"])
            && holder.ip(&["route", "add", "default", "dev", "lo"]);
        if !is_made {
            eprintln!("skipped: the network namespace cannot be configured");
        }
        is_made.then_some(holder)
    }

    /// The command prefix that runs a program in the namespace.
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

impl Drop for NetworkNamespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `santa serve` in a network namespace. It is killed when the value is dropped.
struct ServerProcess {
    child: Child,
    url: String,
}

impl ServerProcess {
    fn start(network: &NetworkNamespace, dir: &Path, port: u16) -> Self {
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

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_sync_starts_immediately_when_the_network_is_back() {
    if !is_root() {
        eprintln!("skipped: only root can create a network namespace");
        return;
    }
    let Some(network) = NetworkNamespace::new() else {
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

    let server = ServerProcess::start(&network, dir.path(), 0);
    let (url, port) = (server.url.clone(), server.port());
    let roots = format!("ServerAuthRootsFile = {:?}\n", machine.path("roots.pem"));
    machine.configure_all(&roots, &url, "");
    let daemon = Daemon::start_with(&machine, &[], |run| run.under(&network.prefix()));
    let mut client = daemon.client();
    let synced = sync(&mut client);
    assert_eq!(synced["status"], 0, "{synced}");
    assert_eq!(
        post(&mut client, &[blocked(SHA)]),
        json!({"ok": true, "uploaded": 1})
    );

    // Stop the server and the network. Without a network there are no retries.
    drop(server);
    assert!(network.ip(&["route", "del", "default"]));
    client.wait_for_status(|status| status["network"] == false);
    let began = Instant::now();
    assert_eq!(
        post(&mut client, &[blocked(OTHER)]),
        json!({"ok": false, "uploaded": 0})
    );
    // With retries it would take a minute.
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    let away = client.call("status", &json!({}));
    let next = |status: &Value| status["next_full_sync"].as_u64().unwrap();
    let in_minutes = next(&away) - away["last_full_sync"].as_u64().unwrap();
    assert!(in_minutes > 500_000, "{away}");

    let server = ServerProcess::start(&network, dir.path(), port);
    assert_eq!(server.url, url);
    assert!(network.ip(&["route", "add", "default", "dev", "lo"]));
    let back = client.wait_for_status(|status| {
        status["pending_events"] == 0 && status["last_full_sync"] != away["last_full_sync"]
    });
    assert_eq!(back["network"], true, "{back}");
    assert_eq!(events(), 2);
    daemon.stops();
}
