//! A machine with a store in memory and a scripted server. It replaces the network and the clock.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use serde_json::Value;

use super::super::*;
use selvedge_core::host::{Clock, StoreError, StoreErrorKind};
use selvedge_core::http::{Fetch, FetchError, FetchErrorKind, Request, Response};
use selvedge_core::script::{Answer, START, Script, ScriptedBody, fails, status};
use selvedge_core::time::LocalTime;

/// A received request.
pub(super) struct ReceivedRequest {
    pub(super) endpoint: String,
    pub(super) request: Request,
    /// Number of stored events at that moment.
    pub(super) pending: usize,
}

pub(super) struct Scene {
    pub(super) store: MemoryRuleStore,
    pub(super) counts: Option<RuleCounts>,
    pub(super) store_fails: bool,
    pub(super) pauses: RefCell<Vec<u64>>,
    pub(super) requests: RefCell<Vec<ReceivedRequest>>,
    answers: BTreeMap<String, Vec<Value>>,
    now: Cell<LocalTime>,
}

impl Scene {
    pub(super) fn new(store: MemoryRuleStore, server: &Value) -> Self {
        Self {
            store,
            counts: None,
            store_fails: false,
            pauses: RefCell::default(),
            requests: RefCell::default(),
            answers: serde_json::from_value(server.clone()).unwrap(),
            now: Cell::new(START),
        }
    }

    pub(super) fn pending(&self) -> usize {
        pollster::block_on(self.store.events(None, 1000))
            .unwrap()
            .len()
    }

    /// The requests to an endpoint.
    pub(super) fn to<T>(&self, endpoint: &str, of: impl Fn(&ReceivedRequest) -> T) -> Vec<T> {
        let requests = self.requests.borrow();
        requests
            .iter()
            .filter(|c| c.endpoint == endpoint)
            .map(of)
            .collect()
    }

    fn answer(&self, endpoint: &str) -> Answer {
        let number = self.to(endpoint, |_| ()).len();
        let answers = self.answers.get(endpoint);
        let Some(answers) = answers.filter(|answers| !answers.is_empty()) else {
            return status(200);
        };
        let answer = &answers[(number - 1).min(answers.len() - 1)];
        if let Some(kind) = answer["fails"].as_str() {
            return fails(match kind {
                "offline" => FetchErrorKind::Offline,
                "timeout" => FetchErrorKind::Timeout,
                "tls" => FetchErrorKind::Tls,
                _ => FetchErrorKind::Cut,
            });
        }
        let mut made = status(answer["status"].as_u64().unwrap() as u16)
            .body(answer["body"].as_str().unwrap_or_default());
        let none = serde_json::Map::new();
        for (name, value) in answer["headers"].as_object().unwrap_or(&none) {
            made = made.header(name, value.as_str().unwrap());
        }
        match answer["cut"].as_bool() {
            Some(true) => made.cut(),
            _ => made.in_chunks(&[7, 1000]),
        }
    }
}

impl Fetch for Scene {
    type Body = ScriptedBody;

    async fn fetch(&self, request: Request) -> Result<Response<ScriptedBody>, FetchError> {
        let path = request.url.rsplit('/').nth(1).unwrap_or_default();
        let known = [
            "preflight",
            "eventupload",
            "ruledownload",
            "postflight",
            "xsrf",
        ];
        let endpoint = if known.contains(&path) {
            path.to_string()
        } else {
            "other".to_string()
        };
        self.requests.borrow_mut().push(ReceivedRequest {
            endpoint: endpoint.clone(),
            request: request.clone(),
            pending: self.pending(),
        });
        let answer = self.answer(&endpoint);
        // The script itself builds the body of its response.
        Script::serving(move |_| answer.clone())
            .fetch(request)
            .await
    }
}

impl Pause for Scene {
    async fn pause(&self, seconds: u64) {
        self.pauses.borrow_mut().push(seconds);
        self.now.set(self.now.get().plus_seconds(seconds));
    }
}

impl Clock for Scene {
    fn now(&self) -> LocalTime {
        self.now.get()
    }
}

impl RuleStore for Scene {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        self.store.state().await
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        match self.counts {
            Some(counts) => Ok(counts),
            None => self.store.counts().await,
        }
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        self.store.rules(after, limit).await
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        self.store.events(after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        if self.store_fails && !commit.changes.is_empty() {
            return Err(StoreError::new(StoreErrorKind::Full, "scripted"));
        }
        self.store.commit(commit).await
    }
}

/// The options of a machine that a vector describes.
pub(super) fn options<'a>(base: &str, machine_id: &str, client: &Value) -> Options<'a> {
    let address = Address::new(base, machine_id).unwrap();
    let mut connection = Connection::new(address, "2026.5.0");
    connection.encoding = Encoding::Plain;
    if let Some(extra) = client["extra_headers"].as_object() {
        let pairs = extra
            .iter()
            .map(|(name, value)| (name, value.as_str().unwrap()));
        connection.extra_headers = ExtraHeaders::new(pairs.map(|(n, v)| (n.as_str(), v)));
    }
    let machine: wire::PreflightRequest =
        serde_json::from_value(client["machine"].clone()).unwrap_or_default();
    let machine = Machine {
        serial_number: machine.serial_number,
        hostname: machine.hostname,
        os_version: machine.os_version,
        os_build: machine.os_build,
        model_identifier: machine.model_identifier,
        santa_version: machine.santa_version,
        primary_user: machine.primary_user,
        primary_user_groups: machine.primary_user_groups,
        ..Machine::default()
    };
    let mut options = Options::new(connection, machine);
    options.uploads_on_clean = client["drops_events_on_clean"] != true;
    if client["offline"] == true {
        options.is_online = &|| false;
    }
    options
}

/// The store of a machine that a vector describes.
pub(super) fn scene(server: &Value, client: &Value) -> Scene {
    let store = if client["unusable_expression"].is_string() {
        MemoryRuleStore::with_expressions(|text| text != "((")
    } else {
        MemoryRuleStore::default()
    };
    for rule in client["rules"].as_array().into_iter().flatten() {
        store.add_rule(serde_json::from_value(rule.clone()).unwrap());
    }
    for event in client["events"].as_array().into_iter().flatten() {
        // The agent uses decisions that are never sent to a server: they have no wire value.
        store
            .add_event(serde_json::from_value(event.clone()).unwrap())
            .unwrap();
    }
    let state = serde_json::json!({
        "requested": client["requested"].as_str().unwrap_or("clean_all"),
        "settings": client.get("settings").cloned().unwrap_or_else(|| serde_json::json!({})),
    });
    let state: SyncState = serde_json::from_value(state).unwrap();
    pollster::block_on(state.save(&store)).unwrap();
    let mut scene = Scene::new(store, server);
    scene.store_fails = client["store_fails"] == true;
    if let Some(counts) = client.get("counts") {
        let number = |name: &str| counts[name].as_u64().unwrap_or(0) as u32;
        scene.counts = Some(RuleCounts {
            binary: number("binary"),
            compiler: number("compiler"),
            signingid: number("signingid"),
            ..RuleCounts::default()
        });
    }
    scene
}

/// Whether a header is as expected; `null` means that it must be absent.
pub(super) fn has_header(request: &Request, name: &str, expected: &Value) -> Result<(), String> {
    let found = request.header(name);
    if found == expected.as_str() {
        Ok(())
    } else {
        Err(format!("{name}: {found:?}"))
    }
}
