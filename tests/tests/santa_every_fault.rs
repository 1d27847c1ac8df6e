//! Santa's sync through a proxy that does one thing wrong, at every request of a sync with events and pages of rules, with
//! the small server and with moroz; and in a process that is killed at every commit and at every request. It does not wait
//! before it tries again: `santa_faults` does, as the program.
//!
//! Afterwards a sync without a fault brings everything in order: the machine has the server's rules, and the server has
//! each event. An event is sent once; only where the server took it and its answer was lost, no client can know, and it is
//! sent again. Those are counted.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use selvedge_cli::santa::serve::{Configuration, Running, ServeConfig, Source, XsrfOptions, start};
use selvedge_core::santa::wire::{Decision, Event};
use selvedge_core::santa::{Occurrence, Status};
use selvedge_tests::{Canned, Fault, FaultProxy, Killed, Moroz, SantaMachine};
use serde_json::Value;
use tempfile::TempDir;

/// Five events in batches of two, and three pages of ten rules each.
const EVENTS: usize = 5;
const BATCH: u64 = 2;
const RULES: usize = 25;
const PAGE: usize = 10;

const fn canned(status: u16, body: &'static str) -> Canned {
    Canned {
        status,
        header: None,
        body,
    }
}

/// A fault of every kind.
const FAULTS: [Fault; 16] = [
    Fault::LostRequest,
    Fault::LostReply,
    Fault::CutHead,
    Fault::CutBody,
    Fault::Delay(Duration::from_millis(30)),
    Fault::Duplicate,
    Fault::Header("X-Surprise", "1"),
    Fault::Instead(canned(204, "")),
    Fault::Instead(canned(400, "{}")),
    Fault::Instead(canned(403, "")),
    Fault::Instead(canned(429, "")),
    Fault::Instead(canned(500, "no")),
    Fault::Instead(canned(200, "{")),
    Fault::Afterwards(canned(400, "{}")),
    Fault::Afterwards(canned(503, "")),
    Fault::Afterwards(canned(200, "{")),
];

/// Whether the server does what it is asked to, and the client cannot know: the answer is lost, or the request comes twice.
const fn cannot_be_told(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::LostReply
            | Fault::CutHead
            | Fault::CutBody
            | Fault::Duplicate
            | Fault::Afterwards(_)
    )
}

fn rules() -> String {
    let mut text = format!("client_mode = \"MONITOR\"\nbatch_size = {BATCH}\n");
    for number in 0..RULES {
        write!(text, "[[rules]]\nidentifier = \"{number:064x}\"\n").unwrap();
    }
    text
}

/// A server that can say which events it has.
enum Server {
    Ours { running: Running, log: PathBuf },
    Moroz(Moroz),
}

impl Server {
    async fn ours(dir: &TempDir, has_tokens: bool) -> Self {
        let (configuration, problems) = Configuration::read(&rules());
        assert_eq!(problems, []);
        let log = dir.path().join("events.jsonl");
        let running = start(ServeConfig {
            page_size: PAGE,
            event_log: Some(log.clone()),
            xsrf: has_tokens.then(XsrfOptions::default),
            ..ServeConfig::new(Source::Fixed(Box::new(configuration)))
        });
        let running = running.await.unwrap();
        Self::Ours { running, log }
    }

    fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Ours { running, .. } => running.address(),
            Self::Moroz(moroz) => moroz.address(),
        }
    }

    /// The programs that a machine's events are about, as often as the server keeps them.
    fn events(&self, machine: &str) -> Vec<String> {
        let mut events: Vec<String> = match self {
            Self::Ours { log, .. } => {
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let lines = text
                    .lines()
                    .map(|l| serde_json::from_str::<Value>(l).unwrap());
                let own = lines.filter(|line| line["machine_id"] == machine);
                own.map(|line| {
                    line["execution"]["file_sha256"]
                        .as_str()
                        .unwrap()
                        .to_owned()
                })
                .collect()
            }
            Self::Moroz(moroz) => {
                let events = moroz.events().into_iter();
                let own = events.filter(|(_, owner, _)| owner == machine);
                own.map(|(sha256, ..)| sha256).collect()
            }
        };
        events.sort();
        events
    }
}

