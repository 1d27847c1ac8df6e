//! Push through the whole daemon: rules alone by a message, and polling while no message can come.

use selvedge_tests::{FakeFcm, NatsServer};
use serde_json::{Value, json};

use super::machine::{Daemon, MACHINE, Machine};
use super::own_server::Own;
use super::talk::Talk;
use crate::sync;

/// How things are, as people's programs ask for it.
fn status(machine: &Machine) -> Value {
    let told = machine.run(&["--json", "santa", "status"]).outcome().ok();
    told.json()["daemon"].clone()
}

/// Seconds from now to the next full sync.
fn until_next(status: &Value) -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let next = status["next_full_sync"].as_u64().unwrap();
    next.saturating_sub(u64::try_from(now.as_millis()).unwrap()) / 1000
}

fn is_push(talk: &mut Talk, state: &str) -> Value {
    talk.wait_for_status(|status| status["push"]["state"] == state)
}

/// The server says another interval for machines with push, and the one without is ten minutes.
const PUSHED: &str = "push_notification_full_sync_interval = 7200\n";

/// Between a loss and the return the daemon polls as if there were no push, and what it polls for comes sooner.
fn is_polled_for_while(
    machine: &Machine,
    daemon: &Daemon,
    lost: impl FnOnce(),
    back: impl FnOnce(),
) {
    let mut talk = daemon.talk();
    // The sync of a new connection comes at a moment of its own: what counts is the timer after it.
    assert_eq!(sync(&mut talk)["status"], 0);
    let with_push = status(machine);
    assert_eq!(with_push["interval_seconds"], 7200, "{with_push}");
    assert!(until_next(&with_push) > 1200, "{with_push}");
    lost();
    is_push(&mut talk, "disconnected");
    let polling = talk.wait_for_status(|status| status["interval_seconds"] == 600);
    assert!(until_next(&polling) <= 660, "{polling}");
    // And so it stays, whatever the server says of push.
    assert_eq!(sync(&mut talk)["status"], 0);
    let polling = status(machine);
    assert_eq!(polling["interval_seconds"], 600, "{polling}");
    assert!(until_next(&polling) <= 660, "{polling}");
    back();
    talk.call("push.reconnect", &json!({}));
    is_push(&mut talk, "connected");
    assert_eq!(sync(&mut talk)["status"], 0);
    let again = status(machine);
    assert_eq!(again["interval_seconds"], 7200, "{again}");
    assert!(until_next(&again) > 1200, "{again}");
}

#[test]
fn a_message_of_fcm_fetches_rules_alone_and_a_lost_connection_is_made_up_for_by_polling() {
    let own = Own::start();
    own.configure(PUSHED, 1);
    let google = FakeFcm::start();
    let machine = Machine::of("");
    std::fs::write(machine.path("fcm-token"), "a-token").unwrap();
    let push = format!(
        "[selvedge.fcm]\ntoken_file = {:?}\nconnect_url = \"{}\"\nack_url = \"{}\"",
        machine.path("fcm-token"),
        google.connect_url(),
        google.ack_url()
    );
    machine.configure_with(&own.url(), &push);
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    // Not after the pause by which machines are spread.
    talk.call("push.reconnect", &json!({}));
    is_push(&mut talk, "connected");
    assert_eq!(sync(&mut talk)["status"], 0);
    let before = talk.call("status", &json!({}));
    assert_eq!(before["rules"]["binary"], 1, "{before}");

    own.configure(PUSHED, 3);
    let blob = json!({"action": "rule_sync", "target_host_id": MACHINE.to_lowercase()});
    google.send(&json!([[1, [{"message_id": "m1", "data": {"blob": blob.to_string()}}]]]));
    let after = talk.wait_for_status(|status| status["rules"]["binary"] == 3);
    assert_ne!(after["last_rule_sync"], before["last_rule_sync"], "{after}");
    assert_eq!(after["last_full_sync"], before["last_full_sync"], "{after}");
    assert_eq!(google.acknowledged(1)[0]["message_id"], "m1");

    is_polled_for_while(&machine, &daemon, || google.end(), || ());
    // Google takes the token no more: push is over, and nobody waits for it.
    google.answer_from_now_on(403);
    google.end();
    talk.call("push.reconnect", &json!({}));
    let over = talk.wait_for_status(|status| {
        let problem = status["push"]["problem"].as_str();
        problem.is_some_and(|problem| problem.contains("403"))
    });
    assert_eq!(over["interval_seconds"], 600, "{over}");
    daemon.stops();
}

/// What a machine's configuration says of a push server.
fn pushed_by(nats: &NatsServer) -> String {
    let url = nats.url();
    format!("[selvedge.push]\nserver = \"{url}\"\nsubjects = [\"santa.tag.all\"]")
}

#[test]
fn a_push_server_that_goes_is_made_up_for_by_polling_until_it_is_back() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let own = Own::start();
    own.configure(PUSHED, 1);
    let machine = Machine::of("");
    machine.configure_with(&own.url(), &pushed_by(&nats));
    let daemon = Daemon::start(&machine, &[]);
    is_push(&mut daemon.talk(), "connected");
    let nats = std::cell::RefCell::new(nats);
    is_polled_for_while(
        &machine,
        &daemon,
        || nats.borrow_mut().kill(),
        || nats.borrow_mut().start_again(),
    );
    daemon.stops();
}

#[test]
fn a_small_server_tells_machines_of_new_rules_by_itself() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let own = Own::telling(&nats.url(), "santa.tag.all");
    let machine = Machine::of("");
    machine.configure_with(&own.url(), &pushed_by(&nats));
    let daemon = Daemon::start(&machine, &[]);
    let mut talk = daemon.talk();
    is_push(&mut talk, "connected");
    assert_eq!(sync(&mut talk)["status"], 0);
    let before = talk.call("status", &json!({}));
    assert_eq!(before["rules"]["binary"], 1, "{before}");
    own.configure("", 4);
    let after = talk.wait_for_status(|status| status["rules"]["binary"] == 4);
    assert_ne!(after["last_full_sync"], before["last_full_sync"], "{after}");
    daemon.stops();
    for (server, subject, said) in [
        ("http://127.0.0.1:1", "santa.tag.all", "cannot be read"),
        (&nats.url(), "santa.tag.>", "is no subject"),
    ] {
        let args = ["santa", "serve", "--listen", "127.0.0.1:0", "--config"];
        let path = own.path();
        let push = [
            path.to_str().unwrap(),
            "--push",
            server,
            "--push-subject",
            subject,
        ];
        let refused = selvedge_tests::Run::new(args.iter().chain(&push)).outcome();
        let sentence = refused.fails(2);
        assert!(sentence.contains(said), "{sentence}");
    }
}
