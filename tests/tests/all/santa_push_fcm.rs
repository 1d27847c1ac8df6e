//! Tests push by FCM with a fake server: messages, acknowledgements, and ends of connections.
#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code, including helpers that clippy does not recognize"
)]

use selvedge_santa::push::Message;
use selvedge_santa::wire::Token;
use selvedge_santa_host::push::{self, FcmConfig, PushConfig, PushError, PushEvent, PushState};
use selvedge_tests::{FakeFcm, PushListener};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Starts push without the delay before the first connection.
async fn listen(server: &FakeFcm) -> PushListener {
    let config = FcmConfig {
        token: Token::from("a token/with=signs"),
        connect_url: server.connect_url(),
        ack_url: server.ack_url(),
    };
    let mut listener = PushListener::start(PushConfig::Fcm(config), "M-1");
    assert!(matches!(listener.next().await, PushEvent::Created));
    listener.handle.reconnect();
    listener
}

/// Expects that the first attempt succeeds.
async fn connected(listener: &mut PushListener) {
    let next = listener.next().await;
    assert!(matches!(next, PushEvent::Connected { .. }), "{next:?}");
}

fn frame(id: &str, blob: &Value) -> Value {
    json!([[1, [{"message_id": id, "data": {"blob": blob.to_string()}}]]])
}

#[tokio::test]
async fn messages_are_acknowledged_and_reported() {
    let server = FakeFcm::start();
    let mut listener = listen(&server).await;
    connected(&mut listener).await;
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
async fn a_message_can_also_announce_a_program() {
    let server = FakeFcm::start();
    let mut listener = listen(&server).await;
    connected(&mut listener).await;
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
async fn a_closed_connection_is_reconnected() {
    let server = FakeFcm::start();
    let mut listener = listen(&server).await;
    connected(&mut listener).await;
    server.send(&json!([[[
        {"message_type": "control", "control_type": "CONNECTION_DRAINING"}
    ]]]));
    assert_eq!(listener.disconnected().await, PushError::Lost);
    // It would also reconnect automatically, but after a delay, because the connection was short.
    listener.handle.reconnect();
    connected(&mut listener).await;
    server.end();
    assert_eq!(listener.disconnected().await, PushError::Lost);
    listener.handle.reconnect();
    connected(&mut listener).await;
    server.send(&frame("m", &json!({"action": "full_sync"})));
    assert_eq!(listener.message().await, Message::Full);
}

#[tokio::test]
async fn some_statuses_are_fatal_and_others_are_not() {
    for status in [302, 400, 401, 403, 404] {
        let server = FakeFcm::answering(status);
        let mut listener = listen(&server).await;
        match listener.next().await {
            PushEvent::Ended { why } => assert_eq!(why, PushError::Status(status)),
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(listener.handle.status().state, PushState::Ended);
    }
    for status in [204, 429, 500, 503] {
        let server = FakeFcm::answering(status);
        let mut listener = listen(&server).await;
        assert_eq!(listener.disconnected().await, PushError::Status(status));
    }
}

#[tokio::test]
async fn error_messages_do_not_contain_the_token() {
    let server = FakeFcm::start();
    let (sender, mut events) = mpsc::channel(64);
    let unreachable = FcmConfig {
        token: Token::from("a-secret-token"),
        // No process listens on the discard port.
        connect_url: "http://127.0.0.1:9/".into(),
        ack_url: server.ack_url(),
    };
    let handle = push::start(PushConfig::Fcm(unreachable.clone()), "M", sender).unwrap();
    let created = events.recv().await.unwrap();
    assert!(matches!(created, PushEvent::Created));
    handle.reconnect();
    let Some(PushEvent::Disconnected { why }) = events.recv().await else {
        panic!("a connection is impossible");
    };
    assert!(matches!(why, PushError::Unreachable(_)), "{why:?}");
    let text = format!("{why} {:?} {unreachable:?}", handle.status());
    assert!(!text.contains("secret"), "{text}");
}
