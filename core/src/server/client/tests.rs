use alloc::collections::BTreeSet;
use alloc::string::String;

use super::*;
use crate::http::{FetchErrorKind, Method};
use crate::script::{ENDPOINT, START, Script, fails, get, json, post, status};
use crate::server::Alert;
use crate::time::ClockOffset;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub(crate) fn client(host: &Script) -> Client<'_, Script> {
    let credentials = hawk::Credentials {
        id: "token".into(),
        key: hawk::Key::from_text("secret"),
    };
    let access = Access::hawk(ENDPOINT, credentials).unwrap();
    Client::new(host, access, Some("selvedge-test".into()))
}

fn attribute(request: &Request, name: &str) -> String {
    let value = request.header("Authorization").unwrap();
    let start = value.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    value[start..].split('"').next().unwrap().into()
}

fn call() -> Call {
    Call::new(Method::Get, "info/quota").accept("application/json")
}

#[test]
fn a_request_is_signed_by_the_servers_clock_with_a_fresh_nonce() {
    let late = || status(200).header("X-Weave-Timestamp", "1700000042.13");
    let host = Script::new()
        .expect(
            get("info/quota").with("User-Agent", "selvedge-test"),
            late(),
        )
        .expect(get("info/quota").with("Accept", "application/json"), late());
    let client = client(&host);
    pollster::block_on(async {
        client.send(call()).await.unwrap();
        client.send(call()).await.unwrap();
    });
    let requests = host.requests();
    assert_eq!(attribute(&requests[0], "ts"), "1700000000");
    assert_eq!(attribute(&requests[1], "ts"), "1700000042");
    let nonces: BTreeSet<String> = requests.iter().map(|r| attribute(r, "nonce")).collect();
    assert_eq!(nonces.len(), 2);
    assert!(nonces.iter().all(|nonce| nonce.len() >= 8));
    assert!(requests.iter().all(|r| attribute(r, "id") == "token"));
    assert_eq!(
        client.observed().clock_offset.map(ClockOffset::millis),
        Some(42_130)
    );
}

#[test]
fn a_wrong_clock_is_corrected_once() {
    let skewed = || status(401).header("X-Weave-Timestamp", "1700000031.00");
    let host = Script::new()
        .expect(post("storage/notes").body("[1]"), skewed())
        .expect(post("storage/notes").body("[1]"), status(200));
    let client = client(&host);
    let call = || Call::new(Method::Post, "storage/notes").json(b"[1]".to_vec());
    pollster::block_on(client.send(call())).unwrap();
    host.done();
    assert_eq!(attribute(&host.requests()[1], "ts"), "1700000031");
    assert_eq!(client.observed().traffic.bytes_sent, 6);

    let stubborn = Script::new().expect(get("info/quota"), skewed()).expect(
        get("info/quota"),
        skewed().header("X-Weave-Timestamp", "1700000090.00"),
    );
    let client = self::client(&stubborn);
    let error = pollster::block_on(client.send(self::call())).err();
    assert!(matches!(error, Some(Error::SignedOut { .. })), "{error:?}");
    stubborn.done();
}

#[test]
fn a_401_with_a_correct_clock_means_signed_out() {
    for timestamp in ["1700000030.99", "1699999970.00", "", "x"] {
        let answer = status(401).header("X-Weave-Timestamp", timestamp);
        let host = Script::new().expect(get("info/quota"), answer);
        let error = pollster::block_on(client(&host).send(call())).err();
        assert!(
            matches!(error, Some(Error::SignedOut { .. })),
            "{timestamp} {error:?}"
        );
    }
}

#[test]
fn backoff_quota_alerts_and_traffic_are_recorded_whatever_the_status() {
    let host = Script::new()
        .expect(
            get("info/quota"),
            json("[1, 2]")
                .header("X-Weave-Backoff", "30")
                .header("X-Weave-Quota-Remaining", "2")
                .header("X-Weave-Alert", "hello"),
        )
        .expect(
            get("info/quota"),
            status(503).header("Retry-After", "59.5").body("\"busy\""),
        );
    let client = client(&host);
    pollster::block_on(async {
        client.info_quota().await.unwrap();
        let error = client.info_quota().await.unwrap_err();
        let until = Some(START.plus_seconds(60));
        assert!(
            matches!(error, Error::Wait { until: seen, status: 503, .. } if seen == until),
            "{error:?}"
        );
    });
    let observed = client.observed();
    assert_eq!(observed.backoff.soft, Some(START.plus_seconds(30)));
    assert_eq!(observed.backoff.until(), Some(START.plus_seconds(60)));
    assert_eq!(observed.quota_remaining, Some(2048));
    assert_eq!(observed.alerts, [Alert::Text("hello".into())]);
    let traffic = observed.traffic;
    assert_eq!(
        (traffic.requests, traffic.bytes_sent, traffic.bytes_received),
        (2, 0, 12)
    );
}

