//! CORS: pages of the origins that the operator allows may ask and read, and no others.

use reqwest::Method;
use selvedge_server::{Options, ServeError, Server};

use crate::client::{Reply, Running, exchange};

async fn allowing(origins: &[&str]) -> Running {
    Running::with(Options {
        allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        ..Options::default()
    })
    .await
}

async fn preflight(running: &Running, path: &str, origin: &str) -> Reply {
    let request = running
        .http
        .request(Method::OPTIONS, format!("{}{path}", running.url))
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header(
            "access-control-request-headers",
            "authorization,x-if-unmodified-since",
        )
        .header("access-control-request-private-network", "true");
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_preflight_from_an_allowed_origin_allows_what_clients_send() {
    let origin = "https://example.org";
    let running = allowing(&[origin]).await;
    for path in [
        "/1.5/1/storage/notes",
        "/1.0/sync/1.5",
        "/1.0/accounts",
        "/1.5/1/__heartbeat__",
    ] {
        let reply = preflight(&running, path, origin).await;
        assert_eq!(reply.status, 200, "{path}");
        let header = |name: &str| reply.header(name).to_ascii_lowercase();
        assert_eq!(header("access-control-allow-origin"), origin);
        assert_eq!(header("access-control-max-age"), "555");
        assert_eq!(header("access-control-allow-private-network"), "true");
        assert_eq!(header("vary"), "origin");
        for method in ["get", "put", "post", "delete"] {
            assert!(header("access-control-allow-methods").contains(method));
        }
        for name in [
            "authorization",
            "content-type",
            "x-keyid",
            "x-if-modified-since",
            "x-if-unmodified-since",
            "x-weave-total-records",
        ] {
            assert!(
                header("access-control-allow-headers").contains(name),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn replies_and_refusals_can_be_read_by_pages_of_an_allowed_origin() {
    let running = allowing(&["https://example.org"]).await;
    let user = running.user().await;
    for path in ["/info/collections", "/storage/notes/none"] {
        let call = user.call(Method::GET, path);
        let reply = call.header("origin", "https://example.org").send().await;
        assert_eq!(
            reply.header("access-control-allow-origin"),
            "https://example.org"
        );
        let exposed = reply
            .header("access-control-expose-headers")
            .to_ascii_lowercase();
        for name in [
            "x-last-modified",
            "x-weave-timestamp",
            "x-weave-next-offset",
            "x-weave-records",
            "x-weave-backoff",
            "retry-after",
            "x-timestamp",
        ] {
            assert!(exposed.contains(name), "{name}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_cors_headers() {
    for allowed in [&[][..], &["https://example.org"]] {
        let running = allowing(allowed).await;
        let user = running.user().await;
        let call = user.call(Method::GET, "/info/collections");
        let read = call.header("origin", "https://evil.example").send().await;
        let asked = preflight(&running, "/1.0/accounts", "https://evil.example").await;
        assert_eq!(asked.status, 405);
        for reply in [read, asked] {
            let is_cors = |name: &str| name.starts_with("access-control-");
            let mut names = reply.headers.keys();
            assert!(!names.any(|name| is_cors(name.as_str())), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn every_origin_is_echoed_where_every_one_is_allowed() {
    let running = allowing(&["*"]).await;
    for origin in ["localhost", "http://test.example", "null"] {
        let reply = preflight(&running, "/1.5/1/storage/notes", origin).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("access-control-allow-origin"), origin);
    }
}

#[tokio::test]
async fn an_origin_to_allow_that_is_none_is_refused_at_the_start() {
    let options = Options {
        allow_origins: vec!["app.example.org".to_owned()],
        ..Options::default()
    };
    let error = Server::bind(options).await.unwrap_err();
    assert!(matches!(error, ServeError::Origin(_)), "{error}");
    assert!(error.to_string().contains("app.example.org"), "{error}");
}

#[tokio::test]
async fn a_name_that_another_site_points_to_this_machine_is_refused() {
    let running = Running::start().await;
    let address = running.url.strip_prefix("http://").unwrap();
    let port = address.rsplit(':').next().unwrap();
    for (host, status) in [
        (address.to_owned(), "200"),
        (format!("localhost:{port}"), "200"),
        (format!("rebound.example:{port}"), "421"),
    ] {
        let request = format!("GET /__heartbeat__ HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let answer = exchange(address, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{host}: {answer}"
        );
    }
}

#[tokio::test]
async fn behind_a_proxy_any_host_may_come() {
    let running = Running::with(Options {
        public_url: Some("https://sync.example.org".into()),
        ..Options::default()
    })
    .await;
    let address = running.url.strip_prefix("http://").unwrap();
    for host in ["sync.example.org", "backend"] {
        let request = format!("GET /__heartbeat__ HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
}
