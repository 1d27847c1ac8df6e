//! On which addresses the server starts, TLS, and a reverse proxy.

use std::path::PathBuf;

use selvedge_cli::serve::{Options, ServeError, Server};
use serde_json::json;

use crate::client::{Reply, Running, User, create_account, http, kid, seconds, token};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/serve_api")
        .join(name)
}

#[tokio::test]
async fn an_open_address_without_protection_is_refused_and_says_why() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let refused = Server::bind(Options {
        listen,
        ..Options::default()
    })
    .await;
    let error = refused.unwrap_err();
    assert!(matches!(error, ServeError::Unprotected(_)));
    assert!(error.to_string().contains("--tls-cert") && error.to_string().contains("--public-url"));
    let public_url = Some("https://sync.example.org".to_owned());
    assert!(
        Server::bind(Options {
            listen,
            public_url,
            ..Options::default()
        })
        .await
        .is_ok()
    );
}

#[tokio::test]
async fn a_public_url_that_is_none_is_refused() {
    for url in ["sync.example.org", "ftp://sync.example.org", "https://"] {
        let public_url = Some(url.to_owned());
        let refused = Server::bind(Options {
            public_url,
            ..Options::default()
        })
        .await;
        assert!(matches!(refused, Err(ServeError::PublicUrl)), "{url}");
    }
}

#[tokio::test]
async fn behind_a_proxy_the_public_url_is_signed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let running = Running::with(Options {
        data: selvedge_cli::serve::storage::sqlite::Place::Directory(data.clone()),
        public_url: Some("https://Example.org/sync/".into()),
        ..Options::default()
    })
    .await;
    let invitation = selvedge_cli::serve::invite(data, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    let kid = kid();
    let account = create_account(
        &running.http,
        &running.url,
        &json!({"kid": kid, "invitation": *invitation}),
    )
    .await
    .json();
    let answer = token(
        &running.http,
        &running.url,
        account["access_token"].as_str().unwrap(),
        &kid,
        "",
    )
    .await
    .json();
    let user = User::from_token(&running.http, &answer);
    let path = user
        .endpoint
        .strip_prefix("https://Example.org/sync")
        .unwrap()
        .to_owned();
    // What a proxy does: it takes the prefix away, or it does not; the signature stays.
    for (prefix, nonce) in [("", "a"), ("/sync", "b")] {
        let signed = user.sign(
            "GET",
            &format!("{}/info/collections", user.endpoint),
            seconds(),
            nonce,
        );
        let url = format!("{}{prefix}{path}/info/collections", running.url);
        let reply = running
            .http
            .get(url)
            .header("authorization", signed)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200, "{prefix:?}");
    }
    let direct = format!("{}{path}/info/collections", running.url);
    let signed = user.sign("GET", &direct, seconds(), "c");
    let reply = running
        .http
        .get(direct)
        .header("authorization", signed)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 401);
}

#[tokio::test]
async fn tls_is_spoken_where_a_certificate_is_given() {
    let tls = Some((fixture("localhost.crt"), fixture("localhost.key")));
    let server = Server::bind(Options {
        tls,
        ..Options::default()
    })
    .await
    .unwrap();
    let url = server.public_url().to_owned();
    assert!(url.starts_with("https://127.0.0.1:"));
    tokio::spawn(server.run(std::future::pending()));
    let _ = http();
    let certificate = std::fs::read(fixture("localhost.crt")).unwrap();
    let certificate = reqwest::Certificate::from_pem(&certificate).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
        .build()
        .unwrap();
    let kid = kid();
    let account = create_account(&http, &url, &json!({"kid": kid}))
        .await
        .json();
    let answer = token(
        &http,
        &url,
        account["access_token"].as_str().unwrap(),
        &kid,
        "",
    )
    .await
    .json();
    let user = User::from_token(&http, &answer);
    assert_eq!(user.put("/storage/notes/a", json!({})).await.status, 200);
    let plain = http.get(url.replace("https", "http")).send().await;
    assert!(plain.is_err());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_named() {
    let tls = Some((fixture("missing.crt"), fixture("localhost.key")));
    let error = Server::bind(Options {
        tls,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(
        matches!(error, ServeError::Tls(_)) && error.to_string().contains("missing.crt"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stopping_server_finishes_what_it_began() {
    let running = Running::start().await;
    let user = running.user().await;
    let slow = {
        let user = user.clone();
        tokio::spawn(async move {
            let records =
                (0..100).map(|n| json!({"id": n.to_string(), "payload": "x".repeat(1000)}));
            user.post("/storage/notes", records.collect()).await
        })
    };
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    running.stop().await;
    // It was answered, or it came too late to be begun; it is never half done.
    match slow.await {
        Ok(reply) => assert_eq!(reply.status, 200),
        Err(error) => assert!(error.is_panic(), "the connection was refused"),
    }
    let gone = user.http.get(&user.endpoint).send().await;
    assert!(gone.is_err(), "{:?}", gone.map(Reply::read).is_ok());
}