#[test]
fn after_a_hard_end_of_life_nothing_is_sent_any_more() {
    let closed = json("[1]").header(
        "X-Weave-Alert",
        r#"{"code":"hard-eol","message":"m","url":"u"}"#,
    );
    let host = Script::new().expect(get("info/quota"), closed);
    let client = client(&host);
    for _ in 0..2 {
        assert_eq!(
            pollster::block_on(client.info_quota()),
            Err(Error::ServiceClosed)
        );
    }
    host.done();
}

#[test]
fn a_304_without_a_condition_is_a_refusal() {
    let host = Script::new().expect(get("info/quota"), status(304));
    let error = pollster::block_on(client(&host).send(call())).err();
    assert!(
        matches!(error, Some(Error::Refused { status: 304, .. })),
        "{error:?}"
    );
}

#[test]
fn a_missing_response_is_a_network_error_with_the_request_path_without_query() {
    let host = Script::new().expect(get("storage/notes?ids=a"), fails(FetchErrorKind::Offline));
    let call = Call::new(Method::Get, "storage/notes?ids=a");
    let error = pollster::block_on(client(&host).send(call)).err().unwrap();
    assert!(
        error.to_string().ends_with("(GET storage/notes)"),
        "{error}"
    );
}

#[test]
fn only_the_beginning_of_an_error_body_is_read() {
    let host = Script::new().expect(
        get("info/quota"),
        status(400).body("x".repeat(1 << 20)).in_chunks(&[1000]),
    );
    let client = client(&host);
    let error = pollster::block_on(client.send(call())).err();
    assert!(matches!(error, Some(Error::Refused { status: 400, .. })));
    assert_eq!(client.observed().traffic.bytes_received, 5000);
}

#[test]
fn a_later_clock_jump_is_corrected_for_requests_without_a_body() {
    let skewed = || status(401).header("X-Weave-Timestamp", "1700000000.00");
    let host = Script::new()
        .expect(
            get("info/quota"),
            status(200).header("X-Weave-Timestamp", "1700000000.00"),
        )
        .expect(get("info/quota"), skewed())
        .expect(get("info/quota"), status(200));
    let client = client(&host);
    pollster::block_on(async {
        client.send(call()).await.unwrap();
        host.set_now(START.plus_seconds(3600));
        client.send(call()).await.unwrap();
    });
    host.done();
    assert_eq!(attribute(&host.requests()[1], "ts"), "1700003600");
    assert_eq!(attribute(&host.requests()[2], "ts"), "1700000000");
}

#[test]
fn debug_output_of_client_and_access_contains_no_secret() {
    let host = Script::new();
    let client = client(&host);
    let shown = format!(
        "{client:?} {:?} {:?}",
        client.access, client.access.authorization
    );
    for secret in ["secret", "token", "777"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_get_on_a_closed_connection_is_retried_with_another_nonce() {
    let dropped = || fails(FetchErrorKind::Dropped);
    let host = Script::new()
        .expect(get("info/quota"), dropped())
        .expect(get("info/quota"), dropped())
        .expect(get("info/quota"), status(200));
    pollster::block_on(client(&host).send(call())).unwrap();
    host.done();
    let nonces: BTreeSet<String> = host
        .requests()
        .iter()
        .map(|request| attribute(request, "nonce"))
        .collect();
    assert_eq!(nonces.len(), 3);

    let closed = Script::new()
        .expect(get("info/quota"), dropped())
        .expect(get("info/quota"), dropped())
        .expect(get("info/quota"), dropped());
    let error = pollster::block_on(client(&closed).send(call())).err();
    assert!(matches!(error, Some(Error::Network { .. })), "{error:?}");
    closed.done();

    // A write may have been executed.
    let write = Script::new().expect(post("storage/notes"), dropped());
    let call = Call::new(Method::Post, "storage/notes").json(b"[]".to_vec());
    let error = pollster::block_on(client(&write).send(call)).err();
    assert!(matches!(error, Some(Error::Network { .. })), "{error:?}");
    write.done();
}

#[test]
fn a_redirect_is_not_followed_but_reported() {
    let moved = |status_code| {
        status(status_code).header("Location", "https://new.example/1.5/777/info/quota")
    };
    for status_code in [301, 302, 307, 308] {
        let host = Script::new().expect(get("info/quota"), moved(status_code));
        let error = pollster::block_on(client(&host).send(call()))
            .err()
            .unwrap();
        let shown = error.to_string();
        assert!(
            shown.contains("https://new.example") && !shown.contains("777"),
            "{shown}"
        );
        assert_eq!(error.code(), "moved");
    }
}

#[test]
fn the_signature_covers_the_body() {
    let host = Script::new()
        .expect(post("storage/notes"), status(200))
        .expect(get("info/quota"), status(200));
    let client = client(&host);
    pollster::block_on(async {
        let call = Call::new(Method::Post, "storage/notes").json(b"[1]".to_vec());
        client.send(call).await.unwrap();
        client.send(self::call()).await.unwrap();
    });
    let requests = host.requests();
    let expected = hawk::payload_hash("application/json", b"[1]");
    assert_eq!(attribute(&requests[0], "hash"), expected);
    let bare = requests[1].header("Authorization").unwrap();
    assert!(!bare.contains("hash="), "{bare}");
}
