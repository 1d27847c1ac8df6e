//! Hawk and storage tokens.

use std::time::Duration;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use selvedge_core::crypto::hawk::{Credentials, Key, authorization, payload_hash};
use selvedge_core::time::ServerTime;
use selvedge_server::token::{Claims, MasterSecret};
use selvedge_server::{Location, Options};
use serde_json::json;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::client::{Reply, Running, User, seconds};

async fn get_signed(user: &User, url: &str, signed: Option<String>) -> Reply {
    let mut request = user.http.get(url);
    if let Some(signed) = signed {
        request = request.header("authorization", signed);
    }
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn what_is_not_signed_rightly_is_401_with_the_scheme_and_the_time() {
    let user = Running::start().await.user().await;
    let url = format!("{}/storage/notes", user.endpoint);
    let other_url = format!("{}/storage/other", user.endpoint);
    let other_key = User {
        key: "another key".into(),
        ..user.clone()
    };
    let other_id = User {
        id: "AAAA".into(),
        ..user.clone()
    };
    for signed in [
        None,
        Some("Bearer token".to_owned()),
        Some("Hawk nonsense".to_owned()),
        Some(other_key.sign("GET", &url, seconds(), "a")),
        Some(other_id.sign("GET", &url, seconds(), "b")),
        Some(user.sign("GET", &other_url, seconds(), "c")),
        Some(user.sign("PUT", &url, seconds(), "d")),
    ] {
        let reply = get_signed(&user, &url, signed.clone()).await;
        assert_eq!(reply.status, 401, "{signed:?}");
        assert!(reply.header("www-authenticate").starts_with("Hawk"));
        assert!(reply.headers.contains_key("x-weave-timestamp"));
    }
}

#[tokio::test]
async fn a_request_is_taken_once() {
    let user = Running::start().await.user().await;
    let url = format!("{}/info/collections", user.endpoint);
    let signed = user.sign("GET", &url, seconds(), "once");
    assert_eq!(
        get_signed(&user, &url, Some(signed.clone())).await.status,
        200
    );
    assert_eq!(get_signed(&user, &url, Some(signed)).await.status, 401);
}

#[tokio::test]
async fn a_forged_request_does_not_use_up_its_nonce() {
    let user = Running::start().await.user().await;
    let url = format!("{}/info/collections", user.endpoint);
    let forger = User {
        key: "another key".into(),
        ..user.clone()
    };
    let now = seconds();
    assert_eq!(
        get_signed(&user, &url, Some(forger.sign("GET", &url, now, "n")))
            .await
            .status,
        401
    );
    assert_eq!(
        get_signed(&user, &url, Some(user.sign("GET", &url, now, "n")))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_clock_may_be_a_year_off_and_beyond_it_the_server_tells_its_time_and_proves_it() {
    let user = Running::start().await.user().await;
    let url = format!("{}/info/collections", user.endpoint);
    let week = 7 * 24 * 60 * 60;
    for (ts, status) in [
        (seconds() - 100, 200),
        (seconds() + 100, 200),
        (seconds() - 51 * week, 200),
        (seconds() + 51 * week, 200),
        (seconds() - 53 * week, 401),
        (seconds() + 53 * week, 401),
    ] {
        let signed = user.sign("GET", &url, ts, "skewed");
        let reply = get_signed(&user, &url, Some(signed.clone())).await;
        assert_eq!(reply.status, status, "{ts}");
        if status == 200 {
            let again = get_signed(&user, &url, Some(signed)).await;
            assert_eq!(again.status, 401, "whatever its time, it is taken once");
            assert!(again.header("www-authenticate").contains("replayed"));
            continue;
        }
        let challenge = reply.header("www-authenticate");
        let member = |name: &str| {
            let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let time = member("ts");
        assert!(time.parse::<u64>().unwrap().abs_diff(seconds()) < 10);
        let mut mac = Hmac::<Sha256>::new_from_slice(user.key.as_bytes()).unwrap();
        mac.update(format!("hawk.1.ts\n{time}\n").as_bytes());
        let expected = Base64::encode_string(&mac.finalize().into_bytes());
        assert_eq!(member("tsm"), expected);
    }
}

#[tokio::test]
async fn a_401_names_its_reason() {
    let running = Running::start().await;
    let (user, other) = (running.user().await, running.user().await);
    let path = "/info/collections";
    let url = format!("{}{path}", user.endpoint);
    let uid = user.endpoint.rsplit('/').next().unwrap();
    let elsewhere = |host: &str| format!("{host}/1.5/{uid}{path}");
    let cut = user.id.len() - 8;
    let unknown = User {
        id: format!("{}AAAAAAAA", &user.id[..cut]),
        ..user.clone()
    };
    let other_key = User {
        key: other.key.clone(),
        ..user.clone()
    };
    for (signed, forwarded, reason) in [
        (Some("Bearer x".to_owned()), "", "malformed"),
        (
            Some(unknown.sign("GET", &url, seconds(), "a")),
            "",
            "unknown token",
        ),
        (
            Some(other_key.sign("GET", &url, seconds(), "b")),
            "",
            "wrong signature",
        ),
        (
            Some(other.sign("GET", &url, seconds(), "c")),
            "",
            "another user",
        ),
        (
            Some(user.sign("GET", &elsewhere("https://a.example"), seconds(), "d")),
            "a.example",
            "signed for a.example:443",
        ),
        (
            Some(user.sign("GET", &elsewhere("https://a.example"), seconds(), "e")),
            "",
            "wrong signature",
        ),
    ] {
        let mut request = user.http.get(&url).header("x-forwarded-host", forwarded);
        if let Some(signed) = signed {
            request = request.header("authorization", signed);
        }
        let reply = Reply::read(request.send().await.unwrap()).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (401, "0"));
        let challenge = reply.header("www-authenticate");
        assert!(challenge.contains(reason), "{challenge}");
    }
}

#[tokio::test]
async fn a_restart_does_not_let_a_request_be_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let options = |listen| Options {
        data: Location::Directory(directory.path().to_owned()),
        listen,
        ..Options::default()
    };
    let running = Running::with(options("127.0.0.1:0".parse().unwrap())).await;
    let address = running.url.strip_prefix("http://").unwrap();
    let address = address.parse().unwrap();
    let user = running.user().await;
    let url = format!("{}/info/collections", user.endpoint);
    let signed = user.sign("GET", &url, seconds(), "once");
    let first = get_signed(&user, &url, Some(signed.clone())).await;
    assert_eq!(first.status, 200);
    running.stop().await;
    let running = Running::with(options(address)).await;
    let again = get_signed(&user, &url, Some(signed)).await;
    assert_eq!(again.status, 401);
    assert_eq!(user.get("/info/collections").await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn a_signed_payload_hash_must_be_that_of_the_body() {
    let user = Running::start().await.user().await;
    let url = format!("{}/storage/notes/a", user.endpoint);
    let hash = payload_hash("application/json", b"{}");
    for (body, status) in [("{ }", 401), ("{}", 200)] {
        let credentials = Credentials {
            id: user.id.clone(),
            key: Key::from_text(&user.key),
        };
        let nonce = format!("hash{status}");
        let signed = authorization(
            &credentials,
            "PUT",
            &url,
            seconds(),
            &nonce,
            Some(&hash),
            None,
        )
        .unwrap();
        let request = user
            .http
            .put(&url)
            .header("authorization", signed)
            .header("content-type", "application/json");
        assert_eq!(
            request.body(body).send().await.unwrap().status(),
            status,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_token_of_a_separate_token_server_needs_no_registration() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, "Ted Koppel is a robot\n").unwrap();
    let running = Running::with(Options {
        master_secret_file: Some(file),
        ..Options::default()
    })
    .await;
    let secret = MasterSecret::new(Zeroizing::new(b"Ted Koppel is a robot".to_vec()));
    let user = |uid: u64, expires: u64| {
        let minted = secret.mint(&Claims {
            node: running.url.clone(),
            uid,
            expires: ServerTime::from_hundredths(expires * 100),
            salt: "salt".into(),
            fxa_uid: Some("fxa".into()),
            fxa_kid: None,
            hashed_fxa_uid: None,
            hashed_device_id: None,
        });
        let endpoint = format!("{}/1.5/{uid}", running.url);
        User::with(&running.http, endpoint, minted.id, minted.key.to_string())
    };
    for uid in [1, 9_999_999_999] {
        let user = user(uid, seconds() + 60);
        assert_eq!(
            user.put("/storage/notes/a", json!({"payload": uid.to_string()}))
                .await
                .status,
            200
        );
        assert_eq!(
            user.get("/storage/notes/a").await.json()["payload"],
            uid.to_string()
        );
    }
    let mut wrong_path = user(1, seconds() + 60);
    wrong_path.endpoint = format!("{}/1.5/2", running.url);
    assert_eq!(wrong_path.get("/info/collections").await.status, 401);
    let too_many_digits = user(10_000_000_000, seconds() + 60);
    assert_eq!(too_many_digits.get("/info/collections").await.status, 401);
}

#[tokio::test]
async fn an_expired_token_still_reads_info_collections_and_nothing_else() {
    let running = Running::start().await;
    let kid = crate::client::kid();
    let account = crate::client::create_account(&running.http, &running.url, &json!({"kid": kid}))
        .await
        .json();
    let access_token = account["access_token"].as_str().unwrap();
    let token = crate::client::token(
        &running.http,
        &running.url,
        access_token,
        &kid,
        "?duration=1",
    )
    .await
    .json();
    assert_eq!(token["duration"], 1);
    let user = User::from_token(&running.http, &token);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(user.get("/info/collections").await.status, 200);
    assert_eq!(user.get("/info/quota").await.status, 401);
    assert_eq!(user.get("/storage/notes").await.status, 401);
    assert_eq!(user.put("/storage/notes/a", json!({})).await.status, 401);
}
