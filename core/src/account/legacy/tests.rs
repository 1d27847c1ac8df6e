use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::script::{START, Script, get, status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const KEY: &str = "gbh7teqqcgyzd65svjgibd7tqy";
const URL: &str = "https://auth.example/user/1.0/johndoe/node/weave";

fn account() -> Account {
    Account::new("https://auth.example/", "JohnDoe", "pass:wörd", KEY).unwrap()
}

#[test]
fn user_names_equal_the_vectors() {
    #[derive(Deserialize)]
    struct Vectors {
        legacy_usernames: Vec<Name>,
    }
    #[derive(Deserialize)]
    struct Name {
        account: String,
        username: String,
    }
    let text = include_str!("../../../../tests/vectors/sync_key_bundles.json");
    let names = serde_json::from_str::<Vectors>(text)
        .unwrap()
        .legacy_usernames;
    assert_eq!(names.len(), 5);
    for name in names {
        assert_eq!(username(&name.account).unwrap(), name.username);
    }
}

#[test]
fn an_invalid_name_is_refused() {
    for account in ["", " ", ".", "..", &"x".repeat(1025)] {
        assert!(
            matches!(username(account), Err(Error::Input(_))),
            "{account}"
        );
    }
    let length = |account| username(account).unwrap().len();
    assert_eq!([length("a/../b"), length("a b"), length("ÄÖÜ")], [32; 3]);
}

#[test]
fn every_response_maps_to_one_answer() {
    let node = |url: &str| NodeAnswer::Node(url.into());
    let rows: [(u16, &[u8], NodeAnswer); 20] = [
        (200, b"https://n.example/", node("https://n.example")),
        (200, b" https://n.example \n", node("https://n.example")),
        (
            200,
            b"\"https://n.example/a/\"",
            node("https://n.example/a"),
        ),
        (200, b"http://n.example/", NodeAnswer::Insecure),
        (200, b"https://192.168.0.7/", NodeAnswer::Private),
        (200, b"null", NodeAnswer::NoNode),
        (200, b"\"null\"", NodeAnswer::NoNode),
        (200, b"", NodeAnswer::NoNode),
        (200, b"\n", NodeAnswer::NoNode),
        (200, b"<html>", NodeAnswer::Unreadable),
        (200, b"\xFF", NodeAnswer::Unreadable),
        (404, b"", NodeAnswer::ServerItself),
        (400, b"5", NodeAnswer::UnknownUser),
        (503, b"", NodeAnswer::Busy),
        (500, b"", NodeAnswer::Busy),
        (429, b"", NodeAnswer::Busy),
        (408, b"", NodeAnswer::Busy),
        (401, b"", NodeAnswer::WrongServer),
        (302, b"", NodeAnswer::WrongServer),
        (403, b"", NodeAnswer::WrongServer),
    ];
    for (status, body, expected) in rows {
        let answer = NodeAnswer::judge(status, body, "https://auth.example");
        assert_eq!(answer, expected, "{status} {}", body.escape_ascii());
    }
    let plain = NodeAnswer::judge(200, b"http://n.example/", "http://auth.example");
    assert_eq!(plain, node("http://n.example"));
}

#[test]
fn the_node_is_requested_without_the_password() {
    let asked = || {
        get(URL)
            .without("Authorization")
            .with("User-Agent", "selvedge")
    };
    let host = Script::new()
        .expect(asked(), status(200).body("https://node.example/"))
        .expect(asked(), status(404));
    let server = NodeServer::new(&host, Some("selvedge".into()));
    pollster::block_on(async {
        assert_eq!(
            server.node_of(&account()).await.unwrap(),
            "https://node.example"
        );
        assert_eq!(
            server.node_of(&account()).await.unwrap(),
            "https://auth.example"
        );
    });
    assert_eq!(server.observed().traffic.requests, 2);
    host.done();
}

#[test]
fn each_error_message_specifies_what_to_do() {
    let in_ten_minutes = Some(START.plus_seconds(600));
    let in_a_minute = Some(START.plus_seconds(60));
    type Row = (crate::script::Answer, fn(&Error) -> bool, &'static str);
    let rows: [Row; 6] = [
        (
            status(200).body("null"),
            |error| matches!(error, Error::Wait { status: 200, .. }),
            "try again later",
        ),
        (
            status(503).header("Retry-After", "60"),
            |error| matches!(error, Error::Wait { status: 503, .. }),
            "try again later",
        ),
        (
            status(400).body("5"),
            |error| matches!(error, Error::SignedOut { .. }),
            "sign in again",
        ),
        (
            status(200).body("http://node.example"),
            |error| matches!(error, Error::Answer { .. }),
            "without TLS",
        ),
        (
            status(200).body("<html>"),
            |error| matches!(error, Error::Answer { .. }),
            "not a node URL",
        ),
        (
            status(403),
            |error| matches!(error, Error::Input(_)),
            "check the address",
        ),
    ];
    let untils = [in_ten_minutes, in_a_minute, None, None, None, None];
    for ((answer, is_expected, sentence), until) in rows.into_iter().zip(untils) {
        let host = Script::new().expect(get(URL), answer);
        let server = NodeServer::new(&host, None);
        let error = pollster::block_on(server.node_of(&account())).unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert!(error.to_string().contains(sentence), "{error}");
        assert_eq!(server.observed().backoff.until(), until, "{error}");
        host.done();
    }
}

#[test]
fn error_messages_contain_no_secret() {
    let rows = [
        ("nowhere", "johndoe", "password", KEY, "address"),
        ("https://a.example", "", "password", KEY, "name"),
        (
            "https://a.example",
            "johndoe",
            "",
            KEY,
            "password must have",
        ),
        (
            "https://a.example",
            "johndoe",
            "password",
            "secret",
            "Sync Key",
        ),
    ];
    for (server, name, password, key, sentence) in rows {
        let error = Account::new(server, name, password, key).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(sentence), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    let shown = format!("{:?} {:?}", account(), account().into_credentials());
    for secret in ["wörd", KEY, "johndoe"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_key_bundle_is_derived_from_sync_key_and_name() {
    let credentials = account().into_credentials();
    let key = SyncKey::parse(KEY).unwrap();
    assert_eq!(credentials.sync_key, key.bundle("johndoe"));
    let other = Account::new(
        "https://auth.example",
        "johndoe",
        "p",
        &KEY.replace('g', "h"),
    );
    assert_ne!(credentials.kid, other.unwrap().into_credentials().kid);
}

proptest! {
    #[test]
    fn any_name_is_url_safe_or_refused_and_no_response_panics(
        account in ".{0,60}",
        status: u16,
        body: Vec<u8>,
    ) {
        if let Ok(name) = username(&account) {
            let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            prop_assert!(!name.is_empty() && name.chars().all(is_fit), "{name}");
            prop_assert_eq!(username(&name).unwrap(), name);
        }
        let server = "https://auth.example";
        if let NodeAnswer::Node(url) = NodeAnswer::judge(status, &body, server) {
            prop_assert!(url.starts_with("https://"), "{url}");
        }
    }
}
