//! On which addresses the server starts, TLS, and a reverse proxy.

use std::path::PathBuf;
use std::time::Duration;

use selvedge_server::{AdminError, Location, Options, ServeError, Server, invite};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Running, User, create_account, http, kid, seconds, token};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
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
        data: selvedge_server::Location::Directory(data.clone()),
        public_url: Some("https://Example.org/sync/".into()),
        ..Options::default()
    })
    .await;
    let invitation = selvedge_server::invite(data, std::time::Duration::from_secs(60))
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
async fn a_stopping_server_finishes_what_it_began_and_takes_nothing_new() {
    let running = Running::start().await;
    let user = running.user().await;
    let address = running.url.strip_prefix("http://").unwrap().to_owned();
    let url = format!("{}/storage/notes/a", user.endpoint);
    let path = url.strip_prefix(&running.url).unwrap();
    let signed = user.sign("PUT", &url, seconds(), "slow");
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {signed}\r\ncontent-type: application/json\r\n\
         content-length: 2\r\nexpect: 100-continue\r\n\r\n"
    );
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body, so the request is under way.
    let mut answer = vec![0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 100 "));
    running.begin_to_stop();
    stream.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    running.stop().await;
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn a_data_directory_has_one_server_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let options = || Options {
        data: Location::Directory(directory.path().to_owned()),
        ..Options::default()
    };
    let running = Running::with(options()).await;
    let error = Server::bind(options()).await.unwrap_err();
    assert!(
        matches!(error, ServeError::Admin(AdminError::InUse { .. })),
        "{error}"
    );
    let text = error.to_string();
    for part in [
        std::process::id().to_string(),
        directory.path().display().to_string(),
    ] {
        assert!(text.contains(&part), "{text}");
    }
    // What is done beside a running server is still done.
    let invitation = invite(directory.path().to_owned(), Duration::from_secs(60)).await;
    assert!(invitation.is_ok());
    let user = running.user().await;
    assert_eq!(user.put("/storage/notes/a", json!({})).await.status, 200);
    running.stop().await;
    Server::bind(options()).await.unwrap();
}

#[tokio::test]
async fn a_foreign_or_newer_database_is_refused_and_left_alone() {
    for (statements, word) in [
        (
            "CREATE TABLE bookmarks (id INTEGER)",
            "no database of `selvedge serve`",
        ),
        (
            "PRAGMA application_id = 7",
            "no database of `selvedge serve`",
        ),
        (
            "PRAGMA application_id = 0x53766467; PRAGMA user_version = 9",
            "format 9",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("server.sqlite");
        let db = rusqlite::Connection::open(&file).unwrap();
        db.execute_batch(statements).unwrap();
        drop(db);
        let before = std::fs::read(&file).unwrap();
        let data = Location::Directory(directory.path().to_owned());
        let options = Options {
            data,
            ..Options::default()
        };
        let error = Server::bind(options).await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
        assert!(error.contains(&directory.path().display().to_string()));
        let invited = invite(directory.path().to_owned(), Duration::from_secs(60)).await;
        assert!(invited.is_err());
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

#[tokio::test]
async fn a_certificate_of_an_authority_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let (chain, key) = (
        directory.path().join("chain.pem"),
        directory.path().join("key.pem"),
    );
    for (is_ca, warnings) in [
        (rcgen::IsCa::ExplicitNoCa, 0),
        (rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained), 1),
    ] {
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let certificate = params.self_signed(&pair).unwrap();
        std::fs::write(&chain, format!("\u{feff}{}", certificate.pem())).unwrap();
        std::fs::write(&key, format!("\u{feff}{}", pair.serialize_pem())).unwrap();
        let server = Server::bind(Options {
            tls: Some((chain.clone(), key.clone())),
            ..Options::default()
        })
        .await
        .unwrap();
        assert_eq!(server.warnings().len(), warnings, "{:?}", server.warnings());
        for warning in server.warnings() {
            assert!(warning.contains("CA:FALSE") && warning.contains("chain.pem"));
        }
    }
}

#[tokio::test]
async fn a_new_certificate_and_new_origins_are_read_while_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let make = || {
        let pair = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&pair).unwrap();
        std::fs::write(file("chain.pem"), certificate.pem()).unwrap();
        std::fs::write(file("key.pem"), pair.serialize_pem()).unwrap();
        certificate.pem()
    };
    let first = make();
    std::fs::write(file("origins"), "# pages\nhttps://a.example\n").unwrap();
    let server = Server::bind(Options {
        tls: Some((file("chain.pem"), file("key.pem"))),
        allow_origins_file: Some(file("origins")),
        ..Options::default()
    })
    .await
    .unwrap();
    let (url, reload) = (server.public_url().to_owned(), server.reload());
    tokio::spawn(server.run(std::future::pending()));
    let _ = http();
    let ask = async |trusted: &str, origin: &'static str| {
        let trusted = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([trusted])
            .build()
            .unwrap();
        let request = client.get(format!("{url}/__lbheartbeat__"));
        let reply = request.header("origin", origin).send().await.ok()?;
        Some(reply.headers().contains_key("access-control-allow-origin"))
    };
    assert_eq!(ask(&first, "https://a.example").await, Some(true));
    assert_eq!(ask(&first, "https://b.example").await, Some(false));
    let second = make();
    std::fs::write(file("origins"), "https://b.example\n").unwrap();
    assert_eq!(ask(&second, "https://b.example").await, None);
    reload.run().unwrap();
    assert_eq!(ask(&first, "https://a.example").await, None);
    assert_eq!(ask(&second, "https://a.example").await, Some(false));
    assert_eq!(ask(&second, "https://b.example").await, Some(true));
    std::fs::write(file("origins"), "nonsense\n").unwrap();
    assert!(reload.run().is_err());
    assert_eq!(ask(&second, "https://b.example").await, Some(true));
}
