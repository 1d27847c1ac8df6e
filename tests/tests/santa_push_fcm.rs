//! Push by FCM, against a stand-in of its server: messages, acknowledgements, and how connections end.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

use std::time::Duration;

use selvedge_cli::santa::push::{
    self, FcmConfig, PushConfig, PushError, PushEvent, PushHandle, PushState,
};
use selvedge_core::santa::push::Message;
use selvedge_core::santa::wire::Token;
use selvedge_tests::FakeFcm;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A slow machine gets this long for anything.
const PATIENCE: Duration = Duration::from_secs(60);

struct Listener {
    handle: PushHandle,
    events: mpsc::Receiver<PushEvent>,
}

impl Listener {
    /// Starts, and does not wait for the pause before the first connection.
    async fn start(server: &FakeFcm) -> Self {
        let (sender, events) = mpsc::channel(64);
        let config = FcmConfig {
            token: Token::from("a token/with=signs"),
            connect_url: server.connect_url(),
            ack_url: server.ack_url(),
        };
        let handle = push::start(PushConfig::Fcm(config), "M-1", sender).unwrap();
        let mut listener = Self { handle, events };
        assert!(matches!(listener.next().await, PushEvent::Created));
        listener.handle.reconnect();
        listener
    }

    async fn next(&mut self) -> PushEvent {
        let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        next.unwrap().unwrap()
    }

    async fn connected(&mut self) {
        let next = self.next().await;
        assert!(matches!(next, PushEvent::Connected { .. }), "{next:?}");
    }

    async fn disconnected(&mut self) -> PushError {
        match self.next().await {
            PushEvent::Disconnected { why } => why,
            other => panic!("{other:?}"),
        }
    }

    async fn message(&mut self) -> Message {
        match self.next().await {
            PushEvent::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }
}

fn frame(id: &str, blob: &Value) -> Value {
    json!([[1, [{"message_id": id, "data": {"blob": blob.to_string()}}]]])
}

#[tokio::test]
async fn messages_are_acknowledged_and_told() {
    let server = FakeFcm::start();
    let mut listener = Listener::start(&server).await;
    listener.connected().await;
    assert_eq!(server.tokens(), ["a+token%2Fwith%3Dsigns"]);
    server.send(&json!([[1, [{"noOp": {}}]]]));
    let rows = [
        (json!({"action": "full_sync"}), Message::Full),
        (
            json!({"action": "rule_sync"}),
            Message::Rules { is_for_us: false },
        ),
        (
            json!({"action": "rule_sync", "target_host_id": "m-1"}),
            Message::Rules { is_for_us: true },
        ),
    ];
    for (number, (blob, expected)) in rows.into_iter().enumerate() {
        server.send(&frame(&format!("m{number}"), &blob));
        assert_eq!(listener.message().await, expected, "{blob}");
    }
    let ids: Vec<Value> = server
        .acknowledged(3)
        .into_iter()
        .map(|ack| {
            assert_eq!(ack["token"], "a token/with=signs");
            ack["message_id"].clone()
        })
        .collect();
    assert_eq!(ids, ["m0", "m1", "m2"]);
}

#[tokio::test]
async fn a_program_is_announced_beside_what_is_asked() {
    let server = FakeFcm::start();
    let mut listener = Listener::start(&server).await;
    listener.connected().await;
    let blob = json!({"action": "rule_sync", "file_hash": "ab", "file_name": "Acme"});
    server.send(&frame("m", &blob));
    match listener.next().await {
        PushEvent::Announced { hash, name } => assert_eq!((&*hash, &*name), ("ab", "Acme")),
        other => panic!("{other:?}"),
    }
    let rules = Message::Rules { is_for_us: false };
    assert_eq!(listener.message().await, rules);
}

#[tokio::test]
async fn a_connection_that_drains_or_ends_is_made_anew() {
    let server = FakeFcm::start();
    let mut listener = Listener::start(&server).await;
    listener.connected().await;
    server.send(&json!([[[
        {"message_type": "control", "control_type": "CONNECTION_DRAINING"}
    ]]]));
    assert_eq!(listener.disconnected().await, PushError::Lost);
    // It is made anew by itself too, but not at once: the one before was short.
    listener.handle.reconnect();
    listener.connected().await;
    server.end();
    assert_eq!(listener.disconnected().await, PushError::Lost);
    listener.handle.reconnect();
    listener.connected().await;
    server.send(&frame("m", &json!({"action": "full_sync"})));
    assert_eq!(listener.message().await, Message::Full);
}

#[tokio::test]
async fn some_statuses_end_push_and_others_do_not() {
    for status in [302, 400, 401, 403, 404] {
        let server = FakeFcm::answering(status);
        let mut listener = Listener::start(&server).await;
        match listener.next().await {
            PushEvent::Ended { why } => assert_eq!(why, PushError::Status(status)),
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(listener.handle.status().state, PushState::Ended);
    }
    for status in [204, 429, 500, 503] {
        let server = FakeFcm::answering(status);
        let mut listener = Listener::start(&server).await;
        assert_eq!(listener.disconnected().await, PushError::Status(status));
    }
}

#[tokio::test]
async fn a_token_is_in_no_message_about_what_went_wrong() {
    let server = FakeFcm::start();
    let (sender, mut events) = mpsc::channel(64);
    let gone = FcmConfig {
        token: Token::from("a-secret-token"),
        // Nobody listens on the port of discarding.
        connect_url: "http://127.0.0.1:9/".into(),
        ack_url: server.ack_url(),
    };
    let handle = push::start(PushConfig::Fcm(gone.clone()), "M", sender).unwrap();
    let created = events.recv().await.unwrap();
    assert!(matches!(created, PushEvent::Created));
    handle.reconnect();
    let Some(PushEvent::Disconnected { why }) = events.recv().await else {
        panic!("nobody is connected");
    };
    assert!(matches!(why, PushError::Unreachable(_)), "{why:?}");
    let told = format!("{why} {:?} {gone:?}", handle.status());
    assert!(!told.contains("secret"), "{told}");
}
