//! Hawk and storage tokens.

use std::time::Duration;

use selvedge_cli::serve::Options;
use selvedge_cli::serve::token::{Claims, MasterSecret};
use selvedge_core::crypto::hawk::{Credentials, Key, authorization, payload_hash};
use selvedge_core::time::ServerTime;
use serde_json::json;
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
async fn a_request_from_far_off_in_time_is_refused() {
    let user = Running::start().await.user().await;
    let url = format!("{}/info/collections", user.endpoint);
    for (ts, status) in [
        (seconds() - 50, 200),
        (seconds() + 50, 200),
        (seconds() - 70, 401),
        (seconds() + 70, 401),
    ] {
        let signed = user.sign("GET", &url, ts, "skewed");
        assert_eq!(
            get_signed(&user, &url, Some(signed)).await.status,
            status,
            "{ts}"
        );
    }
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