/// A server behind a proxy, and machines that sync with it.
struct Stage {
    server: Server,
    proxy: FaultProxy,
    dir: TempDir,
    machines: u32,
    /// The hash of the server's rules.
    rules_hash: String,
}

impl Stage {
    async fn new(server: Server, dir: TempDir) -> Self {
        let proxy = FaultProxy::start();
        proxy.lead_to(server.address());
        let rules_hash = {
            let other = TempDir::new().unwrap();
            let Server::Ours { running, .. } = Server::ours(&other, false).await else {
                unreachable!("it is ours");
            };
            running.state().status().rules.rules_hash
        };
        Self {
            server,
            proxy,
            dir,
            machines: 0,
            rules_hash,
        }
    }

    /// A machine that has never synced, with events that wait.
    fn machine(&mut self) -> SantaMachine {
        self.machines += 1;
        let id = format!("MACHINE-{}", self.machines);
        let machine = SantaMachine {
            store: self.dir.path().join(&id),
            url: format!("{}/v1/santa", self.proxy.url()),
            id,
            killed: None,
        };
        let event = |number: usize| {
            Occurrence::Execution(Box::new(Event {
                file_sha256: sha256(number),
                file_path: "/opt/acme".into(),
                file_name: format!("acme{number}"),
                execution_time: 1_767_225_600.25 + number as f64,
                decision: Some(Decision::BlockBinary),
                ..Event::default()
            }))
        };
        let events: Vec<Occurrence> = (0..EVENTS).map(event).collect();
        let kept = machine.open().add_events(&events).unwrap();
        assert!(kept.iter().all(Option::is_some));
        machine
    }

    /// A sync without a fault; then everything is in order. Tells how many uploads the server took in this sync.
    async fn settles(&self, machine: &SantaMachine, what: &str) -> u64 {
        let _alarm = self.proxy.arm(None);
        let report = machine.sync().await;
        assert_eq!(report.status(), Status::Success, "{what}: {report:?}");
        assert!(!report.is_degraded(), "{what}: {report:?}");
        assert_eq!(machine.open().pending_events().unwrap(), 0, "{what}");
        let expected = (RULES, self.rules_hash.clone());
        assert_eq!(machine.rules().await, expected, "{what}");
        let events: Vec<String> = (0..EVENTS).map(sha256).collect();
        assert_eq!(self.server.events(&machine.id), events, "{what}");
        self.uploads()
    }

    /// How many uploads the server took since the proxy was armed.
    fn uploads(&self) -> u64 {
        let heard = self.proxy.heard().into_iter();
        let uploads = heard.filter(|h| h.target.contains("/eventupload/") && h.status == 200);
        uploads.count() as u64
    }
}

fn sha256(number: usize) -> String {
    format!("{:064x}", 0xabc0 + number)
}

/// What was tried, and what happened.
#[derive(Debug, Default)]
struct Tally {
    positions: u32,
    sent_again: u64,
}

