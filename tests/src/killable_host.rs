//! A device's host for fault tests: the real network and the real store, an adjustable clock, and an abort of the process at a
//! chosen commit.

use std::cell::Cell;
use std::path::PathBuf;

use selvedge_core::account::{Credentials, Token};
use selvedge_core::crypto::RustCrypto;
use selvedge_core::engines::{Engine, Generic};
use selvedge_core::host::{Aes, Clock, Commit, Committed, Random, RandomError, Store, StoreError};
use selvedge_core::http::{Fetch, FetchError, Request, Response};
use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{self, Ending, KeptToken, Obstacle, Report, Situation};
use selvedge_core::time::LocalTime;
use selvedge_host::{NativeBody, NativeFetch, SqliteStore, SystemClock, SystemRandom};
use serde_json::{Value, json};

/// The commit at which a process is killed; numbers start at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killed {
    /// The number of the commit.
    pub commit: u32,
    /// Whether the process is killed after the commit, not before it.
    pub is_after: bool,
}

/// The core's host traits for a device.
#[derive(Debug)]
pub struct KillableHost {
    fetch: NativeFetch,
    store: SqliteStore,
    ahead: Cell<u64>,
    commits: Cell<u32>,
    killed: Option<Killed>,
}

impl KillableHost {
    /// A device with this store.
    #[must_use]
    pub const fn new(fetch: NativeFetch, store: SqliteStore) -> Self {
        Self {
            fetch,
            store,
            ahead: Cell::new(0),
            commits: Cell::new(0),
            killed: None,
        }
    }

    /// The clock's offset, in milliseconds.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.ahead.get()
    }

    /// Sets the clock ahead by this offset, in milliseconds.
    pub fn put_ahead(&self, millis: u64) {
        self.ahead.set(millis);
    }

    /// Number of commits.
    #[must_use]
    pub fn commits(&self) -> u32 {
        self.commits.get()
    }
}

impl Fetch for KillableHost {
    type Body = NativeBody;

    async fn fetch(&self, request: Request) -> Result<Response<NativeBody>, FetchError> {
        self.fetch.fetch(request).await
    }
}

impl Clock for KillableHost {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(SystemClock.now().millis() + self.ahead.get())
    }
}

impl Random for KillableHost {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        SystemRandom.fill(bytes)
    }
}

impl Aes for KillableHost {
    type Cbc = RustCrypto;

    fn cbc(&self, key: &[u8; 32]) -> RustCrypto {
        RustCrypto::with_key(key)
    }
}

impl Store for KillableHost {
    selvedge_core::delegate_reads!(store);

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let number = self.commits.get() + 1;
        self.commits.set(number);
        let is_here = |is_after| {
            self.killed
                == Some(Killed {
                    commit: number,
                    is_after,
                })
        };
        if is_here(false) {
            std::process::abort();
        }
        let committed = self.store.commit(commit).await;
        if is_here(true) {
            std::process::abort();
        }
        committed
    }
}

/// Runs a background sync of these collections. If the server has announced that it is closed permanently, runs a sync on
/// the user's request instead, because background syncs are blocked then.
pub async fn sync_once(
    host: &KillableHost,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    collections: &[&str],
) -> Report {
    let engine = |name: &&str| {
        let name = CollectionName::new(*name).expect("the tests' collections have valid names");
        let engine = Generic::new(name).expect("the tests sync plain collections");
        Box::new(engine) as Box<dyn Engine>
    };
    let engines: Vec<_> = collections.iter().map(engine).collect();
    let mut options = sync::Options {
        engines: &engines,
        situation: Situation::default(),
        client: sync::OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    let report = sync::sync(host, credentials, token, &options).await;
    if report.ending != Ending::Blocked(Obstacle::Closed) {
        return report;
    }
    options.situation.is_asked_for = true;
    sync::sync(host, credentials, token, &options).await
}

/// The settings of one sync in its own process. They are passed on the standard input, because they contain secrets.
#[derive(Debug)]
pub struct SyncOnce {
    /// The file of the store.
    pub store: PathBuf,
    /// The account.
    pub credentials: Credentials,
    /// The kept token.
    pub token: Option<KeptToken>,
    /// The clock's offset, in milliseconds.
    pub ahead: u64,
    /// The collections.
    pub collections: Vec<String>,
    /// At which commit the process is killed.
    pub killed: Option<Killed>,
}

impl SyncOnce {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let credentials: Value = serde_json::from_slice(&self.credentials.to_json())
            .expect("credentials are written as JSON");
        let token = self.token.as_ref().map(|KeptToken { token, received }| {
            json!({
                "api_endpoint": token.api_endpoint,
                "id": token.id,
                "key": *token.key,
                "uid": token.uid,
                "duration": token.duration,
                "received": received.millis(),
            })
        });
        let killed = self
            .killed
            .map(|killed| json!([killed.commit, killed.is_after]));
        json!({
            "store": self.store,
            "credentials": credentials,
            "token": token,
            "ahead": self.ahead,
            "collections": self.collections,
            "killed": killed,
        })
        .to_string()
    }

    /// From JSON.
    #[must_use]
    pub fn from_json(json: &str) -> Self {
        let json: Value = serde_json::from_str(json).expect("it is JSON");
        let number = |value: &Value| value.as_u64().expect("it is a number");
        let token = &json["token"];
        let killed = &json["killed"];
        Self {
            store: json["store"].as_str().expect("the store has a path").into(),
            credentials: Credentials::from_json(json["credentials"].to_string().as_bytes())
                .expect("the credentials are whole"),
            token: (!token.is_null()).then(|| KeptToken {
                token: Token::from_json(token.to_string().as_bytes()).expect("the token is whole"),
                received: LocalTime::from_millis(number(&token["received"])),
            }),
            ahead: number(&json["ahead"]),
            collections: serde_json::from_value(json["collections"].clone())
                .expect("collections are texts"),
            killed: killed.as_array().map(|killed| Killed {
                commit: u32::try_from(number(&killed[0])).expect("a small number"),
                is_after: killed[1] == true,
            }),
        }
    }

    /// Syncs, unless the process is killed before.
    pub async fn run(self) -> Report {
        let store = SqliteStore::open(&self.store).expect("the store can be opened");
        let mut host = KillableHost::new(NativeFetch::new(), store);
        host.killed = self.killed;
        host.put_ahead(self.ahead);
        let collections: Vec<&str> = self.collections.iter().map(String::as_str).collect();
        let mut token = self.token;
        sync_once(&host, &self.credentials, &mut token, &collections).await
    }
}
