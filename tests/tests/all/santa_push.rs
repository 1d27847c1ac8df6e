//! Tests push with a real NATS server: messages, commands, lost connections, credentials, TLS.
#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code, including helpers that clippy does not recognize"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_nats::Client;
use prost::Message as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use selvedge_santa::push::{
    Action, Answered, CommandError, CommandKey, CommandRequest, CommandResponse, HmacScheme,
    Message, SyncRequest,
};
use selvedge_santa::wire::Token;
use selvedge_santa_host::push::{
    Commands, NatsConfig, PushConfig, PushError, PushEvent, PushState,
};
use selvedge_tests::{NatsAccount, NatsServer, PushListener, workspace_root};

/// Timeout of each operation, long enough for slow computers.
const TIMEOUT: Duration = Duration::from_secs(60);

const MACHINE: &str = "50C7E1EB-2EF5-42D4-A084-A7966FC45A95";
const COMMANDS: &str = "santa.host.50C7E1EB-2EF5-42D4-A084-A7966FC45A95.commands";

fn listen(config: NatsConfig) -> PushListener {
    PushListener::start(PushConfig::Nats(config), MACHINE)
}

fn config(server: &NatsServer, subjects: &[&str]) -> NatsConfig {
    NatsConfig {
        server: server.url(),
        subjects: subjects.iter().map(ToString::to_string).collect(),
        ..NatsConfig::default()
    }
}

