//! A server behind a proxy that injects faults, and machines that sync with it.

use std::fmt::Write as _;
use std::path::PathBuf;

use selvedge_santa::wire::{Decision, Event};
use selvedge_santa::{Occurrence, Status};
use selvedge_santa_host::serve::{Configuration, Running, ServeConfig, Source, XsrfOptions, start};
use selvedge_tests::{FaultProxy, Moroz, SantaMachine};
use serde_json::Value;
use tempfile::TempDir;

/// 5 events in batches of 2, and 25 rules in pages of 10.
pub(crate) const EVENTS: usize = 5;
pub(crate) const BATCH: u64 = 2;
pub(crate) const RULES: usize = 25;
pub(crate) const PAGE: usize = 10;

pub(crate) fn rules() -> String {
    let mut text = format!("client_mode = \"MONITOR\"\nbatch_size = {BATCH}\n");
    for number in 0..RULES {
        write!(text, "[[rules]]\nidentifier = \"{number:064x}\"\n").unwrap();
    }
    text
}

/// A server whose events can be read.
pub(crate) enum Server {
    Ours { running: Running, log: PathBuf },
    Moroz(Moroz),
}

impl Server {
    pub(crate) async fn ours(dir: &TempDir, has_tokens: bool) -> Self {
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

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Ours { running, .. } => running.address(),
            Self::Moroz(moroz) => moroz.address(),
        }
    }

    /// The hashes of the programs in the stored events of a machine, including duplicates.
    pub(crate) fn events(&self, machine: &str) -> Vec<String> {
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

/// A server behind a proxy, with machines that sync with it.
pub(crate) struct TestBed {
    pub(crate) server: Server,
    pub(crate) proxy: FaultProxy,
    pub(crate) dir: TempDir,
    pub(crate) machines: u32,
    /// The hash of the server's rules.
    pub(crate) rules_hash: String,
}

impl TestBed {
    pub(crate) async fn new(server: Server, dir: TempDir) -> Self {
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

    /// A machine that has never synced, with pending events.
    pub(crate) fn machine(&mut self) -> SantaMachine {
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

    /// Syncs without a fault and checks the result. Returns the number of uploads in this sync.
    pub(crate) async fn finish_sync(&self, machine: &SantaMachine, what: &str) -> u64 {
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

    /// The number of uploads that the server accepted since the proxy was armed.
    pub(crate) fn uploads(&self) -> u64 {
        let requests = self.proxy.heard().into_iter();
        let uploads = requests.filter(|h| h.target.contains("/eventupload/") && h.status == 200);
        uploads.count() as u64
    }
}

pub(crate) fn sha256(number: usize) -> String {
    format!("{:064x}", 0xabc0 + number)
}
