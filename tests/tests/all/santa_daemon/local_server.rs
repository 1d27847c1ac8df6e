//! Tests with Selvedge's own server, which supports bundles and push, unlike moroz.

use std::path::PathBuf;

use selvedge_santa_host::push::{NatsConfig, Publisher};
use selvedge_santa_host::serve::{Running, ServeConfig, Source, start};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::client::TIMEOUT;
use super::machine::{Daemon, Machine};
use crate::santa_daemon::{OTHER, SHA, blocked, sync};

/// Selvedge's server in this process, with its rules in a file.
pub(crate) struct LocalServer {
    runtime: Runtime,
    server: Running,
    dir: TempDir,
}

impl LocalServer {
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// A server that publishes changes of its configuration by push.
    pub(crate) fn with_push(push_server: &str, subject: &str) -> Self {
        Self::start_with(Some(NatsConfig {
            server: push_server.into(),
            subjects: vec![subject.into()],
            ..NatsConfig::default()
        }))
    }

    fn start_with(push: Option<NatsConfig>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.toml");
        std::fs::write(&path, rules("", 1)).unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut config = ServeConfig::new(Source::Path(path));
        config.push = push;
        config.event_log = Some(dir.path().join("events.jsonl"));
        let server = runtime.block_on(start(config)).unwrap();
        Self {
            runtime,
            server,
            dir,
        }
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The file of its configuration.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("rules.toml")
    }

    /// Replaces the configuration with settings and `count` rules.
    pub(crate) fn configure(&self, settings: &str, count: usize) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, rules(settings, count)).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    /// The number of events in its log.
    fn events(&self) -> usize {
        let log = std::fs::read_to_string(self.dir.path().join("events.jsonl"));
        log.unwrap_or_default().lines().count()
    }
}

/// A configuration with settings and `count` rules.
fn rules(settings: &str, count: usize) -> String {
    let rule = |number| {
        format!(
            "[[rules]]\nrule_type = \"BINARY\"\npolicy = \"BLOCKLIST\"\nidentifier = \"{number:064}\"\n"
        )
    };
    let rules: String = (0..count).map(rule).collect();
    format!("client_mode = \"MONITOR\"\nenable_bundles = true\n{settings}{rules}")
}

#[test]
fn members_of_a_requested_bundle_are_uploaded_immediately() {
    let server = LocalServer::start();
    let machine = Machine::of(&server.url());
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    let bundle = "ef".repeat(32);
    let of_bundle = |sha256: &str, decision: &str| {
        let mut event = blocked(sha256);
        event["file_bundle_hash"] = json!(bundle);
        event["file_bundle_binary_count"] = json!(2);
        event["decision"] = json!(decision);
        event
    };
    let main = json!({"event": of_bundle(SHA, "BLOCK_BINARY")});
    let answer = client.call("events.post_bundle", &main);
    assert_eq!(answer, json!({"action": "send"}));
    assert_eq!(server.events(), 1);
    let members: Vec<Value> = [SHA, OTHER]
        .map(|sha256| of_bundle(sha256, "BUNDLE_BINARY"))
        .into();
    // The earlier event with the same key does not delay them.
    let params = json!({"events": members, "key": bundle});
    let answer = client.call("events.post", &params);
    assert_eq!(answer, json!({"ok": true, "uploaded": 2}));
    assert_eq!(server.events(), 3);
    assert_eq!(client.call("status", &json!({}))["pending_events"], 0);
}

#[test]
fn a_push_message_starts_a_sync() {
    let server = LocalServer::start();
    let publisher = server.runtime.block_on(Publisher::bind(0)).unwrap();
    let machine = Machine::of("");
    let push = format!(
        "[selvedge.push]\nserver = \"{}\"\nsubjects = [\"santa.tag.all\"]",
        publisher.url()
    );
    machine.configure_with(&server.url(), &push);
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    assert_eq!(sync(&mut client)["status"], 0);
    let before = client.call("status", &json!({}));
    assert_eq!(before["rules"]["binary"], 1, "{before}");
    let status = client.wait_for_status(|status| status["push"]["state"] == "connected");
    assert_eq!(status["interval_seconds"], 14_400, "{status}");
    server.configure("", 3);
    // A SyncRequest with jitter 0: sync immediately.
    let began = std::time::Instant::now();
    while publisher.publish("santa.tag.all", &[8, 0]) == 0 {
        assert!(began.elapsed() < TIMEOUT, "the machine has not subscribed");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let is_done = |status: &Value| status["rules"]["binary"] == 3 && status["running"].is_null();
    let after = client.wait_for_status(is_done);
    assert_ne!(after["last_full_sync"], before["last_full_sync"], "{after}");
    daemon.stops();
}
