//! A machine that syncs with Santa's servers: the program's network and store, without delays before retries, and with a kill at
//! a chosen commit.

use std::cell::Cell;
use std::path::PathBuf;

use selvedge_core::host::{Clock, StoreError};
use selvedge_core::http::{Fetch, FetchError, Request, Response};
use selvedge_core::time::LocalTime;
use selvedge_santa::{
    Commit, Committed, EventId, Link, Options, Pause, PendingEvent, Report, Rule, RuleCounts,
    RuleKey, RuleStore, RulesHash, sync,
};
use selvedge_santa_host::{Config, HostInfo, SantaFetch, SantaHost, SantaStore};
use serde_json::{Value, json};

use crate::Killed;

/// A machine.
#[derive(Debug, Clone)]
pub struct SantaMachine {
    /// The file of its store.
    pub store: PathBuf,
    /// The server's URL.
    pub url: String,
    /// Its machine id.
    pub id: String,
    /// At which commit its process is killed.
    pub killed: Option<Killed>,
}

impl SantaMachine {
    /// Opens its store.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[must_use]
    pub fn open(&self) -> SantaStore {
        SantaStore::open(&self.store).expect("the store can be opened")
    }

    /// Syncs once, as a process that has just started.
    ///
    /// # Panics
    /// If the sync cannot start.
    pub async fn sync(&self) -> Report {
        let text = format!("SyncBaseURL = '{}'\nMachineID = '{}'\n", self.url, self.id);
        let config = Config::parse("santa.toml".as_ref(), &text, false).expect("it is right");
        let connection = config.connection(&self.id).expect("the URL is right");
        let fetch = SantaFetch::new(&config, &connection.address).expect("there is a network");
        let host = HostWithoutDelays {
            host: SantaHost {
                fetch,
                store: self.open(),
                in_flight: Default::default(),
            },
            commits: Cell::new(0),
            killed: self.killed,
        };
        let facts = HostInfo {
            hostname: "web-01".into(),
            os_version: "12.5".into(),
            os_build: "6.1".into(),
            ..HostInfo::default()
        };
        let options = Options::new(connection, config.machine(&self.id, &facts));
        sync(&host, &options, &Link::default()).await
    }

    /// The number of its rules, and their hash.
    pub async fn rules(&self) -> (usize, String) {
        let store = self.open();
        let rules = store.rules(None, 1_000_000).await;
        let rules = rules.expect("the store can be read");
        let mut hash = RulesHash::default();
        rules.iter().for_each(|rule| hash.add(rule));
        (rules.len(), hash.finish())
    }

    /// As JSON, for a child process.
    #[must_use]
    pub fn to_json(&self) -> String {
        let killed = self.killed.map(|k| json!([k.commit, k.is_after]));
        json!({"store": self.store, "url": self.url, "id": self.id, "killed": killed}).to_string()
    }

    /// From JSON.
    ///
    /// # Panics
    /// If it is invalid.
    #[must_use]
    pub fn from_json(json: &str) -> Self {
        let json: Value = serde_json::from_str(json).expect("it is JSON");
        let text = |name: &str| json[name].as_str().expect("it is a text").to_owned();
        Self {
            store: text("store").into(),
            url: text("url"),
            id: text("id"),
            killed: json["killed"].as_array().map(|killed| Killed {
                commit: u32::try_from(killed[0].as_u64().expect("a number")).expect("a small one"),
                is_after: killed[1] == true,
            }),
        }
    }
}

/// The program's host, but without delays before retries, and with a kill at a commit.
struct HostWithoutDelays {
    host: SantaHost,
    commits: Cell<u32>,
    killed: Option<Killed>,
}

impl Clock for HostWithoutDelays {
    fn now(&self) -> LocalTime {
        self.host.now()
    }
}

impl Pause for HostWithoutDelays {
    async fn pause(&self, _seconds: u64) {}
}

impl Fetch for HostWithoutDelays {
    type Body = <SantaHost as Fetch>::Body;

    async fn fetch(&self, request: Request) -> Result<Response<Self::Body>, FetchError> {
        self.host.fetch(request).await
    }
}

impl RuleStore for HostWithoutDelays {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        self.host.state().await
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        self.host.counts().await
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        self.host.rules(after, limit).await
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        self.host.events(after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let commit_number = self.commits.get() + 1;
        self.commits.set(commit_number);
        let dies = |is_after| {
            self.killed
                == Some(Killed {
                    commit: commit_number,
                    is_after,
                })
        };
        if dies(false) {
            die();
        }
        let committed = self.host.commit(commit).await;
        if dies(true) {
            die();
        }
        committed
    }
}

/// Kills this process with SIGKILL: nothing is written or closed.
fn die() -> ! {
    let id = std::process::id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-KILL", &id])
        .status();
    panic!("SIGKILL did not end the process: {sent:?}");
}