/// A publisher. When this returns, the server has all subscriptions of the machine: the last one is that of commands,
/// which has been answered.
async fn publisher(server: &NatsServer) -> Client {
    let client = async_nats::connect(server.url()).await.unwrap();
    let began = Instant::now();
    while let Err(error) = client.request(COMMANDS, "unreadable".into()).await {
        assert!(began.elapsed() < TIMEOUT, "{error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client
}

async fn publish(client: &Client, subject: &str, payload: Vec<u8>) {
    client
        .publish(subject.to_owned(), payload.into())
        .await
        .unwrap();
    client.flush().await.unwrap();
}

fn jitter(max_jitter: u32) -> Vec<u8> {
    SyncRequest {
        max_jitter: Some(max_jitter),
    }
    .encode_to_vec()
}

#[tokio::test]
async fn messages_of_tags_have_a_jitter_and_messages_of_hosts_do_not() {
    let Some(server) = NatsServer::start() else {
        return;
    };
    let mut listener = listen(config(&server, &["santa.tag.lab", "santa.host.D1"]));
    listener.connected().await;
    assert_eq!(listener.handle.status().state, PushState::Connected);
    assert_eq!(listener.handle.status().server, server.url());
    let fleet = publisher(&server).await;
    let tag = |max_jitter| Message::Tag { max_jitter };
    let rows = [
        ("santa.tag.lab", jitter(0), tag(Some(0))),
        ("santa.tag.lab", jitter(900), tag(Some(900))),
        ("santa.tag.lab", Vec::new(), tag(None)),
        ("santa.tag.lab", b"\xff\xff garbage".to_vec(), tag(None)),
        ("santa.host.D1", b"whatever".to_vec(), Message::Full),
    ];
    for (subject, payload, expected) in rows {
        publish(&fleet, subject, payload).await;
        assert_eq!(listener.message().await, expected, "{subject}");
    }
}

#[tokio::test]
async fn invalid_subjects_and_subjects_of_other_machines_are_not_subscribed() {
    let Some(server) = NatsServer::start() else {
        return;
    };
    let listed = ["santa.tag.a-b", "santa.tag.>", "lab", "santa.host.D1"];
    let mut listener = listen(config(&server, &listed));
    listener.connected().await;
    let fleet = publisher(&server).await;
    for subject in ["santa.tag.a-b", "santa.tag.x", "lab", "santa.host.D2"] {
        publish(&fleet, subject, Vec::new()).await;
    }
    // A message before the first of these would be reported before the second.
    for _ in 0..2 {
        publish(&fleet, "santa.host.D1", Vec::new()).await;
        assert_eq!(listener.message().await, Message::Full);
    }
}

#[tokio::test]
async fn subscriptions_are_changed_on_the_same_connection() {
    let Some(server) = NatsServer::start() else {
        return;
    };
    let mut listener = listen(config(&server, &["santa.tag.old", "santa.host.D1"]));
    listener.connected().await;
    let fleet = publisher(&server).await;
    listener
        .handle
        .resubscribe(["santa.tag.new", "santa.host.D1"], MACHINE);
    // The subscription takes some time, so publish until a message is received.
    let publishing = async {
        loop {
            publish(&fleet, "santa.tag.new", jitter(7)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let message = tokio::select! {
        message = listener.message() => message,
        never = publishing => never,
    };
    assert_eq!(
        message,
        Message::Tag {
            max_jitter: Some(7)
        }
    );
    publish(&fleet, "santa.tag.old", jitter(1)).await;
    publish(&fleet, "santa.host.D1", Vec::new()).await;
    loop {
        match listener.message().await {
            Message::Tag {
                max_jitter: Some(7),
            } => {}
            message => break assert_eq!(message, Message::Full),
        }
    }
}

const KEY: [u8; 32] = [7; 32];

fn command(number: u32, seconds_ago: i64) -> CommandRequest {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    CommandRequest {
        uuid: format!("{number:08x}-3b0a-4c58-9a57-0c6f2a4c9d11"),
        issued_at: i64::try_from(now.as_secs()).unwrap() - seconds_ago,
        ping: Some(Vec::new()),
        ..CommandRequest::default()
    }
}

fn signed(request: CommandRequest) -> CommandRequest {
    CommandKey::new(KEY.to_vec()).sign(HmacScheme::Message, request)
}

async fn asked(fleet: &Client, request: &CommandRequest) -> CommandResponse {
    let answer = fleet.request(COMMANDS, request.encode_to_vec().into());
    CommandResponse::decode(answer.await.unwrap().payload).unwrap()
}

fn commands(allowed: Option<&[Action]>) -> Option<Commands> {
    Some(Commands {
        key: CommandKey::new(KEY.to_vec()),
        scheme: HmacScheme::Message,
        allowed: allowed.map(|actions| actions.iter().copied().collect::<BTreeSet<_>>()),
    })
}

#[tokio::test]
async fn only_a_recent_command_with_a_valid_signature_is_executed_and_only_once() {
    let Some(server) = NatsServer::start() else {
        return;
    };
    let mut listener = listen(NatsConfig {
        commands: commands(None),
        ..config(&server, &[])
    });
    listener.connected().await;
    let fleet = publisher(&server).await;
    let good = signed(command(1, 0));
    let mut forged = signed(command(2, 0));
    forged.hmac[0] ^= 1;
    let other_scheme = CommandKey::new(KEY.to_vec()).sign(HmacScheme::Parts, command(3, 0));
    let rows = [
        ("good", good.clone(), None),
        ("again", good, Some(CommandError::InvalidData)),
        ("forged", forged, Some(CommandError::InvalidData)),
        ("unsigned", command(4, 0), Some(CommandError::InvalidData)),
        (
            "old",
            signed(command(5, 310)),
            Some(CommandError::InvalidData),
        ),
        (
            "of the future",
            signed(command(6, -310)),
            Some(CommandError::InvalidData),
        ),
        (
            "other scheme",
            other_scheme,
            Some(CommandError::InvalidData),
        ),
    ];
    for (name, request, expected) in rows {
        let response = asked(&fleet, &request).await;
        assert_eq!(response.error, expected, "{name}");
        assert_eq!(response.ping.is_some(), expected.is_none(), "{name}");
    }
}

#[tokio::test]
async fn the_daemon_executes_a_command_and_its_answer_is_sent() {
    let Some(server) = NatsServer::start() else {
        return;
    };
    let mut listener = listen(NatsConfig {
        commands: commands(Some(&[Action::EventUpload])),
        ..config(&server, &["santa.host.D1"])
    });
    listener.connected().await;
    let fleet = publisher(&server).await;
    let upload = |number| {
        signed(CommandRequest {
            ping: None,
            event_upload: Some(vec![10, 1, b'x']),
            ..command(number, 0)
        })
    };
    let daemon = async {
        let PushEvent::Command(asked, reply) = listener.next().await else {
            panic!("a command is expected");
        };
        assert_eq!(asked.action, Action::EventUpload);
        assert_eq!(asked.details, [10, 1, b'x']);
        reply
            .send(Answered::Done(Action::EventUpload, vec![8, 1]))
            .unwrap();
        listener
    };
    let request = upload(1);
    let (response, mut listener) = tokio::join!(asked(&fleet, &request), daemon);
    assert_eq!(response.event_upload, Some(vec![8, 1]));

    // A command without a reply subject is ignored, and a disabled command does not reach the daemon.
    publish(&fleet, COMMANDS, upload(2).encode_to_vec()).await;
    let response = asked(&fleet, &signed(command(3, 0))).await;
    assert_eq!(response.error, Some(CommandError::CommandDisabled));
    publish(&fleet, "santa.host.D1", Vec::new()).await;
    assert_eq!(listener.message().await, Message::Full);

    // A daemon that does not answer the command causes an error.
    let refused = upload(4);
    let daemon = async {
        let event = listener.next().await;
        assert!(matches!(event, PushEvent::Command(..)), "{event:?}");
    };
    let (response, ()) = tokio::join!(asked(&fleet, &refused), daemon);
    assert_eq!(response.error, Some(CommandError::UnknownRequestType));
}

#[tokio::test]
async fn without_a_key_all_commands_are_refused() {
    let Some(server) = NatsServer::start() else {
        return;
    };
    let mut listener = listen(config(&server, &[]));
    listener.connected().await;
    let fleet = publisher(&server).await;
    let response = asked(&fleet, &signed(command(1, 0))).await;
    assert_eq!(response.error, Some(CommandError::InvalidData));
}

#[tokio::test]
async fn a_lost_server_is_reported_and_reconnected() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let mut listener = listen(config(&server, &["santa.host.D1"]));
    listener.connected().await;
    server.kill();
    assert_eq!(listener.disconnected().await, PushError::Lost);
    assert_eq!(listener.handle.status().state, PushState::Disconnected);
    // Wait for at least one failed attempt.
    let why = listener.disconnected().await;
    assert!(matches!(why, PushError::Unreachable(_)), "{why:?}");
    server.restart();
    listener.handle.reconnect();
    listener.connected().await;
    assert_eq!(listener.handle.status().problem, None);
    let fleet = publisher(&server).await;
    publish(&fleet, "santa.host.D1", Vec::new()).await;
    assert_eq!(listener.message().await, Message::Full);
}

#[tokio::test]
async fn a_lost_connection_is_reconnected_automatically() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let mut listener = listen(config(&server, &["santa.host.D1"]));
    listener.connected().await;
    server.kill();
    server.restart();
    assert_eq!(listener.disconnected().await, PushError::Lost);
    listener.connected().await;
    let fleet = publisher(&server).await;
    publish(&fleet, "santa.host.D1", Vec::new()).await;
    assert_eq!(listener.message().await, Message::Full);
}

#[tokio::test]
async fn only_credentials_of_the_account_are_accepted() {
    let (ours, others) = (NatsAccount::default(), NatsAccount::default());
    let Some(server) = NatsServer::start_with(&ours.configuration()) else {
        return;
    };
    let with = |credentials: Option<String>| NatsConfig {
        credentials: credentials.as_deref().map(Token::from),
        ..config(&server, &["santa.host.D1"])
    };
    for wrong in [None, Some(others.credentials())] {
        let mut listener = listen(with(wrong));
        assert!(matches!(listener.next().await, PushEvent::Created));
        assert_eq!(listener.disconnected().await, PushError::Refused);
        let problem = listener.handle.status().problem.unwrap();
        assert!(problem.contains("credentials"), "{problem}");
    }
    let mut listener = listen(with(Some(ours.credentials())));
    listener.connected().await;
}

#[tokio::test]
async fn only_the_pinned_roots_are_trusted() {
    let certificates = workspace_root().join("tests/fixtures");
    let file = |name: &str| certificates.join(name).display().to_string();
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
        file("localhost.crt"),
        file("localhost.key")
    );
    let Some(server) = NatsServer::start_with(&tls) else {
        return;
    };
    let pinned = CertificateDer::from_pem_file(file("localhost.crt")).unwrap();
    let with = |roots| NatsConfig {
        server: format!("tls://{}", server.authority()),
        roots,
        ..NatsConfig::default()
    };
    let mut listener = listen(with(Some(vec![pinned])));
    listener.connected().await;
    let mut listener = listen(with(Some(Vec::new())));
    assert!(matches!(listener.next().await, PushEvent::Created));
    let why = listener.disconnected().await;
    assert!(matches!(why, PushError::Tls(_)), "{why:?}");
}
