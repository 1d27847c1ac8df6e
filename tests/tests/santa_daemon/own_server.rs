//! What moroz cannot do: the small server asks for bundles, and a publisher of push messages stands beside it.

use std::path::PathBuf;

use selvedge_santa_host::push::{NatsConfig, Publisher};
use selvedge_santa_host::serve::{Running, ServeConfig, Source, start};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::machine::{Daemon, Machine};
use super::talk::TIMEOUT;
use crate::{OTHER, SHA, blocked, sync};

/// The small server in this process; its rules are in a file.
pub(crate) struct Own {
    runtime: Runtime,
    server: Running,
    dir: TempDir,
}

impl Own {
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// One that tells machines of changes by a push server.
    pub(crate) fn telling(push_server: &str, subject: &str) -> Self {
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

    /// The base of its URLs.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The file of its configuration.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("rules.toml")
    }

    /// Puts another configuration in place: lines of settings, and so many rules.
    pub(crate) fn configure(&self, settings: &str, count: usize) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, rules(settings, count)).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    /// The events that it took, in their order.
    fn events(&self) -> usize {
        let log = std::fs::read_to_string(self.dir.path().join("events.jsonl"));
        log.unwrap_or_default().lines().count()
    }
}

/// Settings, and so many rules.
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
fn the_members_of_a_bundle_that_the_server_wants_are_sent_at_once() {
    let own = Own::start();
    let machine = Machine::of(&own.url());
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    let bundle = "ef".repeat(32);
    let of_bundle = |sha256: &str, decision: &str| {
        let mut event = blocked(sha256);
        event["file_bundle_hash"] = json!(bundle);
        event["file_bundle_binary_count"] = json!(2);
        event["decision"] = json!(decision);
        event
    };
    let main = json!({"event": of_bundle(SHA, "BLOCK_BINARY")});
    let answer = talk.call("events.post_bundle", &main);
    assert_eq!(answer, json!({"action": "send"}));
    assert_eq!(own.events(), 1);
    let members: Vec<Value> = [SHA, OTHER]
        .map(|sha256| of_bundle(sha256, "BUNDLE_BINARY"))
        .into();
    // They are not held back by the event that went before them.
    let params = json!({"events": members, "key": bundle});
    let answer = talk.call("events.post", &params);
    assert_eq!(answer, json!({"ok": true, "uploaded": 2}));
    assert_eq!(own.events(), 3);
    assert_eq!(talk.call("status", &json!({}))["pending_events"], 0);
}

#[test]
fn a_push_message_has_it_sync() {
    let own = Own::start();
    let publisher = own.runtime.block_on(Publisher::bind(0)).unwrap();
    let machine = Machine::of("");
    let push = format!(
        "[selvedge.push]\nserver = \"{}\"\nsubjects = [\"santa.tag.all\"]",
        publisher.url()
    );
    machine.configure_with(&own.url(), &push);
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    assert_eq!(sync(&mut talk)["status"], 0);
    let before = talk.call("status", &json!({}));
    assert_eq!(before["rules"]["binary"], 1, "{before}");
    let status = talk.wait_for_status(|status| status["push"]["state"] == "connected");
    assert_eq!(status["interval_seconds"], 14_400, "{status}");
    own.configure("", 3);
    // A SyncRequest without jitter: now.
    let began = std::time::Instant::now();
    while publisher.publish("santa.tag.all", &[8, 0]) == 0 {
        assert!(began.elapsed() < TIMEOUT, "nobody listens");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let after = talk.wait_for_status(|status| status["rules"]["binary"] == 3);
    assert_ne!(after["last_full_sync"], before["last_full_sync"], "{after}");
    daemon.stops();
}
