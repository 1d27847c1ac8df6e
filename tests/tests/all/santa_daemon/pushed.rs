//! Tests push with the whole daemon: rule downloads by a message, and polling while push is disconnected.

use selvedge_tests::{FakeFcm, NatsServer};
use serde_json::{Value, json};

use super::client::Client;
use super::local_server::LocalServer;
use super::machine::{Daemon, MACHINE, Machine};
use crate::santa_daemon::sync;

/// The daemon's status from `santa status`.
fn status(machine: &Machine) -> Value {
    let outcome = machine.run(&["--json", "santa", "status"]).outcome().ok();
    outcome.json()["daemon"].clone()
}

/// Seconds from now to the next full sync.
fn until_next(status: &Value) -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let next = status["next_full_sync"].as_u64().unwrap();
    next.saturating_sub(u64::try_from(now.as_millis()).unwrap()) / 1000
}

fn wait_for_push(client: &mut Client, state: &str) -> Value {
    client.wait_for_status(|status| status["push"]["state"] == state)
}

/// The interval for machines with push. The default without push is 10 minutes.
const PUSH_INTERVAL: &str = "push_notification_full_sync_interval = 7200\n";

/// While push is disconnected, the daemon polls with the shorter interval without push.
fn polls_while_disconnected(
    machine: &Machine,
    daemon: &Daemon,
    lost: impl FnOnce(),
    back: impl FnOnce(),
) {
    let mut client = daemon.client();
    // A new connection also starts a sync, after a random delay. The timer after it is tested.
    assert_eq!(sync(&mut client)["status"], 0);
    let with_push = status(machine);
    assert_eq!(with_push["interval_seconds"], 7200, "{with_push}");
    assert!(until_next(&with_push) > 1200, "{with_push}");
    lost();
    wait_for_push(&mut client, "disconnected");
    let polling = client.wait_for_status(|status| status["interval_seconds"] == 600);
    assert!(until_next(&polling) <= 660, "{polling}");
    // A sync does not change this, although the server sets an interval for push.
    assert_eq!(sync(&mut client)["status"], 0);
    let polling = status(machine);
    assert_eq!(polling["interval_seconds"], 600, "{polling}");
    assert!(until_next(&polling) <= 660, "{polling}");
    back();
    client.call("push.reconnect", &json!({}));
    wait_for_push(&mut client, "connected");
    assert_eq!(sync(&mut client)["status"], 0);
    let again = status(machine);
    assert_eq!(again["interval_seconds"], 7200, "{again}");
    assert!(until_next(&again) > 1200, "{again}");
}

#[test]
fn an_fcm_message_downloads_only_rules_and_the_daemon_polls_while_disconnected() {
    let server = LocalServer::start();
    server.configure(PUSH_INTERVAL, 1);
    let google = FakeFcm::start();
    let machine = Machine::of("");
    std::fs::write(machine.path("fcm-token"), "a-token").unwrap();
    let push = format!(
        "[selvedge.fcm]\ntoken_file = {:?}\nconnect_url = \"{}\"\nack_url = \"{}\"",
        machine.path("fcm-token"),
        google.connect_url(),
        google.ack_url()
    );
    machine.configure_with(&server.url(), &push);
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    // Skip the random delay before the first connection.
    client.call("push.reconnect", &json!({}));
    wait_for_push(&mut client, "connected");
    assert_eq!(sync(&mut client)["status"], 0);
    let before = client.call("status", &json!({}));
    assert_eq!(before["rules"]["binary"], 1, "{before}");

    server.configure(PUSH_INTERVAL, 3);
    let blob = json!({"action": "rule_sync", "target_host_id": MACHINE.to_lowercase()});
    google.send(&json!([[1, [{"message_id": "m1", "data": {"blob": blob.to_string()}}]]]));
    let after = client.wait_for_status(|status| status["rules"]["binary"] == 3);
    assert_ne!(after["last_rule_sync"], before["last_rule_sync"], "{after}");
    assert_eq!(after["last_full_sync"], before["last_full_sync"], "{after}");
    assert_eq!(google.acknowledged(1)[0]["message_id"], "m1");

    polls_while_disconnected(&machine, &daemon, || google.end(), || ());
    // The service rejects the token, so push ends and the daemon polls.
    google.set_status(403);
    google.end();
    client.call("push.reconnect", &json!({}));
    let ended = client.wait_for_status(|status| {
        let problem = status["push"]["problem"].as_str();
        problem.is_some_and(|problem| problem.contains("403"))
    });
    assert_eq!(ended["interval_seconds"], 600, "{ended}");
    daemon.stops();
}

/// The configuration of a push server.
fn push_config(nats: &NatsServer) -> String {
    let url = nats.url();
    format!("[selvedge.push]\nserver = \"{url}\"\nsubjects = [\"santa.tag.all\"]")
}

#[test]
fn the_daemon_polls_while_the_push_server_is_down() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let server = LocalServer::start();
    server.configure(PUSH_INTERVAL, 1);
    let machine = Machine::of("");
    machine.configure_with(&server.url(), &push_config(&nats));
    let daemon = Daemon::start(&machine, &[]);
    wait_for_push(&mut daemon.client(), "connected");
    let nats = std::cell::RefCell::new(nats);
    polls_while_disconnected(
        &machine,
        &daemon,
        || nats.borrow_mut().kill(),
        || nats.borrow_mut().restart(),
    );
    daemon.stops();
}

#[test]
fn the_server_publishes_changed_rules_automatically() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let server = LocalServer::with_push(&nats.url(), "santa.tag.all");
    let machine = Machine::of("");
    machine.configure_with(&server.url(), &push_config(&nats));
    let daemon = Daemon::start(&machine, &[]);
    let mut client = daemon.client();
    wait_for_push(&mut client, "connected");
    assert_eq!(sync(&mut client)["status"], 0);
    let before = client.call("status", &json!({}));
    assert_eq!(before["rules"]["binary"], 1, "{before}");
    server.configure("", 4);
    let after = client.wait_for_status(|status| status["rules"]["binary"] == 4);
    assert_ne!(after["last_full_sync"], before["last_full_sync"], "{after}");
    daemon.stops();
    for (push_server, subject, expected) in [
        ("http://127.0.0.1:1", "santa.tag.all", "is invalid"),
        (&nats.url(), "santa.tag.>", "machines do not subscribe to"),
    ] {
        let args = ["santa", "serve", "--listen", "127.0.0.1:0", "--config"];
        let path = server.path();
        let push = [
            path.to_str().unwrap(),
            "--push",
            push_server,
            "--push-subject",
            subject,
        ];
        let refused = selvedge_tests::Run::new(args.iter().chain(&push)).outcome();
        let sentence = refused.fails(2);
        assert!(sentence.contains(expected), "{sentence}");
    }
}