/// Does every fault to every request of a sync.
async fn every_fault_at_every_request(stage: &mut Stage, tally: &mut Tally) {
    let machine = stage.machine();
    let batches = stage.settles(&machine, "no fault").await;
    assert_eq!(batches, (EVENTS as u64).div_ceil(BATCH));
    let requests = stage.proxy.count();
    for position in 1..=requests {
        for fault in FAULTS {
            let machine = stage.machine();
            let _alarm = stage.proxy.arm(Some((position, fault)));
            let _any_report = machine.sync().await;
            let fired = stage.proxy.fired_at();
            let what = format!("{fault:?} at request {position}, {fired:?}");
            assert!(fired.is_some(), "{what}: the sync did not come so far");
            let (rules, _) = machine.rules().await;
            assert!(rules == 0 || rules == RULES, "{what}: {rules} rules");
            let uploads = stage.uploads() + stage.settles(&machine, &what).await;
            // The server took each batch once; once more where its answer was lost.
            let is_lost = cannot_be_told(fault) && what.contains("/eventupload/");
            let again = uploads - batches;
            assert_eq!(again, u64::from(is_lost), "{what}: sent again");
            tally.sent_again += again;
            tally.positions += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_fault_at_every_request_all_is_in_order_with_the_small_server() {
    let mut tally = Tally::default();
    for has_tokens in [false, true] {
        let dir = TempDir::new().unwrap();
        let server = Server::ours(&dir, has_tokens).await;
        let mut stage = Stage::new(server, dir).await;
        every_fault_at_every_request(&mut stage, &mut tally).await;
    }
    println!("counted: santa fault positions tried: {}", tally.positions);
    println!(
        "counted: santa uploads that came twice, their answer lost or the request doubled: {}",
        tally.sent_again
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_fault_at_every_request_all_is_in_order_with_moroz() {
    let Some(moroz) = Moroz::start(&rules()) else {
        return;
    };
    let mut stage = Stage::new(Server::Moroz(moroz), TempDir::new().unwrap()).await;
    let mut tally = Tally::default();
    every_fault_at_every_request(&mut stage, &mut tally).await;
    println!(
        "counted: santa fault positions tried with moroz: {}",
        tally.positions
    );
    println!(
        "counted: santa uploads that came twice to moroz, their answer lost or the request doubled: {}",
        tally.sent_again
    );
}

/// A sync in a process of its own.
fn spawn(machine: &SantaMachine) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_one_santa_sync"))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(machine.to_json().as_bytes()).unwrap();
    child
}

#[cfg(unix)]
fn was_killed(status: std::process::ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_commit_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let server = Server::ours(&dir, false).await;
    let mut stage = Stage::new(server, dir).await;
    let batches = (EVENTS as u64).div_ceil(BATCH);
    let (mut kills, mut sent_again, mut commit) = (0, 0, 1);
    'commits: loop {
        for is_after in [false, true] {
            let machine = stage.machine();
            let killed = Some(Killed { commit, is_after });
            let _alarm = stage.proxy.arm(None);
            let status = spawn(&SantaMachine {
                killed,
                ..machine.clone()
            })
            .wait()
            .unwrap();
            if !was_killed(status) {
                assert!(status.success(), "{status}");
                break 'commits;
            }
            let what = format!("killed at commit {commit}, after it: {is_after}");
            let (rules, _) = machine.rules().await;
            assert!(rules == 0 || rules == RULES, "{what}: {rules} rules");
            let uploads = stage.uploads() + stage.settles(&machine, &what).await;
            // A batch whose answer came, but was not noted, is sent again.
            let again = uploads - batches;
            assert!(again <= u64::from(!is_after), "{what}: {again} sent again");
            sent_again += again;
            kills += 1;
        }
        commit += 1;
    }
    // A commit for each batch, one for the rules, one for the settings.
    assert!(kills >= 2 * (batches + 2), "{kills}");
    println!("counted: santa kills at commits: {kills}");
    println!(
        "counted: santa uploads sent again because a kill came before their note: {sent_again}"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_request_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let server = Server::ours(&dir, false).await;
    let mut stage = Stage::new(server, dir).await;
    let machine = stage.machine();
    let batches = stage.settles(&machine, "no kill").await;
    let requests = stage.proxy.count();
    let mut kills = 0;
    for position in 1..=requests {
        for fault in [Fault::HeldRequest, Fault::HeldReply] {
            let machine = stage.machine();
            let alarm = stage.proxy.arm(Some((position, fault)));
            let mut child = spawn(&machine);
            loop {
                match alarm.recv_timeout(Duration::from_millis(5)) {
                    Err(RecvTimeoutError::Timeout) => {
                        assert_eq!(child.try_wait().unwrap(), None, "it ended too early");
                    }
                    rung => break rung.unwrap(),
                }
            }
            child.kill().unwrap();
            assert!(was_killed(child.wait().unwrap()));
            let what = format!("killed at request {position}, {fault:?}");
            let is_lost = fault == Fault::HeldReply
                && stage.proxy.fired_at().unwrap().contains("/eventupload/");
            let uploads = stage.uploads() + stage.settles(&machine, &what).await;
            assert_eq!(uploads - batches, u64::from(is_lost), "{what}: sent again");
            kills += 1;
        }
    }
    println!("counted: santa kills at requests: {kills}");
}
